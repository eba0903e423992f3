"""The reference model of payment sync: what a claim must be, written from sevDesk's rules and not from the worker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
GROSS = Decimal("119")
DRAFT, CLOSED = 100, 1000
# A change is promised to the feed unless it is dated further back than this before both sevDesk's newest stamp and the
# time of our last reading: only a clock of sevDesk's that is set back does that.
PROMISED = timedelta(minutes=2)


@dataclass(frozen=True)
class Truth:
    """One invoice as sevDesk shows it at one moment; `gone`: deleted by hand."""

    status: int
    paid: Decimal
    pay_date: date | None
    number: str | None
    storno: bool  # a cancellation invoice stands against it
    update: datetime
    sent: str = "VPDF"  # how; ours are downloaded only
    gone: bool = False
    gross: Decimal = GROSS
    credited: Decimal = Decimal(0)  # by finished credit notes over parts of it
    refund: Decimal = Decimal(0)  # what must be paid back for them, as everybody knows


@dataclass(frozen=True)
class Belief:
    """What the billing row and the event log say."""

    claim: str = "open"
    paid: Decimal = Decimal(0)
    paid_at: datetime | None = None
    number: str | None = None
    sync: str = "synced"
    document: str = "approved"
    events: tuple[str, ...] = ()

    def told(self, *events: str, **columns: object) -> "Belief":
        """The belief after these events."""
        return replace(self, events=self.events + events, **columns)  # type: ignore[arg-type]


def learn(belief: Belief, truth: Truth, *, by_id: bool) -> Belief:
    """What the belief becomes when a sync reads this. Only a look-up by id can tell that an invoice is gone."""
    if belief.sync != "synced" or (truth.gone and not by_id):
        return belief
    if truth.gone:
        return belief.told("deleted_in_sevdesk", sync="parked")
    if truth.number and truth.number != belief.number:
        belief = belief.told("renumbered", number=truth.number)
    if truth.storno:
        gone = {"claim": "cancelled", "sync": "cancelled", "document": "cancelled"}
        return belief.told("cancelled_in_sevdesk", paid=Decimal(0), paid_at=None, **gone)
    if truth.status > DRAFT and truth.sent in ("VM", "VPR", "VP") and belief.document == "approved":
        belief = belief.told("sent_by_hand", document="sent")
    if truth.paid < 0:
        return belief  # an error in sevDesk, which is told and never recorded
    if truth.gross == 0:
        event, claim, paid, paid_at = _nothing_owed(belief, truth)
    elif truth.status == CLOSED and truth.pay_date is None:
        return belief  # nobody can tell why it is closed
    else:
        event, claim, paid, paid_at = _money(belief, truth)
    if (claim, paid, paid_at) == (belief.claim, belief.paid, belief.paid_at):
        return belief
    return belief.told(event, "payment_synced", claim=claim, paid=paid, paid_at=paid_at)


def _nothing_owed(belief: Belief, truth: Truth) -> tuple[str, str, Decimal, datetime | None]:
    """Of an invoice over 0: paid, whatever its status; on the day of a payment, else on the first one known."""
    day = truth.pay_date or truth.update.astimezone(BERLIN).date()
    known = belief.paid_at if truth.pay_date is None else None
    event = "overpaid" if truth.paid > 0 else "nothing_owed"
    return event, "paid", truth.paid, known or datetime.combine(day, time(12), BERLIN)


def _money(belief: Belief, truth: Truth) -> tuple[str, str, Decimal, datetime | None]:
    kept = GROSS - truth.credited + truth.refund  # what may have come without a word
    too_much = truth.paid > (min(kept, GROSS) if truth.credited > 0 else GROSS)
    if truth.status == CLOSED:
        assert truth.pay_date is not None
        event = "overpaid" if too_much else "paid" if truth.paid == GROSS else "discounted"
        return event, "paid", truth.paid, datetime.combine(truth.pay_date, time(12), BERLIN)
    if truth.credited > 0 and truth.paid + truth.credited >= GROSS:
        changed = datetime.combine(truth.update.astimezone(BERLIN).date(), time(12), BERLIN)
        event = "overpaid" if too_much else "settled_by_credit"
        return event, "paid", truth.paid, belief.paid_at or changed
    if truth.paid > 0:
        return "partially_paid", "partially_paid", truth.paid, None
    return "payment_reversed", "open", Decimal(0), None


def possible(belief: Belief, truths: Iterable[Truth], *, by_id: bool, must_see: bool) -> set[Belief]:
    """Every belief that a run may leave that read any of these truths, in this order, and none (unless it must)."""
    paths = {(belief, False)}
    for truth in truths:
        paths |= {(learn(before, truth, by_id=by_id), True) for before, _ in paths}
    return {after for after, seen in paths if seen or not must_see}


@dataclass
class Invoice:
    """One invoice of ours in the model: what is believed, and what sevDesk has shown since a sync last began."""

    id: str  # sevDesk's
    ours: UUID
    belief: Belief
    truths: list[Truth]
    behind: bool = False  # its last change is dated back further than is promised

    @property
    def truth(self) -> Truth:
        """sevDesk's present word."""
        return self.truths[-1]

    def forget(self) -> None:
        """A sync begins: only the present counts, and what comes while it runs."""
        del self.truths[:-1]


def pending(invoices: Iterable[Invoice]) -> Iterator[Invoice]:
    """Those whose belief a sweep of the whole book would change."""
    return (each for each in invoices if learn(each.belief, each.truth, by_id=True) != each.belief)
