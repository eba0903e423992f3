"""How we connect, and the named statements of `sql/queries/`."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import json
from decimal import Decimal
from typing import Any

import aiosql
import asyncpg

from worker.resources import sql_dir

QUERIES = aiosql.from_path(str(sql_dir() / "queries"), "asyncpg", mandatory_parameters=False)

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
