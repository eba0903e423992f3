"""Builds one worker from its parts, runs it and stops it: Postgres, locks, Redis, client, gate, metrics, inbox, loops.

One process, one event loop. Each loop that runs beside the jobs survives outages of Redis and Postgres.
"""

import asyncio
import contextlib
import gc
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from arq.connections import ArqRedis
from structlog.contextvars import get_contextvars

from sevdesk_client.client import SevDeskClient
from sevdesk_client.sending import Call
from worker import tracing
from worker.gate.call_log import report_calls
from worker.gate.gate import SevdeskGate
from worker.maintenance.agreement import Agreement
from worker.maintenance.leader import Leadership
from worker.maintenance.maintenance import Maintenance
from worker.maintenance.restore_watch import RestoreWatch
from worker.maintenance.stalls import report_stalls
from worker.maintenance.standby import Standby
from worker.observability.metrics import Metrics
from worker.observability.outage import Outage
from worker.observability.unknown_answers import UnknownAnswers
from worker.queue.claims import ClaimLoop
from worker.queue.inbox import InboxWorker
from worker.queue.loop import RECONNECT_SECONDS, wait_for
from worker.queue.redis_client import UnsuitableRedis, cancel_all, connect_redis, look_at_server
from worker.runner.account_check import AccountCheck
from worker.runner.runner import Runner
from worker.settings import Settings
from worker.steps.http_client import open_http
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import CONNECTION_LOST, NO_ROOM, WRONG_URL, LockSession, Store, postgres_cause, require_session_locks

log = structlog.get_logger()

# One document is judged at a time; looking up a host must not wait for it.
THREADS = 4


