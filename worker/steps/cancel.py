"""cancel: the invoice is cancelled in the billing system and in sevDesk.

Not in sevDesk: cancelled in the billing system only. A draft: deleted. Open: sevDesk writes the cancellation invoice
(SR). Paid: sevDesk makes a credit note draft, which a person must finish (one report). Partly paid: sevDesk refuses.
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
from worker.domain.problems import problem
from worker.steps.finalize import finalized
from worker.steps.payments import CREDIT_NOTE, DERIVED, DRAFT, cancellation_of, cancellations
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import (
    DRAFT_WRITES,
    Intent,
    LookResult,
    OpenIntent,
    Step,
    StepContext,
    StepResult,
    WriteOutcome,
    write_outcome,
)

# sevDesk's error numbers (measured).
CREDIT_NOTE_EXISTS, PARTLY_PAID, ALREADY_CANCELLED = 170, 390, 421


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Decide by what sevDesk has: nothing, a draft, a finalized invoice, or one that is already cancelled."""
    if context.handback.sync_status is SyncStatus.CANCELLED:
        return StepResult()  # a payment sync has recorded our cancellation before this look
    remote, storno = await _find(context, account)
    outcome = write_outcome(context.open_intent, remote, cancelled=storno is not None)
    if remote is None:
        how = "was never in sevDesk" if context.handback.external_id is None else "is no longer in sevDesk"
        return StepResult((_cancelled(context, account, how),), None, outcome=outcome)
    if remote.status != DRAFT and _number_unrecorded(context):
        return StepResult((finalized(remote, "found finalized"),), remote, finished=False, outcome=outcome)
    if storno is not None:
        found = _cancelled(context, account, "found cancelled", cancellation_of(storno))
        return StepResult((found,), remote, _refund_due(context, storno, context.open_intent), outcome=outcome)
    if remote.status == DRAFT:
        return Intent("delete_draft", remote.id, context, earlier_outcome=outcome)
    if (note := await _credit_note_for(context, remote, account)) is not None:
        return _credit_note_result(context, note, write_outcome(context.open_intent, remote, cancelled=True))
    if remote.paid_amount > 0 and remote.pay_date is None:
        return StepResult(stop=_partly_paid(context), outcome=outcome)
    return Intent("cancel_invoice", remote.id, context, {"paid": str(remote.paid_amount)}, outcome)


async def _find(context: StepContext, account: SevdeskAccount) -> tuple[SevInvoice | None, SevInvoice | None]:
    """The invoice in sevDesk and the SR that cancels it, both found by the marker in one call."""
    external_id = context.handback.external_id
    if external_id is None and not context.attempted:
        return None, None
    hits = await account.client.find_invoices(context.invoice.number)
    marked = [hit for hit in hits if hit.invoice_type not in DERIVED]
    remote = next((hit for hit in marked if hit.id == external_id), None)
    if remote is None and external_id is not None:
        with suppress(NotFound):  # deleted by hand; an attempt to save it again may have left another copy
            remote = await account.client.get_invoice(external_id)
    remote = remote or next(iter(marked), None)
    return remote, cancellations(hits).get(remote.id) if remote else None


async def _credit_note_for(context: StepContext, remote: SevInvoice, account: SevdeskAccount) -> CreditNote | None:
    """The recorded credit note if sevDesk still has it; else one that an earlier attempt may have made."""
    if context.cancellation is not None and context.cancellation.kind == CREDIT_NOTE:
        with suppress(NotFound):
            return await account.client.get_credit_note(context.cancellation.external_id)
    if remote.pay_date is None and remote.paid_amount == 0 and context.open_intent is None:
        return None
    return await _credit_note_by_origin(remote, account)


async def _credit_note_by_origin(remote: SevInvoice, account: SevdeskAccount) -> CreditNote | None:
    with suppress(FilterIgnored):  # not proved to work; but sevDesk itself refuses a second one (measured by two)
        return next(iter(await account.client.find_credit_notes(remote.id)), None)
    return None


