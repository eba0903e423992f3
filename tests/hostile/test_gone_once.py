"""sevDesk answers "not found" once, wrongly: nothing follows from that; and what followed from two can be undone."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from flow.books import calls, control, forget_calls, order_fault, until
from flow.mending import commands
from flow.operators import Operator
from flow.stage import Stage

FIRST_LOOK = "SELECT first_seen_at FROM sevdesk_missing"
PATIENT = {"gone_after": 3600.0}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leader asks for due second looks more often."""
    monkeypatch.setattr("worker.maintenance.maintenance.LOOK_SECONDS", 0.1)


async def hide(stage: Stage, invoice: UUID) -> Callable[[], object]:
    """sevDesk does not show the invoice until the answer is called."""
    shown = stage.sevdesk.sandbox.account.invoices
    record = shown[int(await stage.there(invoice))]
    shown.remove(record)
    return lambda: shown.put(record)


async def status(stage: Stage, invoice: UUID) -> str:
    return (await stage.billing.row(invoice))["accounting_sync_status"]


async def time_passes(stage: Stage) -> None:
    await stage.billing.db.execute("UPDATE sevdesk_missing SET first_seen_at = first_seen_at - interval '1 h'")


async def test_first_look_concludes_nothing(stage: Stage) -> None:
    """It is noted, once; the second look comes by itself, finds the invoice, and the note goes."""
    async with stage.working(**PATIENT):
        invoice = await stage.published()
        show = await hide(stage, invoice)
        for scope in ({"full": True}, {"invoice_id": invoice}):
            assert '"missing": 1' in (await stage.billing.do("sync_payments", **scope))["result"]
        assert await status(stage, invoice) == "synced"
        assert (await stage.billing.events(invoice)).count("missing_in_sevdesk") == 1
        stage.settings.gone_after = 900.0  # of the command, which does not look
        assert "a second look in 60 min decides" in (await stage.why(invoice)).cause
        show()
        await time_passes(stage)
        await until(lambda: forgotten(stage))
        assert await status(stage, invoice) == "synced"


async def forgotten(stage: Stage) -> bool:
    return await stage.billing.db.fetchval(FIRST_LOOK) is None


async def test_second_look_concludes_by_itself(stage: Stage, tmp_path: Path) -> None:
    """Gone at both looks: parked. There again: `undelete` brings back what sevDesk says, and writes nothing."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working(**PATIENT):
        invoice = await stage.published()
        before = await stage.billing.row(invoice)
        show = await hide(stage, invoice)
        await stage.billing.do("sync_payments", full=True)
        await time_passes(stage)
        await until(lambda: parked(stage, invoice))
        assert await forgotten(stage)
        gone = await operator.json("undelete", before["invoice_number"])
        assert (await stage.billing.ended(gone["job_id"]))["problem"] == "still_gone"
        show()
        await forget_calls(stage.sevdesk)
        back = await operator.json("undelete", before["invoice_number"])
        assert (await stage.billing.ended(back["job_id"]))["state"] == "done"
        assert {call.split()[0] for call in await calls(stage.sevdesk)} == {"GET"}
    after = await stage.billing.row(invoice)
    names = ("accounting_sync_status", "external_id", "external_invoice_number", "document_status", "claim_status")
    assert [after[name] for name in names] == [before[name] for name in names]


async def parked(stage: Stage, invoice: UUID) -> bool:
    return await status(stage, invoice) == "parked"


async def test_many_first_looks_ask(stage: Stage) -> None:
    """A token that sees nothing: no invoice is parked, and a person is asked at once."""
    async with stage.working(**PATIENT, mass_change_limit=1):
        invoices = [await stage.published() for _ in range(3)]
        for invoice in invoices:
            await control(stage.sevdesk, "POST", "delete", {"invoice_id": await stage.there(invoice)})
        assert (await stage.billing.do("sync_payments", full=True))["problem"] == "mass_change"
        assert {await status(stage, invoice) for invoice in invoices} == {"synced"}


async def test_cancelling_waits_for_second_look(stage: Stage) -> None:
    """The invoice is there when it is looked for again, so it is cancelled in sevDesk as well."""
    async with stage.working(**PATIENT):
        invoice = await stage.published()
        show = await hide(stage, invoice)
        job = await stage.billing.enqueue("cancel_invoice", invoice_id=invoice, reason="Irrtum")
        await stage.seen(job, "missing_in_sevdesk")
        assert await status(stage, invoice) == "synced"
        show()
        await stage.billing.make_due(job)
        assert (await stage.billing.ended(job))["state"] == "done"
    assert (await stage.billing.event(invoice, "cancelled"))["how"] == "cancellation_invoice"


async def test_step_looks_twice_as_well(stage: Stage) -> None:
    """A PDF that is missing once: the job waits, and is done; missing twice: it parks. A person's retry asks once."""
    async with stage.working(**PATIENT):
        invoice = await stage.published()
        show = await hide(stage, invoice)
        job = await stage.billing.enqueue("fetch_invoice_pdf", invoice_id=invoice)
        await stage.billing.until_state(job, "waiting")
        assert (await stage.billing.job(job))["problem"] == "sevdesk_object_gone"
        show()
        await stage.billing.make_due(job)
        assert (await stage.billing.ended(job))["state"] == "done"
        await hide(stage, invoice)
        job = await stage.billing.enqueue("fetch_invoice_pdf", invoice_id=invoice)
        await stage.billing.until_state(job, "waiting")
        await stage.billing.make_due(job)
        await stage.seen(job, "sevdesk_object_gone")
        await stage.billing.until_state(job, "parked")
        await stage.billing.retry(job)
        await stage.billing.until_state(job, "parked")
        assert (await stage.billing.job(job))["attempt"] == 3


