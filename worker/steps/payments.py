"""payments: what an invoice's state in sevDesk means for the money owed. `handlers/payment_sync.py` reads and records.

The codes: 100 draft, 200 open, 750 partly paid (since June 2024; before it partly paid invoices kept 200), 1000 paid or
cancelled (official). 1000 with a payDate is paid even with less money than the gross sum (Skonto; inferred). 1000 with
no payDate is paid only if all the money has come: otherwise it is cancelled (one capture), or the state is unexplained
and nothing is changed. A draft is an invoice that was reset in sevDesk: nothing can be paid on it. What sevDesk makes
of an invoice over 0 is not established; nothing is owed on it, whatever its status.
Of an invoice in another currency than the account's, `paid_of` says what is certain. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from sevdesk_client.models import BERLIN, CreditNote
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import (
    CancelledInSevdesk,
    Discounted,
    Event,
    NothingOwed,
    Overpaid,
    Paid,
    PartiallyPaid,
    PaymentEvent,
    PaymentReversed,
    PaymentSynced,
    Renumbered,
    SentByHand,
    SettledByCredit,
)
from worker.domain.invoice import Cancellation, ClaimStatus, DocumentStatus, Handback
from worker.domain.lifecycle import TABLE
from worker.domain.money import is_amount
from worker.domain.skonto import skonto

DRAFT, OPEN, PARTLY_PAID, CLOSED = 100, 200, 750, 1000
SR = "SR"  # sevDesk's invoiceType of a cancellation invoice, not our Schlussrechnung
# Types that sevDesk makes of an invoice or makes invoices of, which may have its marker: cancellation, reminder
# (Mahnung), recurring invoice. None of them is ever taken for our document.
DERIVED = frozenset({SR, "MA", "WKR"})
CANCELLATION_INVOICE, CREDIT_NOTE = "cancellation_invoice", "credit_note"  # `Cancellation.kind`
ZERO = Decimal(0)
# Of the gross sum, and as much again for small invoices that somebody paid together with others.
MAX_TIMES, MAX_EXTRA = 10, 10_000
LATEST = timedelta(days=366)
# sendType: mailed, printed, by post (official). VPDF, downloaded, is what our own finalizing sets.
BY_HAND = ("VM", "VPR", "VP")


class PaymentState(Protocol):
    """The fields of a sevDesk invoice that say what was paid and how it was sent. `SevInvoice` has them."""

    @property
    def id(self) -> str: ...
    @property
    def invoice_number(self) -> str | None: ...
    @property
    def status(self) -> int: ...
    @property
    def sum_gross(self) -> Decimal: ...
    @property
    def account_gross(self) -> Decimal | None: ...
    @property
    def paid_amount(self) -> Decimal: ...
    @property
    def pay_date(self) -> date | None: ...
    @property
    def update(self) -> datetime | None: ...
    @property
    def send_type(self) -> str | None: ...
    @property
    def send_date(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Receivable:
    """What we have on record about one finalized invoice."""

    invoice_id: UUID
    number: str  # ours
    gross: Decimal
    handback: Handback
    credited: Decimal = ZERO  # gross sum of the finished credit notes over parts of it
    refund_due: Decimal = ZERO  # what must be paid back for these credit notes, as told when each was finished
    write_open: bool = False  # a write to it is under way, or its outcome is not known: what sevDesk shows may be ours
    bounced_send_date: datetime | None = None  # sevDesk's sendDate when the latest bounce was reported

    @property
    def is_comparable(self) -> bool:
        """Both amounts are numbers; `numeric` also holds NaN, Infinity and numbers that nobody owes."""
        return is_amount(self.gross) and is_amount(self.handback.paid_amount)


def cancellations(invoices: list[SevInvoice]) -> dict[str, SevInvoice]:
    """SR documents by the id of the invoice they cancel. Each has a time (captures); one without proves nothing."""
    timed = (i for i in invoices if i.invoice_type == SR and (i.create or i.update))
    return {i.origin.id: i for i in timed if i.origin is not None}


def closed_without_day(remote: PaymentState) -> bool:
    """Closed, but without a payment day: perhaps cancelled by an SR that is not on the same page of the list."""
    return remote.status == CLOSED and remote.pay_date is None


def unexplained(receivable: Receivable, remote: PaymentState, cancelled_by: Mapping[str, SevInvoice]) -> bool:
    """Closed, though neither paid in full nor cancelled."""
    if not receivable.is_comparable or not closed_without_day(remote) or remote.id in cancelled_by:
        return False
    return _payment_type(receivable, remote) is None


def paid_of(remote: PaymentState) -> Decimal | None:
    """What was paid, in the document's currency; None where sevDesk's answer does not tell.

    Which currency paidAmount is in, if the account's is not the document's, is not established. What is certain: that
    nothing was paid, and that all was if the closed invoice's paidAmount is its gross sum in either currency.
    """
    paid = remote.paid_amount
    if remote.account_gross is None or paid == ZERO:
        return paid
    closed_in_full = remote.status == CLOSED and paid in (remote.sum_gross, remote.account_gross)
    return remote.sum_gross if closed_in_full else None


def implausible(remote: PaymentState) -> bool:
    """Below zero, more than a slip of the decimal point explains, or paid a year after sevDesk's last change.

    Such an amount or day is an error in sevDesk or in its answer, and is never recorded.
    """
    paid, day, changed = remote.paid_amount, remote.pay_date, remote.update
    too_much = not is_amount(paid) or abs(paid) > MAX_TIMES * abs(remote.sum_gross) + MAX_EXTRA
    too_late = day is not None and changed is not None and day > changed.date() + LATEST
    return paid < ZERO <= remote.sum_gross or too_much or too_late


def unclear(receivable: Receivable, remote: PaymentState) -> bool:
    """Something was paid, nobody can tell how much, and no person has entered it."""
    entered = remote.status == CLOSED and receivable.handback.claim_status is ClaimStatus.PAID
    return paid_of(remote) is None and not entered


def compare(receivable: Receivable, remote: PaymentState, cancelled_by: Mapping[str, SevInvoice]) -> tuple[Event, ...]:
    """The events that make our record agree with sevDesk; empty if it does already, or if ours cannot be compared."""
    if not receivable.is_comparable:
        return ()
    events: list[Event] = []
    known_number = receivable.handback.external_invoice_number
    if remote.invoice_number and remote.invoice_number != known_number:
        events.append(Renumbered(before=known_number or "", number=remote.invoice_number))
    if (storno := cancelled_by.get(remote.id)) is not None:
        at = storno.create or storno.update
        assert at is not None  # see `cancellations`
        events.append(CancelledInSevdesk(external_id=remote.id, at=at, cancellation=cancellation_of(storno)))
        return tuple(events)
    if is_sent_by_hand(receivable, remote):
        events.append(SentByHand(send_type=remote.send_type or "", send_date=remote.send_date))
    if (payment := _payment(receivable, remote)) is not None:
        synced = PaymentSynced(
            status=_claim_after(type(payment)), paid_amount=payment.paid_now, gross_amount=payment.gross
        )
        events += [payment, synced]
    return tuple(events)


def is_sent_by_hand(receivable: Receivable, remote: PaymentState) -> bool:
    """Somebody mailed or printed it in sevDesk. Never true of our own writes.

    Those are either open, or on record and the invoice is `sent`; a mail that bounced left its sendDate behind.
    """
    if receivable.handback.document_status is not DocumentStatus.APPROVED or receivable.write_open:
        return False
    if remote.status == DRAFT or remote.send_type not in BY_HAND:
        return False
    bounced, sent = receivable.bounced_send_date, remote.send_date
    return bounced is None or (sent is not None and sent > bounced)


def cancellation_of(document: SevInvoice | CreditNote) -> Cancellation:
    """What we record about sevDesk's SR or credit note."""
    sums = {"net": document.sum_net, "tax": document.sum_tax, "gross": document.sum_gross}
    if isinstance(document, CreditNote):
        number, day, is_draft = document.credit_note_number, document.credit_note_date, document.status == DRAFT
        return Cancellation(
            kind=CREDIT_NOTE, external_id=document.id, number=number, day=day, is_draft=is_draft, **sums
        )
    number, day = document.invoice_number, document.invoice_date
    return Cancellation(
        kind=CANCELLATION_INVOICE, external_id=document.id, number=number, day=day, is_draft=False, **sums
    )


