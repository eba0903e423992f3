"""Sends requests and repeats them where that is safe. The only module that does HTTP with sevDesk."""

import asyncio
import io
import itertools
import re
import time
from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

import backoff
import httpx

from sevdesk_client import errors, links
from sevdesk_client.readers import Hit, by_age, many
from sevdesk_client.unknown import unknown, unknown_error
from sevdesk_client.wire import Answer, Json, Reader, Request, answered_at, broken, read, read_file

T = TypeVar("T")

BASE_URL = "https://my.sevdesk.de/api/v1"
# The highest limit sevDesk takes (official; it advises 10 to 100, for speed).
MAX_PAGE = 1000
# A part of a page that is too large has this many objects at least: 60 kB for each.
SMALLEST_PART = 100
# What is told of one answer that nobody knows; more would be no help.
MAX_NEWS = 200
# sevDesk asks integrations to identify themselves (official).
USER_AGENT = "sevdesk-worker by R1"
# Pool and connection get a quarter of an attempt's time each; a time-out after them means it may have been sent.
_CONNECT_SHARE = 0.25

# Headers for a signed link: S3 refuses a request with a second authorization.
_PLAIN = {"Accept-Encoding": "identity", "User-Agent": USER_AGENT}
_HEADER_VALUE = re.compile(r"[\x21-\x7e]{1,200}")
_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_TELLING = (httpx.ConnectError, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP attempt, for metrics and logs, without ids and parameters.

    `outcome` is "ok", the name of an error's class, or "cancelled" (the awaiting task was cancelled).
    """

    method: str
    path: str
    status: int | None
    ms: float
    attempt: int
    outcome: str


class Gate(Protocol):
    """Decides when a call may be sent; shared by all clients with one token. Optional.

    What it raises is not repeated, as nothing was sent: a closed gate's `Throttled` without a status, say.
    """

    async def wait_for_turn(self) -> None:
        """Wait until a write may be sent, before the caller records when it is sent."""

    async def before_call(self, request: Request) -> None:
        """Wait until this attempt may be sent; it is then sent at once."""

    def after_call(self, call: Call, error: errors.SevDeskError | None) -> None:
        """Called with the outcome of each attempt, cancelled ones included. May change the error's `retry_after`."""


class Hits(list[Hit]):
    """The objects of a list, and `at`: when sevDesk answered, by its own clock; None if it did not say."""

    def __init__(self, hits: Iterable[Hit], at: datetime | None) -> None:
        super().__init__(hits)
        self.at = at


@dataclass(eq=False, repr=False)
class Sender:
    """Sends the requests of one account and repeats them where that is safe."""

    http: httpx.AsyncClient  # its settings for redirects and auth are overridden: neither is used
    token: str  # 32 hexadecimal digits, sent without a scheme (official); never shown
    _: KW_ONLY
    base_url: str = BASE_URL
    timeout: float = 30.0  # seconds for a whole attempt, from waiting for a connection to the last byte
    attempts: int = 3  # the most attempts of a call; the waits between them grow from 1 s
    repeat_writes: bool = True  # False for callers that must know when a write was sent
    max_wait: float = (
        30.0  # the most seconds between attempts; for a longer Retry-After the error is raised. 0 in tests
    )
    observe: Callable[[Call], None] | None = None  # called after every HTTP attempt
    correlation: Callable[[], str | None] | None = None  # returns the X-Correlation-ID of a call
    traceparent: Callable[[], str | None] | None = None  # returns the traceparent (W3C Trace Context) of a call
    unknown: Callable[[str, str], None] | None = None  # called with operation and place of what no release knows yet
    gate: Gate | None = None  # asked before every HTTP attempt at the API
    file_hosts: Collection[str] = ()  # hosts of linked files that may have addresses that are not public

    def __post_init__(self) -> None:
        if not _HEADER_VALUE.fullmatch(self.token):
            raise ValueError("the API token is empty or holds characters a header cannot carry")
        self.base_url = self.base_url.rstrip("/")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    async def wait_for_turn(self) -> None:
        """Wait until a write may be sent without further waiting. Raises Throttled if the gate is closed."""
        if self.gate:
            await self.gate.wait_for_turn()

    async def _call(self, request: Request, reader: Reader[T]) -> T:
        """Send the request; returns what `reader` makes of the answer's `objects`."""
        return await self._repeat(request, lambda answer: self._read(request, answer, reader))

    def _read(self, request: Request, answer: Answer, reader: Reader[T]) -> T:
        """As `wire.read`; tells `unknown` what is new in the answer."""

        def looked_at(objects: Json) -> T:
            self._tell(request, *itertools.islice(unknown(objects), MAX_NEWS))
            return reader(objects)

        try:
            return read(request, answer, looked_at if self.unknown else reader, secret=self.token)
        except errors.SevDeskError as error:
            self._tell(request, unknown_error(error.code))
            raise

    def _tell(self, request: Request, *places: str | None) -> None:
        for place in places:
            if place is not None and self.unknown is not None:
                self.unknown(request.operation, place)

    async def _find(
        self, request: Request, model: type[Hit], fits: Callable[[Hit], object], *, page: int = 0
    ) -> Hits[Hit]:
        """The objects of a filtered list, oldest first, each of them checked.

        Raises FilterIgnored if some do not fit, unless fewer than `page` came, so that the list is complete. A page too
        large for one answer, because its documents have long texts, is read in parts.
        """

        def understand(answer: Answer) -> Hits[Hit]:
            return Hits(self._read(request, answer, many(model)), answered_at(answer))

        hits = await self._in_parts(request, understand)
        fitting = [hit for hit in hits if fits(hit)]
        if len(fitting) < len(hits) and len(hits) >= page:
            unfit = len(hits) - len(fitting)
            raise errors.FilterIgnored(request.operation, f"{unfit} of {len(hits)} hits do not match")
        return Hits(by_age(fitting), hits.at)

    async def _in_parts(self, request: Request, understand: Callable[[Answer], Hits[Hit]]) -> Hits[Hit]:
        """The page that is asked for, by two requests for half of it each as long as an answer is too large."""
        limit, offset = int(request.params.get("limit", 0)), int(request.params.get("offset", 0))
        try:
            return await self._repeat(request, understand)
        except errors.TooLarge:
            if limit < 2 * SMALLEST_PART:
                raise
        half = limit // 2
        hits = await self._in_parts(_part(request, offset, half), understand)
        if len(hits) == half:
            hits += await self._in_parts(_part(request, offset + half, limit - half), understand)
        return hits

    async def _fetch(self, request: Request) -> None:
        """Write the file behind the request's link into `request.into`.

        Raises Refused without a call unless it is sevDesk's own address, or https in the internet or of `file_hosts`.
        """
        try:
            there, own = _place(request.link or ""), _place(self.base_url)
        except httpx.InvalidURL:
            raise errors.Refused(request.operation, "not fetched, the link is no address") from None
        if fault := await links.fault(there, own, self.timeout, self.file_hosts):
            raise errors.Refused(request.operation, f"not fetched, {fault}")
        await self._repeat(request, lambda answer: read_file(request, answer))

    async def _repeat(self, request: Request, understand: Callable[[Answer], T]) -> T:
        """Repeat attempts on errors that are safe to repeat. Unavailable is raised by reads only."""
        numbers, passed = itertools.count(1), False
        gate = None if request.link else self.gate  # links lead to storage, which has its own limits

        async def attempt() -> T:
            nonlocal passed
            passed = gate is None
            if gate:
                await gate.before_call(request)
                passed = True
            return await self._attempt(request, understand, next(numbers), gate)

        retrying = backoff.on_exception(
            _waits,
            (errors.NotSent, errors.Throttled, errors.Unavailable),
            max_tries=1 if request.writes and not self.repeat_writes else self.attempts,
            giveup=lambda error: not passed or self._gives_up(error),
            jitter=None,  # _waits adds its own, so that nothing exceeds max_wait
            logger=None,  # `observe` reports every attempt
            max_wait=self.max_wait,
        )
        return await retrying(attempt)()

    def _gives_up(self, error: Exception) -> bool:
        """True for TooLarge, and for Retry-After above max_wait."""
        return isinstance(error, errors.TooLarge) or (getattr(error, "retry_after", None) or 0.0) > self.max_wait

    async def _attempt(self, request: Request, understand: Callable[[Answer], T], number: int, gate: Gate | None) -> T:
        started = time.perf_counter()
        status, outcome, problem = None, "cancelled", None
        try:
            answer = await self._send(request)
            status = answer.status
            result = understand(answer)
            outcome = "ok"
            return result
        except errors.SevDeskError as error:
            outcome, problem = type(error).__name__, error
            raise
        finally:
            ms = (time.perf_counter() - started) * 1000
            call = Call(request.method, request.path, status, ms, number, outcome)
            if gate:
                gate.after_call(call, problem)
            if self.observe:
                self.observe(call)

    async def _send(self, request: Request) -> Answer:
        """Send one attempt, bounded in time and size; network errors become errors from `errors`."""
        seconds, share = request.seconds or self.timeout, self.timeout * _CONNECT_SHARE
        try:
            async with (
                asyncio.timeout(seconds),
                self.http.stream(
                    request.method,
                    request.link or self.base_url + request.target(),
                    params=request.params or None,
                    json=request.body,
                    headers=_PLAIN if request.link else self._headers(),
                    timeout=httpx.Timeout(self.timeout, connect=share, pool=share),
                    auth=None,
                    follow_redirects=False,
                ) as response,
            ):
                body, received = io.BytesIO(), 0
                into = request.into if request.into and response.status_code == 200 else body
                into.seek(0)
                into.truncate()  # an earlier attempt may have broken off
                async for chunk in response.aiter_raw():
                    into.write(chunk)
                    received += len(chunk)
                    if received > request.max_bytes:
                        break  # reported when the answer is read
                written = 0 if into is body else received
                return Answer(response.status_code, dict(response.headers), body.getvalue(), written)
        except _NEVER_LEFT as problem:
            # What these say names host and cause; the request and a proxy's account are no part of it.
            said = f"{type(problem).__name__}: {problem}" if isinstance(problem, _TELLING) else type(problem).__name__
            raise errors.NotSent(request.operation, said[:200]) from None
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as problem:
            raise broken(request, type(problem).__name__) from None

    def _headers(self) -> dict[str, str]:
        headers = {
            "Authorization": self.token,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",  # the only encoding that wire.read decodes
            "User-Agent": USER_AGENT,
        }
        correlation = self.correlation() if self.correlation else None
        if correlation and _HEADER_VALUE.fullmatch(correlation):
            headers["X-Correlation-ID"] = correlation
        if self.traceparent and (place := self.traceparent()):
            headers["traceparent"] = place
        return headers


def _part(request: Request, offset: int, limit: int) -> Request:
    return replace(request, params={**request.params, "offset": offset, "limit": limit})


def _place(address: str) -> links.Place:
    """By the parser that the request itself goes through. Raises InvalidURL."""
    url = httpx.URL(address)
    return links.Place(url.scheme, url.host, url.port)


def _waits(max_wait: float) -> Generator[float, Any, None]:
    """Seconds before each next attempt: 1, 2, 4, ..., up to a second more, on top of what sevDesk asked for.

    Never more than `max_wait`.
    """
    steps = backoff.expo(max_value=max_wait)
    next(steps)
    error = yield 0.0
    while True:
        error = yield min(backoff.random_jitter(next(steps)) + (error.retry_after or 0.0), max_wait)
