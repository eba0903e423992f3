"""What `doctor` tries on connections of its own: session locks, and whether every statement fits the tables."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

from dataclasses import dataclass

import asyncpg

from worker.store.address import connect
from worker.store.connection import COMMAND_TIMEOUT, QUERIES, run_statement

PostgresError = asyncpg.PostgresError
AccessDenied = asyncpg.InsufficientPrivilegeError


def what_is_missing(error: Exception) -> str:
    """What to do about one of MIGRATION_MISSING: make the worker's tables, or bring those of the billing system."""
    said = str(error).partition("\n")[0]
    if isinstance(error, asyncpg.UndefinedTableError) and "sevdesk_" not in said:
        return (
            f"The billing system's tables are not in this database ({said}). Check DATABASE_URL; "
            "for a try, make them: sevdesk-worker migrate --billing-reference."
        )
    return f"The database lacks what this command needs ({said}). Run sevdesk-worker migrate, then doctor."


# The pid makes the lock unique, so that two doctors can run at once.
_SUBJECT = "doctor:{pid}"
# What a statement raises that was prepared on another server connection.
_OTHER_BACKEND = (
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
    asyncpg.ProtocolViolationError,
)


@dataclass(frozen=True, slots=True)
class LockProbe:
    """Whether a session keeps its server connection, its lock excludes others, and it can free the lock."""

    same_backend: bool
    excludes: bool
    released: bool

    @property
    def works(self) -> bool:
        return self.same_backend and self.excludes and self.released


async def probe_locks(url: str) -> LockProbe:
    """Take a session lock, then try to take it again as a second client that keeps a transaction open.

    A pooler in transaction mode gives the second client the server connection of the first. Then the second one gets
    the lock as well, and the first is served by another backend process, whose pid differs. Raises `CONNECTION_LOST`,
    `asyncpg.PostgresError` or `ValueError` (unreadable URL) if it cannot connect.
    """
    ours, other = await _open(url), None
    try:
        pid = await run_statement(ours, "backend_pid")
        subject = _SUBJECT.format(pid=pid)
        await run_statement(ours, "lock_subject", subject=subject)
        other = await _open(url)
        async with other.transaction():
            taken = await run_statement(other, "lock_subject", subject=subject)
            same = await run_statement(ours, "backend_pid") == pid
        return LockProbe(same, not taken, bool(await run_statement(ours, "unlock_subject", subject=subject)))
    except _OTHER_BACKEND:
        return LockProbe(False, False, False)
    finally:
        for connection in filter(None, (ours, other)):
            await connection.close()


async def _open(url: str) -> asyncpg.Connection[asyncpg.Record]:
    settings = {"application_name": "sevdesk-worker doctor"}
    return await connect(url, command_timeout=COMMAND_TIMEOUT, statement_cache_size=0, server_settings=settings)


async def unfit_statements(url: str, billing_schema: str | None = None) -> list[str]:
    """Names of the statements that do not fit this database's tables. None is executed, so no right is needed.

    Raises `CONNECTION_LOST`, `asyncpg.PostgresError` or `ValueError` (unreadable URL) if it cannot connect.
    """
    connection = await _open(url)
    unfit = []
    try:
        if billing_schema:
            await run_statement(connection, "put_schema_first", schema=billing_schema)
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
