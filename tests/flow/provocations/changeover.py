"""What another program publishes into the same account."""

from typing import Any
from uuid import UUID

from flow.books import order_fault
from flow.changeover import others, publish_there
from flow.provocations.publishing import FINALIZE, publish
from flow.provocations.table import provokes
from flow.stage import Stage

NOT_OURS = "UPDATE sevdesk_config SET publish_only = '{EB}'"


async def left(stage: Stage) -> UUID:
    """An invoice of the other program."""
    await stage.billing.db.execute(NOT_OURS)
    return await others(stage.billing)


@provokes("begun_before_other")
async def left_to_the_other_after_a_draft(stage: Stage) -> Any:
    invoice = await others(stage.billing)
    await order_fault(stage.sevdesk, "status", FINALIZE, status=400, times=1)
    parked = await publish(stage, invoice)
    await stage.billing.db.execute(NOT_OURS)
    await stage.billing.retry(parked["job_id"])
    return await stage.billing.ended(parked["job_id"])


@provokes("other_publishes")
async def mailed_before_the_other_published(stage: Stage) -> Any:
    return await stage.billing.do("send_invoice", invoice_id=await left(stage))


@provokes("cancel_left_to_other")
async def cancelled_before_the_other_published(stage: Stage) -> Any:
    return await stage.billing.do("cancel_invoice", invoice_id=await left(stage), reason="Doppelt")


@provokes("credit_of_taken_over")
async def credit_note_over_a_document_of_the_other(stage: Stage) -> Any:
    invoice = await left(stage)
    await publish_there(stage.billing, stage.sevdesk, invoice)
    await stage.billing.do("sync_payments")
    part = {"reason": "Mangel", "positions": [{"position": 1, "quantity": "2"}]}
    return await stage.billing.do("credit_invoice", invoice_id=invoice, **part)


@provokes("deal_invoice_of_other_program")
async def final_invoice_after_an_advance_of_the_other(stage: Stage) -> Any:
    deal = await stage.billing.deal(await stage.billing.company(), deal_type="KOP")
    await stage.billing.invoice(deal)
    final = await stage.billing.invoice(deal, invoice_number="SR-1", document_kind="SR")
    await stage.billing.db.execute("UPDATE sevdesk_config SET publish_only = '{SR-1}'")
    job_id = await stage.billing.enqueue("publish_invoice", invoice_id=final)
    return await stage.seen(job_id, "deal_invoice_of_other_program")


@provokes("other_program_read_first")
async def all_taken_over_at_once(stage: Stage) -> Any:
    await left(stage)
    async with stage.sevdesk.held("GET /Invoice"):
        job_id = await stage.billing.enqueue("update_config", publish_only=None)
        return await stage.seen(job_id, "other_program_read_first")
