"""`why` names cause and next step: of every trouble that can be provoked, and of what only looks like one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from flow.billing import Billing
from flow.books import control, order_fault, pay, until
from flow.conftest import RunWorker
from flow.operators import Operator

from sevdesk_client.sandbox.http.server import Running
from worker.cli.lookup import resolve
from worker.operator.diagnosis import Diagnosis, diagnose
from worker.operator.situation import gather
from worker.settings import JobLimit, Settings
from worker.store import Store


@dataclass
class Stage:
    """Where trouble is provoked."""

    billing: Billing
    sevdesk: Running
    settings: Settings
    run_worker: RunWorker

    async def why(self, subject: object) -> Diagnosis:
        """What the command says, without the process around it."""
        store = await Store.connect(self.settings.database_url, size=1)
        try:
            found = await resolve(store, str(subject))
            assert found is not None
            return diagnose(await gather(store, found, self.settings))
        finally:
            await store.close()

    @asynccontextmanager
    async def working(self, **changed: Any) -> AsyncIterator[None]:
        """A worker, of whom Redis has heard."""
        async with self.run_worker(**changed):
            await until(self._reported)
            yield

    async def _reported(self) -> bool:
        return [key async for key in self.billing.redis.scan_iter("arq:queue:health-check:*")] != []

    async def ended(self, kind: str, worker: dict[str, Any] | None = None, **payload: Any) -> Diagnosis:
        """Ask for a job, wait until it has ended, and ask why."""
        async with self.working(**worker or {}):
            job = await self.billing.do(kind, **payload)
        return await self.why(job["job_id"])

    async def published(self, **columns: Any) -> Any:
        """An invoice that is open in sevDesk."""
        invoice = await self.billing.usual_invoice(**columns)
        async with self.run_worker():
            assert (await self.billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        return invoice


@pytest.fixture
def stage(billing: Billing, sevdesk: Running, settings: Settings, run_worker: RunWorker) -> Stage:
    """Everything a trouble needs."""
    return Stage(billing, sevdesk, settings, run_worker)


async def no_token(stage: Stage) -> Diagnosis:
    invoice = await stage.billing.usual_invoice()
    return await stage.ended("publish_invoice", {"sevdesk_api_token": None}, invoice_id=invoice)


async def token_refused(stage: Stage) -> Diagnosis:
    await order_fault(stage.sevdesk, "status", "GET /*", status=401, body={"status": 401, "message": "no"}, times=None)
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.usual_invoice())


async def no_recipient(stage: Stage) -> Diagnosis:
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.invoice(await stage.billing.deal()))


async def two_recipients(stage: Stage) -> Diagnosis:
    deal = await stage.billing.deal(await stage.billing.company())
    await stage.billing.associate(deal, "company", await stage.billing.company(), "primary")
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.invoice(deal))


async def no_address(stage: Stage) -> Diagnosis:
    deal = await stage.billing.deal(await stage.billing.company(zip=None))
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.invoice(deal))


async def wrong_sums(stage: Stage) -> Diagnosis:
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.usual_invoice(gross_amount="120.00"))


async def wrong_tax_rule(stage: Stage) -> Diagnosis:
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.usual_invoice(tax_rule=11))


async def cent_off(stage: Stage) -> Diagnosis:
    await control(stage.sevdesk, "PUT", "switches", {"cent_off": True})
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.usual_invoice())


async def marked_twice(stage: Stage) -> Diagnosis:
    number = f"TWICE-{uuid4().hex[:6]}-"
    for _ in range(2):
        await control(stage.sevdesk, "POST", "seed", {"invoices": 1, "prefix": number})
    return await stage.ended(
        "publish_invoice", invoice_id=await stage.billing.usual_invoice(invoice_number=f"{number}000001")
    )


async def refused_at_finalizing(stage: Stage) -> Diagnosis:
    body = {"error": {"message": "not allowed", "code": 7100}, "objects": None}
    await order_fault(stage.sevdesk, "status", "PUT /Invoice/*/sendBy", status=422, body=body)
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.usual_invoice())


async def e_invoice_incomplete(stage: Stage) -> Diagnosis:
    await control(stage.sevdesk, "PUT", "switches", {"e_invoice_missing": ["sevClient_bankIban"]})
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.usual_invoice(is_e_invoice=True))


async def contact_gone(stage: Stage) -> Diagnosis:
    company = await stage.billing.company()
    deal = await stage.billing.deal(company)
    async with stage.run_worker():
        await stage.billing.do("publish_invoice", invoice_id=await stage.billing.invoice(deal))
    await stage.billing.db.execute("UPDATE companies SET name = 'Neu GmbH' WHERE id = $1", company)
    body = {"error": {"message": "No Model_Contact with the id 1 was found", "code": 151}, "objects": None}
    await order_fault(stage.sevdesk, "status", "PUT /Contact/*", status=404, body=body)
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.invoice(deal))


async def unknown_country(stage: Stage) -> Diagnosis:
    deal = await stage.billing.deal(await stage.billing.company(country_code="QQ"))
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.invoice(deal))


async def not_published_yet(stage: Stage) -> Diagnosis:
    return await stage.ended("send_invoice", invoice_id=await stage.billing.usual_invoice())


async def no_mail_address(stage: Stage) -> Diagnosis:
    deal = await stage.billing.deal(await stage.billing.company(email=None))
    invoice = await stage.billing.invoice(deal)
    async with stage.run_worker():
        await stage.billing.do("publish_invoice", invoice_id=invoice)
    return await stage.ended("send_invoice", invoice_id=invoice)


async def cannot_tell_mail(stage: Stage) -> Diagnosis:
    invoice = await stage.published()
    external_id = (await stage.billing.row(invoice))["external_id"]
    await order_fault(stage.sevdesk, "drop_before", "POST /Invoice/*/sendViaEmail")
    async with stage.working():
        job_id = await stage.billing.enqueue("send_invoice", invoice_id=invoice)
        await until(lambda: open_intent(stage.billing, job_id))
        # Somebody finalizes it by post meanwhile: sendDate moves, but not by a mail.
        stage.sevdesk.sandbox.account.invoices[int(external_id)].send_date = stage.sevdesk.sandbox.account.now()
        stage.sevdesk.sandbox.account.invoices[int(external_id)].send_type = "VPR"
        await stage.billing.until_state(job_id, "parked")
    return await stage.why(job_id)


async def partly_paid(stage: Stage) -> Diagnosis:
    invoice = await stage.published()
    await pay(stage.sevdesk, (await stage.billing.row(invoice))["external_id"], "50")
    return await stage.ended("cancel_invoice", invoice_id=invoice, reason="Doppelt")


async def paid_already(stage: Stage) -> Diagnosis:
    invoice = await stage.published()
    await pay(stage.sevdesk, (await stage.billing.row(invoice))["external_id"], "119")
    return await stage.ended("cancel_invoice", invoice_id=invoice, reason="Doppelt")


async def not_approved(stage: Stage) -> Diagnosis:
    return await stage.ended("publish_invoice", invoice_id=await stage.billing.usual_invoice(document_status="draft"))


async def not_an_admin(stage: Stage) -> Diagnosis:
    person = await stage.billing.person(is_internal=True)
    return await stage.ended("sync_payments", by=person)


async def nobody_known(stage: Stage) -> Diagnosis:
    return await stage.ended("publish_invoice", by=uuid4(), invoice_id=await stage.billing.usual_invoice())


async def no_such_invoice(stage: Stage) -> Diagnosis:
    return await stage.ended("publish_invoice", invoice_id=uuid4())


async def no_such_kind(stage: Stage) -> Diagnosis:
    return await stage.ended("publish_invoices", invoice_id=uuid4())


async def misspelt_option(stage: Stage) -> Diagnosis:
    return await stage.ended("send_invoice", invoice_id=await stage.billing.usual_invoice(), resent=True)


async def poison(stage: Stage) -> Diagnosis:
    job_id = str(uuid4())
    async with stage.working():
        await stage.billing.enqueue_raw(job_id, b"\x80\x04pickle", 1.0)
        await stage.billing.ended(job_id)
    return await stage.why(job_id)


# What waits for a person -> what `why` must say: pieces of the cause, then of the next step.
TROUBLES: dict[Callable[[Stage], Awaitable[Diagnosis]], tuple[str, str]] = {
    no_token: ("SEVDESK_API_TOKEN is not set", "Set the token"),
    token_refused: ("refuses the API token", "Set a valid SEVDESK_API_TOKEN"),
    no_recipient: ("has neither an invoice_recipient nor a primary company", "Associate a company or person"),
    two_recipients: ("2 parties are each the primary company", "Leave that label on one of them"),
    no_address: ("has no zip", "Complete the address"),
    wrong_sums: ("add up to net 100.00, tax 19.00, gross 119.00", "Correct the positions or the totals"),
    wrong_tax_rule: ("tax rule 11 allows only 0%", "Correct the tax rate or the invoice's tax rule"),
    cent_off: ("sevDesk computes net 100", "Correct the sums"),
    marked_twice: ("sevDesk holds 2 invoices marked", "Delete the wrong ones in sevDesk"),
    refused_at_finalizing: ("does not accept the tax rule, a tax rate or the sums", "account's settings in sevDesk"),
    e_invoice_incomplete: ("An e-invoice lacks data", "Complete what sevDesk names"),
    contact_gone: ("no longer exists", "Restore it in sevDesk, or delete its row in sevdesk_contacts"),
    unknown_country: ("no country with the recipient's code", "Correct country_code"),
    not_published_yet: ("is not published in sevDesk yet", "Publish it first"),
    no_mail_address: ("has no e-mail address", "Add one"),
    cannot_tell_mail: ("went out cannot be told", "--as done, or sevdesk-worker retry"),
    partly_paid: ("is partly paid; sevDesk does not cancel it", "unlink the payment"),
    paid_already: ("made the credit note draft", "Finish the credit note in sevDesk"),
    not_approved: ("only approved invoices are published", "Approve the invoice"),
    not_an_admin: ("may only be asked for by an admin", "Let an admin ask"),
    nobody_known: ("is not a known contact", "Use the id of a row in contacts"),
    no_such_invoice: ("There is no invoice", "Check the invoice's id"),
    no_such_kind: ("Unknown job kind 'publish_invoices'", "sevdesk-worker schema"),
    misspelt_option: ("resent: Extra inputs are not permitted", "Correct the named fields"),
    poison: ("The payload is not valid JSON", "Mend the producer"),
}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
async def test_trouble_has_cause_and_next_step(trouble: Callable[[Stage], Awaitable[Diagnosis]], stage: Stage) -> None:
    """What a person must act on says so, in the words the table above expects."""
    answer = await trouble(stage)
    cause, next_step = TROUBLES[trouble]
    assert answer.needs_person
    assert answer.state in ("parked", "rejected")
    assert cause in answer.cause
    assert next_step in answer.next_step
    if answer.state == "parked" and "retry" in answer.next_step:
        assert "sevdesk-worker retry" in answer.next_step or "--as" in answer.next_step


async def open_intent(billing: Billing, job_id: str) -> Any:
    """The job's unknown write."""
    return await billing.db.fetchval("SELECT id FROM sevdesk_intents WHERE job_id = $1 AND closed_at IS NULL", job_id)


