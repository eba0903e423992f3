"""Connections where a pooler such as PgBouncer may stand between us and Postgres.

In transaction mode each statement may meet another server connection, so what belongs to a session is lost, or met by
other clients: settings, named prepared statements, session locks, LISTEN. The pool's statements need none of it; what
does runs on the lock session, which must be direct. NOTIFY belongs to a transaction, so it may go through a pooler.
"""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

import asyncpg

from worker.store.address import connect
from worker.store.connection import COMMAND_TIMEOUT, SESSION, prepare, run_statement
from worker.store.probe import probe_locks

# The pool's transactions say it themselves, because through a pooler no session setting does.
ISOLATION: Final = "read_committed"


@asynccontextmanager
async def in_transaction(pool: asyncpg.Pool[Any]) -> AsyncIterator[Any]:
    """A connection in a transaction, which any error rolls back.

    A statement without an answer in time, and one that is cancelled, closes the connection; asyncpg would wait as long
    again (measured), or raise another error instead of that one.
    """
    async with pool.acquire() as connection:
        try:
            async with connection.transaction(isolation=ISOLATION):
                yield connection
        except (TimeoutError, asyncio.CancelledError):  # of BEGIN or COMMIT
            with suppress(asyncpg.InterfaceError):  # it is closed
                connection.terminate()
            raise
        except asyncpg.InterfaceError as error:
            if isinstance(error.__context__, TimeoutError | asyncio.CancelledError):
                raise error.__context__ from None
            raise


class PooledLocks(Exception):
    """Session locks on this connection would protect nothing."""


async def is_behind_pooler(connection: Any) -> bool:
    """True if the server process is another one than the connection was told of: a pooler tells its own numbers."""
    told: int = connection.get_server_pid()
    return bool(await run_statement(connection, "backend_pid") != told)


async def open_pool(
    url: str, *, size: int, name: str, billing_schema: str | None = None
) -> tuple[asyncpg.Pool[Any], bool]:
    """A pool for `worker/store/pool.py`, and whether it goes through a pooler.

    Through one it sends no session settings but `name`, which are refused or ignored there, and uses no named prepared
    statements; statement time-out, isolation and search path are then those of the role (`sql/roles.sql`). Raises
    `asyncpg` errors or `OSError` when the database cannot be reached.
    """
    pooled = await _goes_through_pooler(url, name)
    pool = await asyncpg.create_pool(
        url,
        connect=connect,
        min_size=1,
        max_size=size,
        command_timeout=COMMAND_TIMEOUT,
        init=partial(prepare, billing_schema=None if pooled else billing_schema),
        reset=_no_reset,
        statement_cache_size=0 if pooled else 100,  # 100 is asyncpg's default
        max_cached_statement_lifetime=0,  # by default 300 s: each payment sync would prepare its statements again
        server_settings={"application_name": name, **({} if pooled else SESSION)},
        target_session_attrs=asyncpg.connect_utils.SessionAttribute.read_write,
    )
    return pool, pooled


async def _goes_through_pooler(url: str, name: str) -> bool:
    """Found out on a connection of its own, which leaves nothing behind in a pooler."""
    try:
        connection = await connect(
            url,
            server_settings={"application_name": name, **SESSION},
            command_timeout=COMMAND_TIMEOUT,
            statement_cache_size=0,
        )
    except asyncpg.ProtocolViolationError:  # PgBouncer refuses settings that it does not know
        return True
    try:
        return await is_behind_pooler(connection)
    finally:
        await connection.close()


async def require_session_locks(url: str) -> None:
    """Raise `PooledLocks` if session locks do not hold there, one of `CONNECTION_LOST` if it cannot be reached."""
    if await _goes_through_pooler(url, "sevdesk-worker") and not (await probe_locks(url)).works:
        raise PooledLocks


async def _no_reset(connection: Any) -> None:
    """Replaces asyncpg's reset, which costs a round trip whenever a connection returns to the pool.

    Not needed: asyncpg rolls back an unfinished transaction first, and our statements change nothing else of a session.
    """
