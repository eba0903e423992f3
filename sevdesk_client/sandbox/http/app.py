"""The ASGI app: the API under /api/v1, export archives under /storage, control endpoints under /_sandbox."""

from collections.abc import Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.routing import Mount

from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.datev_export import STORAGE
from sevdesk_client.sandbox.http.control import control_routes
from sevdesk_client.sandbox.http.pipeline import Sandbox


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
