"""The ASGI app (API under /api/v1, export archives under /storage, control endpoints under /_sandbox), and its server.

It runs in uvicorn with a protocol that lets the app close a connection without an answer.
"""

import asyncio
import contextlib
import secrets
import socket
from asyncio import Transport
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.datev_export import STORAGE
from sevdesk_client.sandbox.http.control import control_routes
from sevdesk_client.sandbox.http.pipeline import Sandbox

SHUTDOWN_SECONDS = 1  # how long open requests may take at the end; a hanging one must not keep the process


def create_app(
    token: str, *, latency: tuple[float, float] = (0, 0), clock: Callable[[], datetime] | None = None
) -> Starlette:
    """A new account behind `token`; latency of reads and writes in milliseconds; `clock` returns aware datetimes."""
    if not token:
        raise ValueError("the sandbox needs a token")
    account = Account(clock=clock) if clock else Account()
    sandbox = Sandbox(token, account, read_ms=latency[0], write_ms=latency[1])
    mounts = [Mount(path, app=sandbox) for path in ("/api/v1", STORAGE)]
    app = Starlette(routes=[Mount("/_sandbox", routes=control_routes(sandbox)), *mounts])
    app.state.sandbox = sandbox
    return app


class ClosableProtocol(H11Protocol):
    """Gives the app its connection, because ASGI cannot close one without an answer."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as in uvicorn itself
        """Put the transport into scope["state"]["transport"], where the pipeline reads it."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the stop event instead of polling, because tests start and stop hundreds of servers."""
        await self.on_tick(0)
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Skip uvicorn's wait of 0.1 s where no request is open."""
        if self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # closed transports report it in the next loop iteration

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller: uvicorn would raise them again at the end, and the exit code would not be 0."""
        yield


@dataclass(frozen=True, slots=True)
class Running:
    """A running sandbox."""

    url: str  # http://127.0.0.1:PORT
    token: str = field(repr=False)
    sandbox: Sandbox

    @property
    def base_url(self) -> str:
        """The value for SEVDESK_BASE_URL."""
        return f"{self.url}/api/v1"


@contextlib.asynccontextmanager
async def running(
    *,
    port: int = 0,
    token: str | None = None,
    latency: tuple[float, float] = (0, 0),
    clock: Callable[[], datetime] | None = None,
) -> AsyncIterator[Running]:
    """Run a sandbox on 127.0.0.1 in this event loop; port 0 picks a free one. OSError if the port is in use."""
    token = token or secrets.token_hex(16)
    app = create_app(token, latency=latency, clock=clock)
    async with listening(app, port) as url:
        yield Running(url, token, app.state.sandbox)


@contextlib.asynccontextmanager
async def listening(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """Serve any ASGI app on 127.0.0.1; yields its URL."""
    config = uvicorn.Config(
        app,
        http=ClosableProtocol,
        log_level="critical",
        lifespan="off",
        access_log=False,
        date_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
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
    """A listening socket. IPPROTO_TCP is explicit, else asyncio leaves Nagle's delay on and each answer takes 40 ms."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.listen(2048)
    return listener
