"""Starts jobs of the queue in this process's slots, and frees their order keys when they end."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from worker.domain.ledger import IncomingJob, Job
from worker.observability.metrics import Metrics
from worker.observability.outage import Outage
from worker.queue.loop import wait_for
from worker.store import OUTAGES, LockSession, to_its_end

log = structlog.get_logger()

# A claim is made when a job becomes ready (NOTIFY), arrives in this process or ends. This is for a notification whose
# sender did not live to send it. Sixty idle workers that ask every 2 s cost Postgres 2.3 % of a core (measured).
POLL_SECONDS = 10.0
# The wait after a claim that found nothing, times the number of such claims in a row: a burst of notifications then
# costs few claims. The maximum is the delay that this may cause for a job.
PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.002, 0.05
# Until the next claim after one that Postgres refused.
REFUSED_SECONDS = 1.0
# How long a claim under way may take at shutdown.
START_SECONDS = 5.0


class ClaimLoop:
    """Runs up to `slots` jobs at a time; `run` makes one attempt and raises nothing but CancelledError.

    `tell_others` is called when there are jobs ready that this process has no slot for.
    """

    def __init__(
        self,
        locks: LockSession,
        run: Callable[[Job], Coroutine[Any, Any, None]],
        tell_others: Callable[[], None],
        metrics: Metrics,
        postgres: Outage,
        *,
        slots: int,
    ) -> None:
        self._locks, self._run, self._tell_others, self._slots = locks, run, tell_others, slots
        self._metrics, self._postgres = metrics, postgres
        self._arrived = False  # jobs of which the other workers do not know
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._ended: list[str] = []  # order keys to free
        self._wake = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._accepting = True
        self.standby = False  # another worker is to start the jobs

    @property
    def free_slots(self) -> int:
        """How many more jobs this process would start now."""
        return self._slots - len(self.tasks) if self._accepting and not self.standby else 0

    def wake(self) -> None:
        """Claim again: a job may have become ready."""
        self._wake.set()

    def arrived(self) -> None:
        """This process has recorded new jobs: it starts what it has slots for, and leaves the rest to the others."""
        self._arrived = True
        self._wake.set()

    async def take_in(self, incoming: Sequence[IncomingJob]) -> list[str] | None:
        """Record new jobs and start them, in one statement: a job starts sooner so. Returns ids that were known before.

        None, and nothing is recorded, if there is no slot for all or the claim failed. Raises one of `OUTAGES`.
        """
        if not self._locks.alive or self.free_slots < len(incoming):
            return None
        try:
            _, limited, known = await to_its_end(self._claim_once(incoming))
        except OUTAGES:
            raise
        except Exception:
            log.exception("queue.claim_failed")
            return None  # nothing was recorded: a claim that fails must not keep jobs out of the ledger
        if limited:
            self._wake.set()
        return known

    async def main(self) -> None:
        """Claim until cancelled."""
        in_vain = 0
        while True:
            self._wake.clear()
            if self._arrived and not (self._locks.alive and self.free_slots):
                self._arrived = False
                self._tell_others()
            if self._locks.alive and (self.free_slots or self._ended):
                in_vain = 0 if await self._claim_safely() else in_vain + 1
                if in_vain:
                    await asyncio.sleep(min(in_vain * PAUSE_SECONDS, MAX_PAUSE_SECONDS))
            if not await wait_for(self._wake, POLL_SECONDS):
                in_vain = 0

    async def _claim_safely(self) -> bool:
        """True if jobs were started."""
        try:
            started = await to_its_end(self._claim())
            self._postgres.over()
            return started > 0
        except OUTAGES as error:
            self._postgres.began(error)
        except Exception as error:
            if self._postgres.is_news("claims", type(error)):
                log.exception("queue.claim_failed")
            await asyncio.sleep(REFUSED_SECONDS)
        return False

    async def _claim(self) -> int:
        started, limited, _ = await self._claim_once()
        while limited and self.free_slots:  # there may be jobs of others behind them
            more, limited, _ = await self._claim_once()
            started += more
        return started

    async def _claim_once(self, incoming: Sequence[IncomingJob] = ()) -> tuple[int, int, list[str]]:
        """How many jobs were started, how many were given a later start time, and which of `incoming` were known."""
        async with self._claiming:
            ended = self._ended.copy()
            arrived, self._arrived = self._arrived or bool(incoming), False
            try:
                jobs, limited = await self._locks.claim(self.free_slots, ended, incoming)
                known = self._locks.known
            except BaseException:
                self._arrived = self._arrived or arrived
                raise
            del self._ended[: len(ended)]
            for job in jobs:
                task = asyncio.get_running_loop().create_task(self._run(job))
                self.tasks[job.job_id] = task
                task.add_done_callback(lambda _, job=job: self._end(job))  # type: ignore[misc]
        if arrived and not self.free_slots:
            self._tell_others()
        for put_off in limited:
            self._metrics.job_limited()
            log.info("job.person_limited", job_id=put_off.job_id, start_at=put_off.start_at, reason=put_off.reason)
        return len(jobs), len(limited), known

    def _end(self, job: Job) -> None:
        task = self.tasks.pop(job.job_id)
        self._ended.append(job.order_key)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job.crashed", job_id=job.job_id, exc_info=error)

    async def drain(self, grace: float) -> None:
        """Start nothing more, give running jobs `grace` seconds, then cancel what is left and wait for it."""
        self._accepting = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS), self._claiming:
                pass  # what a claim under way has started is in self.tasks now
        if self.tasks:
            await asyncio.wait(list(self.tasks.values()), timeout=grace)
        left = self.cancel_all()
        if left:
            await asyncio.wait(left, timeout=5)

    def cancel_all(self) -> list[asyncio.Task[None]]:
        """Cancel the running jobs; their next attempt goes on where they stopped."""
        left = list(self.tasks.values())
        for task in left:
            task.cancel()
        return left
