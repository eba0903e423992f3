"""How connections to Postgres are set up, and the named statements of `sql/queries/`."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiosql
import asyncpg
from aiosql.adapters.asyncpg import AsyncPGAdapter

from worker.store.sql_files import sql_dir


class _Adapter(AsyncPGAdapter):
    """Runs statements on a pool or a connection alike; asyncpg gives both the same methods.

    aiosql's adapter searches `dir(pool)` before every statement to tell the two apart (measured: 28 us of CPU, a tenth
    of what a statement costs this process).
    """

    def _ordered(self, query_name: str, parameters: Any) -> Any:
        return self.maybe_order_params(query_name, parameters)  # type: ignore[no-untyped-call] # aiosql has no types

    async def select(
        self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: Any = None
    ) -> AsyncIterator[Any]:
        for row in await conn.fetch(sql, *self._ordered(query_name, parameters)):
            yield row

    async def select_one(self, conn: Any, query_name: str, sql: str, parameters: Any, record_class: Any = None) -> Any:
        return await conn.fetchrow(sql, *self._ordered(query_name, parameters))

    async def select_value(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        return await conn.fetchval(sql, *self._ordered(query_name, parameters))

    async def insert_update_delete(self, conn: Any, query_name: str, sql: str, parameters: Any) -> Any:
        return await conn.execute(sql, *self._ordered(query_name, parameters))


ADAPTER: Any = _Adapter
QUERIES = aiosql.from_path(str(sql_dir() / "queries"), ADAPTER, mandatory_parameters=False)

# A dead peer is noticed after 5 + 3 x 5 s: less than the quarantine of writes, more than a short network fault.
KEEPALIVE = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
# Seconds to wait for a statement. All of ours are short, so a longer wait means that the server is gone.
COMMAND_TIMEOUT = 30.0

# What is raised when Postgres cannot be reached. None of it tells whether the last statement was carried out.
CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # Raised by asyncpg for a connection that is just breaking (measured: Postgres killed).
    asyncpg.InternalClientError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)


async def prepare(connection: asyncpg.Connection[Any]) -> None:
    """Decode JSON into Python values, its fractions into `Decimal`. Raises one of `CONNECTION_LOST`."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            encoder=lambda value: json.dumps(value, default=str),
            decoder=lambda text: json.loads(text, parse_float=Decimal),
            schema="pg_catalog",
        )
