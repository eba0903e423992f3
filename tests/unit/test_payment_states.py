"""What sevDesk's word about an invoice means for our claim."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import Ref
from worker.domain import lifecycle
from worker.domain.events import CancelledInSevdesk, PaymentEvent, PaymentSynced, SentByHand
from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, SyncStatus
from worker.steps.payments import (
    Receivable,
    berlin_noon,
    cancellations,
    closed_without_day,
    compare,
    implausible,
    unexplained,
)

ID, NUMBER = "135000007", "RE-1007"
MAY = datetime(2026, 5, 4, 10, tzinfo=UTC)  # noon in Berlin, in summer time
JANUARY = datetime(2026, 1, 4, 11, tzinfo=UTC)  # noon in Berlin, in winter time
NOTED = datetime(2026, 5, 9, 23, 30, tzinfo=UTC)  # sevDesk's last change: the 10th in Berlin
NOTED_DAY = datetime(2026, 5, 10, 10, tzinfo=UTC)


def receivable(
    status: str = "open", paid: str = "0", paid_at: datetime | None = None, *, gross: str = "119.00", **more: object
) -> Receivable:
    """Our side: finalized and mailed, 119.00 EUR gross."""
    handback = Handback(
        sync_status=SyncStatus.SYNCED,
        document_status=DocumentStatus.SENT,
        claim_status=ClaimStatus(status),
        external_id=ID,
        external_invoice_number=NUMBER,
        paid_amount=Decimal(paid),
        paid_at=paid_at,
    )
    return Receivable(UUID(int=7), "INV-7", Decimal(gross), replace(handback, **more))  # type: ignore[arg-type]


def credited(
    amount: str, status: str = "open", paid: str = "0", paid_at: datetime | None = None, *, refund: str = "0"
) -> Receivable:
    """Our side, with a credit note over a part, of which the `refund` must be paid back."""
    return replace(receivable(status, paid, paid_at), credited=Decimal(amount), refund_due=Decimal(refund))


def there(status: int = 200, paid: str = "0", pay_date: date | None = None, **more: object) -> SevInvoice:
    """SevDesk's side of the same invoice."""
    given = {
        "id": ID,
        "invoice_number": NUMBER,
        "status": status,
        "invoice_type": "RE",
        "currency": "EUR",
        "sum_net": "100",
        "sum_tax": "19",
        "sum_gross": "119",
        "paid_amount": paid,
        "pay_date": pay_date,
        "create": NOTED,
        "update": NOTED,
    }
    return SevInvoice.model_validate(given | more)


def storno(of: str = ID) -> SevInvoice:
    """The cancellation that stands against an invoice."""
    origin = Ref(id=of, object_name="Invoice")
    return there(1000, id="135000099", invoice_number="RE-1099", invoice_type="SR", origin=origin)


DOLLARS = {"currency": "USD", "account_gross": "103.72"}


@dataclass(frozen=True)
class Row:
    """From our claim and sevDesk's word to the events, and to what we believe then."""

    ours: Receivable
    sevdesk: SevInvoice
    events: tuple[str, ...] = ()
    after: tuple[str, str, datetime | None] | None = None  # None: as before


