"""How we connect, and the named statements of `sql/queries/`."""

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
    """Asks the pool as it asks a connection, for asyncpg's pools answer alike.

    aiosql's own acquires one by itself, and looks through `dir(pool)` before every statement to know whether it must
    (measured: 28 us of CPU, a tenth of what a statement costs this process).
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

# A dead network peer is noticed after 5 + 3 x 5 s: well within a quarantine, long enough for a hiccup.
KEEPALIVE = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
# Seconds we wait for a statement; all of ours are short, so a longer wait means the server is gone.
COMMAND_TIMEOUT = 30.0

# What a caller may see when Postgres is away. None of it says whether the last statement was carried out.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # What asyncpg says when it is asked to use a connection that is just breaking (measured: Postgres killed).
    asyncpg.InternalClientError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)


async def prepare(connection: asyncpg.Connection[Any]) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            encoder=lambda value: json.dumps(value, default=str),
            decoder=lambda text: json.loads(text, parse_float=Decimal),
            schema="pg_catalog",
        )
