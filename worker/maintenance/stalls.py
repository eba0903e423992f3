"""Says when the process stood still: the machine was paused, it was stopped by a signal, or it got no CPU."""

import asyncio
from time import monotonic

import structlog

log = structlog.get_logger()

# Seconds. A loaded machine is late by a few; by now calls may have run into their time-outs.
LATE_SECONDS, TICK_SECONDS = 10.0, 1.0


async def report_stalls() -> None:
    """One line after each time in which nothing ran for LATE_SECONDS, until cancelled."""
    while True:
        began = monotonic()
        await asyncio.sleep(TICK_SECONDS)
        if (late := monotonic() - began - TICK_SECONDS) > LATE_SECONDS:
            log.warning(
                "worker.stood_still",
                seconds=round(late),
                next_step="None: jobs whose calls or locks were lost meanwhile are taken up again.",
            )
