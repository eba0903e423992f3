"""The session locks of a worker process: one direct connection holds them; Postgres frees them when it ends."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from worker.domain.ledger import ClaimRefusal, Job, JobRef
from worker.settings import JobLimit
from worker.store.connection import COMMAND_TIMEOUT, CONNECTION_LOST, KEEPALIVE, prepare, run_statement
from worker.store.rows import from_row

REQUEST_CHANNEL = "sevdesk_requests"  # where sevdesk_request_job sends its NOTIFY
CLOSE_SECONDS = 5.0  # how long a stopping worker waits for the server to close the connection


class LockSession:
    """Holds the locks of this process's jobs. `on_lost` is called once if the connection ends without `close`.

    The same connection listens for requests through the outbox; `on_request` is called for each.
    Every method that talks to Postgres may raise one of `CONNECTION_LOST`.
    """

    def __init__(
        self, url: str, worker: str, limit: JobLimit, on_lost: Callable[[], None], on_request: Callable[[], None]
    ) -> None:
        self._url, self._worker, self._limit = url, worker, limit
        self._on_lost, self._on_request = on_lost, on_request
        self._connection: asyncpg.Connection[Any] | None = None
        self._statement_lock = asyncio.Lock()  # a connection runs one statement at a time
        self.held: set[str] = set()  # order keys of the running jobs, and other locked subjects

    @property
    def alive(self) -> bool:
        """False once the connection, and with it every lock, is known to be lost."""
        return self._connection is not None and not self._connection.is_closed()

    async def connect(self) -> None:
        """Open a new session, which holds no locks yet."""
        self.held.clear()
        connection = await asyncpg.connect(
            self._url,
            server_settings={"application_name": f"sevdesk-worker locks {self._worker}", **KEEPALIVE},
            command_timeout=COMMAND_TIMEOUT,
        )
        try:
            await prepare(connection)
            connection.add_termination_listener(self._terminated)
            await connection.add_listener(REQUEST_CHANNEL, lambda *_: self._on_request())
        except BaseException:
            connection.terminate()  # otherwise a worker that is stopped while it starts would leave a session
            raise
        self._connection = connection

    def _terminated(self, connection: Any) -> None:
        if connection is self._connection:
            self._connection = None
            self.held.clear()
            self._on_lost()

    async def close(self) -> None:
        """Free all locks and end the session, after CLOSE_SECONDS at the latest. Raises nothing."""
        connection, self._connection = self._connection, None
        self.held.clear()
        if connection is None:
            return
        with suppress(*CONNECTION_LOST):
            async with asyncio.timeout(CLOSE_SECONDS), self._statement_lock:
                await connection.close()
        connection.terminate()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        async with self._statement_lock:
            connection = self._connection
            if connection is None:
                raise asyncpg.InterfaceError("the lock session is closed")
            try:
                yield connection
            except asyncpg.PostgresError:
                raise  # the server answered, so the session and its locks are as before
            except BaseException:
                # An interrupted statement may have taken a lock that we do not know of and would never free.
                connection.terminate()
                raise

    async def ping(self) -> None:
        """Notice a dead connection even while no job starts. Cancelling this does not end the session."""
        await asyncio.shield(self._ping())

    async def _ping(self) -> None:
        async with self._session() as connection:
            await connection.fetchval("SELECT 1")

    async def claim(self, job_id: str) -> Job | ClaimRefusal:
        """Try to start a job. If it starts, its order key is held until `release_job`."""
        async with self._session() as connection:
            try:
                row = await run_statement(
                    connection,
                    "claim_job",
                    job_id=job_id,
                    worker=self._worker,
                    held=list(self.held),
                    limit_jobs=self._limit.jobs,
                    limit_seconds=self._limit.seconds,
                )
            except asyncpg.PostgresError:
                # A failed statement is rolled back, but a session lock that it took stays.
                await run_statement(connection, "unlock_job", job_id=job_id, held=list(self.held))
                raise
            if row["verdict"] != "claimed":
                return ClaimRefusal(row["verdict"], row["wait_seconds"], row["error"])
            self.held.add(row["order_key"])
        return from_row(Job, row, steps_done=tuple(row["steps_done"]), confirmed=tuple(row["confirmed"]))

    async def hold(self, subject: str) -> bool:
        """Lock a subject (for example a contact) until `release`; False if any process, this one included, has it."""
        async with self._session() as connection:
            if subject in self.held or not await run_statement(connection, "lock_subject", subject=subject):
                return False
            self.held.add(subject)
            return True

    async def release(self, subject: str) -> None:
        """Free a subject. Does nothing if it is not held or the session is gone."""
        if self.alive and subject in self.held:
            async with self._session() as connection:
                await run_statement(connection, "unlock_subject", subject=subject)
                self.held.discard(subject)

    async def release_job(self, job: Job) -> JobRef | None:
        """Free a job's order key and return the next job that waits for it, if any."""
        if not self.alive or job.order_key not in self.held:
            return None
        async with self._session() as connection:
            row = await run_statement(connection, "release_job", order_key=job.order_key, job_id=job.job_id)
            self.held.discard(job.order_key)
        return from_row(JobRef, row) if row["job_id"] is not None else None

    async def open_intent(self, *, subject: str, job_id: str, step: str, action: str, summary: Mapping[str, Any],
                          request_sha256: str, earlier: int | None,
                          found: str = "found_not_done") -> int:  # fmt: skip
        """Record that a write is about to be sent, and return the intent's id.

        `earlier`: the id of the subject's open intent, which is closed with the outcome `found`. Raises
        `asyncpg.InterfaceError` if the subject is not locked any more.
        """
        async with self._session() as connection:
            if subject not in self.held:
                raise asyncpg.InterfaceError("the subject is not locked any more")
            intent_id: int = await run_statement(
                connection,
                "open_intent",
                subject=subject,
                job_id=job_id,
                step=step,
                action=action,
                summary=dict(summary),
                request_sha256=request_sha256,
                worker=self._worker,
                earlier=earlier,
                found=found,
            )
            return intent_id
