"""A connection pooler in transaction mode, small enough to read: what session locks must never go through.

Each client's message group (up to Sync or Query) is served by whichever server connection is free, the last used first;
a client keeps its server connection only while a transaction is open, as PgBouncer and its like do.
"""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import psycopg

SSL_REQUEST, READY, IDLE = 80877103, b"Z", b"I"
ENDS = (b"S", b"Q")  # Sync, Query: the server answers with ReadyForQuery


class Wire:
    """One connection's messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def message(self) -> tuple[bytes, bytes]:
        """Type and body."""
        head = await self.reader.readexactly(5)
        return head[:1], await self.reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)

    async def startup(self) -> bytes:
        """The first message of a client, which has no type."""
        size = struct.unpack("!I", await self.reader.readexactly(4))[0]
        return await self.reader.readexactly(size - 4)

    async def send(self, *messages: tuple[bytes, bytes]) -> None:
        """Any number of messages."""
        for kind, body in messages:
            self.writer.write(kind + struct.pack("!I", len(body) + 4) + body)
        await self.writer.drain()


@asynccontextmanager
async def transaction_pooler(url: str, servers: int = 2) -> AsyncIterator[str]:
    """The database's address behind the pooler, which asks its clients for no password."""
    connections = [psycopg.connect(url, autocommit=True) for _ in range(servers)]
    # libpq has signed in; from here on we speak the protocol ourselves.
    free = [await _wire(connection.fileno()) for connection in connections]
    greeting = _greeting(connections[0])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Wire(reader, writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while struct.unpack("!I", (await client.startup())[:4])[0] == SSL_REQUEST:
                writer.write(b"N")
            await client.send(*greeting)
            await _relay(client, free)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield urlsplit(url)._replace(netloc=f"postgres@127.0.0.1:{port}").geturl()
    for wire in free:
        wire.writer.close()
        await wire.writer.wait_closed()
    for connection in connections:
        connection.close()


async def _wire(fileno: int) -> Wire:
    return Wire(*await asyncio.open_connection(sock=socket.socket(fileno=os.dup(fileno))))


def _greeting(connection: psycopg.Connection) -> list[tuple[bytes, bytes]]:
    """What a server says after a sign-in without a password."""
    names = ("server_version", "server_encoding", "client_encoding", "standard_conforming_strings", "TimeZone")
    told = [f"{name}\0{connection.info.parameter_status(name)}\0".encode() for name in names]
    key = struct.pack("!II", 1, 1)
    return [(b"R", struct.pack("!I", 0)), *((b"S", body) for body in told), (b"K", key), (READY, IDLE)]


async def _relay(client: Wire, free: list[Wire]) -> None:
    server: Wire | None = None
    pump: asyncio.Task[bytes] | None = None
    while True:
        kind, body = await client.message()
        if kind == b"X":
            break
        server = server or free.pop()
        pump = pump or asyncio.create_task(_answers(server, client))
        await server.send((kind, body))
        if kind not in ENDS:
            continue
        if await pump == IDLE:
            free.append(server)
            server = None
        pump = None


async def _answers(server: Wire, client: Wire) -> bytes:
    """Everything up to ReadyForQuery, whose transaction status is the answer."""
    while True:
        kind, body = await server.message()
        await client.send((kind, body))
        if kind == READY:
            return body
