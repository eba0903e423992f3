"""One row that holds what no invoice can hold stops nobody else, and is named."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing, parameters, time_to_day
from flow.books import pay
from flow.operators import Operator
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.domain.problems import Problem
from worker.settings import Settings

pytestmark = pytest.mark.usefixtures("quick_exports")

# Column -> values that Postgres takes and no invoice can have.
NUMBERS = ("'NaN'", "'Infinity'", "'-Infinity'", "1e131071")
DAYS = ("'infinity'", "'-infinity'", "'20261-01-01'", "'0044-03-15 BC'")
BAD = {
    **{f"{column} {value}": (column, value) for column in ("gross_amount", "paid_amount") for value in NUMBERS},
    **{
        f"{column} {value}": (column, value)
        for column in ("net_amount", "tax_amount")
        for value in ("'NaN'", "1e131071")
    },
    **{
        f"{column} {value}": (column, value)
        for column in ("issue_date", "service_from", "service_to", "paid_at", "cancelled_at", "accounting_synced_at")
        for value in DAYS
    },
    "updated_at 'infinity'": ("updated_at", "'infinity'"),
    "the last instant": ("cancelled_at", "'294276-12-31 23:59:59+00'"),
    "payment_term_days 2147483647": ("payment_term_days", "2147483647"),
}
UNCOMPARED = [name for name, (column, _) in BAD.items() if column in ("gross_amount", "paid_amount")]


async def spoil(billing: Billing, invoice: UUID, column: str, value: str) -> None:
    """Somebody writes it into the billing system's row."""
    statement = f"UPDATE billing_invoices SET {column} = {value} WHERE id = $1"  # noqa: S608 - ours
    await billing.db.execute(statement, invoice)


async def published(billing: Billing, deal: UUID) -> UUID:
    invoice = await billing.invoice(deal)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    return invoice


@pytest.fixture
async def book(billing: Billing, worker: object, sevdesk: Running) -> dict[str, UUID]:
    """A published and paid invoice for each bad value, and two good ones under ''; nothing is spoilt yet."""
    deal = await billing.deal(await billing.company())
    book = {name: await published(billing, deal) for name in ["", *BAD]}
    for invoice in book.values():
        number = await billing.db.fetchval("SELECT external_id FROM billing_invoices WHERE id = $1", invoice)
        await pay(sevdesk, number, "119.00")
    return book


async def test_bad_rows_stop_nobody(
    billing: Billing, book: dict[str, UUID], settings: Settings, tmp_path: Path
) -> None:
    """Payment sync, sweep, status, reconcile and export go on with the good ones, and name the bad ones."""
    for name, (column, value) in BAD.items():
        await spoil(billing, book[name], column, value)
    for full in (False, True):
        with capture_logs() as lines:
            job = await billing.do("sync_payments", **({"full": True} if full else {}))
        assert (job["state"], job["error"]) == ("done", None)
        told = [line for line in lines if line["event"] == "payment_sync.unresolved"]
        assert json.loads(job["result"])["unresolved"] == len(UNCOMPARED)
        assert {line["problem"] for line in told} == {"receivable_invalid"}
        for name in UNCOMPARED:
            [line] = [line for line in told if await number_of(billing, book[name]) in line["reason"]]
            assert "sync_payments invoice_id=" in line["next_step"]
    paid = await billing.db.fetch("SELECT id FROM billing_invoices WHERE claim_status = 'paid'")
    assert {row["id"] for row in paid} == {book[name] for name in book if name not in UNCOMPARED}
    await assert_commands_go_on(billing, book, Operator(settings, tmp_path))
    today = time_to_day().isoformat()
    job = await billing.do("export_datev", start_date=today, end_date=today)
    assert (job["state"], job["error"]) == ("done", None)
    report = json.loads(await billing.db.fetchval("SELECT report::text FROM sevdesk_datev_exports"))
    unread = {finding["number"] for finding in report["findings"] if finding["kind"] == "amount"}
    wrong_gross = [name for name in UNCOMPARED if "gross" in name]
    assert unread == {await document_of(billing, book[name]) for name in wrong_gross}


async def number_of(billing: Billing, invoice: UUID) -> str:
    number: str = await billing.db.fetchval("SELECT invoice_number FROM billing_invoices WHERE id = $1", invoice)
    return number


async def document_of(billing: Billing, invoice: UUID) -> str:
    """sevDesk's number."""
    statement = "SELECT external_invoice_number FROM billing_invoices WHERE id = $1"
    number: str = await billing.db.fetchval(statement, invoice)
    return number


