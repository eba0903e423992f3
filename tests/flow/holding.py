"""sevDesk, with a barrier before it: a test holds calls for as long as it looks, however long that takes."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from flow.waiting import PATIENCE
from starlette.types import ASGIApp, Receive, Scope, Send

from sevdesk_client.sandbox.http.server import Running, create_app, listening


@dataclass
class Hold:
    """One pattern of calls, such as `POST /Contact`; `*` stands for anything, slashes too."""

    call: str
    skip: int = 0  # calls that pass before
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def reached(self) -> None:
        """Wait until such a call is held."""
        await asyncio.wait_for(self.arrived.wait(), PATIENCE)

    async def wait(self) -> None:
        """The call's part: pass, or wait for the release."""
        if self.skip:
            self.skip -= 1
            return
        self.arrived.set()
        await self.released.wait()

    def release(self) -> None:
        """Let what is held go on, and what comes pass."""
        self.released.set()


@dataclass
class Barrier:
    """The ASGI app that keeps calls from the sandbox until they are released."""

    app: ASGIApp
    holds: list[Hold] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for the release, if somebody holds this call, then pass it on."""
        called = f"{scope.get('method')} {scope['path'].removeprefix('/api/v1')}"
        for hold in self.holds:
            if fnmatchcase(called, hold.call):
                await hold.wait()
        await self.app(scope, receive, send)


@dataclass(frozen=True)
class HoldableSevdesk(Running):
    """A running sandbox whose calls can be held."""

    barrier: Barrier

    @asynccontextmanager
    async def held(self, call: str, *, skip: int = 0) -> AsyncIterator[Hold]:
        """Hold every such call after the first `skip`; what is still held at the end is released."""
        hold = Hold(call, skip)
        self.barrier.holds.append(hold)
        try:
            yield hold
        finally:
            hold.release()
            self.barrier.holds.remove(hold)


@asynccontextmanager
async def holdable() -> AsyncIterator[HoldableSevdesk]:
    """A fresh sandbox behind a barrier."""
    token = secrets.token_hex(16)
    app = create_app(token)
    barrier = Barrier(app)
    async with listening(barrier) as url:
        yield HoldableSevdesk(url, token, app.state.sandbox, barrier)
