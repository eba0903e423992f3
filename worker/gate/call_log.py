"""What one worker has seen of its calls to sevDesk, told to Redis every few seconds while it calls. See `CallLog`."""

import asyncio
import contextlib
import json
from collections import deque
from time import monotonic
from typing import Any

from redis.exceptions import RedisError

from worker.gate.breaker import TokenBreaker

# `status`, `health` and `doctor` read these keys, one per worker.
CALLS_KEY = "sevdesk:calls:"
# No command is sent while nothing is called; else one SET in so many seconds.
REPORT_SECONDS = 2.0
# Calls are counted by the minute for an hour, and for as long a report is kept.
MINUTE, MINUTES = 60.0, 60
KEPT_SECONDS = MINUTE * MINUTES


class CallLog:
    """Counts and ages of calls. Pure; the clock is passed in, in seconds."""

    def __init__(self) -> None:
        self.calls = 0
        self._minutes: deque[list[float]] = deque(maxlen=MINUTES)  # [minute, calls in it], the newest last
        self._ok_at: float | None = None
        self._unanswered: tuple[float, float] | None = None  # first and last call without an answer, since the last ok
        self._refused: tuple[float, float] | None = None  # first and last call whose token was refused, since then

    def record(self, now: float, status: int | None) -> None:
        """One call has ended; `status` None: no answer came. Answers 5xx and 429 count as none."""
        self.calls += 1
        minute = now // MINUTE
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0])
        self._minutes[-1][1] += 1
        if status == 401:
            self._refused = (self._refused[0] if self._refused else now, now)
        elif status is None or status == 429 or status >= 500:
            self._unanswered = (self._unanswered[0] if self._unanswered else now, now)
        else:
            self._ok_at, self._unanswered, self._refused = now, None, None

    def report(self, now: float, breaker: TokenBreaker) -> dict[str, Any]:
        """JSON values; ages in seconds. `minutes`: pairs of age and number of calls."""
        since = {"unanswered": self._unanswered, "refused": self._refused}
        return {
            "minutes": [[now - minute * MINUTE, count] for minute, count in self._minutes],
            "ok": None if self._ok_at is None else now - self._ok_at,
            **{name: None if at is None else [now - at[0], now - at[1]] for name, at in since.items()},
            "next_try": breaker.seconds_until_probe(now) if breaker.is_open else None,
        }


async def report_calls(redis: Any, name: str, calls: CallLog, breaker: TokenBreaker) -> None:
    """Tell Redis what was seen, whenever that has changed; until cancelled. Redis may be away."""
    told = 0
    while True:
        if calls.calls != told:
            counted, report = calls.calls, json.dumps(calls.report(monotonic(), breaker))
            with contextlib.suppress(RedisError, OSError):
                await redis.set(CALLS_KEY + name, report, px=int(KEPT_SECONDS * 1000))
                told = counted
        await asyncio.sleep(REPORT_SECONDS)
