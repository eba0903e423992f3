"""What keeps an invoice from being cancelled, or remains to be done after it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from flow.books import control, order_fault, pay, state
from flow.provocations.publishing import MAIL
from flow.provocations.table import provokes, refusal
from flow.stage import Stage

CANCEL = "POST /Invoice/*/cancelInvoice"


async def cancel(stage: Stage, paid: str | None = None) -> Any:
    """The row of the job that cancels a published invoice."""
    invoice = await stage.published()
    if paid is not None:
        await pay(stage.sevdesk, await stage.there(invoice), paid)
    return await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt")


@provokes("credit_note_exists")
async def credit_note_that_is_not_found(stage: Stage) -> Any:
    await order_fault(stage.sevdesk, "status", CANCEL, status=422, body=refusal(code=170))
    return await cancel(stage)


@provokes("credit_note_draft")
async def paid_already(stage: Stage) -> Any:
    return await cancel(stage, paid="119")


@provokes("credit_note_stands")
async def credit_note_finished_there(stage: Stage) -> Any:
    job = await cancel(stage, paid="119")
    [note] = stage.sevdesk.sandbox.account.credit_notes.values()
    note.status = 1000
    return await stage.answered(job["job_id"], None, "credit_note_stands")


@provokes("partly_paid")
async def paid_in_part(stage: Stage) -> Any:
    return await cancel(stage, paid="50")


@provokes("refund_due", paid="119", currency="EUR")
async def money_to_give_back(stage: Stage) -> Any:
    await control(stage.sevdesk, "PUT", "switches", {"cancel_paid": "storno"})
    return await cancel(stage, paid="119")


@provokes("cancellation_sum_differs", gross="-120", stated_gross="119.00", currency="EUR", stated_currency="EUR")
async def sums_changed_in_sevdesk(stage: Stage) -> Any:
    invoice = await stage.published()
    document = stage.sevdesk.sandbox.account.invoices[int(await stage.there(invoice))]
    document.fields = replace(document.fields, sums=replace(document.fields.sums, gross=Decimal(120)))
    return await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt")


@provokes("cancellation_gone")
async def cancellation_deleted_before_its_mail(stage: Stage) -> Any:
    invoice = await stage.published()
    await order_fault(stage.sevdesk, "drop_before", MAIL)
    job_id = await stage.lost("cancel_invoice", invoice_id=invoice, reason="Doppelt", notify=True)
    storno = next(each for each in (await state(stage.sevdesk))["invoices"] if each["invoiceType"] == "SR")
    await control(stage.sevdesk, "POST", "delete", {"invoice_id": storno["id"]})
    await stage.hasten(job_id)
    await stage.seen(job_id, "mail_outcome_unknown")
    return await stage.answered(job_id, "not-done", "cancellation_gone")
