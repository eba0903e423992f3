"""Notices: what is on record about an invoice and wants a person, though no job waits for one. Pure.

An event opens a notice or closes it; a person closes the rest with `sevdesk-worker acknowledge`. A check of the
document that only warned is a notice with the check's code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from worker.domain import events
from worker.domain.commands import PUBLISH, SEND, SYNC, filled
from worker.domain.events import Event
from worker.domain.invoice import Cancellation, ClaimStatus, DocumentStatus
from worker.domain.ledger import Change
from worker.domain.money import is_amount
from worker.domain.problems import CATALOGUE, Problem

Parameters = Mapping[str, str]
# Code -> its parameters if the notice opens, None if it closes. ALL closes every notice that is not opened beside it.
Moves = dict[str, Parameters | None]
ALL = "*"
ACKNOWLEDGE = "then: sevdesk-worker acknowledge {number} --reason TEXT."
E_INVOICE_CODES = frozenset({"e_invoice_invalid", "e_invoice_differs", "credit_note_invalid", "cancellation_invalid"})


@dataclass(frozen=True, slots=True)
class NoticeType:
    """Cause and next step; `{number}` and `{currency}` are the invoice's, all other names the notice's parameters."""

    cause: str
    next_step: str


NOTICES: Mapping[str, NoticeType] = {
    "overpaid": NoticeType(
        "It is overpaid by {excess} {currency}: {paid} of {gross} has come.",
        f"Pay the excess back or set it off in sevDesk, {ACKNOWLEDGE}",
    ),
    "payment_reversed": NoticeType(
        "Its payment of {paid} {currency} was taken back in sevDesk, so it is open again.",
        f"See in sevDesk whether the money is lost or was booked elsewhere, {ACKNOWLEDGE}",
    ),
    "deleted_in_sevdesk": NoticeType(
        "sevDesk no longer has it (id {external_id}).",
        "{step}",
    ),
    "mail_bounced": NoticeType(
        "Its mail came back, so it counts as not sent.",
        f"Correct the address in the billing system, then: {SEND}. Or by post: {SEND} channel=post.",
    ),
    "paid_unmailed": NoticeType(
        "{paid} {currency} of it has come, and it was not sent.",
        f"Send it: {SEND}. If the recipient has it already: {SEND} channel=portal.",
    ),
    "refund_due": NoticeType(
        "It is credited or cancelled (document: {document}), and {paid} {currency} must be paid back.",
        f"Pay the money back or set it off in sevDesk, {ACKNOWLEDGE}",
    ),
    "credit_draft_left": NoticeType(
        "The job that made the credit note draft {ids} for it has ended, and left the draft in sevDesk.",
        f"Delete the draft in sevDesk, {ACKNOWLEDGE}",
    ),
    "e_invoice_findings": NoticeType(
        "The check of its e-invoice found {count}: {findings}.",
        f"Read the findings (sevdesk-worker show {{number}}), {ACKNOWLEDGE}",
    ),
    "drift": NoticeType("The last reconcile found: {findings}.", "{step} Then: sevdesk-worker reconcile."),
    "export_finding": NoticeType(
        "The DATEV export of {start_date} to {end_date} says of it: {findings}",
        "Correct the postings in sevDesk, then export the period again: sevdesk-worker enqueue export_datev "
        "start_date={start_date} end_date={end_date}. If they are right: sevdesk-worker acknowledge {number} "
        "--reason TEXT.",
    ),
}


def cause_of(code: str, parameters: Parameters, number: str, currency: str) -> str:
    """What is noticed, as one sentence."""
    if code in NOTICES:
        return NOTICES[code].cause.format_map({**parameters, "number": number, "currency": currency})
    return Problem(code, parameters).cause() if code in CATALOGUE else f"{code}."


def next_step_of(code: str, parameters: Parameters, number: str) -> str:
    """What to do about it; ends with the command that closes the notice."""
    if code == "deleted_in_sevdesk":
        return gone_step(parameters["external_id"], number, recorded=True)
    if code in NOTICES:
        return filled(NOTICES[code].next_step, **{**parameters, "number": number})
    return filled(f"Compare the document with what the law wants; if it is right, {ACKNOWLEDGE}", number=number)


def gone_step(external_id: str | None, number: str, *, recorded: bool) -> str:
    """What to do about a document that is gone; `recorded`: two looks of a payment sync have found nothing."""
    sync = f"let the worker notice it: {SYNC}; then "
    notice, waits = ("", "") if recorded else (sync, ", which waits for the second look (GONE_AFTER)")
    return filled(
        f"Look for id {{external_id}} in sevDesk's deletion log. To replace it, {notice}publish the invoice again: "
        f"{PUBLISH}{waits}; then mail it with its new number: {SEND}. Or cancel it: "
        "sevdesk-worker enqueue cancel_invoice invoice_id={number} reason=deleted.",
        external_id=external_id,
        number=number,
    )


def moves(change: Change, confirmed: frozenset[str] = frozenset()) -> Moves:
    """What the change of one invoice opens and closes. `confirmed`: problems that a person told to disregard."""
    found: Moves = {"drift": None}  # what was compared has changed since
    for event in change.events:
        found |= _of_event(event, change, confirmed)
    paid = change.after.paid_amount
    sent_no_more = change.after.document_status is not DocumentStatus.APPROVED
    if not is_amount(paid) or paid <= 0 or sent_no_more:
        found.setdefault("paid_unmailed", None)
    elif _got_money(change):
        found["paid_unmailed"] = {"paid": f"{paid:.2f}"}
    return found


def _got_money(change: Change) -> bool:
    partly_or_fully = change.after.claim_status in (ClaimStatus.PARTIALLY_PAID, ClaimStatus.PAID)
    return partly_or_fully and any(isinstance(event, events.PaymentEvent) for event in change.events)


def _of_event(event: Event, change: Change, confirmed: frozenset[str]) -> Moves:
    match event:
        case events.PaymentEvent():
            return _of_payment(event)
        case events.MailBounced():
            return {"mail_bounced": {}}
        case events.Mailed() | events.MarkedSent() | events.SentByHand():
            return {"mail_bounced": None}
        case events.DeletedInSevdesk(external_id=external_id):
            return {"deleted_in_sevdesk": {"external_id": external_id}}
        case events.Drafted() | events.Finalized():
            return {"deleted_in_sevdesk": None}
        case events.Cancelled(cancellation=made, refund_due=due):
            return _of_cancellation(made, due or Decimal(0))
        case events.CancelledInSevdesk(cancellation=made):
            return _of_cancellation(made, change.before.paid_amount)
        case events.Credited(number=number, refund_due=due) if due > 0:
            return {"refund_due": {"document": number, "paid": f"{due:.2f}"}}
        case events.LegalWarning(problem=code, parameters=parameters) if code not in confirmed:
            return {code: parameters}
        case events.LegalWarningSettled(problem=code):
            return {code: None}
        case events.EInvoiceChecked(findings=findings) if findings and not E_INVOICE_CODES & confirmed:
            told = "; ".join(findings[:3])
            return {"e_invoice_findings": {"count": str(len(findings)), "findings": told}}
        case events.EInvoiceChecked():
            return {"e_invoice_findings": None}
    return {}


def _of_payment(event: events.PaymentEvent) -> Moves:
    found: Moves = {"overpaid": None, "payment_reversed": None}
    if isinstance(event, events.Overpaid):
        excess = event.paid_now - event.gross if event.excess is None else event.excess
        amounts = {"excess": excess, "paid": event.paid_now, "gross": event.gross}
        found["overpaid"] = {name: f"{amount:.2f}" for name, amount in amounts.items()}
    elif isinstance(event, events.PaymentReversed):
        found["payment_reversed"] = {"paid": f"{event.paid_before:.2f}"}
    return found


def _of_cancellation(made: Cancellation | None, paid: Decimal) -> Moves:
    """Everything else is moot; what had been paid is to be paid back, also if sevDesk has lost the invoice."""
    due = (made.refund_due if made else None) or paid
    if not is_amount(due) or due <= 0:
        return {ALL: None}
    document = "–" if made is None else made.number or made.external_id
    return {ALL: None, "refund_due": {"document": document, "paid": f"{due:.2f}"}}
