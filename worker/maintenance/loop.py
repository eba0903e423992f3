"""A loop that repeats an action and outlives outages."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError

from worker.store import LOST

log = structlog.get_logger()

# Away and back: quick enough to be unnoticed after a restart of Postgres, slow enough not to hammer it.
RECONNECT_SECONDS = 1.0


async def run_every(seconds: float, act: Callable[[], Awaitable[None]], wake: asyncio.Event | None = None) -> None:
    """Call `act` every `seconds`, and at once when `wake` is set. Never returns.

    An outage of Redis or Postgres is logged by the main loop, so here it is only waited out.
    """
    while True:
        if wake is not None:
            wake.clear()
        try:
            await act()
        except (RedisError, *LOST):
            await asyncio.sleep(RECONNECT_SECONDS)
        except Exception:
            log.exception("loop.unexpected")
        await wait_for(wake or asyncio.Event(), seconds)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