async def test_other_troubles_between_do_not_count(stage: Stage) -> None:
    """Missing, then unavailable, then missing: the second look is the one after."""
    async with stage.working(**PATIENT):
        invoice = await stage.published()
        await hide(stage, invoice)
        job = await stage.billing.enqueue("fetch_invoice_pdf", invoice_id=invoice)
        await stage.seen(job, "sevdesk_object_gone")
        await order_fault(stage.sevdesk, "status", "GET /Invoice/*/getPdf", status=503, body="down", times=3)
        await stage.billing.make_due(job)
        await stage.seen(job, "sevdesk_unavailable")
        await stage.billing.until_state(job, "waiting")
        await stage.billing.make_due(job)
        await stage.seen(job, "sevdesk_object_gone")
        await stage.billing.until_state(job, "waiting")


async def test_contact_is_looked_for_twice(stage: Stage) -> None:
    """The linked contact answers 404 once: no job parks for it, and no second contact is made."""
    async with stage.working(**PATIENT):
        invoice = await stage.published()
        await stage.billing.db.execute("UPDATE companies SET name = name || ' & Co'")
        deal = (await stage.billing.row(invoice))["deal_id"]
        other = await stage.billing.invoice(deal)
        gone = {"objects": None, "error": {"message": "No Model_Contact with the id 1 was found", "code": 151}}
        await order_fault(stage.sevdesk, "status", "PUT /Contact/*", status=404, body=gone)
        job = await stage.billing.enqueue("publish_invoice", invoice_id=other)
        await stage.seen(job, "contact_gone")
        await stage.billing.until_state(job, "waiting")
        await stage.billing.make_due(job)
        assert (await stage.billing.ended(job))["state"] == "done"


async def test_mail_in_doubt_asks_nobody_at_once(stage: Stage) -> None:
    """The answer to a mail was lost and the invoice is not there at one look: nobody is asked, it is found sent."""
    async with stage.working(**PATIENT):
        invoice = await stage.published()
        await order_fault(stage.sevdesk, "lose_answer", "POST /Invoice/*/sendViaEmail")
        job = await stage.lost("send_invoice", invoice_id=invoice)
        show = await hide(stage, invoice)
        await stage.hasten(job)
        await stage.seen(job, "mailed_document_gone")
        show()
        await stage.hasten(job)
        assert (await stage.billing.ended(job))["state"] == "done"
    assert (await stage.billing.event(invoice, "mailed"))["how"] == "found_sent"


async def test_advice_replaces_what_is_gone(stage: Stage, tmp_path: Path) -> None:
    """As `reconcile` says, its commands as they stand: the publication waits for the second look."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working(**PATIENT):
        invoice = await stage.published()
        before = await stage.billing.row(invoice)
        await hide(stage, invoice)
        [found] = (await operator.json("reconcile", code=3))["findings"]
        sync, publish, _, _ = commands(found["next_step"])
        for command in (sync, publish):
            code, said, problem = await operator.run(*command)
            assert code == 0, problem
        job_id = said.strip()
        await stage.seen(job_id, "missing_in_sevdesk")
        await time_passes(stage)
        await until(lambda: parked(stage, invoice))
        await stage.billing.make_due(job_id)
        assert (await stage.billing.ended(job_id))["state"] == "done"
    after = await stage.billing.row(invoice)
    assert after["accounting_sync_status"] == "synced" and after["external_id"] != before["external_id"]
