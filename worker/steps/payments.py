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
from typing import Protocol
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

BERLIN = ZoneInfo("Europe/Berlin")
DRAFT, OPEN, PARTLY_PAID, CLOSED = 100, 200, 750, 1000
CANCELLATION = "SR"  # sevDesk's letters for a cancellation invoice, not our Schlussrechnung
STORNO, CREDIT_NOTE = "cancellation_invoice", "credit_note"  # kinds of what may stand against an invoice
ZERO = Decimal(0)


class PaymentState(Protocol):
    """The fields of a sevDesk invoice that say what has been paid. `SevInvoice` has them."""

    @property
    def id(self) -> str: ...
    @property
    def invoice_number(self) -> str | None: ...
    @property
    def status(self) -> int: ...
    @property
    def paid_amount(self) -> Decimal: ...
    @property
    def pay_date(self) -> date | None: ...
    @property
    def update(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Receivable:
    """What we believe about one finalized invoice."""

    invoice_id: UUID
    number: str  # ours
    gross: Decimal
    handback: Handback


def cancellations(invoices: list[SevInvoice]) -> dict[str, SevInvoice]:
    """SR documents by the id of the invoice they cancel."""
    return {i.origin.id: i for i in invoices if i.invoice_type == CANCELLATION and i.origin is not None}


def unclear(remote: PaymentState) -> bool:
    """Closed without a payment date: a cancellation would explain it, and it may stand on another page."""
    return remote.status == CLOSED and remote.pay_date is None


def unexplained(receivable: Receivable, remote: PaymentState, cancelled_by: Mapping[str, SevInvoice]) -> bool:
    """Closed, and neither a cancellation nor the money says why."""
    return unclear(remote) and remote.id not in cancelled_by and _kind(receivable, remote) is None


def compare(receivable: Receivable, remote: PaymentState, cancelled_by: Mapping[str, SevInvoice]) -> tuple[Event, ...]:
    """The events that bring our claim to what sevDesk says; empty when they agree already."""
    events: list[Event] = []
    if remote.invoice_number and remote.invoice_number != receivable.handback.external_invoice_number:
        events.append(
            Renumbered(before=receivable.handback.external_invoice_number or "", number=remote.invoice_number)
        )
    if (cancellation := cancelled_by.get(remote.id)) is not None:
        return (*events, _cancelled(remote, cancellation))
    payment = _payment(receivable, remote)
    if payment is not None:
        events += [payment, _synced(payment)]
    return tuple(events)


def _cancelled(remote: PaymentState, cancellation: SevInvoice) -> CancelledInSevdesk:
    at = cancellation.create or cancellation.update
    assert at is not None  # every captured document carries both
    return CancelledInSevdesk(external_id=remote.id, at=at, cancellation=cancellation_of(cancellation))


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


def _payment(receivable: Receivable, remote: PaymentState) -> PaymentEvent | None:
    kind = _kind(receivable, remote)
    if kind is None:
        return None
    before = receivable.handback
    event = kind(
        gross=receivable.gross,
        paid_before=before.paid_amount,
        paid_now=ZERO if kind is PaymentReversed else remote.paid_amount,
        sevdesk_status=remote.status,
        paid_on=remote.pay_date,
        claim_before=before.claim_status,
        paid_at=None if kind in (PartiallyPaid, PaymentReversed) else _paid_at(before, remote),
    )
    known = (before.claim_status, before.paid_amount, before.paid_at)
    return None if known == (_status_of(event), event.paid_now, event.paid_at) else event


def _kind(receivable: Receivable, remote: PaymentState) -> type[PaymentEvent] | None:
    paid = remote.paid_amount
    if remote.status not in (DRAFT, OPEN, PARTLY_PAID, CLOSED):
        return None
    if paid >= receivable.gross > ZERO or (remote.status == CLOSED and remote.pay_date is not None):
        return Overpaid if paid > receivable.gross else Paid if paid == receivable.gross else Discounted
    if remote.status == CLOSED:
        return None
    return PartiallyPaid if paid > ZERO else PaymentReversed


def _paid_at(before: Handback, remote: PaymentState) -> datetime | None:
    """The payment's day; where sevDesk names none, the day it learnt of it, which later changes do not move."""
    if remote.pay_date is not None:
        return berlin_midnight(remote.pay_date)
    if before.paid_at is not None or remote.update is None:
        return before.paid_at
    return berlin_midnight(remote.update.astimezone(BERLIN).date())


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
