"""What goes on beside the running jobs: reap, relay, request, schedule, measure."""

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
from worker.store.rows import JobCountRow, QueueAgeRow

log = structlog.get_logger()

# A killed worker's jobs are noticed within this, plus the time Postgres takes to see the dead socket (at once on the
# same network, see the keep-alives for a partition). One indexed query per worker and beat.
REAP_SECONDS = 2.0
# Outbox requests are relayed by NOTIFY at once; the sweep is for what was missed. Ten seconds without a sign is long
# enough for a healthy worker to have claimed the job, and short enough to be unnoticed after FLUSHALL.
SWEEP_SECONDS, WAKE_AGAIN_SECONDS, MAX_WAKES = 5.0, 10.0, 500
TICK_SECONDS = 5.0
# Invoices marked `queued` whose job was lost before a worker polled it. A producer's own MULTI comes within the grace.
FORGOTTEN_SECONDS, FORGOTTEN_GRACE_SECONDS = 15.0, 60.0
# Prometheus usually scrapes every 15 to 60 s; two small counts a beat.
MEASURE_SECONDS = 5.0


class Maintenance:
    """`wake` is set when a job was requested, so that the relay looks at once."""

    def __init__(self, store: Store, redis: ArqRedis, metrics: Metrics, wake: asyncio.Event) -> None:
        self.store, self.redis, self.metrics, self.wake = store, redis, metrics, wake

    def loops(self, *, scheduled: bool, measured: bool) -> list[Coroutine[Any, Any, None]]:
        """The loops to run: `scheduled` with the payment sync's clock, `measured` with the metrics' gauges."""
        return [
            run_every(REAP_SECONDS, self._reap),
            run_every(SWEEP_SECONDS, self._relay, self.wake),
            run_every(FORGOTTEN_SECONDS, self._request_forgotten),
            *([run_every(TICK_SECONDS, self._schedule)] if scheduled else []),
            *([run_every(MEASURE_SECONDS, self._measure)] if measured else []),
        ]

    async def _reap(self) -> None:
        reaped = await self.store.requeue_abandoned_jobs()
        self.metrics.jobs_reaped(len(reaped))
        for job_ref in reaped:
            log.warning("job.reaped", job_id=job_ref.job_id, kind=job_ref.kind, reason="Its worker is gone.")
        await wake_jobs(self.redis, reaped, clear_claim=True)

    async def _relay(self) -> None:
        # Not running, and silent for long: a claim that is left in Redis is a dead worker's.
        due = await self.store.jobs_to_wake(grace=WAKE_AGAIN_SECONDS, most=MAX_WAKES)
        await wake_jobs(self.redis, due, clear_claim=True)

    async def _request_forgotten(self) -> None:
        asked = await self.store.query("request_missing_jobs", grace=FORGOTTEN_GRACE_SECONDS, most=MAX_WAKES)
        if asked:
            log.info("jobs.requested", kind="publish_invoice", count=asked)

    async def _schedule(self) -> None:
        if await start_due(self.store):
            self.wake.set()

    async def _measure(self) -> None:
        """What all workers share, for the gauges."""
        jobs: list[JobCountRow] = await self.store.query("count_jobs")
        queue: QueueAgeRow = await self.store.query("queue_age")
        self.metrics.ledger_seen(jobs, queue["age"], queue["last_sync"])


async def wake_if_possible(redis: ArqRedis, job_ref: JobRef) -> None:
    """Enqueue one job now; if Redis is away, the relay does it later."""
    with contextlib.suppress(RedisError, OSError):
        await wake_jobs(redis, [job_ref])
