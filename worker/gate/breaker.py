"""A circuit breaker for a refused API token. Pure; the clock is passed in, in seconds.

sevDesk may block a token that keeps failing, so after a refusal nobody calls. When the interval is over, one call of
one worker is sent as a probe; each refused probe doubles the interval. Calls in flight at the first refusal, at most
one per slot, are refused as well and change nothing.
"""

# A token is refused because somebody changed something, which is often mended at once, or not before Monday.
FIRST_INTERVAL, LONGEST_INTERVAL = 10.0, 300.0
# How long the others wait for a probe's answer before one of them sends the next: enough for any read.
PROBE_SECONDS = 5.0


class TokenBreaker:
    """What one process knows of the token. What other workers found comes in by `open` and `record_accepted`."""

    def __init__(self) -> None:
        self.is_open = False  # the token is refused
        self.interval = FIRST_INTERVAL
        self._changed_at = 0.0  # answers to calls sent before this prove nothing
        self._probe_at = 0.0
        self._probe: tuple[object, float] | None = None  # who sends the probe, and since when

    @property
    def probe_seconds(self) -> float:
        """Seconds that the one sending a probe has for it."""
        return min(self.interval, PROBE_SECONDS)

    def seconds_until_probe(self, now: float) -> float:
        """Seconds until a probe may be sent; 0 if one is due, or if the token is not refused."""
        return max(self._probe_at - now, 0.0) if self.is_open else 0.0

    def admit(self, now: float, caller: object) -> float:
        """0 if the caller may call: token not refused, or this is the probe. Else seconds until it may ask again."""
        if wait := self.seconds_until_probe(now):
            return wait
        return 0.0 if not self.is_open or self._takes_probe(now, caller) else self.probe_seconds

    def _takes_probe(self, now: float, caller: object) -> bool:
        """True for one caller per `probe_seconds`, as often as it asks."""
        if self._probe is None or now - self._probe[1] >= self.probe_seconds:
            self._probe = (caller, now)
        return self._probe[0] is caller

    def record_accepted(self, now: float, sent_at: float) -> bool:
        """The token was accepted for a call sent at `sent_at`. True if that closes the breaker."""
        if not self.is_open or sent_at < self._changed_at:
            return False
        self.is_open, self.interval, self._changed_at, self._probe = False, FIRST_INTERVAL, now, None
        return True

    def record_no_answer(self, now: float) -> None:
        """No answer, or one that says nothing of the token. A probe is repeated after the same interval."""
        if self.is_open and now >= self._probe_at:
            self._probe_at, self._probe = now + self.interval, None

    def record_refused(self, now: float, sent_at: float) -> bool:
        """The token was refused for a call sent at `sent_at`. True if that opens the breaker."""
        if not self.is_open and sent_at >= self._changed_at:
            self.open(now, FIRST_INTERVAL, FIRST_INTERVAL)
            return True
        if self.is_open and now >= self._probe_at:
            longer = min(self.interval * 2, LONGEST_INTERVAL)
            self.open(now, longer, longer)
        return False

    def open(self, now: float, interval: float, probe_in: float) -> None:
        """Hold all calls back; the next probe is due after `probe_in` seconds."""
        self.is_open, self.interval = True, min(max(interval, FIRST_INTERVAL), LONGEST_INTERVAL)
        self._changed_at, self._probe_at, self._probe = now, now + probe_in, None
