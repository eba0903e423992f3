"""How loops survive outages and errors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

import structlog
from redis.exceptions import RedisError

from worker.observability.outage import Outage
from worker.store import OUTAGES

log = structlog.get_logger()

# Seconds between attempts to reach a lost server: short enough for a restart, long enough not to load it.
RECONNECT_SECONDS = 1.0


@contextlib.asynccontextmanager
async def survived(
    loop: Literal["inbox", "maintenance"], postgres: Outage, redis: Outage | None = None
) -> AsyncIterator[None]:
    """Wait RECONNECT_SECONDS after an outage or any other error, which is logged, and raise nothing."""
    try:
        yield
    except Exception as error:
        if redis and isinstance(error, RedisError):
            redis.began(error)
        elif isinstance(error, OUTAGES):
            postgres.began(error)
        elif postgres.is_news(loop, type(error)):
            log.exception("inbox.unexpected_error" if loop == "inbox" else "maintenance.unexpected_error")
        await asyncio.sleep(RECONNECT_SECONDS)


async def run_every(seconds: float, act: Callable[[], Awaitable[None]], postgres: Outage) -> None:
    """Call `act` every `seconds`; never returns. Outages are survived, and other errors logged."""
    while True:
        async with survived("maintenance", postgres):
            await act()
        await asyncio.sleep(seconds)


async def wait_for(event: asyncio.Event, seconds: float) -> bool:
    """True once the event is set, False after `seconds`.

    Not asyncio's wait_for: on Python 3.11 it can swallow a cancellation that meets the event (measured).
    """
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
