"""cancel: the invoice is cancelled in the billing system and in sevDesk.

Not in sevDesk: cancelled in the billing system only. A draft: deleted. Open: sevDesk writes the cancellation invoice
(SR). Paid: sevDesk makes a credit note draft (one report). Partly paid: sevDesk refuses (measured), but makes one when
asked for that (official). With `refund` the credit note is finished and cancels the invoice; else a person decides.
"""

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from sevdesk_client.errors import FilterIgnored, NotFound, Refused
from sevdesk_client.models import CreditNote
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import Cancelled, CancelledHow, CreditNoteDrafted, DraftDeleted
from worker.domain.invoice import Cancellation, DocumentStatus, SyncStatus
from worker.domain.outcome import Parked, Rejected
from worker.domain.payloads import CancelInvoice
from worker.domain.problems import problem
from worker.steps import credit_note
from worker.steps.credit_note import money_come, none_for_advances
from worker.steps.credit_number import is_taken, why_not_renumbered
from worker.steps.document import addressed_otherwise, currency_of, gross_of, sums_of
from worker.steps.finalize import SEND_TYPE, finalized, require_number
from worker.steps.missing import second_look
from worker.steps.payments import CREDIT_NOTE, DERIVED, DRAFT, ZERO, cancellation_of, cancellations
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
from worker.steps.unmarked import with_unmarked

