"""Waiting for what another process does, which sets no event: for as long as a loaded machine may need."""

import asyncio
from collections.abc import Callable

from sevdesk_client.sandbox.http.server import Running

# Seconds until a test gives up. Only a failure takes so long: what is waited for comes by itself, however slowly.
PATIENCE = 60.0


async def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Return once it holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)


async def asked(sevdesk: Running, path: str, seconds: float = PATIENCE) -> None:
    """Wait until sevDesk has got a request whose path ends so."""
    await wait_for(lambda: any(entry["path"].endswith(path) for entry in sevdesk.sandbox.requests), seconds)
