"""A TCP proxy on loopback that a test can make slow, stop altogether, or leave half-open: connected, and silent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

BYTES = 1 << 16


class Line:
    """One connection through the proxy; neither data nor its end passes while `flows` is not set."""

    def __init__(self) -> None:
        self.flows = asyncio.Event()
        self.flows.set()


class Proxy:
    """`delay`: seconds that each piece of data takes in each direction."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target, self.delay = target, 0.0
        self.port = 0
        self.lines: set[Line] = set()
        self._stalled = False

    def stall(self) -> None:
        """Forward nothing any more. New connections are accepted, and silent as well."""
        self._stalled = True
        self.silence()

    def silence(self) -> None:
        """The connections that are open now are silent until `resume`; new ones are served."""
        for line in self.lines:
            line.flows.clear()

    def resume(self) -> None:
        """Forward again, first what has come meanwhile."""
        self._stalled = False
        for line in self.lines:
            line.flows.set()

    def in_place_of(self, url: str) -> str:
        """The URL with this proxy for its server."""
        parts = urlsplit(url)
        account = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return parts._replace(netloc=f"{account}127.0.0.1:{self.port}").geturl()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until both ends are closed."""
        line = Line()
        if self._stalled:
            line.flows.clear()
        self.lines.add(line)
        there, back = await asyncio.open_connection(*self.target)
        try:
            await asyncio.gather(self._pass(reader, back, line), self._pass(there, writer, line))
        finally:
            self.lines.discard(line)
            writer.close()
            back.close()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, line: Line) -> None:
        loop, pieces = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

        async def forward() -> None:
            while True:
                due, data = await pieces.get()
                await asyncio.sleep(max(due - loop.time(), 0))
                await line.flows.wait()
                if not data:
                    return
                target.write(data)
                await target.drain()

        async def take() -> None:
            data = b"."
            while data:
                try:
                    data = await source.read(BYTES)
                except ConnectionError:
                    data = b""
                pieces.put_nowait((loop.time() + self.delay, data))

        with contextlib.suppress(ConnectionError):
            await asyncio.gather(take(), forward())
        target.close()


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """In front of the server that the URL names."""
    parts = urlsplit(url)
    made = Proxy((parts.hostname or "", parts.port or 0))
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
