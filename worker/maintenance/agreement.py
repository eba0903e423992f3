"""Registers this worker in the database, and logs in which settings the living workers contradict each other."""

import structlog

from worker.domain.agreement import NEXT_STEP, Registered, contradictions, versions
from worker.settings import AGREED, Settings
from worker.store import LockSession, Store
from worker.store.rows import from_row
from worker.version import version

log = structlog.get_logger()


async def registered(store: Store) -> list[Registered]:
    """The living workers, in the order of their start."""
    return [from_row(Registered, row) for row in await store.query("registered_workers")]


class Agreement:
    """Each contradiction is logged once, and again only after it was gone."""

    def __init__(self, store: Store, locks: LockSession, settings: Settings) -> None:
        self._store, self._locks, self._settings = store, locks, settings
        self._told: set[object] = set()

    async def register(self) -> None:
        """Put this worker on record, unless its lock session has done so, and compare it with the others."""
        if not self._locks.registered:
            await self._locks.register(version(), self._settings.agreed())
            await self.compare()

    async def compare(self) -> int:
        """Log what was not so at the last comparison. Returns in how many settings workers contradict each other."""
        workers = await registered(self._store)
        found = {(each.setting, frozenset(each.values)): each for each in contradictions(workers, AGREED)}
        for key, each in found.items():
            if key not in self._told:
                log.warning("workers.settings_differ", reason=each.sentence(), next_step=NEXT_STEP)
        running = versions(workers)
        if len(running) > 1 and frozenset(running) not in self._told:
            log.info("workers.versions_differ", workers=running)
        self._told = {*found, frozenset(running)}
        return len(found)
