"""credit: a credit note over a part of an invoice, at most one for each job.

Found again by its marker (`customerInternalNote`), among the credit notes of the invoice's contact. Nothing is written
unless it can be right: positions and tax rates of the invoice's own document, never more than the invoice in all, money
has come, not an advance. What sevDesk computed must equal the prediction to the cent; else the draft is deleted.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

from sevdesk_client.bodies import address_text
from sevdesk_client.credit_note_draft import CreditNoteDraft
from sevdesk_client.errors import NotFound
from sevdesk_client.models import CreditNote, PositionDraft
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.check_levels import Level
from worker.domain.credit import (
    DELETED,
    FINALIZED,
    Credit,
    credit_of,
    credited_before,
    exceeded,
    marker_of,
    refund_due,
    refund_due_of_closed,
)
from worker.domain.event_base import CreditDeletedCause
from worker.domain.events import (
    CreditDeleted,
    Credited,
    CreditSaved,
    CreditSavedHow,
    Event,
    FinalizedHow,
    LegalWarning,
)
from worker.domain.invoice import CreditNote as CreditRecord
from worker.domain.invoice import DocumentStatus, Item, SyncStatus
from worker.domain.money import rounding_faults
from worker.domain.outcome import Parked, Rejected
from worker.domain.payloads import CreditInvoice
from worker.domain.problems import Problem, problem
from worker.steps.check import not_published
from worker.steps.credit_note import (
    by_hand,
    credit_notes_of,
    existing,
    free_number,
    money_come,
    none_for_advances,
    standing,
    write_outcome,
)
from worker.steps.credit_number import is_taken
from worker.steps.deal_check import parking, warning
from worker.steps.document import addressed_otherwise, currency_of, gross_of, items_of, sums_of
from worker.steps.finalize import SEND_TYPE, require_number
from worker.steps.missing import second_look
from worker.steps.payments import DRAFT, ZERO, Receivable, compare, recordable
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Intent, LookResult, Step, StepContext, StepResult, WriteOutcome

HEADER = "Rechnungskorrektur zur Rechnung {number}"


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Save the draft if sevDesk has none with our marker; delete a wrong one; finish a right one; record a finished."""
    if context.document is None:
        return StepResult(stop=_not_creditable(context) or _not_ours(context), outcome=WriteOutcome.UNKNOWN)
    marker = marker_of(context.invoice.number, context.job_id)
    notes = await credit_notes_of(_content(context)["contact_id"], account)
    recorded = _on_record(context)
    marked = [note for note in notes if note.customer_internal_note == marker or note.id == recorded]
    if len(marked) > 1:
        ids = ", ".join(sorted(note.id for note in marked))
        ambiguous = Parked(problem("marker_ambiguous", count=len(marked), number=marker, ids=ids))
        return StepResult(stop=ambiguous, outcome=WriteOutcome.UNKNOWN)
    note, remote = next(iter(marked), None), await _invoice(context, account)
    if note is None and recorded is not None:  # the contact of the credit note may have been changed in sevDesk
        note = await existing(recorded, account)
    if remote is None and (wait := second_look(context)) is not None:
        return wait
    hand_made = by_hand(context, remote, notes)
    own = [note for note in context.credit_notes if note.job_id == context.job_id]
    context = context.but(remote=remote, credit_notes=(*await standing(context, account), *own))
    outcome = write_outcome(context.open_intent, note)
    if note is None and recorded is not None:
        deleted = CreditDeleted(marker=marker, external_id=recorded, cause="gone_from_sevdesk")
        return StepResult((deleted,), remote, finished=False, outcome=outcome)
    credit = _asked(context)
    if note is None:
        stop = _why_not(context, remote, credit, hand_made)
        if stop is not None or not isinstance(credit, Credit) or remote is None:
            return StepResult(stop=stop, outcome=outcome)
        draft = await _draft(context, credit, remote, account)
        return Intent("save_credit_note", draft, context, {"marker": marker}, outcome)
    result = _look_at(context, note, credit, outcome)
    if isinstance(result, Intent) and result.action == "finalize_credit_note":  # much may have happened to the invoice
        stop = _why_not(context, remote, credit, hand_made)
        if isinstance(stop, Rejected):  # the job will not run again, so nobody would finish or delete the draft
            return _deletion(context, note, "not_creditable", outcome)
        if stop is not None:
            return StepResult(stop=stop, outcome=outcome)
        if await is_taken(context, note.credit_note_number, account):
            return _deletion(context, note, "number_taken", outcome)
    return result


def _deletion(context: StepContext, note: CreditNote, cause: CreditDeletedCause, outcome: WriteOutcome) -> Intent:
    return Intent("delete_credit_note", note, context, {"cause": cause}, outcome)


def _on_record(context: StepContext) -> str | None:
    """sevDesk's id of this job's credit note, unless its deletion is on record, too."""
    note = context.credit_note
    return None if note is None or note.status == DELETED else note.external_id


async def _invoice(context: StepContext, account: SevdeskAccount) -> SevInvoice | None:
    """sevDesk's copy of the invoice, read once per attempt; None if it was deleted there."""
    if context.remote is None and context.handback.external_id is not None:
        with suppress(NotFound):
            return await account.client.get_invoice(context.handback.external_id)
    return context.remote


