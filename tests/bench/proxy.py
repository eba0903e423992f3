"""A TCP proxy that makes each answer late: a Redis in another building."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, late: float) -> None:
    """Bytes keep their order, and each waits for itself: a stream of answers is late, not slow."""
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        while got := await reader.read(1 << 16):
            if late:
                loop.call_later(late, writer.write, got)
            else:
                writer.write(got)
    loop.call_later(late, writer.close)


@asynccontextmanager
async def delayed(url: str, late: float) -> AsyncIterator[str]:
    """The URL of the same Redis, `late` seconds farther away (the loop's clock ticks in milliseconds)."""
    parts = urlsplit(url)
    pumps: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(parts.hostname, parts.port)
        for pump in (_pump(reader, back, 0), _pump(there, writer, late)):
            task = asyncio.create_task(pump)
            pumps.add(task)
            task.add_done_callback(pumps.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()
    finally:
        server.close()
        for task in list(pumps):
            task.cancel()
