"""Whatever is wrong with a job is said once, in plain words, where people look; the worker goes on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from flow.billing import Billing, parameters
from flow.books import control, state
from flow.conftest import RunWorker
from pydantic import SecretStr
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.domain.jobs import KINDS
from worker.domain.problems import Problem

# What a parked job may change of the billing invoice; a rejected one may change nothing.
PARKING = {"accounting_sync_status", "accounting_synced_at", "updated_at"}

KNOWN = ", ".join(KINDS)
PUBLISH_FIELDS = ", ".join(KINDS["publish_invoice"].payload.model_fields)

Logs = list[Any]


@pytest.fixture
async def logs() -> AsyncIterator[Logs]:
    """Every log line of the test, with what is bound around it."""
    with capture_logs(processors=[merge_contextvars]) as lines:
        yield lines


@dataclass(frozen=True)
class Ask:
    """A job to ask for, and the invoice it is about; `words` stand in the expected parameters."""

    kind: str
    payload: Mapping[str, Any]
    invoice: UUID | None = None
    words: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Bad:
    """How to come by a bad job, and its problem; the parameters are templates for the words of `Ask`."""

    arrange: Callable[[Billing], Awaitable[Ask]]
    state: str
    problem: str
    parameters: Mapping[str, str]


def publish_with(items: tuple[tuple[str, str, str], ...] = (("4", "25", "19"),), **columns: Any) -> Any:
    """Publish the usual invoice, but for these columns."""

    async def arrange(billing: Billing) -> Ask:
        deal = await billing.deal(await billing.company())
        return await publish(billing, await billing.invoice(deal, items=items, **columns))

    return arrange


async def publish(billing: Billing, invoice: UUID, **words: Any) -> Ask:
    number = (await billing.row(invoice))["invoice_number"]
    return Ask("publish_invoice", {"invoice_id": invoice}, invoice, {"number": number, **words})


def asking(kind: str, **payload: Any) -> Any:
    """A job that is about no invoice."""

    async def arrange(billing: Billing) -> Ask:
        return Ask(kind, payload)

    return arrange


def asking_of_invoice(kind: str, **payload: Any) -> Any:
    """A job about the usual approved invoice, which is not published yet."""

    async def arrange(billing: Billing) -> Ask:
        invoice = await billing.usual_invoice()
        number = (await billing.row(invoice))["invoice_number"]
        return Ask(kind, {"invoice_id": invoice, **payload}, invoice, {"number": number})

    return arrange


async def unknown_invoice(billing: Billing) -> Ask:
    stranger = uuid4()
    return Ask("publish_invoice", {"invoice_id": stranger}, None, {"invoice": stranger})


async def no_recipient(billing: Billing) -> Ask:
    deal = await billing.deal()
    return await publish(billing, await billing.invoice(deal), deal=deal)


async def ambiguous_recipient(billing: Billing) -> Ask:
    companies = sorted([await billing.company(), await billing.company()])
    deal = await billing.deal(companies[0])
    await billing.associate(deal, "company", companies[1], "primary")
    return await publish(billing, await billing.invoice(deal), deal=deal, first=companies[0], second=companies[1])


async def no_address(billing: Billing) -> Ask:
    company = await billing.company(street=None, city=" ")
    return await publish(billing, await billing.invoice(await billing.deal(company)), company=company)


async def no_email(billing: Billing) -> Ask:
    company = await billing.company(email=None)
    invoice = await billing.invoice(await billing.deal(company))
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    number = (await billing.row(invoice))["invoice_number"]
    return Ask("send_invoice", {"invoice_id": invoice}, invoice, {"number": number, "company": company})


NOT_PUBLISHED = ("parked", "invoice_not_published", {"number": "{number}"})
SUMS = {"net": "100.00", "tax": "19.00", "gross": "119.00", "currency": "EUR"}
BAD = {
    "unknown invoice": Bad(unknown_invoice, "rejected", "invoice_not_found", {"invoice_id": "{invoice}"}),
    "draft": Bad(
        publish_with(document_status="draft"),
        "rejected", "invoice_not_approved", {"number": "{number}", "status": "draft"},
    ),
    "cancelled": Bad(
        publish_with(document_status="cancelled"),
        "rejected", "invoice_not_approved", {"number": "{number}", "status": "cancelled"},
    ),
    "no recipient": Bad(no_recipient, "parked", "recipient_not_named", {"deal_id": "{deal}"}),
    "ambiguous recipient": Bad(
        ambiguous_recipient,
        "parked", "recipient_ambiguous",
        {"count": "2", "way": "primary_of_deal {deal}", "parties": "company {first}, company {second}"},
    ),
    "incomplete address": Bad(
        no_address,
        "parked", "recipient_address_incomplete",
        {"number": "{number}", "party": "company {company}", "fields": "street, city"},
    ),
    "a cent too much": Bad(
        publish_with(gross_amount="119.01"),
        "parked", "sums_differ", SUMS | {"stated_net": "100.00", "stated_tax": "19.00", "stated_gross": "119.01"},
    ),
    "a cent of tax too little": Bad(
        publish_with(tax_amount="18.99", gross_amount="118.99"),
        "parked", "sums_differ", SUMS | {"stated_net": "100.00", "stated_tax": "18.99", "stated_gross": "118.99"},
    ),
    "a rate the tax rule forbids": Bad(
        publish_with((("1", "100", "16"),), tax_amount="16.00", gross_amount="116.00"),
        "parked", "tax_rate_not_allowed",
        {"position": "1", "rate": "16%", "tax_rule": "1", "allowed": "0% / 7% / 19%"},
    ),
    "an unknown tax rule": Bad(
        publish_with(tax_rule=99),
        "parked", "tax_rule_unknown", {"tax_rule": "99", "known": "1, 2, 3, 4, 5, 11, 17, 18, 19, 20, 21"},
    ),
    "no positions": Bad(
        publish_with((), net_amount="0.00", tax_amount="0.00", gross_amount="0.00"), "parked", "positions_missing", {},
    ),
    "unknown job": Bad(asking("frobnicate"), "rejected", "kind_unknown", {"kind": "'frobnicate'", "known": KNOWN}),
    "unknown job of an invoice": Bad(
        asking_of_invoice("frobnicate"), "rejected", "kind_unknown", {"kind": "'frobnicate'", "known": KNOWN},
    ),
    "unknown field": Bad(
        asking_of_invoice("publish_invoice", draft=True),
        "rejected", "payload_invalid",
        {"kind": "publish_invoice", "faults": f"draft: Extra inputs are not permitted; known are {PUBLISH_FIELDS}"},
    ),
    "no id": Bad(
        asking("publish_invoice"),
        "rejected", "payload_invalid", {"kind": "publish_invoice", "faults": "invoice_id: Field required"},
    ),
    "bad id": Bad(
        asking("publish_invoice", invoice_id="INV-1"),
        "rejected", "payload_invalid",
        {"kind": "publish_invoice", "faults": "invoice_id: must be a UUID in its usual form of 36 characters"},
    ),
    "e-mail missing": Bad(
        no_email,
        "parked", "recipient_missing_email", {"document": "invoice {number}", "party": "company {company}"},
    ),
    "sent before published": Bad(asking_of_invoice("send_invoice"), *NOT_PUBLISHED),
    "PDF before published": Bad(asking_of_invoice("fetch_invoice_pdf"), *NOT_PUBLISHED),
}  # fmt: skip


async def test_bad_jobs_are_told_and_survived(
    billing: Billing, worker: object, logs: Logs, subtests: pytest.Subtests
) -> None:
    """One worker meets every bad job; after each it publishes a good invoice."""
    customer = await billing.deal(await billing.company())
    for name, bad in BAD.items():
        with subtests.test(msg=name):
            ask = await bad.arrange(billing)
            before = ask.invoice and dict(await billing.row(ask.invoice))
            job = await billing.do(ask.kind, **ask.payload)
            await assert_goes_on(billing, customer)
            expected = {name: text.format_map(ask.words or {}) for name, text in bad.parameters.items()}
            assert (job["state"], job["problem"], parameters(job)) == (bad.state, bad.problem, expected)
            await assert_told_once(billing, ask.invoice, job, logs)
            if ask.invoice is not None:
                assert_only_parked(job, before, dict(await billing.row(ask.invoice)))
    unexpected = {"job.unexpected_error", "job.crashed", "maintenance.unexpected_error"}
    assert not {line["event"] for line in logs} & unexpected


async def assert_goes_on(billing: Billing, customer: UUID) -> None:
    """The next job finds a worker that is as good as new."""
    good = await billing.do("publish_invoice", invoice_id=await billing.invoice(customer))
    assert (good["state"], good["error"]) == ("done", None)


async def assert_told_once(billing: Billing, invoice: UUID | None, job: Any, logs: Logs) -> None:
    """The catalogue's words in the row; the same in the log, once, and in the invoice's event log, once and last."""
    found = Problem(job["problem"], parameters(job))
    assert (job["error"], job["next_step"]) == (found.cause(), found.next_step(job=job["job_id"]))
    event = f"job.{job['state']}"
    [line] = [line for line in logs if line["event"] == event and line.get("job_id") == job["job_id"]]
    assert (line["log_level"], line["problem"]) == ("warning", job["problem"])
    assert (line["reason"], line["next_step"]) == (job["error"], job["next_step"])
    if invoice is None:
        return
    assert [e for e in await billing.events(invoice) if e in ("parked", "rejected")] == [job["state"]]
    assert (await billing.events(invoice))[-1] == job["state"]
    payload = await billing.event(invoice, job["state"])
    said = {"reason": job["error"], "next_step": job["next_step"]}
    assert payload == {
        "job_id": job["job_id"], "kind": job["kind"], "problem": found.code, "parameters": found.parameters, **said,
    }  # fmt: skip


def assert_only_parked(job: Any, before: Any, after: dict[str, Any]) -> None:
    """Rejected changes nothing. Parked marks a publication or cancellation that is unfinished, and nothing else."""
    changed = {column for column, value in after.items() if value != before[column]}
    moves = job["state"] == "parked" and job["kind"] in ("publish_invoice", "cancel_invoice")
    if not moves or before["accounting_sync_status"] == "synced":
        assert not changed
    else:
        assert changed == PARKING
        assert after["accounting_sync_status"] == "parked"


async def test_refused_save_parks_once(billing: Billing, worker: object, sevdesk: Running, logs: Logs) -> None:
    """sevDesk's own words reach the ledger, nothing is left open, and a retry publishes."""
    customer = await billing.deal(await billing.company())
    invoice = await billing.invoice(customer)
    before = dict(await billing.row(invoice))
    body = {"objects": None, "error": {"message": "deliveryDate must not be empty", "code": 4711, "data": []}}
    fault = {"method": "POST", "path": "/Invoice/Factory/saveInvoice", "kind": "status", "status": 422, "body": body}
    await control(sevdesk, "POST", "faults", fault)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    await assert_goes_on(billing, customer)
    assert (job["state"], job["problem"]) == ("parked", "sevdesk_refused")
    assert job["error"] == (
        "sevDesk refused the call, so nothing happened. sevDesk's answer to POST /Invoice/Factory/saveInvoice: "
        "“deliveryDate must not be empty (HTTP 422, code 4711)”."
    )
    assert job["next_step"] == f"Correct what sevDesk names, then: sevdesk-worker retry {job['job_id']}."
    await assert_told_once(billing, invoice, job, logs)
    assert_only_parked(job, before, dict(await billing.row(invoice)))
    outcomes = "SELECT outcome FROM sevdesk_intents WHERE job_id = $1 AND action = 'save_invoice'"
    assert [row["outcome"] for row in await billing.db.fetch(outcomes, job["job_id"])] == ["refused"]
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    marked = [i for i in (await state(sevdesk))["invoices"] if i["customerInternalNote"] == before["invoice_number"]]
    assert len(marked) == 1


