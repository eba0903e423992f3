"""The gate before sevDesk, shared by all worker processes: who may call now, who waits, who had better come back later.

Three things are shared through Redis, and only when there is trouble: the speed after a cut (`pace`), the pause that
sevDesk asked for (`Retry-After`, which everybody keeps), and that the token is refused (`breaker`). Without trouble a
call costs a few comparisons and no command. Without Redis each process keeps to what it sees itself.

No library: `limits` and `pyrate-limiter` (well kept, Redis, asyncio) hold a rate that is known beforehand, and spend a
Redis command on every call to do so; sevDesk's is not known, so it has to be felt for. `aiolimiter` knows one process
only; the adaptive ones on the package index are young, or measure tokens of language models. Breakers (`purgatory`,
`pybreaker`) count failures and let the failing callers through to find out; ours must let nobody through.

A write waits for its turn before its intent is recorded (`wait_for_turn`) and never after it, since the quarantine
counts from the intent. A job that would wait too long is told when to come back, and gives its slot away.
"""

import asyncio
from collections.abc import Callable
from random import uniform
from time import monotonic
from typing import Any

import structlog

from sevdesk_client.errors import SevDeskError, Throttled, TokenRefused
from sevdesk_client.sending import Call
from sevdesk_client.wire import Request
from worker.domain.problems import problem
from worker.gate.aimd import FORGET_SECONDS, SLOWEST, SLOWEST_FOR_LOAD, CallRate
from worker.gate.breaker import AHEAD_SECONDS, LAST_PROBE, Token, TokenBreaker
from worker.gate.broadcast import Broadcast, Notice, account_of
from worker.observability.metrics import Metrics

log = structlog.get_logger()

# Longer waits are spent in the ledger, where they can be seen, and not in a slot.
MAX_WAIT = 5.0
# What nobody waits for steps back while others are in line, but not for ever.
PATIENT_KINDS, PATIENCE_SECONDS = frozenset({"sync_payments", "reconcile"}), 30.0
# It takes a place in line for itself and three for the writes that other processes may be holding back.
PATIENT_PLACES = 4
# A person who asks whether the connection works is answered by sevDesk, not by us.
ASKING_KINDS = frozenset({"test_connection", "reconcile"})
# A 429 that does not say how long; and the longest that one answer can stop everything.
USUAL_HOLD, LONGEST_HOLD = 1.0, 3600.0
# sevDesk reports a caller's own mistakes with 500, too (official; five peers): one is a mistake, two are trouble.
TROUBLE_SECONDS = 10.0
# A waiting job looks again so often, in case the worker was restarted with another token meanwhile.
LOOK_AGAIN = 60.0


class HeldBack(Throttled):
    """The gate let the call wait no longer in its slot: nothing was sent. `retry_after` is when to come back."""

    def __init__(self, operation: str, code: str, seconds: float) -> None:
        self.problem = problem(code)
        super().__init__(operation, self.problem.cause(), retry_after=max(seconds, 0.5))


