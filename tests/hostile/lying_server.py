"""A server on loopback that answers every request with the bytes it is told to, and remembers what it was asked."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from sevdesk_client.client import SevDeskClient

TOKEN = "c0ffee00c0ffee00c0ffee00c0ffee00"
# Answers one request, whose head is given, by writing to the connection.
Answers = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class LyingServer:
    """`heads`: request line and headers of each request, as received."""

    url: str
    heads: list[str] = field(default_factory=list)


def http_answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole HTTP answer."""
    lines = (f"HTTP/1.1 {status}", "Connection: close", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saying(body: Any, *headers: str, status: str = "200 OK") -> Answers:
    """Always the same: bytes as they are, anything else as the JSON of `objects`."""
    content = body if isinstance(body, bytes) else json.dumps({"objects": body}).encode()

    async def answers(head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(http_answer(content, *headers, status=status))

    return answers


@asynccontextmanager
async def lying_server(answers: Answers, tls: ssl.SSLContext | None = None) -> AsyncIterator[LyingServer]:
    """It runs until the block ends; nothing it does outlives that."""
    open_now: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_now.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            made.heads.append(head)
            await answers(head, writer)
            await writer.drain()
        open_now.discard(task)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    made = LyingServer(f"http{'s' if tls else ''}://localhost:{server.sockets[0].getsockname()[1]}")
    try:
        yield made
    finally:
        server.close()
        for task in open_now:
            task.cancel()


@asynccontextmanager
async def lied_to(
    answers: Answers, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[tuple[SevDeskClient, LyingServer]]:
    """A client whose sevDesk is such a server; it waits neither long nor between its attempts."""
    async with lying_server(answers, tls) as server, httpx.AsyncClient(trust_env=False) as http:
        given = {"timeout": 5.0, "max_wait": 0, "attempts": 1} | options
        yield SevDeskClient(http, TOKEN, base_url=server.url, **given), server
