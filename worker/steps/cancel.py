"""cancel: nothing of the invoice is owed any more, and sevDesk says so too.

Never in sevDesk: cancelled here alone. A draft: deleted. Open: sevDesk writes the cancellation invoice (SR). Paid:
sevDesk answers with a credit note draft, which a person must finish (one report). Partly paid: sevDesk refuses.
"""

from contextlib import suppress

from sevdesk_client.errors import NotFound, Refused
from sevdesk_client.models import CreditNote
from sevdesk_client.models import Invoice as SevInvoice
from worker.invoice import Cancellation, DocumentStatus, SyncStatus
from worker.jobs import CancelInvoice
from worker.lifecycle import Cancelled, CreditNoteDrafted, DraftDeleted
from worker.outcome import Parked
from worker.steps.desk import Desk
from worker.steps.finalize import finalized
from worker.steps.payments import cancellation_of, cancellations
from worker.steps.step import Answer, Case, Intent, Step, Told

DRAFT, OPEN = 100, 200
# sevDesk's own numbers (measured).
CREDIT_NOTE_EXISTS, PARTLY_PAID, ALREADY_CANCELLED = 170, 390, 421


async def look(case: Case, desk: Desk) -> Answer:
    """What stands in sevDesk decides; asked by marker, one call shows the invoice and what cancels it."""
    if case.handback.sync_status is SyncStatus.CANCELLED:
        return Told()  # a payment sync has found our own cancellation before us
    if case.cancellation is not None:
        return Told(stop=_credit_note_waits(case.cancellation))
    there, against = await _find(case, desk)
    if there is None:
        how = "was never in sevDesk" if case.handback.external_id is None else "is no longer in sevDesk"
        return Told((_cancelled(case, desk, how),), None, heard=True)
    if there.status != DRAFT and _unheard(case):
        return Told((finalized(there, "found finalized"),), there, heard=True, finished=False)
    if against is not None:
        return Told((_cancelled(case, desk, "found cancelled", cancellation_of(against)),), there, heard=True)
    if there.status == DRAFT:
        return Intent("delete_draft", there.id, case)
    if there.paid_amount > 0 and there.pay_date is None:
        return Told(stop=_partly_paid(case))
    return Intent("cancel_invoice", there.id, case, {"gross": str(there.sum_gross)})


async def _find(case: Case, desk: Desk) -> tuple[SevInvoice | None, SevInvoice | None]:
    """Our invoice and the SR against it. Without any earlier attempt there is nothing to look for."""
    external_id = case.handback.external_id
    if external_id is None and not case.attempted:
        return None, None
    hits = await desk.client.find_invoices(case.invoice.number)
    against = cancellations(hits)
    marked = [hit for hit in hits if hit.invoice_type != "SR"]
    there = next((hit for hit in marked if hit.id == external_id), None)
    if there is None and external_id is not None:
        with suppress(NotFound):  # deleted by hand: an attempt to save it afresh may have left another
            there = await desk.client.get_invoice(external_id)
    there = there or next(iter(marked), None)
    return there, against.get(there.id) if there else None


def _unheard(case: Case) -> bool:
    """sevDesk drew a number, and its answer was lost: the books need to know it before they cancel it."""
    unfinished = case.handback.sync_status is not SyncStatus.SYNCED
    return unfinished and case.handback.document_status in (DocumentStatus.APPROVED, DocumentStatus.SENT)


async def leap(intent: Intent, desk: Desk) -> Told:
    """DELETE the draft, or POST cancelInvoice."""
    case = intent.case
    if intent.action == "delete_draft":
        await desk.client.delete_draft(intent.request)
        deleted = DraftDeleted(external_id=intent.request, cause="The invoice is cancelled.")
        return Told((deleted, _cancelled(case, desk, "draft deleted")), None, heard=True)
    try:
        made = await desk.client.cancel_invoice(intent.request)
    except Refused as error:
        return await _refused(case, desk, error)
    if isinstance(made, CreditNote):
        note = _credit_note(made)
        event = CreditNoteDrafted(reason=_reason(case), cancellation=note)
        return Told((event,), stop=_credit_note_waits(note))
    event_ = _cancelled(case, desk, "cancellation invoice", cancellation_of(made))
    if made.sum_gross + case.invoice.gross_amount != 0:
        return Told((event_,), stop=_not_the_negative(case, made))
    return Told((event_,))


async def _refused(case: Case, desk: Desk, error: Refused) -> Told:
    """Refusals that only say that somebody was faster."""
    match error.code:
        case code if code == PARTLY_PAID:
            return Told(stop=_partly_paid(case))
        case code if code == CREDIT_NOTE_EXISTS:
            return Told(
                stop=Parked(
                    f"A credit note exists for invoice {case.invoice.number} in sevDesk, so it is not cancelled.",
                    "Finish or delete the credit note in sevDesk, then retry.",
                )
            )
        case code if code == ALREADY_CANCELLED:
            there, against = await _find(case, desk)
            if against is not None:
                return Told((_cancelled(case, desk, "found cancelled", cancellation_of(against)),), there, heard=True)
    raise error


def _cancelled(case: Case, desk: Desk, how: str, cancellation: Cancellation | None = None) -> Cancelled:
    return Cancelled(how=how, reason=_reason(case), at=desk.now(), cancellation=cancellation)


def _reason(case: Case) -> str:
    asked = case.payload
    assert isinstance(asked, CancelInvoice)
    return asked.reason


def _credit_note(made: CreditNote) -> Cancellation:
    return Cancellation(
        kind="credit_note",
        external_id=made.id,
        number=made.credit_note_number,
        net=made.sum_net,
        tax=made.sum_tax,
        gross=made.sum_gross,
    )


def _credit_note_waits(note: Cancellation) -> Parked:
    return Parked(
        f"The invoice is paid, so sevDesk made the credit note draft {note.external_id} instead of a cancellation.",
        "Finish the credit note in sevDesk and pay the money back; the invoice itself stays as it is.",
    )


def _partly_paid(case: Case) -> Parked:
    return Parked(
        f"Invoice {case.invoice.number} is partly paid; sevDesk does not cancel it.",
        "Book a credit note in sevDesk by hand, or unlink the payment there and retry.",
    )


def _not_the_negative(case: Case, made: SevInvoice) -> Parked:
    return Parked(
        f"sevDesk's cancellation {made.invoice_number} is over {made.sum_gross} {made.currency}; "
        f"the invoice was over {case.invoice.gross_amount} {case.invoice.currency}.",
        "Compare both documents in sevDesk and correct the difference by a credit note there.",
    )


def _settled(case: Case) -> bool:
    return case.handback.sync_status is SyncStatus.CANCELLED and case.open_intent is None


CANCEL = Step("cancel", look, leap, settled=_settled, resolves=("publish", "template", "finalize"))
