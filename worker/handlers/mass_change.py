"""Holds back what a payment sync must not do to many invoices at once unless a person has said so."""

from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from worker.domain.events import CancelledInSevdesk, DeletedInSevdesk, PaymentReversed, Renumbered
from worker.domain.ledger import Change, Job
from worker.domain.outcome import Done, Parked
from worker.domain.problems import problem
from worker.store import Store
from worker.store.rows import Row

CODE = "mass_change"
# What takes something away from an invoice. People do that to one or two at a time; many at once are a mistake: a
# restored database, a token with fewer rights, an account that lost data.
DRASTIC = {
    DeletedInSevdesk: "deleted",
    CancelledInSevdesk: "cancelled",
    PaymentReversed: "reversed",
    Renumbered: "renumbered",
}
BATCH = 1000  # changes recorded by one statement


class MassChange:
    """Of one run. Up to `limit` drastic changes, or one in a hundred of the book, are recorded at its end.

    What runs of the last two days have recorded so counts as well, or a few at a time would take the book away.
    """

    def __init__(self, store: Store, job: Job, limit: int, *, counts: bool = True) -> None:
        """`counts`: what other runs recorded does; not for the one invoice that a person asks about."""
        self._store, self._job, self._limit, self._counts = store, job, limit, counts
        self._kept: dict[UUID, Change] = {}
        self._found = Counter[str]()  # drastic events by name
        self._doubtful = 0  # of them deletions that wait for a second look
        self._allowed: Mapping[str, int] | None = None  # as many as a person was asked about and has confirmed
        self._lately: int | None = None  # drastic changes that were recorded before; counted when it matters
        self._book: int | None = None  # how many invoices of ours are in sevDesk; counted when it matters
        self.recorded = 0  # drastic changes of this run, without those that a person has confirmed
        self.is_too_much = False  # only a person can tell that it is right; nothing is kept any more, only counted

    async def keep(self, changes: Iterable[Change]) -> list[Change]:
        """Keep the drastic changes for the end; returns the others, and those that a person has confirmed."""
        if CODE in self._job.confirmed and self._allowed is None:
            self._allowed = await self._store.query("asked_mass_change", job_id=self._job.job_id) or {}
        at_once = []
        for change in changes:
            names = [DRASTIC[type(event)] for event in change.events if type(event) in DRASTIC]
            self._found.update(names)
            if not names or (self._allowed is not None and self._within(self._allowed, names)):
                at_once.append(change)
            elif not self.is_too_much:
                self._kept[change.invoice_id] = change
        await self._judge()
        return at_once

    def _within(self, asked: Mapping[str, int], names: Iterable[str]) -> bool:
        """Whether an answer to a question about so many holds for what was found; a few may have come since."""
        return not self.is_too_much and all(self._found[name] <= asked.get(name, 0) + self._limit for name in names)

    async def _judge(self) -> None:
        many = len(self._kept) + self._doubtful
        if many == 0:
            return
        if self._allowed is None and self._counts:
            if self._lately is None:
                self._lately = await self._store.query("taken_away_lately", code=CODE, job_id=self._job.job_id)
            many += self._lately
        if many <= (self._limit if self._allowed is None else 0):
            return
        if self._book is None:
            self._book = await self._store.query("linked_invoices")
        if self._allowed is not None or 100 * many > self._book:
            self.is_too_much = True
            self._kept.clear()

    async def doubt(self) -> None:
        """A deletion that waits for a second look; many at once are a question all the same."""
        self._found["deleted"] += 1
        self._doubtful += 1
        await self._judge()

    def count_unseen(self) -> None:
        """One more that no page showed; whether sevDesk has it by id is not worth a call any more."""
        self._found["deleted"] += 1

    @property
    def waiting(self) -> int:
        """How many changes are kept for the end."""
        return len(self._kept)

    async def record(self) -> tuple[int, list[str]]:
        """Record what is kept; returns how many invoices, and sevDesk's ids of those that were changed meanwhile."""
        changes, self._kept = list(self._kept.values()), {}
        recorded = set[UUID]()
        for place in range(0, len(changes), BATCH):
            recorded |= await self._store.record(self._job, changes[place : place + BATCH], all_or_nothing=False)
        self.recorded += len(recorded)
        left = (change.before.external_id for change in changes if change.invoice_id not in recorded)
        return len(recorded), [id for id in left if id is not None]

    async def outcome(self, run_id: int) -> Parked | Done:
        """A question to a person; `Done` without these changes if another parked run asks about as many already."""
        asked = {name: self._found[name] for name in DRASTIC.values()}
        rows: list[Row] = await self._store.query("parked_mass_changes", code=CODE, job_id=self._job.job_id)
        if any(all(count <= row["asked"][name] + self._limit for name, count in asked.items()) for row in rows):
            return Done({"held_back": self._found.total()})
        await self._store.query("ask_mass_change", run_id=run_id, asked=asked, code=CODE)
        return Parked(problem(CODE, book=self._book, lately=self._lately or 0, **asked))
