"""The composition root: pools, locks, client, arq worker, reaper, relay, schedule, graceful stop.

One process, one event loop. Four things go on beside the running jobs, each a loop that survives outages:
the lock session is kept alive, dead workers' jobs are reaped, requested and due jobs are rung, ticks are started.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from functools import cache
from uuid import uuid4

import httpx
import structlog
from arq.connections import ArqRedis
from structlog.contextvars import get_contextvars

from sevdesk_client.client import SevDeskClient
from sevdesk_client.sending import Call
from worker.gate.gate import SevdeskGate
from worker.maintenance.loop import RECONNECT_SECONDS, wait_for
from worker.maintenance.maintenance import Maintenance, wake_if_possible
from worker.observability.metrics import Metrics
from worker.queue.inbox import InboxWorker, cancel_all, connect_redis
from worker.runner.runner import Runner
from worker.settings import Settings
from worker.steps.account import SevdeskAccount
from worker.store import CONNECTION_LOST, LockSession, Store

log = structlog.get_logger()

PING_SECONDS = 5.0


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
                    await store.query("set_token_configured", configured=self.settings.sevdesk_api_token is not None)
                    return store
                except BaseException:
                    await store.close()
                    raise
            except CONNECTION_LOST as error:
                if not said:
                    log.warning(
                        "postgres.unreachable", error=type(error).__name__, next_step="Trying until it answers."
                    )
                said = True
                await wait_for(self._stop, RECONNECT_SECONDS)
        return None

    async def _work(self, stack: contextlib.AsyncExitStack, store: Store) -> None:
        settings = self.settings
        redis = connect_redis(settings.redis_url)
        throttle = self._throttle(redis)
        account = await self._desk(stack, throttle)
        locks = LockSession(settings.lock_url, self.name, settings.person_job_limit, self._locks_lost, self._nudge.set)
        runner = Runner(store, locks, account, settings, lambda job_ref: wake_if_possible(redis, job_ref), self.metrics)
        self.metrics.watch_locks(lambda: locks.alive)
        self.worker = InboxWorker(redis, store, runner.run, name=self.name, slots=settings.worker_max_jobs)
        upkeep = Maintenance(store, redis, self.metrics, self._nudge)
        loops = [
            asyncio.create_task(loop)
            for loop in (
                self.worker.main(),
                self.worker.listen(),
                self._keep_locks(locks),
                *upkeep.loops(scheduled=account is not None, measured=self._serve_metrics(stack)),
                *([throttle.listen()] if throttle else []),
            )
        ]
        log.info(
            "worker.started", worker=self.name, slots=settings.worker_max_jobs, token_configured=account is not None
        )
        if account is None:
            log.warning(
                "token.missing",
                reason="SEVDESK_API_TOKEN is not set: no payment sync; jobs that need sevDesk are parked.",
                next_step="Set the token and restart the worker.",
            )
        await self._stop.wait()
        log.info("worker.stopping", grace=settings.shutdown_grace)
        runner.stopping = True
        await self.worker.drain(settings.shutdown_grace)
        await cancel_all(*loops)
        await locks.close()
        await self.worker.close()
        log.info("worker.stopped")

    def _throttle(self, redis: ArqRedis) -> SevdeskGate | None:
        token = self.settings.sevdesk_api_token
        if token is None:
            return None
        return SevdeskGate(
            redis,
            token.get_secret_value(),
            self.settings.sevdesk_base_url,
            name=self.name,
            kind=lambda: get_contextvars().get("kind"),
            metrics=self.metrics,
        )

    async def _desk(self, stack: contextlib.AsyncExitStack, gate: SevdeskGate | None) -> SevdeskAccount | None:
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
        return SevdeskAccount(client)

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
                    await wait_for(self._unlocked, PING_SECONDS)
                    continue
                if self.worker.tasks:
                    # What ran under the old session must have ended before the new one can be mistaken for it.
                    await asyncio.wait(list(self.worker.tasks.values()))
                await locks.connect()
                log.info("locks.back" if said else "locks.ready")
                said = True
                self._nudge.set()  # what was asked for before this session listened
            except CONNECTION_LOST:
                await asyncio.sleep(RECONNECT_SECONDS)
            except Exception:
                log.exception("loop.unexpected")
                await asyncio.sleep(RECONNECT_SECONDS)


@cache
def _tls() -> ssl.SSLContext:
    """The certificates, read once: it takes longer than everything else at the start."""
    return httpx.create_ssl_context()


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
