"""What `doctor` tries out on connections of its own, and how Postgres says no."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

from dataclasses import dataclass

import asyncpg

from worker.store.connection import COMMAND_TIMEOUT, QUERIES

PostgresError = asyncpg.PostgresError
NOT_MIGRATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError)

# A lock nobody else asks for: the probes of two doctors at once must not meet.
_SUBJECT = "doctor:{pid}"
# How a statement prepared on one server connection fails on another.
_OTHER_BACKEND = (
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.ProtocolViolationError,
)


@dataclass(frozen=True, slots=True)
class LockProbe:
    """Whether a session is one server connection from beginning to end, and its lock shuts others out."""

    same_backend: bool
    excludes: bool
    released: bool

    @property
    def works(self) -> bool:
        return self.same_backend and self.excludes and self.released


async def probe_locks(url: str) -> LockProbe:
    """Take a session lock, while another client keeps a transaction open.

    A pooler in transaction mode lends the second client the connection that the first one used, so the first is served
    by another: its backend's pid changes, and the lock shuts nobody out. Raises what connecting raises.
    """
    ours, other = await _open(url), None
    try:
        pid = await QUERIES.backend_pid(ours)
        subject = _SUBJECT.format(pid=pid)
        await QUERIES.lock_subject(ours, subject=subject)
        other = await _open(url)
        async with other.transaction():
            taken = await QUERIES.lock_subject(other, subject=subject)
            same = await QUERIES.backend_pid(ours) == pid
        return LockProbe(same, not taken, bool(await QUERIES.unlock_subject(ours, subject=subject)))
    except _OTHER_BACKEND:
        return LockProbe(False, False, False)
    finally:
        for connection in filter(None, (ours, other)):
            await connection.close()


async def _open(url: str) -> asyncpg.Connection[asyncpg.Record]:
    settings = {"application_name": "sevdesk-worker doctor"}
    return await asyncpg.connect(url, command_timeout=COMMAND_TIMEOUT, statement_cache_size=0, server_settings=settings)


async def unfit_statements(url: str) -> list[str]:
    """Our statements that do not fit this database's tables, by name. None is executed, so no right is needed."""
    connection = await _open(url)
    unfit = []
    try:
        for name in QUERIES.available_queries:
            if name.endswith("_cursor"):
                continue
            try:
                await connection.prepare(getattr(QUERIES, name).sql)
            except PostgresError:
                unfit.append(name)
    finally:
        await connection.close()
    return unfit
