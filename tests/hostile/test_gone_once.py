"""sevDesk answers "not found" once, wrongly: nothing follows from that; and what followed from two can be undone."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from flow.books import calls, control, forget_calls, until
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
