"""However a mistake is spread over runs and days: within two days no more is taken away than the limit allows."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from worker.domain import lifecycle
from worker.domain.events import DeletedInSevdesk
from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, SyncStatus
from worker.domain.ledger import Change, Job
from worker.domain.outcome import Parked
from worker.handlers.mass_change import MassChange

JOB = Job("j", "sync_payments", {}, "system", None, None, None, "kind:sync_payments", 0, 1, ())
WINDOW = timedelta(days=2)


@dataclass
class Books:
    """What the statements about mass changes would find; `taken`: when a run has recorded how much."""

    book: int
    now: timedelta = timedelta(0)
    taken: list[tuple[timedelta, int]] = field(default_factory=list)

    def lately(self) -> int:
        return sum(count for at, count in self.taken if at > self.now - WINDOW)

    async def query(self, statement: str, **_: Any) -> Any:
        return {"taken_away_lately": self.lately, "linked_invoices": lambda: self.book, "parked_mass_changes": list,
                "ask_mass_change": lambda: None}[statement]()  # fmt: skip

    async def record(self, _: Job, changes: list[Change], **__: Any) -> set[UUID]:
        return {change.invoice_id for change in changes}


def deletion() -> Change:
    before = Handback(
        sync_status=SyncStatus.SYNCED, document_status=DocumentStatus.SENT, claim_status=ClaimStatus.OPEN,
        external_id="1", external_invoice_number="RE-1", paid_amount=0, paid_at=None, cancelled_at=None,
    )  # fmt: skip
    event = DeletedInSevdesk(external_id="1")
    return Change(uuid4(), before, lifecycle.apply(before, event), (event,))


async def one_run(books: Books, limit: int, found: int, doubts: int) -> None:
    """Finds so many deletions, in pages of five, and `doubts` first looks; records what it may."""
    guard = MassChange(books, JOB, limit)  # type: ignore[arg-type]
    for start in range(0, found, 5):
        assert await guard.keep([deletion() for _ in range(min(5, found - start))]) == []
    for _ in range(doubts):
        await guard.doubt()
    if guard.is_too_much:
        assert isinstance(await guard.outcome(1), Parked)
        return
    assert await guard.record() == (found, [])
    books.taken.append((books.now, found))


@given(
    st.integers(0, 25), st.integers(0, 5000),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5), st.integers(0, 72)), max_size=25),
)  # fmt: skip
async def test_no_drip_exceeds_the_limit(limit: int, book: int, runs: list[tuple[int, int, int]]) -> None:
    """Runs of any sizes, hours apart."""
    books = Books(book)
    for found, doubts, hours in runs:
        books.now += timedelta(hours=hours)
        before, recorded = books.lately(), len(books.taken)
        await one_run(books, limit, found, doubts)
        assert books.lately() <= max(limit, book // 100, before)
        many = found + doubts + before
        fits = many <= limit or 100 * many <= book
        assert (len(books.taken) > recorded) == (fits or found + doubts == 0)  # what fits is recorded unasked