SYNCED = "payment_synced"
DAY = date(2026, 5, 4)
ROWS = [
    # nothing came, nothing was expected
    Row(receivable(), there()),
    # the first part of the money
    Row(receivable(), there(750, "40"), ("partially_paid", SYNCED), ("partially_paid", "40", None)),
    # before June 2024 sevDesk kept 200 for partly paid
    Row(receivable(), there(200, "40"), ("partially_paid", SYNCED), ("partially_paid", "40", None)),
    # the same part again is no news
    Row(receivable("partially_paid", "40"), there(750, "40")),
    # the same sum written with other decimals is no news
    Row(receivable("partially_paid", "40.00"), there(750, "40.0")),
    # a second part
    Row(
        receivable("partially_paid", "40"), there(750, "80"), ("partially_paid", SYNCED), ("partially_paid", "80", None)
    ),
    # a part went back to the customer
    Row(
        receivable("partially_paid", "80"), there(750, "40"), ("partially_paid", SYNCED), ("partially_paid", "40", None)
    ),
    # nothing on an invoice in dollars
    Row(receivable(), there(**DOLLARS)),
    # a part of it, in one currency or the other
    Row(receivable(), there(750, "40", **DOLLARS)),
    # all of it, in the account's currency
    Row(receivable(), there(1000, "103.72", DAY, **DOLLARS), ("paid", SYNCED), ("paid", "119", MAY)),
    # all of it, in its own
    Row(receivable(), there(1000, "119", DAY, **DOLLARS), ("paid", SYNCED), ("paid", "119", MAY)),
    # closed with less, or with more: nobody can tell
    Row(receivable(), there(1000, "110", DAY, **DOLLARS)),
    # taken back
    Row(receivable("paid", "119", MAY), there(**DOLLARS), ("payment_reversed", SYNCED), ("open", "0", None)),
    # all the money, in summer
    Row(receivable(), there(1000, "119", DAY), ("paid", SYNCED), ("paid", "119", MAY)),
    # all the money, in winter
    Row(receivable(), there(1000, "119", date(2026, 1, 4)), ("paid", SYNCED), ("paid", "119", JANUARY)),
    # the rest of the money
    Row(receivable("partially_paid", "40"), there(1000, "119", DAY), ("paid", SYNCED), ("paid", "119", MAY)),
    # paid already, on the same day
    Row(receivable("paid", "119", MAY), there(1000, "119", DAY)),
    # the accountant corrected the day
    Row(receivable("paid", "119", JANUARY), there(1000, "119", DAY), ("paid", SYNCED), ("paid", "119", MAY)),
    # a cent too much
    Row(receivable(), there(1000, "119.01", DAY), ("overpaid", SYNCED), ("paid", "119.01", MAY)),
    # Skonto: closed with 2 % less
    Row(receivable(), there(1000, "116.62", DAY), ("discounted", SYNCED), ("paid", "116.62", MAY)),
    # closed without any money: written off by hand
    Row(receivable(), there(1000, "0", DAY), ("discounted", SYNCED), ("paid", "0", MAY)),
    # Skonto that is known already
    Row(receivable("paid", "116.62", MAY), there(1000, "116.62", DAY)),
    # all the money though sevDesk still says open: its last change is the day we know
    Row(receivable(), there(200, "119"), ("paid", SYNCED), ("paid", "119", NOTED_DAY)),
    # more than all the money though sevDesk says partly paid
    Row(receivable(), there(750, "120"), ("overpaid", SYNCED), ("paid", "120", NOTED_DAY)),
    # the same, once it is known, stays on its day
    Row(receivable("paid", "120", MAY), there(750, "120")),
    # closed with all the money and no day
    Row(receivable(), there(1000, "119"), ("paid", SYNCED), ("paid", "119", NOTED_DAY)),
    # an unlinked payment: open again, and no day
    Row(receivable("paid", "119", MAY), there(200, "0"), ("payment_reversed", SYNCED), ("open", "0", None)),
    # a part unlinked
    Row(receivable("partially_paid", "40"), there(200, "0"), ("payment_reversed", SYNCED), ("open", "0", None)),
    # of all the money a part is left: the day is gone too
    Row(receivable("paid", "119", MAY), there(750, "40"), ("partially_paid", SYNCED), ("partially_paid", "40", None)),
    # less than nothing cannot have come
    Row(receivable("paid", "119", MAY), there(200, "-1")),
    # reset to draft by hand: nothing can be paid on a draft
    Row(receivable("paid", "119", MAY), there(100, "0"), ("payment_reversed", SYNCED), ("open", "0", None)),
    # closed without a day and with too little money: not for us to tell
    Row(receivable(), there(1000, "0")),
    # the same for what was paid before: unknown is no reversal
    Row(receivable("paid", "119", MAY), there(1000, "0")),
    # a status nobody has documented changes nothing
    Row(receivable("paid", "119", MAY), there(900, "0")),
    # on an invoice over nothing, nothing is owed, however sevDesk calls it
    Row(receivable(gross="0"), there(200, "0"), ("nothing_owed", SYNCED), ("paid", "0", NOTED_DAY)),
    Row(receivable(gross="0"), there(1000, "0"), ("nothing_owed", SYNCED), ("paid", "0", NOTED_DAY)),
    Row(receivable(gross="0"), there(1000, "0", DAY), ("nothing_owed", SYNCED), ("paid", "0", MAY)),
    # that stays so: known already, on whatever day; reset to draft by hand
    Row(receivable("paid", "0", MAY, gross="0.00"), there(200, "0")),
    Row(receivable("paid", "0", MAY, gross="0"), there(1000, "0")),
    Row(receivable("paid", "0", MAY, gross="0"), there(100, "0")),
    # money came all the same, and went back
    Row(receivable("paid", "0", MAY, gross="0"), there(1000, "5", DAY), ("overpaid", SYNCED), ("paid", "5", MAY)),
    Row(receivable("paid", "0", MAY, gross="0"), there(200, "5"), ("overpaid", SYNCED), ("paid", "5", MAY)),
    Row(receivable("paid", "5", MAY, gross="0"), there(200, "0"), ("nothing_owed", SYNCED), ("paid", "0", MAY)),
    Row(receivable("paid", "5", MAY, gross="0"), there(200, "-1")),
    # another number is told, and the money too
    Row(
        receivable(),
        there(750, "40", invoice_number="RE-2000"),
        ("renumbered", "partially_paid", SYNCED),
        ("partially_paid", "40", None),
    ),
    # what came and what was credited are all of it: settled on the day of sevDesk's last change
    Row(credited("79"), there(750, "40"), ("settled_by_credit", SYNCED), ("paid", "40", NOTED_DAY)),
    # the same is no news, and stays on its day
    Row(credited("79", "paid", "40", MAY), there(750, "40")),
    # less came than is owed after the credit note
    Row(credited("79"), there(750, "39.99"), ("partially_paid", SYNCED), ("partially_paid", "39.99", None)),
    # credited whole, and nothing came
    Row(credited("119"), there(200, "0"), ("settled_by_credit", SYNCED), ("paid", "0", NOTED_DAY)),
    # all came: the credit note is for the money back
    Row(credited("79", refund="79"), there(1000, "119", DAY), ("paid", SYNCED), ("paid", "119", MAY)),
    # a part came, a part was credited, then all the rest came: what was credited is owed back, and nobody was told
    Row(
        credited("59.50", "partially_paid", "50"),
        there(1000, "119", DAY),
        ("overpaid", SYNCED),
        ("paid", "119", MAY),
    ),
    # the same with less than the gross sum: a cent too much, closed or not; and once it is known, it is no news
    Row(credited("79"), there(750, "40.01"), ("overpaid", SYNCED), ("paid", "40.01", NOTED_DAY)),
    Row(credited("79"), there(1000, "40.01", DAY), ("overpaid", SYNCED), ("paid", "40.01", MAY)),
    Row(credited("79", "paid", "40.01", MAY), there(750, "40.01")),
    # a part of that must be paid back anyway; beyond it is too much
    Row(credited("79", refund="60"), there(750, "100"), ("settled_by_credit", SYNCED), ("paid", "100", NOTED_DAY)),
    Row(credited("79", refund="60"), there(750, "101"), ("overpaid", SYNCED), ("paid", "101", NOTED_DAY)),
    # Skonto, then a credit note: in proportion less is due, and nothing is too much
    Row(
        credited("59.50", refund="58.31"),
        there(1000, "116.62", DAY),
        ("discounted", SYNCED),
        ("paid", "116.62", MAY),
    ),
    # cancelled or unexplained, whatever was credited
    Row(credited("119"), there(1000, "0")),
    # no number is no other number
    Row(receivable(), there(100, "0", invoice_number=None)),
]


