"""Opens connections of asyncpg as DATABASE_URL says, and says in plain words why one cannot be had."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import socket
from typing import Any

import asyncpg
from asyncpg.exceptions import _base

from worker.domain.postgres_url import PostgresUrl, read_postgres_url

# Seconds for each host. One that lives answers within milliseconds; asyncpg's default of 60 would keep a job's slot, or
# a worker that was told to stop.
CONNECT_SECONDS = 10.0
# libpq's option -> its name on a socket. Some operating systems lack some of them.
_SOCKET_OPTIONS = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}
# SQLSTATE classes: connection, authorization, no such database, lack of room, closed, ended by an operator, its disk.
_ABOUT_SESSION = ("08", "28", "3D", "53", "55", "57", "58")
# A missing right names the table only.
_SAID = ("42501",)


async def connect(dsn: str | None = None, **given: Any) -> asyncpg.Connection[Any]:
    """A connection to one of the URL's hosts; `given` are arguments of `asyncpg.connect`, `server_settings` among them.

    Raises `asyncpg` errors, `OSError`, or ValueError for a wrong URL.
    """
    address = read_postgres_url(dsn or "")
    # asyncpg's own word for it is not the one that Postgres answers, so PgBouncer would SET it before each statement.
    given["server_settings"] = {**address.server_settings, **given["server_settings"], "client_encoding": "UTF8"}
    given = {"timeout": CONNECT_SECONDS * max(len(address.hosts), 1), **address.for_asyncpg(), **given}
    connection: asyncpg.Connection[Any] = await asyncpg.connect(**given)
    _keep_alive(connection, address)
    return connection


def _keep_alive(connection: Any, address: PostgresUrl) -> None:
    """libpq switches keep-alives on unless the URL says otherwise; asyncpg leaves them off."""
    wire = connection._transport.get_extra_info("socket")  # asyncpg has no other way to it
    if wire is None or wire.family == socket.AF_UNIX:
        return
    said = address.keepalive
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, said.get("keepalives", 1))
    for option, name in _SOCKET_OPTIONS.items():
        if said.get(option, 0) > 0 and hasattr(socket, name):
            wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), said[option])


def postgres_cause(error: BaseException) -> str:
    """Why Postgres cannot be reached or refuses, for a log line or an operator. Shows no password and no row.

    What the server says is shown where it is about the session; what it says of a statement may quote a row's values,
    so that only its name is shown.
    """
    if isinstance(error, _base.TargetServerAttributeNotMatched | asyncpg.ReadOnlySQLTransactionError):
        return "the server is read-only: a standby, or a database that was set so"
    if isinstance(error, asyncpg.PostgresError):
        said = str(error).partition("\n")[0]
        about_session = (error.sqlstate or "")[:2] in _ABOUT_SESSION or error.sqlstate in _SAID
        return f"{type(error).__name__}: {said}" if about_session else type(error).__name__
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return str(error).partition("\n")[0] or type(error).__name__
    return type(error).__name__