class SevdeskGate:
    """The client's gate (see `sevdesk_client.sending.Gate`). `kind` tells which kind of job is calling."""

    def __init__(
        self, redis: Any, token: str, base_url: str, *, name: str, kind: Callable[[], str | None], metrics: Metrics
    ) -> None:
        self.pace, self.breaker = CallRate(), TokenBreaker()
        self._kind, self._metrics = kind, metrics
        self._notices = Broadcast(redis, account_of(token, base_url), name, self._hear)
        self._trouble = -TROUBLE_SECONDS
        self.listen, self.catch_up = self._notices.listen, self._notices.catch_up
        self.told_all = self._notices.sent
        metrics.watch_token(lambda: self.breaker.token is Token.REFUSED)

    # -- before a call -------------------------------------------------------------------------------------------------

    async def wait_for_turn(self) -> None:
        """A write's place in line, before its intent. Raises `Throttled` when it had better come back later."""
        if self.breaker.token is not Token.ACCEPTED:
            await self._admitted("a write")
        if not self.pace.free(monotonic()):
            await self._in_line("a write")

    async def enter(self, request: Request) -> None:
        """A read waits here. A write has waited in `wait_for_turn`, and leaves now or not at all."""
        if self.breaker.token is not Token.ACCEPTED:
            if not request.writes:
                await self._admitted(request.operation)
            elif not self._may_write():
                raise HeldBack(request.operation, self._reason(), self.breaker.rest(monotonic()))
        now = monotonic()
        if not self.pace.free(now):
            if not request.writes:
                await self._in_line(request.operation)
            elif self.pace.held(now):
                raise HeldBack(request.operation, "sevdesk_pause", self.pace.held(now))
        self.pace.left(monotonic())

    def _may_write(self) -> bool:
        now = monotonic()
        return self._kind() in ASKING_KINDS or (self.breaker.rest(now) == 0 and self.breaker.go_ahead(now))

    async def _admitted(self, operation: str) -> None:
        """Not before the token's probe, or, at the start, not beside the call that goes ahead."""
        breaker = self.breaker
        seconds = min(breaker.interval, AHEAD_SECONDS)
        while breaker.token is not Token.ACCEPTED and self._kind() not in ASKING_KINDS:
            if rest := breaker.rest(monotonic()):
                raise HeldBack(operation, "token_refused_waiting", min(rest, LOOK_AGAIN))
            if not breaker.go_ahead(monotonic()):
                await breaker.answered()
            elif breaker.token is Token.UNTRIED or await self._notices.first("probe", seconds):
                return
            else:
                breaker.hear_refusal(monotonic(), breaker.interval, seconds)  # another worker's call goes ahead

    async def _in_line(self, operation: str) -> None:
        began, places, most = monotonic(), 1, MAX_WAIT
        if self._kind() in PATIENT_KINDS:
            places, most = PATIENT_PLACES, 2 * MAX_WAIT  # a line that is always full must not turn it away each time
            while 0 < (wait := self.pace.wait(monotonic())) < began + PATIENCE_SECONDS - monotonic():  # noqa: ASYNC110
                await asyncio.sleep(max(wait, 0.01))  # the line moves with the clock
        wait = self.pace.reserve(monotonic(), most=most, places=places)
        while wait:
            if wait > most:
                reason = "sevdesk_pause" if self.pace.held(monotonic()) else "sevdesk_slowed"
                # Were all to come back when the first of them may leave, a long queue would be busy with nothing else.
                raise HeldBack(operation, reason, min(wait * uniform(1, 4), max(wait, LOOK_AGAIN)))  # noqa: S311
            await asyncio.sleep(wait)
            wait = self.pace.held(monotonic())  # sevDesk may have asked for more meanwhile
        self._metrics.waited(monotonic() - began)

    def _reason(self) -> str:
        return "token_refused_waiting" if self.breaker.token is Token.REFUSED else "sevdesk_slowed"

    # -- after it ------------------------------------------------------------------------------------------------------

    def told(self, call: Call, error: SevDeskError | None) -> None:
        """What a call came to. A refused token is marked with the time of its next probe, unless this is the news."""
        now = monotonic()
        left_at = now - call.ms / 1000
        if isinstance(error, TokenRefused) and call.status == 401:  # 403 forbids one call, not the token
            self._token_refused(now, left_at, error)
        elif call.status is None or call.status == 429 or call.status >= 500:
            self.breaker.nothing(now)
        elif self.breaker.accepted(now, left_at):
            log.info("token.accepted")
            self._notices.put("refused", 0)
        if isinstance(error, Throttled):
            self._slow(now, left_at, 429, min(error.retry_after or USUAL_HOLD, LONGEST_HOLD))
        elif call.status is not None and call.status >= 500:
            again, self._trouble = now - self._trouble < TROUBLE_SECONDS, now
            if again:
                self._slow(now, left_at, call.status, 0)

    def _token_refused(self, now: float, left_at: float, error: TokenRefused) -> None:
        before = self.breaker.interval, self.breaker.token
        if self.breaker.refused(now, left_at):
            error.retry_after = None  # this job is the one that tells a person
            log.warning(
                "token.refused",
                again_in=self.breaker.interval,
                next_step="Set a valid SEVDESK_API_TOKEN and restart the worker; jobs that need sevDesk wait.",
            )
        else:
            error.retry_after = min(max(self.breaker.rest(now), 1.0), LOOK_AGAIN)
        if before != (self.breaker.interval, self.breaker.token):
            self._notices.put("refused", self.breaker.interval, interval=self.breaker.interval)

    def _slow(self, now: float, left_at: float, status: int, hold: float) -> None:
        rate = self.pace.cut(now, left_at, SLOWEST if status == 429 else SLOWEST_FOR_LOAD)
        held = hold > 0 and self.pace.hold(now, hold)
        if rate is not None:
            self._notices.put("pace", FORGET_SECONDS, rate=rate)
            self._metrics.slowed_down("429" if status == 429 else "5xx")
        if held:
            self._notices.put("hold", hold)
        if rate is not None or held:
            log.warning("sevdesk.slowed", status=status, pause=hold, rate=rate and round(rate, 2))

    # -- from the other workers ----------------------------------------------------------------------------------------

    def _hear(self, subject: str, notice: Notice) -> None:
        now, age, seconds = monotonic(), notice["age"], notice["seconds"]
        match subject:
            case "pace":
                if (ours := self.pace.adopt(now, notice["rate"], age)) is not None:
                    self._notices.put("pace", FORGET_SECONDS, rate=ours)
            case "hold":
                self.pace.hold(now, min(seconds - age, LONGEST_HOLD))
            case "refused" if seconds:
                self.breaker.hear_refusal(now, notice["interval"], min(seconds - age, LAST_PROBE))
            case "refused":
                self.breaker.accepted(now, now)
