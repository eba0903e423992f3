"""How fast this process may call: additive increase, multiplicative decrease. Pure; the clock is passed in, in seconds.

Without trouble there is no limit and nothing to compute. sevDesk documents none (133 calls a second were answered,
measured by one peer), so a fixed one would be a guess: too slow for most accounts, too fast for the one that matters.
"""

from collections import deque

# What a cut leaves of the speed, and how long the additive increase takes to give the rest back. The increase is
# measured by the cut, because a step that suits a limit of 100 calls a second is ruinous for one of 100 a minute.
CUT, RECOVER_SECONDS = 0.5, 20.0
# By now it has grown to three times what was too fast: whatever it was, it is over.
FORGET_SECONDS = 100.0
# One call in five seconds: below that, nothing would ever be seen to have got better.
SLOWEST = 0.2
# A limit can be that low, and a 429 says that there is one; 5xx come from load, and so few calls are none.
SLOWEST_FOR_LOAD = 5.0
# The speed before the first cut is what left in the last second.
MEASURE_SECONDS = 1.0
# A publication's calls may leave together, so that a single job is not slowed by a limit it stays below.
BURST = 5
# Cuts of two processes within this are about the same trouble; the busier one's counts for all.
SAME_CUT_SECONDS = 1.0


class Pace:
    """One process's share; after a cut all processes have the same, so the account's speed is the sum.

    `reserve` hands out places in line, `cut` slows down, `hold` stops everything until an instant.
    """

    def __init__(self) -> None:
        self._cut_at, self._rate = 0.0, 0.0  # calls a second right after the last cut; 0: none
        self._next = 0.0  # the next place in line, before bursts
        self._held_until = 0.0
        self._left: deque[float] = deque()

    def limit(self, now: float) -> float | None:
        """Calls a second; None: as many as one likes."""
        if self._rate and now - self._cut_at >= FORGET_SECONDS:
            self._rate = 0.0
        return self._rate * (1 + (now - self._cut_at) / RECOVER_SECONDS) if self._rate else None

    def free(self, now: float) -> bool:
        """Nothing limits anybody, which is nearly always so."""
        return not self._rate and now >= self._held_until

    def held(self, now: float) -> float:
        """Seconds left of a pause."""
        return max(self._held_until - now, 0.0)

    def left(self, now: float) -> None:
        """A call leaves: measured, for the day there is something to cut."""
        self._left.append(now)
        while self._left[0] < now - MEASURE_SECONDS:
            self._left.popleft()

    def wait(self, now: float) -> float:
        """Seconds the next in line has to wait."""
        limit = self.limit(now)
        paced = self._next - (BURST - 1) / limit - now if limit else 0.0
        return max(paced, self.held(now))

    def reserve(self, now: float, *, most: float, places: int = 1) -> float:
        """Take `places` in line and answer with the wait; a wait beyond `most` is answered, but no place is taken."""
        wait, limit = self.wait(now), self.limit(now)
        if wait <= most and limit:
            self._next = max(self._next, now) + places / limit
        return wait

    def cut(self, now: float, left_at: float, slowest: float = SLOWEST) -> float | None:
        """Slow down because of a call that left at `left_at`, and answer with the new speed.

        None: it left before the last cut and tells nothing new, or we are that slow already.
        """
        limit = self.limit(now)
        if limit is not None and left_at < self._cut_at:
            return None
        rate = max((self._measured(now) if limit is None else limit) * CUT, slowest)
        if limit is not None and rate >= limit:
            return None
        self._start(now, rate)
        return rate

    def adopt(self, now: float, rate: float, age: float = 0.0) -> float | None:
        """Another process's cut, `age` seconds old. Answers with ours, when that must count because we are busier."""
        ours = self._measured(now) * CUT
        if self.limit(now) is not None:
            ours = self._rate if now - self._cut_at < SAME_CUT_SECONDS else 0.0
        if age < SAME_CUT_SECONDS and ours > rate * 1.1:
            self._start(now, ours)
            return ours
        self._start(now - age, max(rate, SLOWEST))
        return None

    def hold(self, now: float, seconds: float) -> bool:
        """Nothing leaves for so long, and then one after the other. False: that was so already."""
        until, limit = now + seconds, self.limit(now)
        longer = until > self._held_until + SAME_CUT_SECONDS
        self._held_until = max(self._held_until, until)
        if limit:
            then = self._rate * (1 + (until - self._cut_at) / RECOVER_SECONDS)  # as `wait` will reckon by that time
            self._next = max(self._next, until + (BURST - 1) / then)
        return longer

    def _measured(self, now: float) -> float:
        recent = sum(at >= now - MEASURE_SECONDS for at in self._left)
        return recent / MEASURE_SECONDS

    def _start(self, at: float, rate: float) -> None:
        self._cut_at, self._rate = at, rate
        self._next = max(self._next, at + (BURST - 1) / rate)  # what was saved up is gone