def _look_at(context: StepContext, note: CreditNote, asked: Credit | Problem, outcome: WriteOutcome) -> LookResult:
    """The credit note is there: is it right, is it on record, is it finished?"""
    on_record = _on_record(context) == note.id
    wrong = not isinstance(asked, Credit) or sums_of(note) != asked.sums
    if note.status == DRAFT and _not_creditable(context) is not None:
        return _deletion(context, note, "invoice_gone", outcome)
    if note.status == DRAFT and wrong:
        return _deletion(context, note, "sums_differ", outcome)
    if wrong:
        return StepResult(stop=_differ(context, note, asked), outcome=outcome)
    if other := addressed_otherwise(context, note):
        return StepResult(stop=other, outcome=outcome)
    if not on_record:
        found = _saved(context, note, "found")
        return StepResult((found,), context.remote, finished=False, outcome=outcome)
    if note.status == DRAFT:
        claimed = {"credit_note_number": note.credit_note_number}
        return Intent("finalize_credit_note", note.id, context, claimed, outcome)
    require_number(note)
    return StepResult(_credited(context, note, "found_finalized"), context.remote, outcome=outcome)


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST saveCreditNote, DELETE of a wrong draft, or PUT sendBy."""
    context = intent.context
    match intent.action:
        case "save_credit_note":
            saved = await account.client.save_credit_note(intent.request)
            events = (_saved(context, saved, "created"), *_warnings(context))
            return StepResult(events, context.remote, finished=False)
        case "delete_credit_note":
            note: CreditNote = intent.request
            await account.client.delete_credit_note(note.id)
            marker = marker_of(context.invoice.number, context.job_id)
            deleted = CreditDeleted(marker=marker, external_id=note.id, cause=intent.summary["cause"])
            differ = _differ(context, note, _asked(context)) if deleted.cause == "sums_differ" else None
            return StepResult((deleted,), stop=differ, finished=False)  # if not stopped, the next look says why
        case _:
            made = await account.client.send_credit_note_by(intent.request, send_type=SEND_TYPE)
            return StepResult(_credited(context, made, "finalized"), context.remote)


# -- why not -----------------------------------------------------------------------------------------------------------


def _why_not(
    context: StepContext,
    remote: SevInvoice | None,
    credit: Credit | Problem,
    hand_made: Decimal,
) -> Parked | Rejected | None:
    """Why nothing is written; None if nothing speaks against the credit note."""
    number = context.invoice.number
    if (gone := _not_creditable(context)) is not None:
        return gone
    if remote is None or remote.status == DRAFT:
        return not_published(context)
    if not isinstance(credit, Credit):
        return Rejected(credit)
    if advance := none_for_advances(number, remote.invoice_type):
        return advance
    if remote.paid_amount <= 0 and remote.pay_date is None:
        return Parked(problem("credit_note_needs_payment", number=number))
    if wrong := parking(context, _rounding_faults(context, credit)):
        return Parked(wrong)
    others = [note for note in context.credit_notes if note.job_id != context.job_id]
    found = exceeded(number, credit, others, hand_made, _published(context), currency_of(context))
    return Rejected(found) if found else None


def _rounding_faults(context: StepContext, credit: Credit) -> list[Problem]:
    """The credit note of an e-invoice is electronic, too."""
    return rounding_faults(credit.items, currency_of(context)) if _content(context)["is_e_invoice"] else []


def _not_creditable(context: StepContext) -> Parked | Rejected | None:
    """The invoice is cancelled, perhaps in the billing system only, or sevDesk no longer has it."""
    handback = context.handback
    by_person = handback.cancelled_at is not None or handback.document_status is DocumentStatus.CANCELLED
    if by_person or handback.sync_status is SyncStatus.CANCELLED:
        return Rejected(problem("invoice_cancelled", number=context.invoice.number))
    return None if context.handback.sync_status is SyncStatus.SYNCED else not_published(context)


def _not_ours(context: StepContext) -> Rejected:
    """Which positions the document of another program has is not on record."""
    return Rejected(problem("credit_of_taken_over", number=context.invoice.number))


def _differ(context: StepContext, note: CreditNote, asked: Credit | Problem) -> Parked:
    expected = asked.sums if isinstance(asked, Credit) else "–"
    about = {"number": context.invoice.number, "credit_note": note.credit_note_number or note.id}
    sums = {"found": sums_of(note), "expected": expected, "currency": currency_of(context)}
    return Parked(problem("credit_note_sums_differ", **about, **sums))


# -- what is written ---------------------------------------------------------------------------------------------------


async def _draft(context: StepContext, credit: Credit, remote: SevInvoice, account: SevdeskAccount) -> CreditNoteDraft:
    """The request. Who, where and when is as on the invoice's document, as sevDesk demands of the dates (official)."""
    content, today = _content(context), context.today
    address = (content.get(f"address_{part}") for part in ("name", "street", "zip", "city", "country"))
    as_invoiced = ("contact_id", "contact_person_id", "tax_rule", "tax_text", "currency", "address_country_id")
    return CreditNoteDraft(
        **{name: content[name] for name in (*as_invoiced, "payment_method_id", "is_e_invoice")},
        credit_note_number=await free_number(context, today, account),
        credit_note_date=today,
        header=HEADER.format(number=context.handback.external_invoice_number),
        customer_internal_note=marker_of(context.invoice.number, context.job_id),
        ref_src_invoice=remote.id,
        delivery_date=_delivery_date(content, remote),
        delivery_date_until=remote.delivery_date_until,
        positions=tuple(map(_position, credit.items)),
        address=address_text(*address),
    )