async def test_refused_token_parks_one_job(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, logs: Logs
) -> None:
    """One sentence without the token; the next job waits, others go on; the right token and a retry heal it."""
    invoice, another = [await billing.usual_invoice() for _ in range(2)]
    before = dict(await billing.row(invoice))
    wrong = "0123456789abcdef0123456789abcdef"
    async with run_worker(sevdesk_api_token=SecretStr(wrong)):
        job = await billing.do("publish_invoice", invoice_id=invoice)
        waits = await billing.until_state(await billing.enqueue("publish_invoice", invoice_id=another), "waiting")
        rejected = await billing.do("publish_invoice", invoice_id=uuid4())
    assert (job["state"], job["problem"]) == ("parked", "token_refused")
    assert "Set a valid SEVDESK_API_TOKEN and restart the worker" in job["next_step"]
    await assert_told_once(billing, invoice, job, logs)
    assert_only_parked(job, before, dict(await billing.row(invoice)))
    assert (waits["problem"], waits["retries"]) == ("token_refused_waiting", 0)
    assert "Set a valid SEVDESK_API_TOKEN and restart the worker" in waits["next_step"]
    assert rejected["problem"] == "invoice_not_found"
    assert wrong not in str(logs)
    assert (await state(sevdesk))["contacts"] == []
    await assert_healed_by_retry(billing, run_worker, job["job_id"])