async def assert_commands_go_on(billing: Billing, book: dict[str, UUID], operator: Operator) -> None:
    """Every command about all invoices answers; those about one answer for each."""
    await operator.json("status", code=3)
    compared = await operator.json("reconcile", code=3)
    found = {finding["invoice_number"] for finding in compared["findings"] if finding["drift"] == "paid"}
    assert found == {await number_of(billing, book[name]) for name in UNCOMPARED}
    for name, invoice in book.items():
        await operator.json("show", str(invoice))
        for command in (("why", str(invoice)), ("preview", str(invoice), "--offline")):
            code, _, err = await operator.run(*command)
            assert code in (0, 3), (name, err)


async def test_one_invoice_names_its_fault(billing: Billing, worker: object) -> None:
    """`sync_payments` of the invoice itself parks with the code, and a correction heals it."""
    invoice = await published(billing, await billing.deal(await billing.company()))
    await spoil(billing, invoice, "gross_amount", "'NaN'")
    job = await billing.do("sync_payments", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "receivable_invalid")
    assert job["error"] == Problem("receivable_invalid", parameters(job)).cause()
    await spoil(billing, invoice, "gross_amount", "119")
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"


FIGURES, TOTALS = ("quantity", "unit_price", "tax_rate"), ("net_amount", "tax_amount", "gross_amount")
DATES = ("issue_date", "service_from", "service_to")
UNPUBLISHED = [
    *(("billing_invoice_items", column, value, "position_figure_invalid") for column in FIGURES for value in NUMBERS),
    ("billing_invoice_items", "quantity", "1.00001", "position_quantity_decimals"),
    ("billing_invoice_items", "quantity", f"1.{'0' * 5000}1", "position_quantity_decimals"),
    *(("billing_invoices", column, value, "totals_invalid") for column in TOTALS for value in NUMBERS),
    *(("billing_invoices", column, value, "date_out_of_range") for column in DATES for value in DAYS),
]


async def test_bad_rows_park_their_own_job(billing: Billing, worker: object, subtests: pytest.Subtests) -> None:
    """Whatever is written into an invoice or its position ends as a problem code; good ones go on beside it."""
    deal = await billing.deal(await billing.company())
    for table, column, value, code in UNPUBLISHED:
        with subtests.test(msg=f"{column} {value[:20]}"):
            invoice = await billing.invoice(deal)
            key = "id" if table == "billing_invoices" else "invoice_id"
            await billing.db.execute(f"UPDATE {table} SET {column} = {value} WHERE {key} = $1", invoice)  # noqa: S608
            job, good = [
                await billing.do("publish_invoice", invoice_id=each) for each in (invoice, await billing.invoice(deal))
            ]
            assert (job["state"], job["problem"]) == ("parked", code)
            assert (good["state"], good["error"]) == ("done", None)


async def test_unknown_status_parks_its_job(billing: Billing, worker: object) -> None:
    """A status that is none of ours is named by its column, and after a correction the job goes on."""
    invoice = await billing.usual_invoice()
    await billing.db.execute("ALTER TABLE billing_invoices DROP CONSTRAINT billing_invoices_claim_status_check")
    await spoil(billing, invoice, "claim_status", "'lost'")
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"], parameters(job)["column"]) == (
        "parked", "invoice_value_unknown", "claim_status",
    )  # fmt: skip
    await spoil(billing, invoice, "claim_status", "'open'")
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"


async def test_unknown_status_stops_no_sync(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The payment sync leaves out the invoice and counts it; the one beside it is synced."""
    deal = await billing.deal(await billing.company())
    odd, good = await published(billing, deal), await published(billing, deal)
    for invoice in (odd, good):
        await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    await billing.db.execute("ALTER TABLE billing_invoices DROP CONSTRAINT billing_invoices_claim_status_check")
    await spoil(billing, odd, "claim_status", "'lost'")
    job = await billing.do("sync_payments", full=True)
    assert (job["state"], json.loads(job["result"])["unresolved"]) == ("done", 1)
    assert (await billing.row(good))["claim_status"] == "paid"
    job = await billing.do("sync_payments", invoice_id=odd)
    assert (job["state"], job["problem"]) == ("parked", "invoice_value_unknown")


async def test_spoilt_position_is_named_in_the_export(billing: Billing, worker: object) -> None:
    """A position of a published invoice becomes NaN: its document is not compared, and the others are."""
    deal = await billing.deal(await billing.company())
    spoilt, good = await published(billing, deal), await published(billing, deal)
    await billing.db.execute("UPDATE billing_invoice_items SET quantity = 'NaN' WHERE invoice_id = $1", spoilt)
    today = time_to_day().isoformat()
    job: Any = await billing.do("export_datev", start_date=today, end_date=today)
    assert (job["state"], job["error"]) == ("done", None)
    report = json.loads(await billing.db.fetchval("SELECT report::text FROM sevdesk_datev_exports"))
    assert (report["documents"], report["counts"]) == ({"expected": 2, "matched": 1}, {"amount": 1})
    [finding] = report["findings"]
    assert finding["number"] == await document_of(billing, spoilt) != await document_of(billing, good)
    assert "keine Zahl" in finding["text"]
