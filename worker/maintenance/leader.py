"""Keeps the lock session connected, and does the maintenance while this process is the leader."""

import asyncio
import contextlib

import structlog

from worker.maintenance.agreement import Agreement
from worker.maintenance.maintenance import Maintenance
from worker.maintenance.restore_watch import RestoreWatch
from worker.maintenance.standby import Standby
from worker.observability.outage import Outage
from worker.queue.claims import ClaimLoop
from worker.queue.loop import survived, wait_for
from worker.store import LEADER, LockSession

log = structlog.get_logger()

# How often a worker tries to become the leader, and the leader tests its session: the maintenance stops for this long
# when the leader dies. Jobs run only while the session lives, so its loss must be noticed within seconds, too.
LEAD_SECONDS = 2.0


class Leadership:
    """`lost` is to be set when the lock session ends."""

    def __init__(
        self,
        locks: LockSession,
        claims: ClaimLoop,
        maintenance: Maintenance,
        restores: RestoreWatch,
        agreement: Agreement,
        standby: Standby,
        postgres: Outage,
    ) -> None:
        self._locks, self._claims, self._maintenance, self._postgres = locks, claims, maintenance, postgres
        self._restores, self._agreement, self._standby = restores, agreement, standby
        self.lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Connect, lead if nobody else does, and connect again when the session is lost; until cancelled."""
        connected_before = False
        try:
            while True:
                self.lost.clear()
                async with survived("maintenance", self._postgres):
                    if not self._locks.alive:
                        await self._step_down()
                        await self._connect()
                        log.info("locks.restored" if connected_before else "locks.ready")
                        connected_before = True
                    else:
                        await self._restores.check()
                    async with survived("maintenance", self._postgres):  # whoever cannot register may lead all the same
                        await self._agreement.register()
                    if await self._standby.look():
                        await self._step_down()
                        await self._locks.release(LEADER)
                    elif await self._locks.lead() and (self._task is None or self._task.done()):
                        log.info("leader.elected")
                        self._task = asyncio.create_task(self._maintenance.run())
                    await wait_for(self.lost, LEAD_SECONDS)
        finally:
            await self._step_down()

    async def _connect(self) -> None:
        if self._claims.tasks:
            # Jobs of the old session must end first: they would take locks of the new session for their own.
            await asyncio.wait(list(self._claims.tasks.values()))
        await self._restores.check()  # before a session lets the first job be claimed
        await self._locks.connect()
        self._postgres.over()
        self._claims.wake()  # jobs may have become ready while this session did not listen

    async def _step_down(self) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