async def test_quarantine_is_explained(stage: Stage) -> None:
    """A write whose answer was lost: how long it waits, for which write, and that nothing is to be done."""
    await order_fault(stage.sevdesk, "lose_answer", "POST /Invoice/Factory/saveInvoice")
    stage.settings.write_quarantine = 30
    async with stage.working(write_quarantine=30):
        job_id = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
        await stage.billing.until_state(job_id, "waiting")
        answer = await stage.why(job_id)
    assert not answer.needs_person
    assert "s because the write save_invoice may still take effect" in answer.cause
    assert "then sevDesk is asked what became of it" in answer.next_step


async def test_outage_is_explained(stage: Stage) -> None:
    """sevDesk answers 503: it is tried again, and the number of tries left is named."""
    await order_fault(stage.sevdesk, "status", "GET /*", status=503, body="down", times=None)
    async with stage.working():
        job_id = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
        await stage.billing.until_state(job_id, "waiting")
        answer = await stage.why(job_id)
    assert not answer.needs_person
    assert "It is tried again in" in answer.cause and "HTTP 503" in answer.cause
    assert "6 more tries before it is parked" in answer.cause


async def test_turn_is_explained(stage: Stage) -> None:
    """The second job of an invoice names the first, which is running and healthy itself."""
    await order_fault(stage.sevdesk, "delay", "POST /Invoice/Factory/saveInvoice", after_ms=1500)
    invoice = await stage.billing.usual_invoice()
    async with stage.working():
        first = await stage.billing.enqueue("publish_invoice", invoice_id=invoice)
        await stage.billing.until_state(first, "running")
        second = await stage.billing.enqueue("send_invoice", invoice_id=invoice)
        await until(lambda: stage.billing.job(second))
        behind, ahead = await stage.why(second), await stage.why(invoice)
        assert (await stage.billing.ended(second))["state"] == "done"
    assert not behind.needs_person and not ahead.needs_person
    assert f"behind publish_invoice (job {first}, running)" in behind.cause
    assert "has been at it for" in ahead.cause and ahead.state == "running"