def _delivery_date(content: Mapping[str, Any], remote: SevInvoice) -> date:
    """It is required (capture), also where the invoice has none."""
    sent = content.get("delivery_date") or content["invoice_date"]
    return remote.delivery_date or date.fromisoformat(sent)


def _position(item: Item) -> PositionDraft:
    assert item.unit is not None  # see `items_of`
    return PositionDraft(
        name=item.name,
        quantity=item.quantity,
        price=item.unit_price,
        tax_rate=item.tax_rate,
        position_number=item.position,
        unity_id=int(item.unit),
    )


# -- what is recorded --------------------------------------------------------------------------------------------------


def _saved(context: StepContext, note: CreditNote, how: CreditSavedHow) -> CreditSaved:
    credit = _asked(context)
    by_rate, amounts = (credit.by_rate, credit.amounts) if isinstance(credit, Credit) else ({}, {})
    return CreditSaved(
        marker=marker_of(context.invoice.number, context.job_id),
        external_id=note.id,
        net=note.sum_net or ZERO,
        tax=note.sum_tax or ZERO,
        gross=note.sum_gross or ZERO,
        reason=context.asked(CreditInvoice).reason,
        how=how,
        subtotals={str(rate): {"net": str(of.net), "tax": str(of.tax)} for rate, of in by_rate.items()},
        content={
            "positions": context.asked(CreditInvoice).model_dump(mode="json")["positions"],
            "amounts": {str(position): [f"{each:f}" for each in pair] for position, pair in amounts.items()},
        },
    )


def _warnings(context: StepContext) -> tuple[LegalWarning, ...]:
    """What was found and may pass, as `CHECK_LEVELS` or a person says."""
    credit = _asked(context)
    found = _rounding_faults(context, credit)[:1] if isinstance(credit, Credit) else []
    return tuple(warning(each) for each in found if context.level(each.code) is Level.WARN)


def _credited(context: StepContext, note: CreditNote, how: FinalizedHow) -> tuple[Event, ...]:
    """The credit note is finished; the claim is settled if nothing more is owed on the invoice."""
    gross, remote = note.sum_gross or ZERO, context.remote
    others = [each for each in context.credit_notes if _counts(context, each)]
    before = sum((each.gross for each in others), ZERO)
    refunds = sum((each.refund_due or ZERO for each in others), ZERO)
    paid, invoiced = money_come(context, remote), gross_of(context)
    if remote is not None and remote.pay_date is not None:
        refund = refund_due_of_closed(invoiced - before, paid - refunds, gross)
    else:
        refund = refund_due(invoiced, paid, before, gross)
    event = Credited(
        marker=marker_of(context.invoice.number, context.job_id),
        external_id=note.id,
        number=note.credit_note_number or "",
        net=note.sum_net or ZERO,
        tax=note.sum_tax or ZERO,
        gross=gross,
        day=note.credit_note_date,
        reason=context.asked(CreditInvoice).reason,
        refund_due=refund,
        how=how,
    )
    return (event, *_settled(context, remote, before + gross, refunds + refund))


def _counts(context: StepContext, note: CreditRecord) -> bool:
    return note.status == FINALIZED and note.job_id != context.job_id


def _settled(
    context: StepContext, remote: SevInvoice | None, credited: Decimal, refund_due: Decimal
) -> tuple[Event, ...]:
    """Payment events, since crediting need not change the invoice in sevDesk, so that the feed would not show it."""
    if remote is None or context.handback.sync_status is not SyncStatus.SYNCED:
        return ()
    invoice = context.invoice
    receivable = Receivable(invoice.id, invoice.number, invoice.gross_amount, context.handback, credited, refund_due)
    return recordable(context.handback, compare(receivable, remote, {}))


# -- what it is about --------------------------------------------------------------------------------------------------


def _content(context: StepContext) -> Mapping[str, Any]:
    assert context.document is not None  # else `look` has stopped
    return context.document.content


def _published(context: StepContext) -> list[Item]:
    return items_of(_content(context))


def _asked(context: StepContext) -> Credit | Problem:
    number, wanted = context.invoice.number, context.asked(CreditInvoice).positions
    before = credited_before(context.credit_notes, context.job_id)
    return credit_of(number, wanted, _published(context), currency_of(context), before)


def _already_done(context: StepContext) -> bool:
    note = context.credit_note
    return note is not None and note.status == FINALIZED and context.open_intent is None


CREDIT = Step("credit", look, leap, already_done=_already_done, own_job_only=True)
