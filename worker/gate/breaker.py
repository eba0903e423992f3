"""Whether the API token is worth asking with. Pure; the clock is passed in, in seconds.

sevDesk may block a token that keeps failing, so after a refusal nobody calls until a probe's time has come: then one
call of one worker, and after each refusal twice as long until the next. Until the first answer of all, too, one call
goes ahead and the others wait for it: a worker started with a wrong token asks once.
"""

import asyncio
from enum import Enum

# A token is refused because somebody changed something, and that is often mended at once, or not before Monday.
FIRST_PROBE, LAST_PROBE = 10.0, 300.0
# The others wait this long for the call that goes ahead: as good as any read's answer.
AHEAD_SECONDS = 5.0


class Token(Enum):
    """What is known of it."""

    UNTRIED = "untried"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Breaker:
    """One process's knowledge; the others' comes in through `refused` and `accepted`."""

    def __init__(self) -> None:
        self.token = Token.UNTRIED
        self.interval = FIRST_PROBE
        self._changed_at = 0.0  # answers to calls that left before this are old news
        self._until = 0.0
        self._ahead: tuple[asyncio.Task[object] | None, float] | None = None
        self._answered = asyncio.Event()

    def rest(self, now: float) -> float:
        """Seconds until the next probe; 0 when there is nothing to wait for."""
        return max(self._until - now, 0.0) if self.token is Token.REFUSED else 0.0

    def go_ahead(self, now: float) -> bool:
        """Whether the calling task is the one whose call decides. One that stays away for long is replaced."""
        task = asyncio.current_task()
        if self._ahead is not None and self._ahead[0] is not task and now - self._ahead[1] < AHEAD_SECONDS:
            return False
        if self._ahead is None or self._ahead[0] is not task:
            self._ahead = (task, now)
            self._answered.clear()
        return True

    async def answered(self) -> None:
        """Wait for the call that goes ahead; a token that nobody has refused by then counts as accepted."""
        try:
            async with asyncio.timeout(AHEAD_SECONDS):
                await self._answered.wait()
        except TimeoutError:
            if self.token is Token.UNTRIED:
                self.token = Token.ACCEPTED

    def step_back(self) -> None:
        """The call that went ahead came to nothing, or another worker's goes ahead."""
        self._ahead = None
        self._answered.set()

    def accepted(self, now: float, left_at: float) -> bool:
        """An answer that is no refusal of the token. True: that changes something for the others."""
        if self.token is Token.ACCEPTED or left_at < self._changed_at:
            return False
        reopened = self.token is Token.REFUSED
        self.token, self.interval, self._changed_at = Token.ACCEPTED, FIRST_PROBE, now
        self.step_back()
        return reopened

    def nothing(self, now: float) -> None:
        """No answer, or one that says nothing of the token: a probe is repeated, a first call is not waited for."""
        if self.token is Token.REFUSED and now >= self._until:
            self._until = now + self.interval
        if self.token is Token.UNTRIED:
            self.token = Token.ACCEPTED
        self.step_back()

    def refused(self, now: float, left_at: float) -> bool:
        """The token was refused. True: nobody knew; then, or when a probe's time had come, the next one is set."""
        if self.token is not Token.REFUSED and left_at >= self._changed_at:
            self.hear_refusal(now, FIRST_PROBE, FIRST_PROBE)
            return True
        if self.token is Token.REFUSED and now >= self._until:
            longer = min(self.interval * 2, LAST_PROBE)
            self.hear_refusal(now, longer, longer)
        return False

    def hear_refusal(self, now: float, interval: float, rest: float) -> None:
        """What this or another worker found: refused, to be tried again after `rest` seconds."""
        self.token, self.interval = Token.REFUSED, min(max(interval, FIRST_PROBE), LAST_PROBE)
        self._changed_at, self._until = now, now + rest
        self.step_back()
