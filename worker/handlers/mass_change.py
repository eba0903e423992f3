"""Holds back what a payment sync must not do to many invoices at once unless a person has said so."""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from worker.domain.events import CancelledInSevdesk, DeletedInSevdesk, PaymentReversed, Renumbered
from worker.domain.ledger import Change, Job
from worker.domain.outcome import Done, Parked
from worker.domain.problems import problem
from worker.store import InvoiceChanged, Store

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
    """Of one run. Up to `limit` drastic changes, or one in a hundred of the book, are recorded at its end."""

    def __init__(self, store: Store, job: Job, limit: int) -> None:
        self._store, self._job, self._limit = store, job, limit
        self._confirmed = CODE in job.confirmed
        self._kept: dict[UUID, Change] = {}
        self._found = Counter[str]()  # drastic events by name
        self._book: int | None = None  # how many invoices of ours are in sevDesk; counted when it matters
        self.is_too_much = False  # only a person can tell that it is right; nothing is kept any more, only counted

    async def keep(self, changes: Iterable[Change]) -> list[Change]:
        """Keep the drastic changes for the end; returns the others, or all if a person has confirmed."""
        at_once = []
        for change in changes:
            names = [DRASTIC[type(event)] for event in change.events if type(event) in DRASTIC]
            if self._confirmed or not names:
                at_once.append(change)
                continue
            self._found.update(names)
            if not self.is_too_much:
                self._kept[change.invoice_id] = change
        await self._judge()
        return at_once

    async def _judge(self) -> None:
        if len(self._kept) <= self._limit:
            return
        if self._book is None:
            self._book = await self._store.query("linked_invoices")
        if 100 * len(self._kept) > self._book:
            self.is_too_much = True
            self._kept.clear()

    async def record(self) -> int:
        """Record what is kept; returns how many invoices. Raises `InvoiceChanged` if one was changed meanwhile."""
        changes = list(self._kept.values())
        for place in range(0, len(changes), BATCH):
            page = changes[place : place + BATCH]
            if len(await self._store.record(self._job, page, all_or_nothing=False)) < len(page):
                raise InvoiceChanged
        return len(changes)

    async def outcome(self) -> Parked | Done:
        """A question to a person; `Done` without these changes if another parked run asks it already."""
        if await self._store.query("parked_mass_change", code=CODE, job_id=self._job.job_id):
            return Done({"held_back": self._found.total()})
        counts = {name: self._found[name] for name in DRASTIC.values()}
        return Parked(problem(CODE, book=self._book, **counts))
