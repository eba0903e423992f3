"""uvicorn around the app: a server that can also hang up on a client."""

import asyncio
import contextlib
import secrets
import signal
import socket
from asyncio import Transport
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sevdesk_client.sandbox.http.app import create_app
from sevdesk_client.sandbox.http.pipeline import Sandbox

GRACE = 1  # seconds that open requests have at the end; a hung one must not keep the process


class HangUpProtocol(H11Protocol):
    """Shows the app its connection, because ASGI has no way to close one without an answer."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as in uvicorn itself
        """Put the transport where the gate finds it: scope["state"]["transport"]."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end instead of polling for it: tests start and stop hundreds of these."""
        await self.on_tick(0)
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's own lets a tenth of a second pass for answers under way, even where there are none."""
        if self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # a closed transport says so in the next turn of the loop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller: uvicorn would raise them again at the end, and the process would not exit 0."""
        yield


@dataclass(frozen=True, slots=True)
class Running:
    """A sandbox that answers."""

    url: str  # http://127.0.0.1:PORT
    token: str = field(repr=False)
    sandbox: Sandbox

    @property
    def base_url(self) -> str:
        """What SEVDESK_BASE_URL is to be."""
        return f"{self.url}/api/v1"


@contextlib.asynccontextmanager
async def running(
    *,
    port: int = 0,
    token: str | None = None,
    latency: tuple[float, float] = (0, 0),
    clock: Callable[[], datetime] | None = None,
) -> AsyncIterator[Running]:
    """A sandbox on 127.0.0.1 inside this event loop; port 0 finds a free one. OSError if the port is taken."""
    token = token or secrets.token_hex(16)
    app = create_app(token, latency=latency, clock=clock)
    async with listening(app, port) as url:
        yield Running(url, token, app.state.sandbox)


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Any app on 127.0.0.1; its URL."""
    config = uvicorn.Config(
        app,
        http=HangUpProtocol,
        log_level="critical",
        lifespan="off",
        access_log=False,
        timeout_graceful_shutdown=GRACE,
    )
    listener = _listen(port)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop.set()
        await task
        listener.close()


def _listen(port: int) -> socket.socket:
    """asyncio switches Nagle's delay off only for sockets that say TCP aloud; with it each answer takes 40 ms."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    return listener


def serve(
    port: int = 0,
    token: str | None = None,
    latency: tuple[float, float] = (0, 0),
    ready: Callable[[str, str | None], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then return. `ready` gets base URL and token; without it both are printed."""
    asyncio.run(_serve(port, token, latency, ready or announce))


def announce(base_url: str, token: str | None) -> None:
    """The lines other programs read; without a token there is only the first."""
    print(f"SEVDESK_BASE_URL={base_url}", flush=True)
    if token is not None:
        print(f"SEVDESK_API_TOKEN={token}", flush=True)


async def _serve(
    port: int, token: str | None, latency: tuple[float, float], ready: Callable[[str, str | None], None]
) -> None:
    stop = stop_signal()
    async with running(port=port, token=token, latency=latency) as sandbox:
        ready(sandbox.base_url, sandbox.token)
        await stop.wait()


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM or SIGINT. Asked for before anybody is told where to send them."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    return stop
