"""Waiting for what another process does, which sets no event."""

import asyncio
from collections.abc import Callable

from sevdesk_client.sandbox.http.server import Running


async def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return once it holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)


async def asked(sevdesk: Running, path: str, seconds: float = 10) -> None:
    """Wait until sevDesk has got a request whose path ends so."""
    await wait_for(lambda: any(entry["path"].endswith(path) for entry in sevdesk.sandbox.requests), seconds)
