"""How many calls to sevDesk may still end in errors. Pure; the clock is passed in, in seconds.

sevDesk may block a token that makes many failing calls, and names no number (official FAQ). So the budget is a guess
that errs on the low side, and it refills evenly with time: whatever waits for it goes on by itself.
"""

# Shares of the budget that are used up when work that nobody waits for slows down, and when it stops. The last quarter
# is for people's jobs; they wait only while less than one error is left.
SLOW_SHARE, STOP_SHARE = 0.5, 0.75
# Between two calls of slowed work in one process.
SLOW_SECONDS = 2.0
HOUR = 3600.0


class ErrorBudget:
    """The budget as one process knows it. Errors of other workers come in by `adopt`."""

    def __init__(self, per_hour: int) -> None:
        self._size, self._used, self._at = float(per_hour), 0.0, 0.0
        self._next = 0.0  # when slowed work may send its next call
        self._told = 0  # the stage that was reported

    @property
    def seconds_per_error(self) -> float:
        """In how many seconds one error is given back."""
        return HOUR / self._size

    def used(self, now: float) -> float:
        """Errors that are not given back yet."""
        return max(self._used - (now - self._at) / self.seconds_per_error, 0.0)

    def left(self, now: float) -> float:
        """The share that is left, from 0 to 1."""
        return 1 - self.used(now) / self._size

    def spend(self, now: float) -> float:
        """Count one error; returns the errors used. They never exceed the budget, so that a refill takes an hour."""
        self._used, self._at = min(self.used(now) + 1, self._size), now
        return self._used

    def adopt(self, now: float, used: float, age: float) -> None:
        """Take over what another process had counted `age` seconds ago, if that is more."""
        used = min(used, self._size) - max(age, 0.0) / self.seconds_per_error
        if used > self.used(now):
            self._used, self._at = used, now

    def new_stage(self, now: float) -> int:
        """1: others' work slows, 2: it stops, 3: people's jobs wait too. 0 if that was returned before.

        A stage is returned again only after less than SLOW_SHARE was used.
        """
        used = self.used(now)
        stage = sum(used >= limit for limit in (self._limit(SLOW_SHARE), self._limit(STOP_SHARE), self._size - 1))
        news, self._told = stage if stage > self._told else 0, max(stage, self._told) if stage else 0
        return news

    def wait(self, now: float, *, for_person: bool, max_wait: float) -> float:
        """Seconds until a call may be sent. A wait longer than `max_wait` takes no place in the line of slowed work."""
        limit = self._size - 1 if for_person else self._limit(STOP_SHARE)
        if (beyond := self.used(now) - limit) > 0:
            return beyond * self.seconds_per_error
        if for_person or self.used(now) < self._limit(SLOW_SHARE):
            return 0.0
        wait = max(self._next - now, 0.0)
        if wait <= max_wait:
            self._next = now + wait + SLOW_SECONDS
        return wait

    def _limit(self, share: float) -> float:
        return self._size * share
