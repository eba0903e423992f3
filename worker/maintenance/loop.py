"""How loops survive outages and errors."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from worker.observability.outage import Outage
from worker.store import OUTAGES

log = structlog.get_logger()

# Seconds between attempts to reach a lost server: short enough for a restart, long enough not to load it.
RECONNECT_SECONDS = 1.0


@contextlib.asynccontextmanager
async def survived(postgres: Outage) -> AsyncIterator[None]:
    """Wait RECONNECT_SECONDS after an outage or any other error, which is logged, and raise nothing."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OUTAGES):
            postgres.began(error)
        elif postgres.is_news("maintenance", type(error)):
            log.exception("maintenance.unexpected_error")
        await asyncio.sleep(RECONNECT_SECONDS)


async def run_every(seconds: float, act: Callable[[], Awaitable[None]], postgres: Outage) -> None:
    """Call `act` every `seconds`; never returns. Outages are survived, and other errors logged."""
    while True:
        async with survived(postgres):
            await act()
        await asyncio.sleep(seconds)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
