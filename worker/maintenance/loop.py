"""A loop that repeats an action and survives outages."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError

from worker.store import CONNECTION_LOST

log = structlog.get_logger()

# Seconds between attempts to reach a lost server: short enough for a restart, long enough not to load it.
RECONNECT_SECONDS = 1.0


async def run_every(seconds: float, act: Callable[[], Awaitable[None]], wake: asyncio.Event | None = None) -> None:
    """Call `act` every `seconds`, and at once when `wake` is set; never returns.

    Outages of Redis and Postgres are logged by the inbox, not here; other errors are logged. Both are survived.
    """
    while True:
        if wake is not None:
            wake.clear()
        try:
            await act()
        except (RedisError, *CONNECTION_LOST):
            await asyncio.sleep(RECONNECT_SECONDS)
        except Exception:
            log.exception("maintenance.unexpected_error")
        await wait_for(wake or asyncio.Event(), seconds)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
