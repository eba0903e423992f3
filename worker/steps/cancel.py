"""cancel: nothing of the invoice is owed any more, and sevDesk says so too.

Never in sevDesk: cancelled here alone. A draft: deleted. Open: sevDesk writes the cancellation invoice (SR). Paid:
sevDesk answers with a credit note draft, which a person must finish (one report). Partly paid: sevDesk refuses.
"""

from contextlib import suppress
from decimal import Decimal

from sevdesk_client.errors import FilterIgnored, NotFound, Refused
from sevdesk_client.models import CreditNote
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import Cancelled, CreditNoteDrafted, DraftDeleted
from worker.domain.invoice import Cancellation, DocumentStatus, SyncStatus
from worker.domain.jobs import CancelInvoice
from worker.domain.outcome import Parked, Rejected
from worker.steps.account import Desk
from worker.steps.finalize import finalized
from worker.steps.payments import CANCELLATION, CREDIT_NOTE, cancellation_of, cancellations
from worker.steps.step import DRAFT, DRAFT_WRITES, Answer, Case, Fate, Intent, OpenIntent, Step, Told, became

# sevDesk's own numbers (measured).
CREDIT_NOTE_EXISTS, PARTLY_PAID, ALREADY_CANCELLED = 170, 390, 421


async def look(case: Case, desk: Desk) -> Answer:
    """What stands in sevDesk decides; asked by marker, one call shows the invoice and what cancels it."""
    if case.handback.sync_status is SyncStatus.CANCELLED:
        return Told()  # a payment sync has found our own cancellation before us
    there, against = await _find(case, desk)
    fate = became(case.open_intent, there, cancelled=against is not None)
    if there is None:
        how = "was never in sevDesk" if case.handback.external_id is None else "is no longer in sevDesk"
        return Told((_cancelled(case, desk, how),), None, heard=True, fate=fate)
    if there.status != DRAFT and _unheard(case):
        return Told((finalized(there, "found finalized"),), there, heard=True, finished=False, fate=fate)
    if against is not None:
        found = _cancelled(case, desk, "found cancelled", cancellation_of(against))
        return Told((found,), there, heard=True, stop=_to_pay_back(case, against, case.open_intent), fate=fate)
    if there.status == DRAFT:
        return Intent("delete_draft", there.id, case, earlier=fate)
    if (note := await _credit_note_against(case, there, desk)) is not None:
        return _credited(case, note, became(case.open_intent, there, cancelled=True))
    if there.paid_amount > 0 and there.pay_date is None:
        return Told(stop=_partly_paid(case), fate=fate)
    return Intent("cancel_invoice", there.id, case, {"paid": str(there.paid_amount)}, fate)


async def _find(case: Case, desk: Desk) -> tuple[SevInvoice | None, SevInvoice | None]:
    """Our invoice and the SR against it. Without any earlier attempt there is nothing to look for."""
    external_id = case.handback.external_id
    if external_id is None and not case.attempted:
        return None, None
    hits = await desk.client.find_invoices(case.invoice.number)
    against = cancellations(hits)
    marked = [hit for hit in hits if hit.invoice_type != CANCELLATION]
    there = next((hit for hit in marked if hit.id == external_id), None)
    if there is None and external_id is not None:
        with suppress(NotFound):  # deleted by hand: an attempt to save it afresh may have left another
            there = await desk.client.get_invoice(external_id)
    there = there or next(iter(marked), None)
    return there, against.get(there.id) if there else None


async def _credit_note_against(case: Case, there: SevInvoice, desk: Desk) -> CreditNote | None:
    """The credit note on record, if sevDesk still has it, or one that we may never have heard of."""
    if case.cancellation is not None and case.cancellation.kind == CREDIT_NOTE:
        with suppress(NotFound):
            return await desk.client.get_credit_note(case.cancellation.external_id)
    if there.pay_date is None and there.paid_amount == 0 and case.open_intent is None:
        return None
    return await _by_origin(there, desk)


async def _by_origin(there: SevInvoice, desk: Desk) -> CreditNote | None:
    with suppress(FilterIgnored):  # not proved to work; but sevDesk itself refuses a second one (measured by two)
        return next(iter(await desk.client.find_credit_notes(there.id)), None)
    return None


