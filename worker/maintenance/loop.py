"""A loop that repeats an action and survives outages."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from worker.observability.outage import Outage
from worker.store import OUTAGES

log = structlog.get_logger()

# Seconds between attempts to reach a lost server: short enough for a restart, long enough not to load it.
RECONNECT_SECONDS = 1.0


async def run_every(seconds: float, act: Callable[[], Awaitable[None]], postgres: Outage) -> None:
    """Call `act` every `seconds`; never returns. Outages are survived, and other errors logged."""
    while True:
        try:
            await act()
        except OUTAGES as error:
            postgres.began(error)
            await asyncio.sleep(RECONNECT_SECONDS)
        except Exception:
            log.exception("maintenance.unexpected_error")
        await asyncio.sleep(seconds)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