def recordable(handback: Handback, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The events without those of a payment that the claim cannot take, since the billing system closed it.

    For results of a write, which must be recorded in any case; the payment sync reports `payment_state_conflict`.
    """
    takes = all(handback.claim_status in TABLE[type(each)].claim for each in events if isinstance(each, PaymentEvent))
    return events if takes else tuple(each for each in events if not isinstance(each, PaymentEvent | PaymentSynced))


def _payment(receivable: Receivable, remote: PaymentState) -> PaymentEvent | None:
    """The payment event; None if it would say what we know already, or if sevDesk's state is unexplained."""
    kind, paid = _payment_type(receivable, remote), paid_of(remote)
    if kind is None or paid is None:
        return None
    before = receivable.handback
    paid_now = ZERO if kind in (PaymentReversed, NothingOwed) else paid
    paid_at = None if kind in (PartiallyPaid, PaymentReversed) else _paid_at(before, remote)
    if (before.claim_status, before.paid_amount, before.paid_at) == (_claim_after(kind), paid_now, paid_at):
        return None
    event = kind(
        gross=receivable.gross,
        paid_before=before.paid_amount,
        paid_now=paid_now,
        sevdesk_status=remote.status,
        paid_on=remote.pay_date,
        claim_before=before.claim_status,
        paid_at=paid_at,
    )
    if isinstance(event, Discounted):
        event = _with_terms(event, remote)
    if isinstance(event, Overpaid):
        beside_credits = paid + receivable.credited - receivable.gross - receivable.refund_due
        event = replace(event, excess=max(paid - receivable.gross, beside_credits if receivable.credited else ZERO))
    return event


def _with_terms(event: Discounted, remote: PaymentState) -> Discounted:
    """Whether it is the Skonto that the document grants; reconcile's documents do not tell, and it records nothing."""
    terms = None
    if isinstance(remote, SevInvoice):
        terms = skonto(remote.discount, remote.discount_time, remote.invoice_date)
    if terms is None:
        return event
    expected = terms.expected(event.gross)
    within = None if event.paid_on is None else event.paid_on <= terms.until and event.paid_now >= expected
    return replace(event, skonto_expected=expected, skonto_until=terms.until, within_terms=within)


def _claim_after(event: type[PaymentEvent]) -> ClaimStatus:
    return TABLE[event].claim[ClaimStatus.OPEN]  # the same from every status


def _payment_type(receivable: Receivable, remote: PaymentState) -> type[PaymentEvent] | None:
    """Which event sevDesk's state is; None if it is unexplained.

    More than the gross sum, less what was credited, is too much, unless it is what must be paid back for the credit
    notes anyway (their `refund_due`): that has been told. Whether that has been paid back already is not known, so
    money that comes after it is told only beyond that sum.
    """
    paid = paid_of(remote)
    if paid is None or implausible(remote) or remote.status not in (DRAFT, OPEN, PARTLY_PAID, CLOSED):
        return None
    if receivable.gross == ZERO:
        return Overpaid if paid > ZERO else NothingOwed
    untold = paid + receivable.credited - receivable.gross > receivable.refund_due
    too_much = paid > receivable.gross or (receivable.credited > ZERO and untold)
    if paid >= receivable.gross > ZERO or (remote.status == CLOSED and remote.pay_date is not None):
        return Overpaid if too_much else Paid if paid == receivable.gross else Discounted
    if remote.status == CLOSED:
        return None
    if receivable.credited > ZERO and paid + receivable.credited >= receivable.gross > ZERO:
        return Overpaid if too_much else SettledByCredit
    return PartiallyPaid if paid > ZERO else PaymentReversed


def _paid_at(before: Handback, remote: PaymentState) -> datetime | None:
    """The payment day; if sevDesk has none, the day of its last change, kept once it is recorded."""
    if remote.pay_date is not None:
        return berlin_noon(remote.pay_date)
    if before.paid_at is not None or remote.update is None:
        return before.paid_at
    return berlin_noon(remote.update.astimezone(BERLIN).date())


def berlin_noon(day: date) -> datetime:
    """Noon in Berlin, in summer and winter: an instant that is on the same day in UTC."""
    return datetime.combine(day, time(12), tzinfo=BERLIN)