class App:
    """One worker process: `run` works until `stop` is called, and then leaves no job claimed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"
        self.metrics = Metrics()
        self._stop = asyncio.Event()
        self._unsuitable: UnsuitableRedis | None = None
        self._sevdesk_host = urlsplit(settings.sevdesk_base_url).hostname or ""

    def stop(self) -> None:
        """Make `run` finish gracefully. Safe to call again."""
        self._stop.set()

    async def run(self) -> None:
        """Connect, work until stopped, drain, close.

        Raises what Postgres refuses at the start, `WRONG_URL`, `PooledLocks` and `UnsuitableRedis`.
        """
        async with contextlib.AsyncExitStack() as stack:
            if self.settings.otel_traces_exporter == "otlp":
                from worker.observability.otel import export_spans

                await stack.enter_async_context(export_spans(self.name))
            store = await self._connect_store()
            if store is None:
                return
            stack.push_async_callback(store.close)
            await self._work(stack, store)
        if self._unsuitable:
            raise self._unsuitable

    async def _connect_store(self) -> Store | None:
        """Connect to Postgres, trying until it answers. None if the worker is stopped before."""
        outage = Outage("postgres")
        while not self._stop.is_set():
            try:
                store = await Store.connect(
                    self.settings.database_url,
                    size=max(4, self.settings.worker_max_jobs // 2),
                    billing_schema=self.settings.billing_schema,
                )
                try:
                    if store.pooled or self.settings.database_lock_url:
                        await require_session_locks(self.settings.lock_url)
                    await store.query("token_elsewhere")  # fails where no migration has been
                    if self.settings.sevdesk_api_token is not None:
                        await store.query("set_token_configured", configured=True)
                    return store
                except BaseException:
                    await store.close()
                    raise
            except WRONG_URL:  # one of CONNECTION_LOST by its class, but no waiting mends it
                raise
            except (*CONNECTION_LOST, *NO_ROOM) as error:
                if outage.is_news():
                    log.warning(
                        "postgres.unreachable", error=postgres_cause(error), next_step="Trying until it answers."
                    )
                await wait_for(self._stop, RECONNECT_SECONDS)
        return None

    def _lock_session(self, on_request: Callable[[], None]) -> LockSession:
        given = self.settings
        return LockSession(
            given.lock_url, self.name, given.person_job_limit, self._locks_lost, on_request, given.billing_schema
        )

    async def _work(self, stack: contextlib.AsyncExitStack, store: Store) -> None:
        settings = self.settings
        redis = connect_redis(settings.redis_url)
        token = settings.sevdesk_api_token.get_secret_value() if settings.sevdesk_api_token else None
        gate = self._gate(redis, token) if token else None
        restores = RestoreWatch(store, redis)
        account = await self._account(stack, token, gate, store, restores, redis) if token and gate else None
        metrics = self.metrics
        postgres = Outage("postgres")
        locks = self._lock_session(lambda: claims.wake())
        runner = Runner(store, locks, account, settings, metrics, postgres)
        claims = self.claims = ClaimLoop(
            locks, runner.run, store.notifications.request, metrics, postgres, slots=settings.worker_max_jobs
        )
        inbox = InboxWorker(redis, store, claims, postgres, name=self.name, keys=settings.job_signing_keys)
        measured = self._serve_metrics(stack)
        agreement = Agreement(store, locks, settings)
        maintenance = Maintenance(
            store,
            metrics,
            postgres,
            agreement,
            scheduled=account is not None,
            measured=measured,
            retention_days=settings.retention_days,
            gone_after=settings.gone_after,
        )
        standby = Standby(store, claims, has_token=account is not None)
        self.leadership = Leadership(locks, claims, maintenance, restores, agreement, standby, postgres)
        metrics.lock_session_up.set_function(lambda: locks.alive)
        loops = [
            asyncio.create_task(loop)
            for loop in (
                inbox.main(),
                inbox.listen(),
                self._look_at_redis(redis),
                claims.main(),
                self.leadership.run(),
                store.notifications.run(),
                report_stalls(),
                *([gate.listen(), report_calls(redis, self.name, gate.calls, gate.breaker)] if gate else []),
            )
        ]
        gc.freeze()  # what was loaded stays: collections that go through it all again took 6 % of a payment sync's CPU
        log.info(
            "worker.started", worker=self.name, slots=settings.worker_max_jobs, token_configured=account is not None
        )
        await self._stop.wait()
        log.info("worker.stopping", grace=settings.shutdown_grace)
        runner.stopping = True
        await claims.drain(settings.shutdown_grace)
        await cancel_all(*loops)
        await locks.close()
        await store.notifications.close()
        await inbox.close()
        log.info("worker.stopped")

    async def _look_at_redis(self, redis: ArqRedis) -> None:
        """Once it answers, warn of what is wrong with it, and stop if it can never serve."""
        try:
            while (faults := await look_at_server(redis)) is None:
                await wait_for(self._stop, RECONNECT_SECONDS)
        except UnsuitableRedis as error:
            self._unsuitable = error
            return self.stop()
        for fault in faults:
            log.warning("redis.unsuitable", reason=fault, next_step="Change it; the worker goes on meanwhile.")

    def _locks_lost(self) -> None:
        """Cancel all running jobs: without locks others may claim them. Their next attempt reads sevDesk first."""
        log.warning("locks.lost", running=len(self.claims.tasks), next_step="Running jobs are taken up again.")
        self.leadership.lost.set()
        self.claims.cancel_all()

    def _gate(self, redis: ArqRedis, token: str) -> SevdeskGate:
        return SevdeskGate(
            redis,
            token,
            self.settings.sevdesk_base_url,
            name=self.name,
            kind=lambda: get_contextvars().get("kind"),
            for_person=lambda: get_contextvars().get("requested_by") is not None,
            error_budget=self.settings.error_budget,
            metrics=self.metrics,
        )

    async def _account(
        self,
        stack: contextlib.AsyncExitStack,
        token: str,
        gate: SevdeskGate,
        store: Store,
        restores: RestoreWatch,
        redis: ArqRedis,
    ) -> SevdeskAccount:
        # A job makes one call at a time.
        http = await stack.enter_async_context(
            open_http(
                self.settings.proxies,
                seconds=self.settings.write_timeout,
                connections=self.settings.worker_max_jobs,
            )
        )
        check = AccountCheck(gate, store, _calling_job, lambda: restores.pending, self.name)
        client = SevDeskClient(
            http,
            token,
            base_url=self.settings.sevdesk_base_url,
            timeout=self.settings.write_timeout,
            # The quarantine begins with the intent, so a write repeated after a wait could still be sent at its end.
            repeat_writes=False,
            observe=self._observe,
            unknown=UnknownAnswers(redis, self.metrics).noticed,
            correlation=lambda: get_contextvars().get("correlation_id"),
            traceparent=tracing.traceparent if self.settings.sevdesk_traceparent else None,
            gate=check,
            file_hosts=self.settings.sevdesk_file_hosts or (),
        )
        check.account = SevdeskAccount(client)
        return check.account

    def _observe(self, call: Call) -> None:
        """Log and count one HTTP request. The path is a template, without ids and personal data."""
        log.info(
            "sevdesk.call",
            method=call.method,
            path=call.path,
            status=call.status,
            ms=round(call.ms, 1),
            attempt=call.attempt,
            outcome=call.outcome,
        )
        self.metrics.call_ended(call)
        tracing.call_ended(call, self._sevdesk_host)

    def _serve_metrics(self, stack: contextlib.AsyncExitStack) -> bool:
        """True if metrics are served. Without a free port the worker logs that and works without them."""
        host, port = self.settings.metrics_host, self.settings.metrics_port
        if port is None:
            return False
        try:
            listening_on = stack.enter_context(self.metrics.serve(host, port))
        except OSError as error:
            log.warning(
                "metrics.unavailable",
                port=port,
                error=type(error).__name__,
                next_step="Set METRICS_PORT to a free port and METRICS_HOST to an interface, then restart.",
            )
            return False
        log.info("metrics.ready", host=host, port=listening_on)
        return True


def start_threads() -> ThreadPoolExecutor:
    """Threads for what blocks, all running: a process short of memory then cannot lack one in the middle of a job."""
    executor, all_there = ThreadPoolExecutor(THREADS), Barrier(THREADS + 1)
    for _ in range(THREADS):
        executor.submit(all_there.wait)
    all_there.wait()
    return executor


def _calling_job() -> tuple[str, str | None]:
    bound = get_contextvars()
    return bound.get("job_id", "none"), bound.get("kind")