def outcome(handback: Handback) -> tuple[str, Decimal, datetime | None]:
    return handback.claim_status.value, handback.paid_amount, handback.paid_at


@pytest.mark.parametrize("row", ROWS)
def test_word_becomes_right_events(row: Row) -> None:
    """Each row of the table: these events, in this order, and this claim after them."""
    events = compare(row.ours, row.sevdesk, {})
    assert tuple(event.type for event in events) == row.events
    after = outcome(reduce(lifecycle.apply, events, row.ours.handback))
    expected = row.after and (row.after[0], Decimal(row.after[1]), row.after[2])
    assert after == (expected or outcome(row.ours.handback))


@pytest.mark.parametrize(
    "ours, sevdesk",
    [
        # cancelled while open: 1000 and no money (captured)
        (receivable(), there(1000, "0")),
        # cancelled after it was paid, as some accounts may allow
        (receivable("paid", "119", MAY), there(1000, "0")),
        # the money still shown: a cancellation counts more
        (receivable("paid", "119", MAY), there(1000, "119", DAY)),
        # the cancellation is there a second before the invoice is closed (captured)
        (receivable(), there(200, "0")),
    ],
)
def test_cancellation_is_never_paid(ours: Receivable, sevdesk: SevInvoice) -> None:
    """With an SR against it the claim is cancelled, with nothing paid, from the time of the SR on."""
    [event] = compare(ours, sevdesk, cancellations([sevdesk, storno()]))
    assert isinstance(event, CancelledInSevdesk)
    after = lifecycle.apply(ours.handback, event)
    assert outcome(after) == ("cancelled", Decimal(0), None)
    assert (after.document_status, after.sync_status, after.cancelled_at) == ("cancelled", "cancelled", NOTED)


