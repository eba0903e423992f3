"""The gate before sevDesk: decides when a call may be sent, for all worker processes of one account.

The workers share four things through Redis, and only when there is trouble: the rate after a decrease (`aimd`), the
pause sevDesk asked for (`Retry-After`), that the token is refused (`breaker`), and how many calls ended in errors
(`budget`). Without trouble a call costs a few comparisons and no Redis command. Without Redis each process keeps to
what it meets itself.

No library: `limits` and `pyrate-limiter` (well kept, Redis, asyncio) keep a rate that is known beforehand, and spend a
Redis command on every call; sevDesk's is not known. `aiolimiter` knows one process only; the adaptive ones on the
package index are young, or measure tokens of language models. Breakers (`purgatory`, `pybreaker`) count failures and
let failing callers through to find out; ours must let nobody through.

A write waits in `wait_for_turn` before its intent is recorded and never after it, because the quarantine counts from
the intent. A job that would wait too long gets `HeldBack` with the time to come back, and frees its slot.
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
from worker.gate.aimd import FORGET_SECONDS, MIN_RATE, MIN_RATE_5XX, CallRate
from worker.gate.breaker import LONGEST_INTERVAL, TokenBreaker
from worker.gate.broadcast import Broadcast, Message, account_of
from worker.gate.budget import ErrorBudget
from worker.gate.call_log import CallLog
from worker.observability.metrics import Metrics

log = structlog.get_logger()

# Seconds. Longer waits are spent in the ledger, where they can be seen, and not in a slot.
MAX_WAIT = 5.0
# Kinds that nobody waits for let the others go first, but not for ever.
BACKGROUND_KINDS, BACKGROUND_MAX_WAIT = frozenset({"sync_payments", "reconcile"}), 30.0
# Each of their calls takes four places in line: one, and three for the writes that other processes may be holding back.
BACKGROUND_PLACES = 4
# Kinds that call even while the token is refused: a person asks whether the connection works.
EXEMPT_KINDS = frozenset({"test_connection", "reconcile"})
# What the stages of a used error budget mean, for the log.
BUDGET_STAGES = ("", "jobs that nobody waits for are slowed", "jobs that nobody waits for stop", "all jobs wait")
# Seconds: the pause after a 429 without Retry-After, and the longest that one answer can stop all workers.
DEFAULT_PAUSE, LONGEST_PAUSE = 1.0, 3600.0
# sevDesk answers some of a caller's own mistakes with 500 (official; five peers), so one 5xx alone slows nobody down.
REPEATED_5XX_SECONDS = 10.0
# A waiting job asks again at least this often, in case the worker was restarted with another token meanwhile.
LONGEST_POSTPONEMENT = 60.0


class HeldBack(Throttled):
    """The gate did not let the call be sent: no status. `retry_after` is the seconds until it may be tried again."""

    def __init__(self, operation: str, code: str, seconds: float, **parameters: object) -> None:
        self.problem = problem(code, **parameters)
        super().__init__(operation, self.problem.cause(), retry_after=max(seconds, 0.5))


class SevdeskGate:
    """The client's gate (see `sevdesk_client.sending.Gate`).

    `kind` returns the kind of job that is calling, `for_person` whether a person asked for it. `error_budget`: calls
    that may end in errors per hour, see `ErrorBudget`.
    """

    def __init__(
        self,
        redis: Any,
        token: str,
        base_url: str,
        *,
        name: str,
        kind: Callable[[], str | None],
        metrics: Metrics,
        for_person: Callable[[], bool] = lambda: True,
        error_budget: int = 200,
    ) -> None:
        self.rate, self.breaker, self.budget = CallRate(), TokenBreaker(), ErrorBudget(error_budget)
        self.calls = CallLog()
        self._kind, self._for_person, self._metrics = kind, for_person, metrics
        self._broadcast = Broadcast(redis, account_of(token, base_url), name, self._on_message)
        self._last_5xx = -REPEATED_5XX_SECONDS
        self.listen, self.catch_up, self.flush = self._broadcast.listen, self._broadcast.catch_up, self._broadcast.flush
        metrics.token_refused.set_function(lambda: self.breaker.is_open)
        metrics.error_budget_left.set_function(lambda: self.budget.left(monotonic()))

    # -- before a call -------------------------------------------------------------------------------------------------

    async def wait_for_turn(self) -> None:
        """Wait before a write's intent is recorded. Raises `HeldBack` if the job should come back later."""
        await self._pass_breaker("a write")
        await self._mind_errors("a write")
        if not self.rate.is_unlimited(monotonic()):
            await self._wait_in_line("a write")

    async def before_call(self, request: Request) -> None:
        """A read waits here. A write has waited in `wait_for_turn`: it may be sent now, or `HeldBack` is raised."""
        if request.writes:
            if self._is_held_back() and (wait := self.breaker.admit(monotonic(), asyncio.current_task())):
                raise HeldBack(request.operation, "token_refused_waiting", wait)
            if pause := self.rate.pause_left(monotonic()):
                raise HeldBack(request.operation, "sevdesk_pause", pause)
        else:
            await self._pass_breaker(request.operation)
            await self._mind_errors(request.operation)
            if not self.rate.is_unlimited(monotonic()):
                await self._wait_in_line(request.operation)
        self.rate.record_call(monotonic())

    def _is_held_back(self) -> bool:
        """True if the token is refused and the calling kind of job is not exempt."""
        return self.breaker.is_open and self._kind() not in EXEMPT_KINDS

    async def _pass_breaker(self, operation: str) -> None:
        """Raise `HeldBack` while the token is refused, unless this call is the probe."""
        if not self._is_held_back():
            return
        if wait := self.breaker.admit(monotonic(), asyncio.current_task()):
            raise HeldBack(operation, "token_refused_waiting", min(wait, LONGEST_POSTPONEMENT))
        seconds = self.breaker.probe_seconds
        if not await self._broadcast.acquire_for("probe", seconds) and self.breaker.is_open:
            self.breaker.open(monotonic(), self.breaker.interval, seconds)  # another worker sends the probe
            raise HeldBack(operation, "token_refused_waiting", seconds)

    async def _mind_errors(self, operation: str) -> None:
        """Wait while too much of the error budget is used. Raises `HeldBack` if that takes longer than MAX_WAIT."""
        kind = self._kind()
        if kind == "test_connection":
            return
        for_person = kind not in BACKGROUND_KINDS and self._for_person()
        wait = self.budget.wait(monotonic(), for_person=for_person, max_wait=MAX_WAIT)
        if wait > MAX_WAIT:
            spread = uniform(0, MAX_WAIT if for_person else LONGEST_POSTPONEMENT)  # noqa: S311 - not all at once
            raise HeldBack(operation, "error_budget_used", wait + spread)
        if wait:
            await asyncio.sleep(wait)

    async def _wait_in_line(self, operation: str) -> None:
        """Wait for a place in line. Raises `HeldBack` if that takes longer than MAX_WAIT."""
        began, places, max_wait = monotonic(), 1, MAX_WAIT
        if self._kind() in BACKGROUND_KINDS:
            places, max_wait = BACKGROUND_PLACES, 2 * MAX_WAIT  # else a line that is always full would never let it in
            deadline = began + BACKGROUND_MAX_WAIT
            while 0 < (wait := self.rate.wait(monotonic())) < deadline - monotonic():  # noqa: ASYNC110 - no event ends it
                await asyncio.sleep(max(wait, 0.01))
        wait = self.rate.reserve(monotonic(), max_wait=max_wait, places=places)
        while wait:
            if wait > max_wait:
                code = "sevdesk_pause" if self.rate.pause_left(monotonic()) else "sevdesk_slowed"
                # Spread out: if all came back when the first may call, a long queue would do nothing else.
                later = min(wait * uniform(1, 4), max(wait, LONGEST_POSTPONEMENT))  # noqa: S311
                raise HeldBack(operation, code, later)
            await asyncio.sleep(wait)
            wait = self.rate.pause_left(monotonic())  # a pause may have begun meanwhile
        self._metrics.gate_wait.inc(monotonic() - began)

    # -- after it ------------------------------------------------------------------------------------------------------

    def after_call(self, call: Call, error: SevDeskError | None) -> None:
        """Learn from one attempt's outcome.

        Sets `retry_after` of a refused token to the next probe; None for the call that found the refusal first.
        """
        now = monotonic()
        sent_at = now - call.ms / 1000
        if isinstance(error, TokenRefused) and call.status == 401:  # 403 forbids one call, not the token
            self._token_refused(now, sent_at, error)
        elif call.status is None or call.status == 429 or call.status >= 500:
            self.breaker.record_no_answer(now)
        elif self.breaker.record_accepted(now, sent_at):
            log.info("token.accepted")
            self._broadcast.announce("token_refused", 0)
        if call.outcome != "cancelled":
            self.calls.record(now, call.status)
        if call.status is not None and call.status >= 400:
            self._spend_error(now, call.status)
        if isinstance(error, Throttled):
            self._slow_down(now, sent_at, 429, min(error.retry_after or DEFAULT_PAUSE, LONGEST_PAUSE))
        elif call.status is not None and call.status >= 500:
            repeated, self._last_5xx = now - self._last_5xx < REPEATED_5XX_SECONDS, now
            if repeated:
                self._slow_down(now, sent_at, call.status, 0)

    def _spend_error(self, now: float, status: int) -> None:
        used = self.budget.spend(now)
        self._broadcast.announce("errors", used * self.budget.seconds_per_error, used=used)
        if stage := self.budget.new_stage(now):
            log.warning(
                "gate.many_errors",
                stage=BUDGET_STAGES[stage],
                last_status=status,
                left=round(self.budget.left(now), 2),
                next_step="See why calls fail: the lines sevdesk.call, and sevdesk-worker jobs --state parked.",
            )

    def _token_refused(self, now: float, sent_at: float, error: TokenRefused) -> None:
        breaker = self.breaker
        before = breaker.interval, breaker.is_open
        if breaker.record_refused(now, sent_at):
            error.retry_after = None  # this job is parked, so that a person learns of it
            log.warning(
                "token.refused",
                again_in=breaker.interval,
                next_step="Set a valid SEVDESK_API_TOKEN and restart the worker; jobs that need sevDesk wait.",
            )
        else:
            error.retry_after = min(max(breaker.seconds_until_probe(now), 1.0), LONGEST_POSTPONEMENT)
        if before != (breaker.interval, breaker.is_open):
            self._broadcast.announce("token_refused", breaker.interval, interval=breaker.interval)

    def _slow_down(self, now: float, sent_at: float, status: int, pause: float) -> None:
        rate = self.rate.decrease(now, sent_at, MIN_RATE if status == 429 else MIN_RATE_5XX)
        paused = pause > 0 and self.rate.pause(now, pause)
        if rate is not None:
            self._broadcast.announce("rate", FORGET_SECONDS, rate=rate)
            self._metrics.gate_slowdowns.labels("429" if status == 429 else "5xx").inc()
        if paused:
            self._broadcast.announce("pause", pause)
        if rate is not None or paused:
            log.warning("gate.slowed", status=status, pause=pause, rate=rate and round(rate, 2))

    # -- from the other workers ----------------------------------------------------------------------------------------

    def _on_message(self, subject: str, message: Message) -> None:
        now, age, seconds = monotonic(), message["age"], message["seconds"]
        match subject:
            case "rate":
                if (own := self.rate.adopt(now, message["rate"], age)) is not None:
                    self._broadcast.announce("rate", FORGET_SECONDS, rate=own)
            case "pause":
                self.rate.pause(now, min(seconds - age, LONGEST_PAUSE))
            case "errors":
                self.budget.adopt(now, message["used"], age)
            case "token_refused" if seconds:
                self.breaker.open(now, message["interval"], min(seconds - age, LONGEST_INTERVAL))
            case "token_refused":
                self.breaker.record_accepted(now, now)