def _credit_note_result(context: StepContext, made: CreditNote, outcome: WriteOutcome) -> StepResult:
    """Record the credit note. A draft waits for a person; a finished one cannot be undone, so the job is rejected."""
    note = cancellation_of(made)
    events = () if note == context.cancellation else (CreditNoteDrafted(reason=_reason(context), cancellation=note),)
    if made.status == DRAFT:
        stop: Parked | Rejected = Parked(problem("credit_note_draft", credit_note_id=note.external_id))
    else:
        name = note.number or note.external_id
        stop = Rejected(problem("credit_note_stands", credit_note=name, number=context.invoice.number))
    return StepResult(events, stop=stop, outcome=outcome)


def _number_unrecorded(context: StepContext) -> bool:
    """sevDesk finalized the invoice but its answer was lost: the number is recorded before the cancellation."""
    unfinished = context.handback.sync_status is not SyncStatus.SYNCED
    return unfinished and context.handback.document_status in (DocumentStatus.APPROVED, DocumentStatus.SENT)


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """DELETE the draft, or POST cancelInvoice."""
    context = intent.context
    if intent.action == "delete_draft":
        await account.client.delete_draft(intent.request)
        deleted = DraftDeleted(external_id=intent.request, cause="The invoice is cancelled.")
        return StepResult((deleted, _cancelled(context, account, "draft deleted")), None)
    try:
        made = await account.client.cancel_invoice(intent.request)
    except Refused as error:
        return await _refused(context, account, error)
    if isinstance(made, CreditNote):
        return _credit_note_result(context, made, WriteOutcome.DONE)
    event, invoice = _cancelled(context, account, "cancellation invoice", cancellation_of(made)), context.invoice
    if made.sum_gross + invoice.gross_amount == 0:
        return StepResult((event,), stop=_refund_due(context, made, intent))
    found = {"cancellation": made.invoice_number, "gross": made.sum_gross, "currency": made.currency}
    stated = {"stated_gross": invoice.gross_amount, "stated_currency": invoice.currency}
    return StepResult((event,), stop=Parked(problem("cancellation_sum_differs", **found, **stated)))


async def _refused(context: StepContext, account: SevdeskAccount, error: Refused) -> StepResult:
    """The invoice is partly paid, or somebody cancelled it since the look. Raises any other refusal."""
    if error.code == PARTLY_PAID:
        return StepResult(stop=_partly_paid(context), outcome=WriteOutcome.NOT_DONE)
    if error.code not in (CREDIT_NOTE_EXISTS, ALREADY_CANCELLED):
        raise error
    remote, storno = await _find(context, account)
    if error.code == CREDIT_NOTE_EXISTS:
        if remote is not None and (note := await _credit_note_by_origin(remote, account)) is not None:
            return _credit_note_result(context, note, WriteOutcome.NOT_DONE)
        exists = Parked(problem("credit_note_exists", number=context.invoice.number))
        return StepResult(stop=exists, outcome=WriteOutcome.NOT_DONE)
    if storno is None:
        raise error
    found = _cancelled(context, account, "found cancelled", cancellation_of(storno))
    return StepResult((found,), remote, outcome=WriteOutcome.NOT_DONE)


def _cancelled(
    context: StepContext, account: SevdeskAccount, how: str, cancellation: Cancellation | None = None
) -> Cancelled:
    return Cancelled(how=how, reason=_reason(context), at=account.now(), cancellation=cancellation)


def _reason(context: StepContext) -> str:
    payload = context.payload
    assert isinstance(payload, CancelInvoice)
    return payload.reason


def _partly_paid(context: StepContext) -> Parked:
    return Parked(problem("partly_paid", number=context.invoice.number))


def _refund_due(context: StepContext, storno: SevInvoice, intent: Intent | OpenIntent | None) -> Parked | None:
    """What was paid before the cancellation (as noted in the intent, if there is one) must be paid back."""
    paid = Decimal(intent.summary.get("paid", 0)) if intent is not None else context.handback.paid_amount
    if paid == 0:
        return None
    about = {"number": context.invoice.number, "cancellation": storno.invoice_number}
    return Parked(problem("refund_due", paid=paid, currency=context.invoice.currency, **about))


def _already_done(context: StepContext) -> bool:
    return context.handback.sync_status is SyncStatus.CANCELLED and context.open_intent is None


CANCEL = Step("cancel", look, leap, already_done=_already_done, also_resolves=("publish", *DRAFT_WRITES))