def test_cancellation_of_another_invoice() -> None:
    """An SR counts only for the invoice it comes from."""
    assert compare(receivable(), there(1000, "0"), cancellations([storno(of="135000008")])) == ()


@pytest.mark.parametrize(
    "sevdesk, asks, puzzle",
    [
        (there(1000, "0"), True, True),  # perhaps cancelled
        (there(1000, "119"), True, False),  # perhaps cancelled, otherwise paid
        (there(1000, "119", DAY), False, False),  # paid on a day
        (there(200, "0"), False, False),  # open
    ],
)
def test_closed_without_day_asks(sevdesk: SevInvoice, asks: bool, puzzle: bool) -> None:
    """Only a closed invoice without a day needs another question; only without the money it stays a puzzle."""
    assert closed_without_day(sevdesk) is asks
    assert unexplained(receivable(), sevdesk, {}) is puzzle
    assert unexplained(receivable(), sevdesk, {ID: storno()}) is False


def test_payment_events_tell_amounts() -> None:
    """The specific event carries before and after; the general one what the original integration logged."""
    special, synced = compare(receivable("partially_paid", "40"), there(1000, "119", DAY), {})
    assert isinstance(special, PaymentEvent) and isinstance(synced, PaymentSynced)
    assert special.payload() == {
        "gross": "119.00",
        "paid_before": "40",
        "paid_now": "119",
        "sevdesk_status": 1000,
        "paid_on": "2026-05-04",
        "claim_before": "partially_paid",
    }
    assert synced.payload() == {"status": "paid", "paid_amount": "119", "gross_amount": "119.00"}


@pytest.mark.parametrize(
    "day, hour",
    [
        (date(2026, 1, 1), 11),  # winter: one hour ahead of UTC
        (date(2026, 3, 28), 11),  # the day before the clock goes forward
        (date(2026, 3, 29), 10),  # summer: two hours ahead
        (date(2026, 10, 24), 10),  # the day before the clock goes back
        (date(2026, 10, 25), 11),  # winter again
    ],
)
def test_payment_day_is_the_same_in_utc(day: date, hour: int) -> None:
    """A day's instant is its noon in Berlin, which no time zone near it moves to another day."""
    instant = berlin_noon(day).astimezone(UTC)
    assert (instant.date(), instant.hour, instant.minute) == (day, hour, 0)


