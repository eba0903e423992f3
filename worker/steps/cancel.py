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
from worker.domain.problems import problem
from worker.steps.account import SevdeskAccount
from worker.steps.finalize import finalized
from worker.steps.payments import CANCELLATION, CREDIT_NOTE, DRAFT, cancellation_of, cancellations
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

# sevDesk's own numbers (measured).
CREDIT_NOTE_EXISTS, PARTLY_PAID, ALREADY_CANCELLED = 170, 390, 421


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """What stands in sevDesk decides; asked by marker, one call shows the invoice and what cancels it."""
    if context.handback.sync_status is SyncStatus.CANCELLED:
        return StepResult()  # a payment sync has found our own cancellation before us
    remote, against = await _find(context, account)
    outcome = write_outcome(context.open_intent, remote, cancelled=against is not None)
    if remote is None:
        how = "was never in sevDesk" if context.handback.external_id is None else "is no longer in sevDesk"
        return StepResult((_cancelled(context, account, how),), None, outcome=outcome)
    if remote.status != DRAFT and _unheard(context):
        return StepResult(
            (finalized(remote, "found finalized"),),
            remote,
            finished=False,
            outcome=outcome,
        )
    if against is not None:
        found = _cancelled(context, account, "found cancelled", cancellation_of(against))
        return StepResult(
            (found,),
            remote,
            stop=_refund_due(context, against, context.open_intent),
            outcome=outcome,
        )
    if remote.status == DRAFT:
        return Intent("delete_draft", remote.id, context, earlier_outcome=outcome)
    if (note := await _credit_note_against(context, remote, account)) is not None:
        return _credited(context, note, write_outcome(context.open_intent, remote, cancelled=True))
    if remote.paid_amount > 0 and remote.pay_date is None:
        return StepResult(stop=_partly_paid(context), outcome=outcome)
    return Intent("cancel_invoice", remote.id, context, {"paid": str(remote.paid_amount)}, outcome)


async def _find(context: StepContext, account: SevdeskAccount) -> tuple[SevInvoice | None, SevInvoice | None]:
    """Our invoice and the SR against it. Without any earlier attempt there is nothing to look for."""
    external_id = context.handback.external_id
    if external_id is None and not context.attempted:
        return None, None
    hits = await account.client.find_invoices(context.invoice.number)
    against = cancellations(hits)
    marked = [hit for hit in hits if hit.invoice_type != CANCELLATION]
    remote = next((hit for hit in marked if hit.id == external_id), None)
    if remote is None and external_id is not None:
        with suppress(NotFound):  # deleted by hand: an attempt to save it afresh may have left another
            remote = await account.client.get_invoice(external_id)
    remote = remote or next(iter(marked), None)
    return remote, against.get(remote.id) if remote else None


async def _credit_note_against(context: StepContext, remote: SevInvoice, account: SevdeskAccount) -> CreditNote | None:
    """The credit note on record, if sevDesk still has it, or one that we may never have heard of."""
    if context.cancellation is not None and context.cancellation.kind == CREDIT_NOTE:
        with suppress(NotFound):
            return await account.client.get_credit_note(context.cancellation.external_id)
    if remote.pay_date is None and remote.paid_amount == 0 and context.open_intent is None:
        return None
    return await _by_origin(remote, account)


async def _by_origin(remote: SevInvoice, account: SevdeskAccount) -> CreditNote | None:
    with suppress(FilterIgnored):  # not proved to work; but sevDesk itself refuses a second one (measured by two)
        return next(iter(await account.client.find_credit_notes(remote.id)), None)
    return None


def _credited(context: StepContext, made: CreditNote, outcome: WriteOutcome) -> StepResult:
    """A credit note stands against the invoice: on record from now on, and waiting for a person while it is a draft."""
    note = _credit_note(made)
    events = () if note == context.cancellation else (CreditNoteDrafted(reason=_reason(context), cancellation=note),)
    return StepResult(
        events,
        stop=Parked(problem("credit_note_draft", credit_note_id=note.external_id))
        if made.status == DRAFT
        else _stands(context, note),
        outcome=outcome,
    )


def _unheard(context: StepContext) -> bool:
    """sevDesk drew a number, and its answer was lost: the books need to know it before they cancel it."""
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
        return _credited(context, made, WriteOutcome.DONE)
    event = _cancelled(context, account, "cancellation invoice", cancellation_of(made))
    if made.sum_gross + context.invoice.gross_amount != 0:
        return StepResult((event,), stop=_not_the_negative(context, made))
    return StepResult((event,), stop=_refund_due(context, made, intent))


async def _refused(context: StepContext, account: SevdeskAccount, error: Refused) -> StepResult:
    """Refusals that only say that somebody was faster."""
    match error.code:
        case code if code == PARTLY_PAID:
            return StepResult(stop=_partly_paid(context), outcome=WriteOutcome.NOT_DONE)
        case code if code == CREDIT_NOTE_EXISTS:
            remote, _ = await _find(context, account)
            if remote is not None and (note := await _by_origin(remote, account)) is not None:
                return _credited(context, note, WriteOutcome.NOT_DONE)
            return StepResult(
                stop=Parked(problem("credit_note_exists", number=context.invoice.number)),
                outcome=WriteOutcome.NOT_DONE,
            )
        case code if code == ALREADY_CANCELLED:
            remote, against = await _find(context, account)
            if against is not None:
                found = _cancelled(context, account, "found cancelled", cancellation_of(against))
                return StepResult((found,), remote, outcome=WriteOutcome.NOT_DONE)
    raise error


def _cancelled(
    context: StepContext, account: SevdeskAccount, how: str, cancellation: Cancellation | None = None
) -> Cancelled:
    return Cancelled(how=how, reason=_reason(context), at=account.now(), cancellation=cancellation)


def _reason(context: StepContext) -> str:
    asked = context.payload
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


def _stands(context: StepContext, note: Cancellation) -> Rejected:
    """A person has finished the credit note, which cannot be undone."""
    about = {"credit_note": note.number or note.external_id, "number": context.invoice.number}
    return Rejected(problem("credit_note_stands", **about))


def _partly_paid(context: StepContext) -> Parked:
    return Parked(problem("partly_paid", number=context.invoice.number))


def _refund_due(context: StepContext, storno: SevInvoice, asked: Intent | OpenIntent | None) -> Parked | None:
    """What had been paid when the cancellation was asked for is owed to the customer."""
    paid = Decimal(asked.summary.get("paid", 0)) if asked is not None else context.handback.paid_amount
    if paid == 0:
        return None
    invoice = context.invoice
    about = {"number": invoice.number, "cancellation": storno.invoice_number}
    return Parked(problem("refund_due", paid=paid, currency=invoice.currency, **about))


def _not_the_negative(context: StepContext, made: SevInvoice) -> Parked:
    there = {"cancellation": made.invoice_number, "gross": made.sum_gross, "currency": made.currency}
    here = {"stated_gross": context.invoice.gross_amount, "stated_currency": context.invoice.currency}
    return Parked(problem("cancellation_sum_differs", **there, **here))


def _settled(context: StepContext) -> bool:
    return context.handback.sync_status is SyncStatus.CANCELLED and context.open_intent is None


CANCEL = Step("cancel", look, leap, already_done=_settled, also_resolves=("publish", *DRAFT_WRITES))
