"""What keeps a credit note from being written, or remains to be done after it."""

import json
from typing import Any
from uuid import UUID

from flow.books import control, order_fault, pay
from flow.provocations.table import provokes, refusal
from flow.stage import Stage

SAVE = "POST /CreditNote/Factory/saveCreditNote"
HALF = json.dumps([{"position": 1, "quantity": "2"}])


async def invoiced(stage: Stage, paid: str | None = "119") -> UUID:
    """A published invoice, on which money has come."""
    invoice = await stage.published()
    if paid is not None:
        await pay(stage.sevdesk, await stage.there(invoice), paid)
    return invoice


async def credit(stage: Stage, invoice: UUID, positions: str = HALF, **payload: Any) -> Any:
    """The row of the job that credits a part of it."""
    return await stage.billing.do("credit_invoice", invoice_id=invoice, reason="Mangel", positions=positions, **payload)


@provokes("credit_note_not_for_advance", type="AR")
async def advance_that_was_paid(stage: Stage) -> Any:
    invoice = await invoiced(stage)
    stage.sevdesk.sandbox.account.invoices[int(await stage.there(invoice))].type = "AR"
    return await credit(stage, invoice)


@provokes("credit_note_needs_payment")
async def nothing_came(stage: Stage) -> Any:
    return await credit(stage, await invoiced(stage, None))


@provokes("credit_position_unknown", position="9", known="1")
async def position_that_is_not_there(stage: Stage) -> Any:
    return await credit(stage, await invoiced(stage), '[{"position": 9}]')


@provokes("credit_not_positive", currency="EUR")
async def a_thousandth_of_a_cent(stage: Stage) -> Any:
    return await credit(stage, await invoiced(stage), '[{"position": 1, "quantity": "1", "unit_price": "0.0001"}]')


@provokes("credit_exceeds_invoice", rates="19%", currency="EUR")
async def more_than_was_invoiced(stage: Stage) -> Any:
    return await credit(stage, await invoiced(stage), '[{"position": 1, "quantity": "5"}]')


@provokes("credit_note_sums_differ", currency="EUR")
async def cent_too_much(stage: Stage) -> Any:
    invoice = await invoiced(stage)
    await control(stage.sevdesk, "PUT", "switches", {"cent_off": True})
    return await credit(stage, invoice)


@provokes("credit_note_number_taken", credit_note="GU-1000")
async def number_of_a_finished_one(stage: Stage) -> Any:
    """sevDesk's own draft has it, and a new draft would be given the same one."""
    await credit(stage, await invoiced(stage))
    account = stage.sevdesk.sandbox.account
    account.next_credit_note -= 1
    return await stage.billing.do("cancel_invoice", invoice_id=await invoiced(stage), reason="Doppelt", refund=True)


@provokes("credit_note_number_busy", credit_note="GU-1000")
async def number_of_one_being_finished(stage: Stage) -> Any:
    """Another job has claimed the number; sevDesk gives it to this invoice's credit note as well."""
    await credit(stage, await invoiced(stage))
    await stage.billing.db.execute("""
        UPDATE sevdesk_intents SET subject = 'invoice:another', closed_at = NULL, outcome = NULL
        WHERE action = 'finalize_credit_note';
        UPDATE sevdesk_credit_notes SET credit_note_number = NULL
    """)
    account = stage.sevdesk.sandbox.account
    account.credit_notes.clear()
    account.next_credit_note -= 1
    asked = await stage.billing.enqueue(
        "cancel_invoice", invoice_id=await invoiced(stage), reason="Doppelt", refund=True
    )
    return await stage.seen(asked, "credit_note_number_busy")


@provokes("partly_credited", credited="59.50", currency="EUR")
async def cancelled_after_a_part(stage: Stage) -> Any:
    invoice = await invoiced(stage)
    assert (await credit(stage, invoice))["state"] == "done"
    return await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt", refund=True)


@provokes("credit_note_refused", operation=SAVE)
async def sevdesk_counts_otherwise(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "status", SAVE, status=422, body=refusal(code=455))
    return await credit(stage, await invoiced(stage))


@provokes("credit_note_gone")
async def credit_note_deleted_before_its_mail(stage: Stage) -> Any:
    invoice = await invoiced(stage)
    await order_fault(stage.sevdesk, "drop_before", "POST /CreditNote/*/sendViaEmail")
    about = {"invoice_id": invoice, "reason": "Mangel", "positions": HALF, "notify": True}
    job_id = await stage.lost("credit_invoice", **about)
    stage.sevdesk.sandbox.account.credit_notes.clear()
    await stage.hasten(job_id)
    await stage.seen(job_id, "mail_outcome_unknown")
    return await stage.answered(job_id, "not-done", "credit_note_gone")