def _credited(case: Case, made: CreditNote, fate: Fate) -> Told:
    """A credit note stands against the invoice: on record from now on, and waiting for a person while it is a draft."""
    note = _credit_note(made)
    events = () if note == case.cancellation else (CreditNoteDrafted(reason=_reason(case), cancellation=note),)
    return Told(events, stop=_credit_note_waits(note) if made.status == DRAFT else _stands(case, note), fate=fate)


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
        return _credited(case, made, Fate.DONE)
    event = _cancelled(case, desk, "cancellation invoice", cancellation_of(made))
    if made.sum_gross + case.invoice.gross_amount != 0:
        return Told((event,), stop=_not_the_negative(case, made))
    return Told((event,), stop=_to_pay_back(case, made, intent))


async def _refused(case: Case, desk: Desk, error: Refused) -> Told:
    """Refusals that only say that somebody was faster."""
    match error.code:
        case code if code == PARTLY_PAID:
            return Told(stop=_partly_paid(case), fate=Fate.NOT_DONE)
        case code if code == CREDIT_NOTE_EXISTS:
            there, _ = await _find(case, desk)
            if there is not None and (note := await _by_origin(there, desk)) is not None:
                return _credited(case, note, Fate.NOT_DONE)
            return Told(
                stop=Parked(
                    f"A credit note exists for invoice {case.invoice.number} in sevDesk, so it is not cancelled.",
                    "Finish or delete the credit note in sevDesk, then retry.",
                ),
                fate=Fate.NOT_DONE,
            )
        case code if code == ALREADY_CANCELLED:
            there, against = await _find(case, desk)
            if against is not None:
                found = _cancelled(case, desk, "found cancelled", cancellation_of(against))
                return Told((found,), there, heard=True, fate=Fate.NOT_DONE)
    raise error


def _cancelled(case: Case, desk: Desk, how: str, cancellation: Cancellation | None = None) -> Cancelled:
    return Cancelled(how=how, reason=_reason(case), at=desk.now(), cancellation=cancellation)


def _reason(case: Case) -> str:
    asked = case.payload
    assert isinstance(asked, CancelInvoice)
    return asked.reason


def _credit_note(made: CreditNote) -> Cancellation:
    return Cancellation(
        kind=CREDIT_NOTE,
        external_id=made.id,
        number=made.credit_note_number,
        net=made.sum_net,
        tax=made.sum_tax,
        gross=made.sum_gross,
    )


def _credit_note_waits(note: Cancellation) -> Parked:
    return Parked(
        f"Of a paid invoice sevDesk made the credit note draft {note.external_id} instead of a cancellation.",
        "Finish the credit note in sevDesk and pay the money back; the invoice itself stays as it is. "
        "Or delete the draft there, unlink the payment, and retry.",
    )


def _stands(case: Case, note: Cancellation) -> Rejected:
    """A person has finished it; there is no going back."""
    return Rejected(
        f"The credit note {note.number or note.external_id} stands against invoice {case.invoice.number} in sevDesk, "
        "so there is nothing left to cancel."
    )


def _partly_paid(case: Case) -> Parked:
    return Parked(
        f"Invoice {case.invoice.number} is partly paid; sevDesk does not cancel it.",
        "Book a credit note in sevDesk by hand, or unlink the payment there and retry.",
    )


def _to_pay_back(case: Case, storno: SevInvoice, asked: Intent | OpenIntent | None) -> Parked | None:
    """What had been paid when the cancellation was asked for is owed to the customer."""
    paid = Decimal(asked.summary.get("paid", 0)) if asked is not None else case.handback.paid_amount
    if paid == 0:
        return None
    return Parked(
        f"Invoice {case.invoice.number} is cancelled by {storno.invoice_number}, and {paid} {case.invoice.currency} "
        "had been paid on it.",
        "Pay the money back or set it off in sevDesk, then retry: the rest of the job goes on.",
    )


def _not_the_negative(case: Case, made: SevInvoice) -> Parked:
    return Parked(
        f"sevDesk's cancellation {made.invoice_number} is over {made.sum_gross} {made.currency}; "
        f"the invoice was over {case.invoice.gross_amount} {case.invoice.currency}.",
        "Compare both documents in sevDesk and correct the difference by a credit note there.",
    )


def _settled(case: Case) -> bool:
    return case.handback.sync_status is SyncStatus.CANCELLED and case.open_intent is None


CANCEL = Step("cancel", look, leap, settled=_settled, resolves=("publish", *DRAFT_WRITES))
