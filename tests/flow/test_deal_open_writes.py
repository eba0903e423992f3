"""Final invoices and advances of a deal of which one waits to learn what became of a write."""

import pytest
from flow.billing import Billing
from flow.books import calls, forget_calls, order_fault
from flow.conftest import RunWorker
from flow.provocations.publishing import FINALIZE, SAVE
from flow.stage import Stage
from flow.test_final_invoices import OVER_ALL, new_deal, published

from worker.domain.check_levels import Level

UNWARNED = {"advance_after_final": Level.OFF}  # an advance waits for nobody


async def outcomes(billing: Billing, action: str) -> list[str | None]:
    """Of the writes of one kind, the oldest first; None while unknown."""
    rows = await billing.db.fetch("SELECT outcome FROM sevdesk_intents WHERE action = $1 ORDER BY id", action)
    return [row["outcome"] for row in rows]


@pytest.mark.parametrize("parked", [False, True], ids=["waiting", "parked"])
async def test_advance_waits_for_open_final_invoice(
    billing: Billing, worker: object, stage: Stage, *, parked: bool
) -> None:
    """Its finalizing may have happened: the advance waits until that is known, and then warns."""
    deal = await new_deal(billing)
    await order_fault(stage.sevdesk, "lose_answer", FINALIZE)
    final = await billing.invoice(deal, document_kind="SR", **OVER_ALL)
    first = await stage.lost("publish_invoice", invoice_id=final)
    if parked:
        await billing.put_into("parked", first)
    advance = await billing.invoice(deal)
    second = await billing.enqueue("publish_invoice", invoice_id=advance)
    waiting = await stage.seen(second, "deal_invoice_under_way")
    assert ((waiting["not_before"] - waiting["updated_at"]).total_seconds() > 10) is True  # no more often than it helps
    await billing.db.execute("UPDATE sevdesk_intents SET settles_at = now()")
    await (billing.retry(first) if parked else billing.make_due(first))
    assert (await billing.ended(first))["state"] == "done"
    await billing.make_due(second)
    assert (await billing.ended(second))["state"] == "done"
    assert (await billing.event(advance, "legal_warning"))["problem"] == "advance_after_final"


@pytest.mark.parametrize("parked", [False, True], ids=["waiting", "parked"])
async def test_final_invoice_waits_for_open_advance(
    billing: Billing, worker: object, stage: Stage, *, parked: bool
) -> None:
    """The same the other way round: the final invoice then accounts for the advance."""
    deal = await new_deal(billing)
    await order_fault(stage.sevdesk, "lose_answer", FINALIZE)
    first = await stage.lost("publish_invoice", invoice_id=await billing.invoice(deal))
    if parked:
        await billing.put_into("parked", first)
    final = await billing.invoice(deal, document_kind="SR", **OVER_ALL)
    second = await billing.enqueue("publish_invoice", invoice_id=final)
    await stage.seen(second, "deal_invoice_under_way")
    await billing.db.execute("UPDATE sevdesk_intents SET settles_at = now()")
    await (billing.retry(first) if parked else billing.make_due(first))
    assert (await billing.ended(first))["state"] == "done"
    await billing.make_due(second)
    assert (await billing.ended(second))["problem"] == "advances_not_deducted"


async def test_finalized_unheard_is_recorded_and_told(billing: Billing, run_worker: RunWorker, stage: Stage) -> None:
    """An advance was published while the number was on its way: it is found, and an event warns."""
    async with run_worker(check_levels=UNWARNED):
        deal = await new_deal(billing)
        await order_fault(stage.sevdesk, "lose_answer", FINALIZE)
        final = await billing.invoice(deal, document_kind="SR", **OVER_ALL)
        job_id = await stage.lost("publish_invoice", invoice_id=final)
        await published(billing, deal)
        await stage.hasten(job_id)
        assert (await billing.ended(job_id))["state"] == "done"
    row = await billing.row(final)
    assert row["accounting_sync_status"] == "synced" and row["external_invoice_number"]
    assert (await billing.events(final)).count("legal_warning") == 1
    assert (await billing.event(final, "legal_warning"))["problem"] == "advances_not_deducted"


@pytest.mark.parametrize(
    ("fault", "call", "action", "became"),
    [
        ("drop_before", SAVE, "save_invoice", "found_not_done"),
        ("lose_answer", SAVE, "save_invoice", "found_done"),
        ("drop_before", FINALIZE, "send_by", "found_not_done"),
    ],
)
async def test_unfinished_parks_before_its_number(
    billing: Billing, run_worker: RunWorker, stage: Stage, fault: str, call: str, action: str, became: str
) -> None:
    """The lost write has not finalized it, and meanwhile an advance was published: the final invoice is stopped."""
    async with run_worker(check_levels=UNWARNED):
        deal = await new_deal(billing)
        await order_fault(stage.sevdesk, fault, call)
        final = await billing.invoice(deal, document_kind="SR", **OVER_ALL)
        job_id = await stage.lost("publish_invoice", invoice_id=final)
        await published(billing, deal)
        await forget_calls(stage.sevdesk)
        await stage.hasten(job_id)
        assert (await billing.ended(job_id))["problem"] == "advances_not_deducted"
    assert [each for each in await calls(stage.sevdesk) if not each.startswith("GET")] == []
    assert became in await outcomes(billing, action) and None not in await outcomes(billing, action)
    assert "legal_warning" not in await billing.events(final)
