"""The one direct connection whose session locks prove that this process lives."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from worker.settings import JobLimit
from worker.store.connection import COMMAND_TIMEOUT, KEEPALIVE, LOST, QUERIES, prepare
from worker.store.records import Bell, Job, Refusal, bell

REQUESTS = "sevdesk_requests"  # NOTIFY channel of sevdesk_request_job
CLOSE_SECONDS = 5.0


class LockSession:
    """The process's proof of life. `on_lost` is called once when the connection ends unasked.

    The same connection listens for outbox requests; `on_request` is called for each.
    """

    def __init__(
        self, url: str, worker: str, limit: JobLimit, on_lost: Callable[[], None], on_request: Callable[[], None]
    ) -> None:
        self._url, self._worker, self._limit = url, worker, limit
        self._on_lost, self._on_request = on_lost, on_request
        self._connection: asyncpg.Connection[Any] | None = None
        self._one_at_a_time = asyncio.Lock()
        self.held: set[str] = set()

    @property
    def alive(self) -> bool:
        """Whether the locks are still ours."""
        return self._connection is not None and not self._connection.is_closed()

    async def connect(self) -> None:
        """Open the session anew; whatever was held before is not held any more."""
        self.held.clear()
        connection = await asyncpg.connect(
            self._url,
            server_settings={"application_name": f"sevdesk-worker locks {self._worker}", **KEEPALIVE},
            command_timeout=COMMAND_TIMEOUT,
        )
        try:
            await prepare(connection)
            connection.add_termination_listener(self._terminated)
            await connection.add_listener(REQUESTS, lambda *_: self._on_request())
        except BaseException:
            connection.terminate()  # a worker stopped while it starts leaves no session behind
            raise
        self._connection = connection

    def _terminated(self, connection: Any) -> None:
        if connection is self._connection:
            self._connection = None
            self.held.clear()
            self._on_lost()

    async def close(self) -> None:
        """Give everything back, at the latest after CLOSE_SECONDS."""
        connection, self._connection = self._connection, None
        self.held.clear()
        if connection is None:
            return
        with suppress(*LOST):
            async with asyncio.timeout(CLOSE_SECONDS), self._one_at_a_time:
                await connection.close()
        connection.terminate()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncpg.Connection[Any]]:
        async with self._one_at_a_time:
            connection = self._connection
            if connection is None:
                raise asyncpg.InterfaceError("the lock session is closed")
            try:
                yield connection
            except asyncpg.PostgresError:
                raise  # an answer: the session is as we think it is
            except BaseException:
                # A statement cut short may have taken a lock that nobody would ever give back.
                connection.terminate()
                raise

    async def ping(self) -> None:
        """Notice a dead connection even while nothing is claimed. Cancelling it does not end the session."""
        await asyncio.shield(self._ping())

    async def _ping(self) -> None:
        async with self._session() as connection:
            await connection.fetchval("SELECT 1")

    async def claim(self, job_id: str) -> Job | Refusal:
        """Try to take a job; a `Job` means its order key is held until `release`."""
        async with self._session() as connection:
            try:
                row = await QUERIES.claim_job(
                    connection,
                    job_id=job_id,
                    worker=self._worker,
                    held=list(self.held),
                    limit_jobs=self._limit.jobs,
                    limit_seconds=self._limit.seconds,
                )
            except asyncpg.PostgresError:
                # The session's lock does not go with the statement that took it.
                await QUERIES.unlock_job(connection, job_id=job_id, held=list(self.held))
                raise
            if row["verdict"] != "claimed":
                return Refusal(row["verdict"], row["wait_seconds"], row["error"])
            self.held.add(row["order_key"])
        return Job(
            job_id=row["job_id"],
            kind=row["kind"],
            payload=row["payload"],
            origin=row["origin"],
            invoice_id=row["invoice_id"],
            requested_by=row["requested_by"],
            correlation_id=row["correlation_id"],
            order_key=row["order_key"],
            retries=row["retries"],
            attempt=row["attempt"],
            steps_done=tuple(row["steps_done"]),
        )

    async def hold(self, subject: str) -> bool:
        """Lock one more subject (a shared contact) for the length of a step."""
        async with self._session() as connection:
            if subject in self.held or not await QUERIES.lock_subject(connection, subject=subject):
                return False
            self.held.add(subject)
            return True

    async def release(self, subject: str) -> None:
        """Give a subject back; without a session there is nothing left to give back."""
        if self.alive and subject in self.held:
            async with self._session() as connection:
                await QUERIES.unlock_subject(connection, subject=subject)
                self.held.discard(subject)

    async def release_job(self, job: Job) -> Bell | None:
        """Give a job's order key back, and learn which job waited for it."""
        if not self.alive or job.order_key not in self.held:
            return None
        async with self._session() as connection:
            row = await QUERIES.release_job(connection, order_key=job.order_key, job_id=job.job_id)
            self.held.discard(job.order_key)
        return bell(row) if row["job_id"] is not None else None

    async def open_intent(self, *, subject: str, job_id: str, step: str, action: str, summary: Mapping[str, Any],
                          request_sha256: str, earlier: int | None,
                          found: str = "found_not_done") -> int:  # fmt: skip
        """Record what is about to be done; what was found of the `earlier` open intent closes that.

        Raises when the session, and with it the subject's lock, is gone.
        """
        async with self._session() as connection:
            if subject not in self.held:
                raise asyncpg.InterfaceError("the subject is not locked any more")
            number: int = await QUERIES.open_intent(
                connection,
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
            return number
