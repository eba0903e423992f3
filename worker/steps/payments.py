"""payments: what sevDesk's state of an invoice means for the money owed. `handlers/payment_sync.py` asks and records.

The codes: 100 draft, 200 open, 750 partly paid (since June 2024; before it partly paid invoices kept 200), 1000 paid or
cancelled (official). 1000 with a payDate is paid even with less money than the gross sum (Skonto; inferred). 1000 with
no payDate is paid only if all the money is there: otherwise a cancellation stands against it (one capture), or we
cannot tell and change nothing. A draft is an invoice that was reset in sevDesk: nothing can be paid on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import (
    CancelledInSevdesk,
    Discounted,
    Event,
    Overpaid,
    Paid,
    PartiallyPaid,
    PaymentEvent,
    PaymentReversed,
    PaymentSynced,
    Renumbered,
)
from worker.domain.invoice import Cancellation, ClaimStatus, Handback
from worker.steps.step import DRAFT

BERLIN = ZoneInfo("Europe/Berlin")
OPEN, PARTLY_PAID, CLOSED = 200, 750, 1000
CANCELLATION = "SR"  # sevDesk's letters for a cancellation invoice, not our Schlussrechnung
STORNO, CREDIT_NOTE = "cancellation_invoice", "credit_note"  # kinds of what may stand against an invoice
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Claim:
    """What we believe about one finalized invoice."""

    invoice_id: UUID
    number: str  # ours
    gross: Decimal
    handback: Handback


def cancellations(invoices: list[SevInvoice]) -> dict[str, SevInvoice]:
    """SR documents by the id of the invoice they cancel."""
    return {i.origin.id: i for i in invoices if i.invoice_type == CANCELLATION and i.origin is not None}


def unclear(there: SevInvoice) -> bool:
    """Closed without a payment date: a cancellation would explain it, and it may stand on another page."""
    return there.status == CLOSED and there.pay_date is None


def unexplained(claim: Claim, there: SevInvoice, cancelled_by: Mapping[str, SevInvoice]) -> bool:
    """Closed, and neither a cancellation nor the money says why."""
    return unclear(there) and there.id not in cancelled_by and _kind(claim, there) is None


def compare(claim: Claim, there: SevInvoice, cancelled_by: Mapping[str, SevInvoice]) -> tuple[Event, ...]:
    """The events that bring our claim to what sevDesk says; empty when they agree already."""
    events: list[Event] = []
    if there.invoice_number and there.invoice_number != claim.handback.external_invoice_number:
        events.append(Renumbered(before=claim.handback.external_invoice_number or "", number=there.invoice_number))
    if (cancellation := cancelled_by.get(there.id)) is not None:
        return (*events, _cancelled(there, cancellation))
    payment = _payment(claim, there)
    if payment is not None:
        events += [payment, _synced(payment)]
    return tuple(events)


def _cancelled(there: SevInvoice, cancellation: SevInvoice) -> CancelledInSevdesk:
    at = cancellation.create or cancellation.update
    assert at is not None  # every captured document carries both
    return CancelledInSevdesk(external_id=there.id, at=at, cancellation=cancellation_of(cancellation))


def cancellation_of(document: SevInvoice) -> Cancellation:
    """sevDesk's SR in our words."""
    return Cancellation(
        kind=STORNO,
        external_id=document.id,
        number=document.invoice_number,
        net=document.sum_net,
        tax=document.sum_tax,
        gross=document.sum_gross,
    )


def _payment(claim: Claim, there: SevInvoice) -> PaymentEvent | None:
    kind = _kind(claim, there)
    if kind is None:
        return None
    before = claim.handback
    event = kind(
        gross=claim.gross,
        paid_before=before.paid_amount,
        paid_now=ZERO if kind is PaymentReversed else there.paid_amount,
        sevdesk_status=there.status,
        paid_on=there.pay_date,
        claim_before=before.claim_status,
        paid_at=None if kind in (PartiallyPaid, PaymentReversed) else _paid_at(before, there),
    )
    known = (before.claim_status, before.paid_amount, before.paid_at)
    return None if known == (_status_of(event), event.paid_now, event.paid_at) else event


def _kind(claim: Claim, there: SevInvoice) -> type[PaymentEvent] | None:
    paid = there.paid_amount
    if there.status not in (DRAFT, OPEN, PARTLY_PAID, CLOSED):
        return None
    if paid >= claim.gross > ZERO or (there.status == CLOSED and there.pay_date is not None):
        return Overpaid if paid > claim.gross else Paid if paid == claim.gross else Discounted
    if there.status == CLOSED:
        return None
    return PartiallyPaid if paid > ZERO else PaymentReversed


def _paid_at(before: Handback, there: SevInvoice) -> datetime | None:
    """The payment's day; where sevDesk names none, the day it learnt of it, which later changes do not move."""
    if there.pay_date is not None:
        return berlin_midnight(there.pay_date)
    if before.paid_at is not None or there.update is None:
        return before.paid_at
    return berlin_midnight(there.update.astimezone(BERLIN).date())


def _status_of(event: PaymentEvent) -> ClaimStatus:
    match event:
        case PartiallyPaid():
            return ClaimStatus.PARTIALLY_PAID
        case PaymentReversed():
            return ClaimStatus.OPEN
        case _:
            return ClaimStatus.PAID


def _synced(event: PaymentEvent) -> PaymentSynced:
    return PaymentSynced(status=_status_of(event), paid_amount=event.paid_now, gross_amount=event.gross)


def berlin_midnight(day: date) -> datetime:
    """The instant a sevDesk day begins: Berlin midnight, in summer as in winter."""
    return datetime.combine(day, time(), tzinfo=BERLIN)
