"""How connections to Postgres are set up, and the named statements of `sql/queries/`."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiosql
import asyncpg
from aiosql.types import SQLOperationType
from asyncpg import connect_utils

from worker.store.sql_files import sql_dir
from worker.tracing import statement_span

QUERIES = aiosql.from_path(str(sql_dir() / "queries"), "asyncpg", mandatory_parameters=False)

# The method of asyncpg's pools and connections that returns what the sign after a statement's name stands for.
_METHODS = {
    SQLOperationType.SELECT: "fetch",
    SQLOperationType.SELECT_ONE: "fetchrow",
    SQLOperationType.SELECT_VALUE: "fetchval",
    SQLOperationType.INSERT_UPDATE_DELETE: "execute",
}

# A dead peer is noticed after 5 + 3 x 5 s: less than the quarantine of writes, more than a short network fault. Linux
# sends no keep-alives while it repeats data that nobody confirms, such as a notification; those 15 minutes the last
# one shortens to 20 s (in ms).
KEEPALIVE = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
# Seconds. Postgres ends a statement that takes longer; no answer for even longer means that the server is gone.
STATEMENT_TIMEOUT, COMMAND_TIMEOUT = 25, 30.0
# Of every session of the worker, whatever the defaults of server, database and role are. The search path stays theirs,
# behind BILLING_SCHEMA (`prepare`).
SESSION = {
    **KEEPALIVE,
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "statement_timeout": f"{STATEMENT_TIMEOUT}s",
    # The statement's time-out bounds this as well.
    "lock_timeout": "0",
    # A worker that is frozen within a transaction locks rows that the billing system may want to change. Between two
    # statements of ours there are milliseconds.
    "idle_in_transaction_session_timeout": "30s",
    "idle_session_timeout": "0",  # a session that waits for work is no fault
    "TimeZone": "UTC",
}

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
    # The server became a standby, or ended a session that was idle for too long.
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    OSError,
    TimeoutError,
)
# What asyncpg raises, without asking the server, for a URL with an option it refuses, such as an unknown sslmode.
WRONG_URL = asyncpg.ClientConfigurationError
# What a migration has not made yet.
MIGRATION_MISSING = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.UndefinedFunctionError)
# Postgres answers, but lacks room for what it was asked: a full disk, memory, a limit of its own, a disk that fails. Or
# this process lacks memory.
NO_ROOM = (asyncpg.InsufficientResourcesError, asyncpg.PostgresIOError, MemoryError)
# Postgres answers, but has no session for the worker, or not what it needs: its database was dropped, renamed or
# closed, its role lost its login, its password or a right.
REFUSED = (
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InsufficientPrivilegeError,
    *MIGRATION_MISSING,
)
# What the worker's own loops wait out.
OUTAGES = (*CONNECTION_LOST, *NO_ROOM, *REFUSED)
# The statement took longer than STATEMENT_TIMEOUT, or somebody cancelled it.
TOO_SLOW = (asyncpg.QueryCanceledError,)
# Another transaction got in its way; nothing was changed.
CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class _TLSUpgradeProto(connect_utils.TLSUpgradeProto):
    """As asyncpg's, but its lost connection is not reported as an exception that nobody retrieved.

    asyncpg 0.32 reports it if connecting is cancelled just before it awaits `on_data` (measured: SIGINT).
    """

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.on_data.cancelled():
            self.on_data.exception()  # counts as retrieved; awaiting it raises all the same


connect_utils.TLSUpgradeProto = _TLSUpgradeProto  # type: ignore[misc] # asyncpg offers no other way


# Postgres' dates count days, its timestamps microseconds, both from here.
_EPOCH_DAY, _EPOCH = date(2000, 1, 1), datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# What `infinity`, years beyond 9999 and years before 1 become: asyncpg would raise, for all rows of the answer, or make
# a time without zone. A day within Python's range, so that the step into another time zone stays in it.
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


# Arrays of Postgres' own types in our statements: OID, element's OID and name, the same on every server. asyncpg would
# ask for them on each connection anew (measured: 4 ms of the server's CPU each time, three times a connection).
_ARRAYS = (
    (1000, 16, "bool"),
    (1007, 23, "int4"),
    (1185, 1184, "timestamptz"),
    (2287, 2249, "record"),
    (2951, 2950, "uuid"),
    (3807, 3802, "jsonb"),
)


def _register_arrays(connection: asyncpg.Connection[Any]) -> None:
    """After the codecs of the elements, of which asyncpg makes those of the arrays. Another release of it may ask."""
    unused = dict.fromkeys(("basetype", "range_subtype", "attrtypoids"))
    arrays = [
        {"oid": oid, "ns": "pg_catalog", "name": f"_{name}", "kind": b"b", "elemtype": element}
        | {"elemtype_name": name, "elemdelim": ",", **unused}
        for oid, element, name in _ARRAYS
    ]
    with suppress(AttributeError, LookupError, TypeError):
        connection._protocol.get_settings().register_data_types(arrays)  # type: ignore[attr-defined] # no other way


def _decode_date(value: tuple[int]) -> date:
    ordinal = _EPOCH_DAY.toordinal() + value[0]
    return date.fromordinal(min(max(ordinal, EARLIEST.toordinal()), LATEST.toordinal()))


def _decode_instant(value: tuple[int]) -> datetime:
    try:
        return min(max(_EPOCH + value[0] * _MICROSECOND, EARLIEST), LATEST)
    except OverflowError:
        return LATEST if value[0] > 0 else EARLIEST


async def prepare(connection: asyncpg.Connection[Any], billing_schema: str | None = None) -> None:
    """Decode JSON into Python values, its fractions into `Decimal`; dates and times without ever raising.

    `billing_schema` comes first in the search path, before what the role has.

    Raises one of `CONNECTION_LOST`.
    """
    await connection.set_type_codec(
        "date",
        encoder=lambda day: ((day - _EPOCH_DAY).days,),
        decoder=_decode_date,
        schema="pg_catalog",
        format="tuple",
    )
    await connection.set_type_codec(
        "timestamptz",
        encoder=lambda moment: ((moment - _EPOCH) // _MICROSECOND,),
        decoder=_decode_instant,
        schema="pg_catalog",
        format="tuple",
    )
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            encoder=lambda value: json.dumps(value, default=str),
            decoder=lambda text: json.loads(text, parse_float=Decimal),
            schema="pg_catalog",
        )
    _register_arrays(connection)
    if billing_schema:
        await run_statement(connection, "put_schema_first", schema=billing_schema)


async def run_statement(on: Any, statement: str, /, **values: Any) -> Any:
    """Run a statement of `sql/queries/` by its name, on a pool or a connection. Values it does not name are left out.

    The sign after the statement's name decides what is returned: `^` one row or None, `$` one value, `!` a status
    text, no sign a list of rows. Raises `AttributeError` for an unknown name. A session that cannot write any more (its
    server became a standby) is dropped, so that the next one is made where writing is possible. So is one whose
    statement was not answered in time or is not waited for any more: asyncpg would wait COMMAND_TIMEOUT once more for
    the server to confirm that it has stopped.

    Not called through aiosql's methods, which search `dir(pool)` before every statement (measured: 28 us of CPU, a
    tenth of a statement's).
    """
    if isinstance(on, asyncpg.Pool):
        try:
            async with on.acquire() as connection:
                return await run_statement(connection, statement, **values)
        except asyncpg.ReadOnlySQLTransactionError:
            await on.expire_connections()
            raise
    query = getattr(QUERIES, statement)
    given = [values[name] for name in QUERIES.driver_adapter.var_sorted[statement]]
    try:
        with statement_span(statement):
            return await getattr(on, _METHODS[query.operation])(query.sql, *given)
    except (asyncpg.ReadOnlySQLTransactionError, TimeoutError, asyncio.CancelledError):
        on.terminate()
        raise
