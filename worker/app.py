"""The composition root: pools, locks, client, arq worker, reaper, relay, schedule, graceful stop.

One process, one event loop. Four things go on beside the running jobs, each a loop that survives outages:
the lock session is kept alive, dead workers' jobs are reaped, requested and due jobs are rung, ticks are started.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any
from uuid import uuid4

import httpx
import structlog
from arq.connections import ArqRedis
from redis.exceptions import RedisError
from structlog.contextvars import get_contextvars

from sevdesk_client.client import SevDeskClient
from sevdesk_client.sending import Call
from worker.domain import schedule
from worker.gate.gate import Throttle
from worker.observability.metrics import Metrics
from worker.queue.inbox import DoorbellWorker, connect_redis, end, ring
from worker.runner.runner import Runner
from worker.settings import Settings
from worker.steps.account import Desk
from worker.store import LOST, Bell, LockSession, Store

log = structlog.get_logger()

# A killed worker's jobs are noticed within this, plus the time Postgres takes to see the dead socket (at once on the
# same network, see the keep-alives for a partition). One indexed query per worker and beat.
REAP_SECONDS = 2.0
# Outbox requests are relayed by NOTIFY at once; the sweep is for what was missed. Ten seconds without a sign is long
# enough for a healthy doorbell to have been answered, and short enough to be unnoticed after FLUSHALL.
SWEEP_SECONDS, RING_AGAIN_SECONDS, RING_AT_MOST = 5.0, 10.0, 500
TICK_SECONDS = 5.0
# Invoices marked `queued` whose job was lost before a worker polled it. A producer's own MULTI comes within the grace.
FORGOTTEN_SECONDS, FORGOTTEN_GRACE_SECONDS = 15.0, 60.0
PING_SECONDS = 5.0
# Away and back: quick enough to be unnoticed after a restart of Postgres, slow enough not to hammer it.
RECONNECT_SECONDS = 1.0
# Prometheus usually scrapes every 15 to 60 s; two small counts a beat.
MEASURE_SECONDS = 5.0
# The sweep proves every night that the feed missed nothing; at 100,000 invoices it is a hundred calls.
PAYMENTS, FULL_SWEEP = "payments", "full_sweep"


class App:
    """`run` until `stop`; leaves nothing claimed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"
        self.metrics = Metrics()
        self._stop = asyncio.Event()
        self._nudge = asyncio.Event()
        self._unlocked = asyncio.Event()

    def stop(self) -> None:
        """Ask for a graceful end; asking twice changes nothing."""
        self._stop.set()

    async def run(self) -> None:
        """Start, work, drain, close. Raises only when the database is not migrated."""
        async with contextlib.AsyncExitStack() as stack:
            store = await self._store()
            if store is None:
                return
            stack.push_async_callback(store.close)
            await self._work(stack, store)

    async def _store(self) -> Store | None:
        """Postgres, however long it takes to come up; None when we are stopped before."""
        said = False
        while not self._stop.is_set():
            try:
                store = await Store.connect(self.settings.database_url, size=max(4, self.settings.worker_max_jobs // 2))
                try:
                    await store.query("note_token", configured=self.settings.sevdesk_api_token is not None)
                    return store
                except BaseException:
                    await store.close()
                    raise
            except LOST as error:
                if not said:
                    log.warning(
                        "postgres.unreachable", error=type(error).__name__, next_step="Trying until it answers."
                    )
                said = True
                await _wait(self._stop, RECONNECT_SECONDS)
        return None

    async def _work(self, stack: contextlib.AsyncExitStack, store: Store) -> None:
        settings = self.settings
        redis = connect_redis(settings.redis_url)
        throttle = self._throttle(redis)
        desk = await self._desk(stack, throttle)
        locks = LockSession(settings.lock_url, self.name, settings.person_job_limit, self._locks_lost, self._nudge.set)
        runner = Runner(store, locks, desk, settings, lambda bell: self._ring(redis, [bell]), self.metrics)
        self.metrics.watch_locks(lambda: locks.alive)
        self.worker = DoorbellWorker(redis, store, runner.run, name=self.name, slots=settings.worker_max_jobs)
        loops = [
            asyncio.create_task(loop)
            for loop in (
                self.worker.main(),
                self.worker.listen(),
                self._keep_locks(locks),
                self._every(REAP_SECONDS, partial(self._reap, store, redis)),
                self._every(SWEEP_SECONDS, partial(self._sweep, store, redis), self._nudge),
                self._every(FORGOTTEN_SECONDS, partial(self._request_forgotten, store)),
                *([throttle.listen()] if throttle else []),
                *([self._every(TICK_SECONDS, partial(self._tick, store))] if desk else []),
                *([self._every(MEASURE_SECONDS, partial(self._measure, store))] if self._serve_metrics(stack) else []),
            )
        ]
        log.info("worker.started", worker=self.name, slots=settings.worker_max_jobs, token_configured=desk is not None)
        if desk is None:
            log.warning(
                "token.missing",
                reason="SEVDESK_API_TOKEN is not set: no payment sync; jobs that need sevDesk are parked.",
                next_step="Set the token and restart the worker.",
            )
        await self._stop.wait()
        log.info("worker.stopping", grace=settings.shutdown_grace)
        runner.stopping = True
        await self.worker.drain(settings.shutdown_grace)
        await end(*loops)
        await locks.close()
        await self.worker.close()
        log.info("worker.stopped")

    def _throttle(self, redis: ArqRedis) -> Throttle | None:
        token = self.settings.sevdesk_api_token
        if token is None:
            return None
        return Throttle(
            redis,
            token.get_secret_value(),
            self.settings.sevdesk_base_url,
            name=self.name,
            kind=lambda: get_contextvars().get("kind"),
            metrics=self.metrics,
        )

    async def _desk(self, stack: contextlib.AsyncExitStack, gate: Throttle | None) -> Desk | None:
        token = self.settings.sevdesk_api_token
        if token is None:
            return None
        # A job calls one after the other, so it needs one connection, and a process never more than its slots; so no
        # call waits for one. Kept alive between a job's calls, for a TLS handshake costs as much as a read, but no
        # longer: a connection the server closes as we write costs a quarantine. HTTP/1.1 for the same reason: one
        # HTTP/2 connection that breaks would leave the outcome of every write on it unknown at once.
        limits = httpx.Limits(max_connections=self.settings.worker_max_jobs, keepalive_expiry=5)
        http = await stack.enter_async_context(
            httpx.AsyncClient(verify=_tls(), limits=limits, timeout=self.settings.write_timeout)
        )
        client = SevDeskClient(
            http,
            token.get_secret_value(),
            base_url=self.settings.sevdesk_base_url,
            read_timeout=self.settings.write_timeout,
            write_timeout=self.settings.write_timeout,
            # The quarantine counts from the intent: a write that left later, after waiting here, could outlast it.
            write_attempts=1,
            observe=self._observe,
            correlation=lambda: get_contextvars().get("correlation_id"),
            gate=gate,
        )
        return Desk(client)

    def _observe(self, call: Call) -> None:
        _say_call(call)
        self.metrics.called(call)

    def _serve_metrics(self, stack: contextlib.AsyncExitStack) -> bool:
        """A port that is taken costs the metrics, not the invoices."""
        host, port = self.settings.metrics_host, self.settings.metrics_port
        if port is None:
            return False
        try:
            server = self.metrics.serve(host, port)
        except OSError as error:
            log.warning(
                "metrics.unavailable",
                port=port,
                error=type(error).__name__,
                next_step="Set METRICS_PORT to a free port and METRICS_HOST to an interface, then restart.",
            )
            return False
        stack.callback(server.close)
        log.info("metrics.ready", host=host, port=server.port)
        return True

    # -- what goes on beside the jobs ----------------------------------------------------------------------------------

    def _locks_lost(self) -> None:
        """Nothing we run is ours any more: stop it all; the next attempt reads sevDesk back first."""
        log.warning("locks.lost", running=len(self.worker.tasks), next_step="Running jobs are taken up again.")
        self._unlocked.set()
        for task in self.worker.tasks.values():
            task.cancel()

    async def _keep_locks(self, locks: LockSession) -> None:
        said = False
        while True:
            self._unlocked.clear()
            try:
                if locks.alive:
                    await locks.ping()
                    await _wait(self._unlocked, PING_SECONDS)
                    continue
                if self.worker.tasks:
                    # What ran under the old session must have ended before the new one can be mistaken for it.
                    await asyncio.wait(list(self.worker.tasks.values()))
                await locks.connect()
                log.info("locks.back" if said else "locks.ready")
                said = True
                self._nudge.set()  # what was asked for before this session listened
            except LOST:
                await asyncio.sleep(RECONNECT_SECONDS)
            except Exception:
                log.exception("loop.unexpected")
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _every(
        self, seconds: float, act: Callable[[], Awaitable[None]], nudge: asyncio.Event | None = None
    ) -> None:
        """Act on each beat, and at once on a nudge. An outage is said by the main loop; here it is only waited out."""
        while True:
            if nudge is not None:
                nudge.clear()
            try:
                await act()
            except (RedisError, *LOST):
                await asyncio.sleep(RECONNECT_SECONDS)
            except Exception:
                log.exception("loop.unexpected")
            await _wait(nudge or asyncio.Event(), seconds)

    async def _ring(self, redis: ArqRedis, bells: list[Bell]) -> None:
        """A doorbell that cannot be rung now is rung by the sweep."""
        with contextlib.suppress(RedisError, OSError):
            await ring(redis, bells)

    async def _reap(self, store: Store, redis: ArqRedis) -> None:
        reaped = await store.reap()
        self.metrics.jobs_reaped(len(reaped))
        for bell in reaped:
            log.warning("job.reaped", job_id=bell.job_id, kind=bell.kind, reason="Its worker is gone.")
        await ring(redis, reaped, free=True)

    async def _sweep(self, store: Store, redis: ArqRedis) -> None:
        # Not running, and silent for long: a claim that is left in Redis is a dead worker's.
        await ring(redis, await store.due_jobs(grace=RING_AGAIN_SECONDS, most=RING_AT_MOST), free=True)

    async def _request_forgotten(self, store: Store) -> None:
        asked = await store.query("request_forgotten", grace=FORGOTTEN_GRACE_SECONDS, most=RING_AT_MOST)
        if asked:
            log.info("jobs.requested", kind="publish_invoice", count=asked)

    async def _measure(self, store: Store) -> None:
        """What all workers share, for the gauges."""
        jobs, queue = await store.query("count_jobs"), await store.query("queue_age")
        self.metrics.ledger_seen(jobs, queue["age"], queue["last_sync"])

    async def _tick(self, store: Store) -> None:
        """Start what its time has come for; follow a changed interval within one beat."""
        minutes = await store.query("payment_interval")
        for name, every, payload in ((PAYMENTS, minutes, {}), (FULL_SWEEP, schedule.DAY_MINUTES, {"full": True})):
            try:
                await self._start_if_due(store, name, every, payload)
            except ValueError as error:
                log.warning(
                    "schedule.invalid", reason=str(error), next_step="Set an allowed interval by update_config."
                )

    async def _start_if_due(self, store: Store, name: str, minutes: int, payload: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        upcoming = schedule.next_run(minutes, now)
        due = await store.query("schedule", name=name)
        if due is not None and due <= now:  # whatever interval it was planned by, or whoever set it
            await store.query(
                "start_scheduled",
                name=name,
                due=due,
                next_run_at=upcoming,
                job_id=f"{name}:{now:%Y%m%dT%H%M%S%f}",
                kind="sync_payments",
                payload=payload,
            )
            self._nudge.set()
        elif due is None or due > upcoming or not schedule.on_beat(minutes, due):
            await store.query("set_schedule", name=name, next_run_at=upcoming)


@cache
def _tls() -> ssl.SSLContext:
    """The certificates, read once: it takes longer than everything else at the start."""
    return httpx.create_ssl_context()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _say_call(call: Call) -> None:
    """One line per HTTP attempt; the path is a template, so no id and no personal data is in it."""
    log.info(
        "sevdesk.call",
        method=call.method,
        path=call.path,
        status=call.status,
        ms=round(call.ms, 1),
        attempt=call.attempt,
        outcome=call.outcome,
    )
