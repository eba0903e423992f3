"""The session locks of a worker process: one direct connection holds them; Postgres frees them when it ends."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import wraps
from time import monotonic
from typing import Any, ParamSpec, TypeVar

import asyncpg

from worker.domain.ledger import IncomingJob, Job, LimitedJob
from worker.settings import JobLimit
from worker.store.address import connect
from worker.store.connection import COMMAND_TIMEOUT, CONNECTION_LOST, SESSION, prepare, run_statement
from worker.store.notifications import REQUESTS_CHANNEL
from worker.store.pooler import is_behind_pooler
from worker.store.probe import probe_locks
from worker.store.rows import from_row, incoming_columns


class NumberClaimed(Exception):
    """Another credit note is being finished with this number, or was."""


T = TypeVar("T")
P = ParamSpec("P")


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for it. A caller that is cancelled leaves it running, for an interrupted statement would end its session."""
    task = asyncio.ensure_future(work)
    # Of what fails when nobody waits any more, asyncio would print a traceback.
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return await asyncio.shield(task)


def _to_its_end(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """`to_its_end` for each call of a method.

    What it locks then stays locked, which does no harm: jobs are cancelled when the worker stops or lost its locks.
    """

    @wraps(method)
    async def shielded(*args: P.args, **kwargs: P.kwargs) -> T:
        return await to_its_end(method(*args, **kwargs))

    return shielded


LEADER = "leader"  # the subject that the leader holds
OTHERS_LOCK_SECONDS = 0.25  # until a lock of another process is tried again
CLOSE_SECONDS = 5.0  # how long a stopping worker waits for the server to close the connection


class LockSession:
    """Claims jobs and holds their locks. `on_lost` is called once if the connection ends without `close`.

    The same connection listens for jobs that became ready; `on_request` is called for each notification.
    Every method that talks to Postgres may raise one of `CONNECTION_LOST`.
    """

    def __init__(
        self,
        url: str,
        worker: str,
        limit: JobLimit,
        on_lost: Callable[[], None],
        on_request: Callable[[], None],
        billing_schema: str | None = None,
    ) -> None:
        self._url, self._worker, self._limit, self._billing_schema = url, worker, limit, billing_schema
        self._name = f"sevdesk-worker locks {worker}"  # of the session
        self._on_lost, self._on_request = on_lost, on_request
        self._own_subject = f"worker:{worker}"
        self._connection: asyncpg.Connection[Any] | None = None
        self._pid: int | None = None  # of the server process of the present or the last session
        self._statement_lock = asyncio.Lock()  # a connection runs one statement at a time
        self.held: set[str] = set()  # order keys of the running jobs, and other locked subjects
        self._freed = asyncio.Condition()  # notified when a subject of this process is released
        self.known: list[str] = []  # of the jobs read from Redis for the last claim, those that the ledger had already
        self._since_system = 0  # jobs of people started since the last one that nobody asked for

    @property
    def alive(self) -> bool:
        """False once the connection, and with it every lock, is known to be lost."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def registered(self) -> bool:
        """Whether this session has put its worker on record."""
        return self._own_subject in self.held

    async def connect(self) -> None:
        """Open a new session, which holds no locks yet.

        The last one is ended: where something between us and Postgres has stalled, it still has our locks. None of
        this process's jobs may be running.
        """
        self.held.clear()
        try:
            connection = await self._open(SESSION)
        except asyncpg.ProtocolViolationError:  # PgBouncer refuses settings that it does not know
            connection = await self._open({})
        try:
            if await is_behind_pooler(connection):
                if not (await probe_locks(self._url)).works:
                    raise asyncpg.InterfaceError("session locks would protect nothing on this connection")
                for name, value in SESSION.items():  # in session mode they stay
                    await run_statement(connection, "set_session_setting", name=name, value=value)
            await prepare(connection, self._billing_schema)
            if self._pid is not None:
                await run_statement(connection, "end_own_session", pid=self._pid, name=self._name)
            self._pid = await run_statement(connection, "backend_pid")
            connection.add_termination_listener(self._terminated)
            await connection.add_listener(REQUESTS_CHANNEL, lambda *_: self._on_request())
        except BaseException:
            connection.terminate()  # otherwise a worker that is stopped while it starts would leave a session
            raise
        self._connection = connection

    async def _open(self, settings: Mapping[str, str]) -> asyncpg.Connection[Any]:
        return await connect(
            self._url,
            server_settings={"application_name": self._name, **settings},
            target_session_attrs=asyncpg.connect_utils.SessionAttribute.read_write,
            command_timeout=COMMAND_TIMEOUT,
        )

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

    @_to_its_end
    async def lead(self) -> bool:
        """Become the leader, unless another process is; True while this one is. Notices a dead connection, too."""
        async with self._session() as connection:
            if LEADER not in self.held and await run_statement(connection, "lock_subject", subject=LEADER):
                self.held.add(LEADER)
            elif LEADER in self.held:
                await connection.fetchval("SELECT 1")
            return LEADER in self.held

    @_to_its_end
    async def register(self, version: str, settings: Mapping[str, str]) -> None:
        """Put this worker on record as living until the session ends."""
        async with self._session() as connection:
            await run_statement(connection, "lock_subject", subject=self._own_subject)
            given = {"name": self._worker, "version": version, "settings": dict(settings)}
            await run_statement(connection, "register_worker", **given)
            self.held.add(self._own_subject)

    async def claim(
        self, slots: int, released: Sequence[str] = (), incoming: Sequence[IncomingJob] = ()
    ) -> tuple[list[Job], list[LimitedJob]]:
        """Free the order keys of ended jobs, then start up to `slots` jobs; their order keys are held from then on.

        `incoming`: jobs read from Redis, to be recorded before. Returns the started jobs, and those that were given a
        later start time instead.
        """
        async with self._session() as connection:
            held = [key for key in self.held if key not in released]
            try:
                rows = await run_statement(
                    connection,
                    "take_in_and_claim_jobs" if incoming else "claim_jobs",
                    **incoming_columns(incoming),
                    worker=self._worker,
                    released=list(released),
                    held=held,
                    free_slots=slots,
                    since_system=min(self._since_system, 4),
                    limit_jobs=self._limit.jobs,
                    limit_seconds=self._limit.seconds,
                )
            except asyncpg.PostgresError:
                # A failed statement is rolled back, but session locks that it took stay.
                await run_statement(connection, "unlock_all_but", held=list(self.held))
                raise
            recorded = {row["job_id"] for row in rows}
            self.known = [job.job_id for job in incoming if job.job_id not in recorded]
            started = [row for row in rows if row["state"] == "running"]
            self.held.difference_update(released)
            self.held.update(row["order_key"] for row in started)
        for row in started:
            self._since_system = self._since_system + 1 if row["requested_by"] else 0
        jobs = [
            from_row(Job, row, steps_done=tuple(row["steps_done"]), confirmed=tuple(row["confirmed"]))
            for row in started
        ]
        return jobs, [
            LimitedJob(row["job_id"], row["not_before"], row["error"]) for row in rows if row["state"] == "waiting"
        ]

    async def hold(self, subject: str, patience: float = 0.0) -> bool:
        """Lock a subject (for example a contact) until `release`; False if another has it after `patience` seconds.

        Whoever waits for this process is woken by the release; a lock of another process is tried again all the while.
        """
        deadline = monotonic() + patience
        while not await self._hold(subject):
            if (left := deadline - monotonic()) <= 0:
                return False
            await self._until_freed(subject, left)
        return True

    @_to_its_end
    async def _hold(self, subject: str) -> bool:
        async with self._session() as connection:
            if subject in self.held or not await run_statement(connection, "lock_subject", subject=subject):
                return False
            self.held.add(subject)
            return True

    async def _until_freed(self, subject: str, seconds: float) -> None:
        if subject not in self.held:
            await asyncio.sleep(min(OTHERS_LOCK_SECONDS, seconds))
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._freed:
                await self._freed.wait_for(lambda: subject not in self.held)

    @_to_its_end
    async def release(self, subject: str) -> None:
        """Free a subject. Does nothing if it is not held or the session is gone."""
        if self.alive and subject in self.held:
            with suppress(*CONNECTION_LOST):  # its locks go with the session
                async with self._session() as connection:
                    await run_statement(connection, "unlock_subject", subject=subject)
                    self.held.discard(subject)
        async with self._freed:
            self._freed.notify_all()

    @_to_its_end
    async def open_intent(self, *, subject: str, job_id: str, step: str, action: str, summary: Mapping[str, Any],
                          request_sha256: str, quarantine: float, earlier: int | None,
                          found: str = "found_not_done",
                          addresses: Mapping[str, Any] | None = None) -> int:  # fmt: skip
        """Record that a write is about to be sent, and return the intent's id.

        `quarantine`: the seconds in which nobody reads or writes the subject, unless the outcome is known before.
        `earlier`: the id of the subject's open intent, which is closed with the outcome `found`. `addresses`: to whom
        a mail goes, kept while the intent is open. Raises
        `asyncpg.InterfaceError` if the subject is not locked any more; `NumberClaimed`.
        """
        try:
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
                    addresses=None if addresses is None else dict(addresses),
                    worker=self._worker,
                    quarantine=quarantine,
                    earlier=earlier,
                    found=found,
                )
                return intent_id
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name == "sevdesk_intents_credit_number":
                raise NumberClaimed from None
            raise
