"""Call rate by additive increase, multiplicative decrease (AIMD). Pure; the clock is passed in, in seconds.

There is no limit until sevDesk answers with 429 or repeated 5xx. sevDesk documents no limit (133 calls a second were
answered, measured by one peer), so a fixed one would be a guess.
"""

from collections import deque

# What a decrease leaves of the rate, and how long the additive increase takes to give the rest back. The increase is
# proportional to the rate, because a step that suits a limit of 100 calls a second is ruinous for one of 100 a minute.
DECREASE_FACTOR, RECOVER_SECONDS = 0.5, 20.0
# After this time the rate has grown to three times what was too fast, so the limit is lifted.
FORGET_SECONDS = 100.0
# One call in five seconds: with fewer calls, an improvement would not be noticed.
MIN_RATE = 0.2
# Lowest rate after a 5xx, in calls a second. A 429 may come from a very low limit; so few calls are no load.
MIN_RATE_5XX = 5.0
# The rate before the first decrease is the number of calls sent in the last second.
MEASURE_SECONDS = 1.0
# Calls that may be sent together, so that a single publication is not slowed by a limit it stays below.
BURST = 5
# Two processes that decrease within this time met the same overload; the higher of their rates counts for all.
SAME_OVERLOAD_SECONDS = 1.0


class CallRate:
    """The rate of one process. After a decrease every process has the same, so the account's rate is their sum."""

    def __init__(self) -> None:
        self._decreased_at, self._rate = 0.0, 0.0  # rate right after the last decrease; 0: no limit
        self._next = 0.0  # time of the next free place in line, before bursts
        self._paused_until = 0.0
        self._sent: deque[float] = deque()

    def limit(self, now: float) -> float | None:
        """Calls a second; None: no limit."""
        if self._rate and now - self._decreased_at >= FORGET_SECONDS:
            self._rate = 0.0
        return self._rate * (1 + (now - self._decreased_at) / RECOVER_SECONDS) if self._rate else None

    def is_unlimited(self, now: float) -> bool:
        """True if there is neither a limit nor a pause."""
        return not self._rate and now >= self._paused_until

    def pause_left(self, now: float) -> float:
        """Seconds until the pause ends; 0 without one."""
        return max(self._paused_until - now, 0.0)

    def record_call(self, now: float) -> None:
        """Count a call that is sent now; the first decrease starts from this count."""
        self._sent.append(now)
        while self._sent[0] < now - MEASURE_SECONDS:
            self._sent.popleft()

    def wait(self, now: float) -> float:
        """Seconds the next caller has to wait."""
        limit = self.limit(now)
        in_line = self._next - (BURST - 1) / limit - now if limit else 0.0
        return max(in_line, self.pause_left(now))

    def reserve(self, now: float, *, max_wait: float, places: int = 1) -> float:
        """Take `places` in line and return the seconds to wait. A wait longer than `max_wait` takes no place."""
        wait, limit = self.wait(now), self.limit(now)
        if wait <= max_wait and limit:
            self._next = max(self._next, now) + places / limit
        return wait

    def decrease(self, now: float, sent_at: float, min_rate: float = MIN_RATE) -> float | None:
        """Lower the rate because of a call sent at `sent_at`; returns the new rate.

        None if nothing changes: the call was sent before the last decrease, or the rate is at `min_rate` already.
        """
        limit = self.limit(now)
        if limit is not None and sent_at < self._decreased_at:
            return None
        rate = max((self._measured(now) if limit is None else limit) * DECREASE_FACTOR, min_rate)
        if limit is not None and rate >= limit:
            return None
        self._set(now, rate)
        return rate

    def adopt(self, now: float, rate: float, age: float = 0.0) -> float | None:
        """Take over the rate another process decreased to `age` seconds ago.

        Returns this process's own rate if that is to count instead: the same overload, met while sending more calls.
        """
        own = self._measured(now) * DECREASE_FACTOR
        if self.limit(now) is not None:
            own = self._rate if now - self._decreased_at < SAME_OVERLOAD_SECONDS else 0.0
        if age < SAME_OVERLOAD_SECONDS and own > rate * 1.1:
            self._set(now, own)
            return own
        self._set(now - age, max(rate, MIN_RATE))
        return None

    def pause(self, now: float, seconds: float) -> bool:
        """Send nothing for `seconds`, then keep to the rate without a burst. False if a pause as long was running."""
        until, limit = now + seconds, self.limit(now)
        longer = until > self._paused_until + SAME_OVERLOAD_SECONDS
        self._paused_until = max(self._paused_until, until)
        if limit:
            rate = self._rate * (1 + (until - self._decreased_at) / RECOVER_SECONDS)  # what `limit` will be at `until`
            self._next = max(self._next, until + (BURST - 1) / rate)
        return longer

    def _measured(self, now: float) -> float:
        recent = sum(at >= now - MEASURE_SECONDS for at in self._sent)
        return recent / MEASURE_SECONDS

    def _set(self, at: float, rate: float) -> None:
        self._decreased_at, self._rate = at, rate
        self._next = max(self._next, at + (BURST - 1) / rate)  # no burst directly after a decrease
