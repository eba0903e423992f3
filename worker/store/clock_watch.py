"""Notices that Postgres' clock was set: it went on by another time than this machine's steady clock.

Waits are stored as instants by Postgres' clock. Set forward, it would end the quarantine of a write at once; set back,
it would stop retries and people's jobs for as long. So whoever notices lets every wait begin anew.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

log = structlog.get_logger()

# Seconds. What NTP corrects bit by bit stays far below.
JUMP_SECONDS = 2.0
# By how much this machine's clock and Postgres' may differ until the log says so, whose times are then misleading.
APART_SECONDS = 5.0
# Goes on while the machine sleeps, where the system has such a clock.
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
NEXT_STEP = "None: every wait begins anew. Find out who set Postgres' clock."
APART_STEP = "Set both clocks by NTP: Postgres' decides, this machine's stands in log lines."


def steady() -> float:
    """Seconds by a clock that nobody sets."""
    return time.clock_gettime(STEADY)


class ClockWatch:
    """Of one process; `query` runs a statement by its name."""

    def __init__(self, query: Callable[..., Awaitable[Any]]) -> None:
        self._query, self._one_at_a_time = query, asyncio.Lock()
        self._ahead: tuple[float, float] | None = None  # by how much Postgres' clock is ahead of `steady`: least, most
        self._anew_at = float("-inf")  # when waits began anew
        self._apart = False

    async def look(self) -> bool:
        """As `read`, of what Postgres' clock says now."""
        asked = steady()
        row = await self._query("clock")
        return await self.read(row["now"], asked)

    async def read(self, now: datetime, asked: float) -> bool:
        """Postgres' clock, asked at `asked` by `steady`, was `now`. True if waits have begun anew since it was asked.

        Raises as `Store`; then the next reading notices the jump.
        """
        answered = steady()
        async with self._one_at_a_time:
            if self._anew_at >= asked:
                return True
            before, self._ahead = self._ahead, (now.timestamp() - answered, now.timestamp() - asked)
            by = jump(before, self._ahead)
            if by:
                try:
                    await self._query("waits_begin_anew", by=timedelta(seconds=by))
                except BaseException:
                    self._ahead = before
                    raise
                log.warning("clock.jumped", seconds=round(by, 1), next_step=NEXT_STEP)
                self._anew_at = steady()
            self._compare(now, asked, told=bool(by))
            return bool(by)

    def _compare(self, now: datetime, asked: float, *, told: bool) -> None:
        """Warn once that this machine's clock and Postgres' differ; not after a jump, which says as much."""
        most = (datetime.now(UTC) - now).total_seconds()
        least = most - (steady() - asked)  # a slow answer may have been given at its beginning
        apart = max(least, min(most, 0.0))
        differ = abs(apart) > APART_SECONDS
        if differ and not self._apart and not told:
            log.warning("clock.apart", seconds=round(apart, 1), next_step=APART_STEP)
        self._apart = differ


def jump(before: tuple[float, float] | None, after: tuple[float, float]) -> float:
    """By how many seconds a clock was set between two readings, or 0.

    Each reading is the least and the most that it may be ahead. The most is told, so that no wait becomes too short.
    """
    if before is None:
        return 0.0
    least, most = after[0] - before[1], after[1] - before[0]
    return most if least > JUMP_SECONDS else least if most < -JUMP_SECONDS else 0.0
