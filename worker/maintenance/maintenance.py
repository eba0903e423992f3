"""The loops: requeue jobs of dead workers, wake due jobs, request missing jobs, start scheduled ones, measure."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import structlog
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from worker.domain.ledger import JobRef
from worker.maintenance.loop import run_every
from worker.maintenance.scheduler import start_due
from worker.observability.metrics import Metrics
from worker.queue.inbox import wake_jobs
from worker.store import Store
from worker.store.rows import JobCountRow, Row

log = structlog.get_logger()

# A killed worker's jobs are reaped within this time after Postgres sees the dead socket (at once on the same network;
# keep-alives bound it for a partition). One indexed query per worker each time.
REAP_SECONDS = 2.0
# NOTIFY runs the relay for outbox requests; every SWEEP_SECONDS it runs anyway, for what was missed. A healthy worker
# claims a job within ten seconds, so one that is due for longer is put into Redis again, after FLUSHALL for example.
SWEEP_SECONDS, WAKE_AGAIN_SECONDS, MAX_WAKES = 5.0, 10.0, 500
# A changed interval should take effect within a minute; one small query per worker each time.
TICK_SECONDS = 5.0
# For invoices marked `queued` whose job was lost before a worker polled it. Until the grace is over, the producer may
# still put the job into Redis itself.
MISSING_SECONDS, MISSING_GRACE_SECONDS = 15.0, 60.0
# Prometheus usually scrapes every 15 to 60 s; two small queries each time.
MEASURE_SECONDS = 5.0


class Maintenance:
    """The maintenance loops of one worker. Setting `wake` runs the relay at once."""

    def __init__(self, store: Store, redis: ArqRedis, metrics: Metrics, wake: asyncio.Event) -> None:
        self.store, self.redis, self.metrics, self.wake = store, redis, metrics, wake

    def loops(self, *, scheduled: bool, measured: bool) -> list[Coroutine[Any, Any, None]]:
        """The loops to run: the scheduler only if `scheduled`, the metrics' gauges only if `measured`."""
        return [
            run_every(REAP_SECONDS, self._reap),
            run_every(SWEEP_SECONDS, self._relay, self.wake),
            run_every(MISSING_SECONDS, self._request_missing),
            *([run_every(TICK_SECONDS, self._schedule)] if scheduled else []),
            *([run_every(MEASURE_SECONDS, self._measure)] if measured else []),
        ]

    async def _reap(self) -> None:
        """Make jobs of dead workers claimable: those marked as running whose lock is free."""
        reaped = [JobRef(**row) for row in await self.store.query("requeue_abandoned_jobs")]
        self.metrics.jobs_reaped.inc(len(reaped))
        for job_ref in reaped:
            log.warning("job.reaped", job_id=job_ref.job_id, kind=job_ref.kind, reason="Its worker is gone.")
        await wake_jobs(self.redis, reaped, clear_claim=True)

    async def _relay(self) -> None:
        """Put jobs that are due, but not claimed, into Redis."""
        # These jobs are not running, so a claim that is left in Redis is a dead worker's.
        due = await self.store.query("jobs_to_wake", grace=WAKE_AGAIN_SECONDS, most=MAX_WAKES)
        await wake_jobs(self.redis, [JobRef(**row) for row in due], clear_claim=True)

    async def _request_missing(self) -> None:
        """Request a publication for invoices that are marked `queued` without a job."""
        requested = await self.store.query("request_missing_jobs", grace=MISSING_GRACE_SECONDS, most=MAX_WAKES)
        if requested:
            log.info("jobs.requested", kind="publish_invoice", count=requested)

    async def _schedule(self) -> None:
        if await start_due(self.store):
            self.wake.set()

    async def _measure(self) -> None:
        """Count the jobs of all workers, for the gauges."""
        jobs: list[JobCountRow] = await self.store.query("count_jobs")
        queue: Row = await self.store.query("queue_age")
        self.metrics.queue_measured(jobs, queue["age"], queue["last_sync"])


async def wake_if_possible(redis: ArqRedis, job_ref: JobRef) -> None:
    """Put one job into Redis; if Redis is down, the relay does it later."""
    with contextlib.suppress(RedisError, OSError):
        await wake_jobs(redis, [job_ref])
