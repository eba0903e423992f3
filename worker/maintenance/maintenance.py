"""What the leader does for all workers: free jobs of dead workers, make due jobs ready, request, schedule, measure."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from worker.domain.ledger import JobRef
from worker.maintenance.agreement import Agreement
from worker.maintenance.retention import clean
from worker.maintenance.scheduler import start_due
from worker.observability.metrics import Metrics
from worker.observability.outage import Outage
from worker.queue.loop import run_every
from worker.store import Store
from worker.store.rows import JobCountRow, QueueAgeRow

log = structlog.get_logger()

# A retry or a pause may be late by this; one index probe each time.
DUE_SECONDS, MAX_DUE = 0.25, 500
# A killed worker's jobs are freed within this time after Postgres sees the dead socket (at once on the same network;
# keep-alives bound it for a partition).
REAP_SECONDS = 1.0
# For jobs whose transaction took its time, so that claims search further back.
RANK_SECONDS = 1.0
# For jobs behind one whose worker died just after it had ended.
FORGOTTEN_SECONDS, MAX_FORGOTTEN = 5.0, 1000
# A changed interval should take effect within a minute.
TICK_SECONDS = 5.0
# For invoices marked `queued` whose job was lost before a worker polled it. Until the grace is over, the producer may
# still put the job into Redis itself.
MISSING_SECONDS, MISSING_GRACE_SECONDS, MAX_MISSING = 15.0, 60.0, 500
# For invoices that sevDesk did not have at a first look (GONE_AFTER).
LOOK_SECONDS = 5.0
# Until the log tells of a worker with other settings; that worker itself tells at once.
COMPARE_SECONDS = 10.0
# What is old is deleted by pages, all of it within hours.
CLEAN_SECONDS, CLEAN_PAUSE = 6 * 3600.0, 0.1
# Prometheus usually scrapes every 15 to 60 s.
MEASURE_SECONDS = 5.0
# The business moves slowly, and its figures are counted from the month's invoices and all open claims.
BUSINESS_SECONDS = 60.0


class Maintenance:
    """The leader's loops; the scheduler only if `scheduled`, the metrics' gauges only if `measured`."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        postgres: Outage,
        agreement: Agreement,
        *,
        scheduled: bool,
        measured: bool,
        retention_days: int,
        gone_after: float,
    ) -> None:
        self._gone_after, self._agreement = gone_after, agreement
        self.store, self.metrics, self._postgres, self._retention_days = store, metrics, postgres, retention_days
        self._scheduled, self._measured = scheduled, measured

    async def run(self) -> None:
        """Run all loops until cancelled."""
        acts: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (DUE_SECONDS, self._ready_due),
            (REAP_SECONDS, self._reap),
            (RANK_SECONDS, self._correct_ranks),
            (FORGOTTEN_SECONDS, self._promote_forgotten),
            (MISSING_SECONDS, self._request_missing),
            (CLEAN_SECONDS, self._clean),
            (COMPARE_SECONDS, self._compare),
            *([(TICK_SECONDS, self._schedule), (LOOK_SECONDS, self._look_again)] if self._scheduled else []),
            *([(MEASURE_SECONDS, self._measure), (BUSINESS_SECONDS, self._measure_business)] if self._measured else []),
        ]
        self.metrics.business.leader.set(1)
        loops = [asyncio.create_task(run_every(seconds, act, self._postgres)) for seconds, act in acts]
        try:
            await asyncio.gather(*loops)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            self.metrics.queue_not_measured()

    async def _ready_due(self) -> None:
        while made := await self.store.query("ready_due_jobs", most=MAX_DUE):
            self.store.notifications.request()
            if made < MAX_DUE:
                break

    async def _reap(self) -> None:
        """Make jobs of dead workers ready: those marked as running whose lock is free."""
        reaped = [JobRef(**row) for row in await self.store.query("requeue_abandoned_jobs")]
        self.metrics.jobs_reaped.inc(len(reaped))
        for job in reaped:
            log.warning("job.reaped", job_id=job.job_id, kind=job.kind, reason="Its worker is gone.")
        if reaped:
            self.store.notifications.request()

    async def _correct_ranks(self) -> None:
        await self.store.query("correct_ranks")

    async def _promote_forgotten(self) -> None:
        if await self.store.query("promote_forgotten", most=MAX_FORGOTTEN):
            self.store.notifications.request()

    async def _request_missing(self) -> None:
        """Request a publication for invoices that are marked `queued` without a job."""
        requested = await self.store.query("request_missing_jobs", grace=MISSING_GRACE_SECONDS, most=MAX_MISSING)
        if requested:
            log.info("jobs.requested", kind="publish_invoice", count=requested)

    async def _clean(self) -> None:
        """Delete what is older than RETENTION_DAYS."""
        deleted = await clean(self.store, self._retention_days, pause=CLEAN_PAUSE)
        if deleted["jobs"]:
            log.info(
                "ledger.cleaned",
                jobs=deleted["jobs"],
                intents=deleted["intents"],
                sync_runs=deleted["sync_runs"],
            )

    async def _schedule(self) -> None:
        if await start_due(self.store):
            self.store.notifications.request()

    async def _compare(self) -> None:
        """Compare the settings of all workers."""
        self.metrics.business.contradictions.set(await self._agreement.compare())

    async def _look_again(self) -> None:
        """Ask for the second looks that are due."""
        job_id = f"missing:{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        if await self.store.query("request_second_looks", job_id=job_id, gone_after=self._gone_after):
            self.store.notifications.request()

    async def _measure(self) -> None:
        """Count the jobs of all workers and the open notices, for the gauges."""
        jobs: list[JobCountRow] = await self.store.query("count_jobs")
        queue: QueueAgeRow = await self.store.query("queue_age")
        self.metrics.queue_measured(jobs, queue["age"], queue["sync_age"])
        self.metrics.foreign_locks.set(len(await self.store.query("foreign_locks")))
        self.metrics.notices_measured(await self.store.query("count_notices"))

    async def _measure_business(self) -> None:
        self.metrics.business.measured(await self.store.query("business_figures"))