async def test_limit_is_explained(stage: Stage) -> None:
    """A person who asks too much waits, and is told for how long."""
    stage.settings.person_job_limit = JobLimit(1, 60)
    async with stage.working(person_job_limit=JobLimit(1, 60)):
        await stage.billing.do("publish_invoice", invoice_id=await stage.billing.usual_invoice())
        second = await stage.billing.enqueue("publish_invoice", invoice_id=await stage.billing.usual_invoice())
        await until(lambda: stage.billing.job(second))
        answer = await stage.why(second)
    assert not answer.needs_person
    assert "1 jobs within 60 s, as many as PERSON_JOB_LIMIT allows" in answer.cause


async def test_missing_worker_is_noticed(stage: Stage) -> None:
    """A requested job that nobody takes says that nobody is there."""
    job_id = await stage.billing.request("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    answer = await stage.why(job_id)
    assert answer.needs_person
    assert "No worker is running" in answer.cause and "sevdesk-worker run" in answer.next_step


async def test_missing_redis_is_noticed(stage: Stage) -> None:
    """With Redis away the job is safe, and what to bring back is said."""
    job_id = await stage.billing.request("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    stage.settings.redis_url = "redis://127.0.0.1:9/0"
    answer = await stage.why(job_id)
    assert answer.needs_person
    assert "Redis does not answer" in answer.cause and "Bring Redis back" in answer.next_step


async def test_dead_worker_is_noticed(stage: Stage) -> None:
    """Running, but nobody holds its lock: its worker is gone, and somebody else takes it up."""
    job_id = await stage.billing.request("publish_invoice", invoice_id=await stage.billing.usual_invoice())
    await stage.billing.db.execute(
        "UPDATE sevdesk_jobs SET state = 'running', worker = 'gone' WHERE job_id = $1", job_id
    )
    answer = await stage.why(job_id)
    assert answer.needs_person and "Its worker gone is gone" in answer.cause
    assert "Start a worker" in answer.next_step


async def test_first_cause_is_told(stage: Stage) -> None:
    """Of two parked jobs the one the other waits for; the newest try of it; and one command takes both up again."""
    invoice = await stage.billing.usual_invoice(gross_amount="120.00")
    async with stage.working():
        jobs = [await stage.billing.do(kind, invoice_id=invoice) for kind in ("publish_invoice", "send_invoice")]
        jobs.append(await stage.billing.do("publish_invoice", invoice_id=invoice))
    assert {job["state"] for job in jobs} == {"parked"}
    sent, published = await stage.why(jobs[1]["job_id"]), await stage.why(invoice)
    assert "is not published in sevDesk yet" in sent.cause and f"retry {jobs[1]['job_id']}" in sent.next_step
    number = (await stage.billing.row(invoice))["invoice_number"]
    assert published.next_step.endswith(f"sevdesk-worker retry {number}.") and "add up to" in published.cause
    await stage.billing.db.execute("UPDATE sevdesk_jobs SET state = 'done' WHERE job_id = $1", jobs[2]["job_id"])
    assert (await stage.why(invoice)).subject == sent.subject


@pytest.mark.parametrize(
    ("columns", "config", "cause"),
    [
        ({"document_status": "draft"}, {}, "It is a draft; only approved invoices are published."),
        ({}, {}, "Nobody has asked to publish it."),
        ({}, {"auto_transfer_invoices": True}, "invoices are transferred by themselves, but no job exists yet"),
        ({"accounting_sync_status": "queued"}, {}, "marked as queued, but no job exists yet"),
        ({"accounting_sync_status": "drafted"}, {}, "no job is under way or parked"),
        ({"accounting_sync_status": "cancelled"}, {}, "It is cancelled."),
        ({"document_status": "cancelled"}, {}, "cancelled it before it was published"),
    ],
)
async def test_invoice_without_job_is_explained(
    stage: Stage, columns: dict[str, Any], config: dict[str, Any], cause: str
) -> None:
    """Nothing is under way, and it says what that means."""
    for name, value in config.items():
        await stage.billing.db.execute(f"UPDATE sevdesk_config SET {name} = $1", value)  # noqa: S608 - names are ours
    answer = await stage.why(await stage.billing.usual_invoice(**columns))
    assert cause in answer.cause and answer.next_step


async def test_published_invoices_are_explained(stage: Stage) -> None:
    """Published, mailed, waiting for money, paid, and a sync that does not run: each in its own words."""
    invoice = await stage.published()
    assert "nobody has asked to mail it" in (await stage.why(invoice)).cause
    async with stage.working():
        await stage.billing.do("send_invoice", invoice_id=invoice)
        assert "The payment sync has not run yet" in (await stage.why(invoice)).cause
        await stage.billing.do("sync_payments")
        waiting = await stage.why(invoice)
        assert not waiting.needs_person and "0.00 of 119.00 EUR has come" in waiting.cause
        await pay(stage.sevdesk, (await stage.billing.row(invoice))["external_id"], "119")
        await stage.billing.do("sync_payments")
    assert (await stage.why(invoice)).cause.endswith("sent and paid.")


async def test_command_says_the_same(stage: Stage, tmp_path: Any) -> None:
    """By number, by id and by job: three lines, and exit 3 where a person must act."""
    answer = await wrong_sums(stage)
    operator = Operator(stage.settings, tmp_path)
    row = await stage.billing.db.fetchrow("SELECT i.*, j.job_id FROM billing_invoices i JOIN sevdesk_jobs j ON true")
    for subject in (row["invoice_number"], str(row["id"]), row["job_id"]):
        code, said, _ = await operator.run("why", subject)
        assert code == 3
        assert said.splitlines() == [
            f"{answer.subject}: parked", f"  why   {answer.cause}", f"  next  {answer.next_step}",
        ]  # fmt: skip
    assert (await operator.json("why", row["job_id"], code=3))["needs_person"] is True
    code, said, problem = await operator.run("why", "nothing of the kind")
    assert (code, said) == (1, "")
    assert problem.startswith("No invoice or job has the number or id 'nothing of the kind'.")