async def test_missing_token_parks_every_job(billing: Billing, run_worker: RunWorker, logs: Logs) -> None:
    """The worker starts and says so once; no payment sync is planned; the configuration tells whether there is one."""
    invoice = await billing.usual_invoice()
    before = dict(await billing.row(invoice))
    async with run_worker(sevdesk_api_token=None):
        job = await billing.do("publish_invoice", invoice_id=invoice)
        sync = await billing.do("sync_payments")
        rejected = await billing.do("publish_invoice", invoice_id="x")
        config = await billing.do("update_config", payment_sync_interval_minutes=15)
        assert await billing.db.fetchval("SELECT token_configured FROM sevdesk_config") is False
    assert [line["next_step"] for line in logs if line["event"] == "token.missing"] == [
        "Set the token and restart the worker."
    ]
    assert await billing.db.fetch("SELECT * FROM sevdesk_schedules") == []
    for parked in (job, sync):
        assert (parked["state"], parked["problem"]) == ("parked", "token_missing")
        assert "SEVDESK_API_TOKEN is not set" in parked["error"]
        assert "Set the token in the worker's environment and restart it" in parked["next_step"]
    assert rejected["state"] == "rejected"
    assert (config["state"], config["error"]) == ("done", None), "settings need no sevDesk"
    assert await billing.db.fetchval("SELECT payment_sync_interval_minutes FROM sevdesk_config") == 15
    await assert_told_once(billing, invoice, job, logs)
    assert_only_parked(job, before, dict(await billing.row(invoice)))
    await assert_healed_by_retry(billing, run_worker, job["job_id"])
    assert await billing.db.fetchval("SELECT token_configured FROM sevdesk_config") is True
    assert "payments" in [row["name"] for row in await billing.db.fetch("SELECT name FROM sevdesk_schedules")]


async def assert_healed_by_retry(billing: Billing, run_worker: RunWorker, job_id: str) -> None:
    """With the right token the parked job is taken up from the start and done."""
    async with run_worker():
        await billing.retry(job_id)
        assert (await billing.ended(job_id))["state"] == "done"