LEFT = "cancel_left_to_other"
# sevDesk's error numbers (measured).
CREDIT_NOTE_EXISTS, PARTLY_PAID, ALREADY_CANCELLED = 170, 390, 421


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Decide by what sevDesk has: nothing, a draft, a finalized invoice, or one that is already cancelled."""
    if context.handback.sync_status is SyncStatus.CANCELLED:
        return StepResult()  # a payment sync has recorded our cancellation before this look
    remote, storno = await _find(context, account)
    outcome = write_outcome(context.open_intent, remote, cancelled=storno is not None)
    if remote is None:
        if context.left_to_other and context.handback.external_id is None and LEFT not in context.confirmed:
            return StepResult(stop=Parked(problem(LEFT, number=context.invoice.number)), outcome=outcome)
        if (wait := second_look(context)) is not None:
            return wait
        how: CancelledHow = "never_in_sevdesk" if context.handback.external_id is None else "gone_from_sevdesk"
        gone = replace(_cancelled(context, how), refund_due=_paid(context, context.open_intent) or None)
        return StepResult((gone,), None, _refund_due(context, None, context.open_intent), outcome=outcome)
    if remote.status != DRAFT and _number_unrecorded(context):
        require_number(remote)
        return StepResult((finalized(remote, "found_finalized"),), remote, finished=False, outcome=outcome)
    if storno is not None:
        return _found_cancelled(context, remote, storno, context.open_intent, outcome)
    if remote.status == DRAFT:
        return Intent("delete_draft", remote.id, context, earlier_outcome=outcome)
    if (credited := await _credited_in_part(context, account)) is not None:
        return StepResult(stop=credited, outcome=outcome)
    if (note := await _credit_note_for(context, remote, account)) is not None:
        return await _look_at_note(context, remote, note, account)
    return _to_be_cancelled(context, remote, outcome)


def _to_be_cancelled(context: StepContext, remote: SevInvoice, outcome: WriteOutcome) -> LookResult:
    """The invoice stands: how it is cancelled depends on the money that has come."""
    partly = remote.paid_amount > 0 and remote.pay_date is None
    if partly and not context.asked(CancelInvoice).refund:
        return StepResult(stop=_partly_paid(context), outcome=outcome)
    paid = partly or remote.pay_date is not None
    if paid and (advance := none_for_advances(context.invoice.number, remote.invoice_type)):
        return StepResult(stop=advance, outcome=outcome)
    action = "create_credit_note" if partly else "cancel_invoice"
    return Intent(action, remote.id, context, {"paid": str(money_come(context, remote))}, outcome)


async def _credited_in_part(context: StepContext, account: SevdeskAccount) -> Parked | None:
    """sevDesk refuses to cancel an invoice that has a credit note (measured by two)."""
    notes = await credit_note.standing(context, account)
    if not notes:
        return None
    credited = f"{sum((note.gross for note in notes), ZERO):.2f}"
    about = {"number": context.invoice.number, "currency": currency_of(context)}
    return Parked(problem("partly_credited", credited=credited, **about))


async def _find(context: StepContext, account: SevdeskAccount) -> tuple[SevInvoice | None, SevInvoice | None]:
    """The invoice in sevDesk and the SR that cancels it, both found by the marker in one call if they have it."""
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
    if remote is None:
        return None, None
    return remote, (await with_unmarked(remote, cancellations(hits), account)).get(remote.id)


async def _credit_note_for(context: StepContext, remote: SevInvoice, account: SevdeskAccount) -> CreditNote | None:
    """The recorded credit note if sevDesk still has it; else one that an earlier attempt may have made."""
    if context.cancellation is not None and context.cancellation.kind == CREDIT_NOTE:
        with suppress(NotFound):
            return await account.client.get_credit_note(context.cancellation.external_id)
    if remote.pay_date is None and remote.paid_amount == 0 and context.open_intent is None:
        return None
    return await _credit_note_by_origin(remote, account)


async def _credit_note_by_origin(remote: SevInvoice, account: SevdeskAccount) -> CreditNote | None:
    """The credit note that sevDesk made of the invoice. Where it ignores the filter, all of the contact are read."""
    try:
        notes = await account.client.find_credit_notes(remote.id)
    except FilterIgnored:
        if remote.contact_id is None:
            raise
        found = await credit_note.credit_notes_of(remote.contact_id, account)
        notes = [note for note in found if note.origin is not None and note.origin.id == remote.id]
    return next(iter(notes), None)


async def _look_at_note(
    context: StepContext, remote: SevInvoice, note: CreditNote, account: SevdeskAccount
) -> LookResult:
    """With `refund`, finish the credit note over the whole invoice, or record that it is finished."""
    outcome = credit_note.write_outcome(context.open_intent, note)
    recorded = context.cancellation is not None and context.cancellation.external_id == note.id
    if not context.asked(CancelInvoice).refund or not recorded:
        return _credit_note_result(context, note, outcome)
    if (differ := _differ(context, remote, note) or addressed_otherwise(context, note)) is not None:
        return StepResult(stop=differ, outcome=outcome)
    if note.status == DRAFT:
        return await _finishing(context, remote, note, outcome, account)
    require_number(note)
    made = replace(cancellation_of(note), refund_due=money_come(context, remote))
    return StepResult((_cancelled(context, "found_credited", made),), remote, outcome=outcome)


async def _finishing(
    context: StepContext, remote: SevInvoice, note: CreditNote, outcome: WriteOutcome, account: SevdeskAccount
) -> LookResult:
    """Finish the draft; if its number is in use, delete it, so that sevDesk makes another one."""
    if await is_taken(context, note.credit_note_number, account):
        if (stop := await why_not_renumbered(context, note, account)) is not None:
            return StepResult(stop=stop, outcome=outcome)
        return Intent("delete_credit_note", note.id, context, earlier_outcome=outcome)
    summary = {"paid": str(money_come(context, remote)), "credit_note_number": note.credit_note_number}
    return Intent("finalize_credit_note", note.id, context, summary, outcome)


def _differ(context: StepContext, remote: SevInvoice, note: CreditNote) -> Parked | None:
    """The credit note is not over the whole invoice, as sevDesk has it."""
    expected, found = sums_of(remote), sums_of(note)
    if found == expected:
        return None
    about = {"number": context.invoice.number, "credit_note": note.credit_note_number or note.id}
    return Parked(problem("credit_note_sums_differ", found=found, expected=expected, currency=remote.currency, **about))


def _credit_note_result(context: StepContext, made: CreditNote, outcome: WriteOutcome) -> StepResult:
    """Record the credit note; with `refund` it is then finished.

    Otherwise a draft waits for a person; a finished one cannot be undone, so the job is rejected.
    """
    note, asked = cancellation_of(made), context.asked(CancelInvoice)
    events = () if note == context.cancellation else (CreditNoteDrafted(reason=asked.reason, cancellation=note),)
    if asked.refund:
        return StepResult(events, finished=False, outcome=outcome)
    if made.status == DRAFT:
        stop: Parked | Rejected = Parked(
            problem("credit_note_draft", number=context.invoice.number, credit_note_id=note.external_id)
        )
    else:
        name = note.number or note.external_id
        stop = Rejected(problem("credit_note_stands", credit_note=name, number=context.invoice.number))
    return StepResult(events, stop=stop, outcome=outcome)


def _number_unrecorded(context: StepContext) -> bool:
    """sevDesk finalized the invoice but its answer was lost: the number is recorded before the cancellation."""
    unfinished = context.handback.sync_status is not SyncStatus.SYNCED
    return unfinished and context.handback.document_status in (DocumentStatus.APPROVED, DocumentStatus.SENT)


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """DELETE a draft, POST cancelInvoice or createFromInvoice, or PUT sendBy of the credit note."""
    context = intent.context
    if intent.action == "delete_draft":
        await account.client.delete_draft(intent.request)
        deleted = DraftDeleted(external_id=intent.request, cause="cancelled")
        return StepResult((deleted, _cancelled(context, "draft_deleted")), None)
    if intent.action == "finalize_credit_note":
        finished = await account.client.send_credit_note_by(intent.request, send_type=SEND_TYPE)
        note = replace(cancellation_of(finished), refund_due=Decimal(intent.summary["paid"]))
        return StepResult((_cancelled(context, "credit_note", note),))
    if intent.action == "delete_credit_note":
        await account.client.delete_credit_note(intent.request)
        return StepResult(finished=False)
    partly = intent.action == "create_credit_note"
    write = account.client.credit_note_from_invoice if partly else account.client.cancel_invoice
    try:
        made: SevInvoice | CreditNote = await write(intent.request)
    except Refused as error:
        return await _refused(intent, account, error)
    if isinstance(made, CreditNote):
        return _credit_note_result(context, made, WriteOutcome.DONE)
    event = _cancelled(context, "cancellation_invoice", _storno(context, made, intent))
    if made.sum_gross + gross_of(context) == 0:
        return StepResult((event,), stop=_refund_due(context, made, intent))
    found = {"cancellation": made.invoice_number, "gross": made.sum_gross, "currency": made.currency}
    stated = {"stated_gross": gross_of(context), "stated_currency": currency_of(context)}
    return StepResult((event,), stop=Parked(problem("cancellation_sum_differs", **found, **stated)))


async def _refused(intent: Intent, account: SevdeskAccount, error: Refused) -> StepResult:
    """The invoice is partly paid, or somebody cancelled it since the look. Raises any other refusal."""
    context = intent.context
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
    return _found_cancelled(context, remote, storno, intent, WriteOutcome.NOT_DONE)


def _found_cancelled(
    context: StepContext,
    remote: SevInvoice | None,
    storno: SevInvoice,
    intent: Intent | OpenIntent | None,
    outcome: WriteOutcome,
) -> StepResult:
    """Record what somebody else, or an earlier attempt, has done."""
    require_number(storno)
    found = _cancelled(context, "found_cancelled", _storno(context, storno, intent))
    return StepResult((found,), remote, _refund_due(context, storno, intent), outcome=outcome)


def _cancelled(context: StepContext, how: CancelledHow, cancellation: Cancellation | None = None) -> Cancelled:
    reason = context.asked(CancelInvoice).reason
    return Cancelled(how=how, reason=reason, at=context.began, cancellation=cancellation)


def _partly_paid(context: StepContext) -> Parked:
    return Parked(problem("partly_paid", number=context.invoice.number))


def _refund_due(context: StepContext, storno: SevInvoice | None, intent: Intent | OpenIntent | None) -> Parked | None:
    """What was paid before the cancellation must be paid back; with `refund` the requester knows that already."""
    paid = _paid(context, intent)
    if paid == 0 or context.asked(CancelInvoice).refund:
        return None
    about = {"number": context.invoice.number, "cancellation": (storno and storno.invoice_number) or "–"}
    return Parked(problem("refund_due", paid=paid, currency=currency_of(context), **about))


def _storno(context: StepContext, storno: SevInvoice, intent: Intent | OpenIntent | None) -> Cancellation:
    return replace(cancellation_of(storno), refund_due=_paid(context, intent) or None)


def _paid(context: StepContext, intent: Intent | OpenIntent | None) -> Decimal:
    """What was paid before the cancellation, as noted in the intent, if there is one.

    Less what credit notes over parts of the invoice have said must be paid back.
    """
    paid = Decimal(intent.summary.get("paid", 0)) if intent is not None else money_come(context, None)
    return max(paid - sum((note.refund_due or ZERO for note in context.credit_notes), ZERO), ZERO)


def _already_done(context: StepContext) -> bool:
    return context.handback.sync_status is SyncStatus.CANCELLED and context.open_intent is None


CANCEL = Step("cancel", look, leap, already_done=_already_done, also_resolves=("publish", *DRAFT_WRITES))