amounts = st.decimals(min_value="-5", max_value="250", places=2)
days = st.none() | st.dates(date(2024, 1, 1), date(2027, 12, 31))
receivables = st.builds(
    receivable,
    st.sampled_from(["open", "partially_paid", "paid"]),
    amounts.map(str),
    days.map(lambda day: day and berlin_noon(day)),
    gross=st.sampled_from(["0", "119.00", "50"]),
)
words = st.builds(there, st.sampled_from([100, 200, 750, 900, 1000]), amounts.map(str), days, update=st.just(NOTED))


@given(receivables, words, st.booleans())
def test_second_compare_finds_nothing(ours: Receivable, sevdesk: SevInvoice, cancelled: bool) -> None:
    """After the events are applied, sevDesk's same word is no news: a sync may be repeated at will."""
    known = cancellations([storno()] if cancelled else [])
    events = compare(ours, sevdesk, known)
    after = replace(ours, handback=reduce(lifecycle.apply, events, ours.handback))
    if after.handback.sync_status is SyncStatus.SYNCED:  # cancelled ones are not compared again
        later = sevdesk.model_copy(update={"update": datetime(2026, 8, 1, tzinfo=UTC)})
        assume(implausible(sevdesk) == implausible(later))  # else a payment day a year ahead has become news
        assert compare(after, later, known) == ()


@given(receivables, words)
def test_claim_agrees_with_money(ours: Receivable, sevdesk: SevInvoice) -> None:
    """Open means nothing paid, paid has a day, and nothing is ever paid on a draft."""
    events = compare(ours, sevdesk, {})
    if not events:
        return
    status, paid, paid_at = outcome(reduce(lifecycle.apply, events, ours.handback))
    assert (status == "paid") is (paid_at is not None)
    came = max(sevdesk.paid_amount, Decimal(0)) if ours.gross == 0 else sevdesk.paid_amount
    assert paid == (0 if status == "open" else came)
    assert status == "paid" or ours.gross > 0  # nothing is owed on an invoice over 0
    assert status != "partially_paid" or paid > 0


APPROVED = {"document_status": DocumentStatus.APPROVED}


@pytest.mark.parametrize(
    ("ours", "theirs", "by_hand"),
    [
        (receivable(**APPROVED), {"send_type": "VM"}, True),
        (receivable(**APPROVED), {"send_type": "VPR"}, True),
        (receivable(**APPROVED), {"send_type": "VP"}, True),
        # what our own finalizing sets, and a download is no sending
        (receivable(**APPROVED), {"send_type": "VPDF"}, False),
        (receivable(**APPROVED), {}, False),
        # known to be sent, or nobody knows yet whose mail sevDesk shows
        (receivable(), {"send_type": "VM"}, False),
        (replace(receivable(**APPROVED), write_open=True), {"send_type": "VM"}, False),
        # the mail that came back left its date; a later one is another sending
        (replace(receivable(**APPROVED), bounced_send_date=NOTED), {"send_type": "VM", "send_date": NOTED}, False),
        (replace(receivable(**APPROVED), bounced_send_date=MAY), {"send_type": "VM", "send_date": NOTED}, True),
        # reset to a draft
        (receivable(**APPROVED), {"send_type": "VM", "status": 100}, False),
    ],
)  # fmt: skip
def test_hand_made_sending_is_told_apart(ours: Receivable, theirs: dict[str, Any], by_hand: bool) -> None:
    """Only what our own writes cannot have left is somebody else's."""
    events = compare(ours, there(**theirs), {})
    assert (SentByHand in map(type, events)) is by_hand
    assert reduce(lifecycle.apply, events, ours.handback).claim_status is ClaimStatus.OPEN
