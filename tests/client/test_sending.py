"""How one call meets the network: headers, attempts, time, size. The server at the other end is real, on loopback."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from pytest_httpx import HTTPXMock

from sevdesk_client import errors
from sevdesk_client.client import SevDeskClient
from sevdesk_client.sending import Call
from sevdesk_client.wire import Request
from tests.client.samples import answer
from tests.sandbox.sandbox_client import NO_TLS, TOKEN

VERSION = answer("version")
Read = Callable[[SevDeskClient], Awaitable[object]]


async def a_read(client: SevDeskClient) -> object:
    return await client.bookkeeping_system_version()


async def a_write(client: SevDeskClient) -> None:
    await client.delete_draft("1")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=NO_TLS) as made:
        yield made


async def test_headers_say_who_asks(http: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    """The bare token, a name, a correlation id; no X-Version, and nothing of the given client's own auth."""
    http.auth = httpx.BasicAuth("someone", "else")
    httpx_mock.add_response(content=VERSION)
    client = SevDeskClient(http, TOKEN, correlation=lambda: "c-1", traceparent=lambda: "00-a-b-01")
    await client.bookkeeping_system_version()
    request = httpx_mock.get_request()
    assert request is not None
    assert request.headers["authorization"] == TOKEN
    assert request.headers["user-agent"].startswith("sevdesk-worker")
    assert (request.headers["x-correlation-id"], request.headers["traceparent"]) == ("c-1", "00-a-b-01")
    assert "x-version" not in request.headers


@pytest.mark.parametrize("correlation", [None, "", "a\r\nX-Evil: 1", "ä", "x" * 500])
async def test_hostile_correlation_is_left_out(
    http: httpx.AsyncClient, httpx_mock: HTTPXMock, correlation: str | None
) -> None:
    """It comes from outside; what no header can carry is not sent, and does not stop the call."""
    httpx_mock.add_response(content=VERSION)
    await SevDeskClient(http, TOKEN, correlation=lambda: correlation).bookkeeping_system_version()
    request = httpx_mock.get_request()
    assert request is not None and "x-correlation-id" not in request.headers


@pytest.mark.parametrize("token", ["", "a b", "tökön", "a\n"])
async def test_impossible_token_is_refused_early(http: httpx.AsyncClient, token: str) -> None:
    """At start, and without showing it."""
    with pytest.raises(ValueError, match="API token") as caught:
        SevDeskClient(http, token)
    assert not token or token not in str(caught.value)


async def test_token_shows_nowhere(http: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    """Neither in the client's own text nor in an error that quotes it."""
    client = SevDeskClient(http, "my-own-secret", max_wait=0)
    httpx_mock.add_response(status_code=403, json={"error": {"message": "token my-own-secret is not allowed"}})
    with pytest.raises(errors.TokenRefused) as caught:
        await client.bookkeeping_system_version()
    assert "my-own-secret" not in f"{client!r} {caught.value!r} {caught.value}"


async def test_redirects_are_never_followed(httpx_mock: HTTPXMock) -> None:
    """The token would go with them, even if the given client follows them otherwise."""
    httpx_mock.add_response(status_code=302, headers={"location": "https://elsewhere.example/"}, is_reusable=True)
    async with httpx.AsyncClient(follow_redirects=True) as http:
        client = SevDeskClient(http, TOKEN, max_wait=0)
        with pytest.raises(errors.Unavailable):
            await a_read(client)
        with pytest.raises(errors.OutcomeUnknown):
            await a_write(client)
    assert {request.url.host for request in httpx_mock.get_requests()} == {"my.sevdesk.de"}


NEVER_LEFT = [httpx.ConnectError("no"), httpx.ConnectTimeout("no"), httpx.PoolTimeout("no"), httpx.ProxyError("no")]
MAYBE = [
    httpx.ReadTimeout("no"),
    httpx.ReadError("no"),
    httpx.WriteError("no"),
    httpx.WriteTimeout("no"),
    httpx.RemoteProtocolError("no"),
    httpx.CloseError("no"),
]


@pytest.mark.parametrize("call", [a_read, a_write])
@pytest.mark.parametrize("failure", NEVER_LEFT, ids=repr)
async def test_what_never_left_is_repeated(
    http: httpx.AsyncClient, httpx_mock: HTTPXMock, failure: Exception, call: Read
) -> None:
    """Reads and writes alike, because nothing can have happened."""
    httpx_mock.add_exception(failure, is_reusable=True)
    with pytest.raises(errors.NotSent):
        await call(SevDeskClient(http, TOKEN, max_wait=0))
    assert len(httpx_mock.get_requests()) == 3


@pytest.mark.parametrize(
    ("call", "kind", "times"), [(a_read, errors.Unavailable, 3), (a_write, errors.OutcomeUnknown, 1)]
)
@pytest.mark.parametrize("failure", MAYBE, ids=repr)
async def test_only_reads_are_repeated_blindly(
    http: httpx.AsyncClient,
    httpx_mock: HTTPXMock,
    failure: Exception,
    call: Read,
    kind: type[errors.SevDeskError],
    times: int,
) -> None:
    """Once a write may have arrived, it is sent no second time."""
    httpx_mock.add_exception(failure, is_reusable=True)
    with pytest.raises(kind):
        await call(SevDeskClient(http, TOKEN, max_wait=0))
    assert len(httpx_mock.get_requests()) == times


@pytest.mark.parametrize(
    ("call", "status", "times"),
    [(a_read, 500, 3), (a_write, 500, 1), (a_read, 429, 3), (a_write, 429, 3), (a_read, 422, 1), (a_write, 422, 1)],
)
async def test_attempts_follow_the_meaning(
    http: httpx.AsyncClient, httpx_mock: HTTPXMock, call: Read, status: int, times: int
) -> None:
    """Throttled writes did not happen and are repeated; a refusal never is."""
    httpx_mock.add_response(status_code=status, is_reusable=True)
    with pytest.raises(errors.SevDeskError):
        await call(SevDeskClient(http, TOKEN, max_wait=0))
    assert len(httpx_mock.get_requests()) == times


async def test_writes_may_be_told_to_leave_once(http: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    """Who must know when a write left gets the refusal at once; reads are still repeated."""
    httpx_mock.add_response(status_code=429, is_reusable=True)
    client = SevDeskClient(http, TOKEN, max_wait=0, repeat_writes=False)
    for call, times in ((a_write, 1), (a_read, 4)):
        with pytest.raises(errors.Throttled):
            await call(client)
        assert len(httpx_mock.get_requests()) == times


async def test_second_attempt_may_succeed(http: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    """The caller sees the answer, the observer sees both attempts."""
    seen: list[Call] = []
    httpx_mock.add_response(status_code=503)
    httpx_mock.add_response(content=VERSION)
    client = SevDeskClient(http, TOKEN, max_wait=0, observe=seen.append)
    assert await client.bookkeeping_system_version() == "2.0"
    path = "/Tools/bookkeepingSystemVersion"
    assert [(call.method, call.path, call.status, call.attempt, call.outcome) for call in seen] == [
        ("GET", path, 503, 1, "Unavailable"),
        ("GET", path, 200, 2, "ok"),
    ]
    assert all(0 < call.ms < 5_000 for call in seen)


async def test_long_waits_are_the_callers(http: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    """Asked to wait longer than max_wait, the client says so instead of sitting there."""
    httpx_mock.add_response(status_code=429, headers={"retry-after": "31"})
    with pytest.raises(errors.Throttled) as caught:
        await a_write(SevDeskClient(http, TOKEN))
    assert caught.value.retry_after == 31.0
    assert len(httpx_mock.get_requests()) == 1


class Gatekeeper:
    """A gate that holds the first calls back and records what the client tells it."""

    def __init__(self, holds_back: int = 0, error: type[errors.SevDeskError] = errors.Throttled) -> None:
        self.holds_back, self.error, self.asked, self.turns = holds_back, error, list[str](), 0
        self.outcomes: list[tuple[str, int | None, type[errors.SevDeskError] | None]] = []

    async def wait_for_turn(self) -> None:
        self.turns += 1

    async def before_call(self, request: Request) -> None:
        self.asked.append(request.operation)
        if len(self.asked) <= self.holds_back:
            raise self.error(request.operation, "not now", retry_after=0.01)

    def after_call(self, call: Call, error: errors.SevDeskError | None) -> None:
        self.outcomes.append((call.outcome, call.status, type(error) if error else None))


@pytest.mark.parametrize("call", [a_read, a_write])
@pytest.mark.parametrize("error", [errors.Throttled, errors.Unavailable])
async def test_held_back_call_is_not_repeated(
    http: httpx.AsyncClient, call: Read, error: type[errors.SevDeskError]
) -> None:
    """What the gate holds back is neither sent, nor observed, nor repeated; a gate that asks sevDesk repeats itself."""
    gate, seen = Gatekeeper(1, error), list[Call]()
    with pytest.raises(error) as caught:
        await call(SevDeskClient(http, TOKEN, gate=gate, observe=seen.append))
    assert (caught.value.status, caught.value.retry_after) == (None, 0.01)
    assert len(gate.asked) == 1 and gate.outcomes == [] and seen == []


async def test_gate_hears_of_every_attempt(http: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    """The gate is asked before each attempt and told its outcome, a cancelled one included."""
    gate = Gatekeeper()
    client = SevDeskClient(http, TOKEN, max_wait=0, gate=gate)
    httpx_mock.add_response(status_code=429)
    httpx_mock.add_response(content=VERSION)
    await a_read(client)
    httpx_mock.add_exception(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await a_read(client)
    assert gate.outcomes == [("Throttled", 429, errors.Throttled), ("ok", 200, None), ("cancelled", None, None)]
    assert len(gate.asked) == 3 and gate.turns == 0
    await client.wait_for_turn()
    assert gate.turns == 1


async def test_downloads_pass_by_the_gate(http: httpx.AsyncClient, httpx_mock: HTTPXMock) -> None:
    """A link leads to storage, whose trouble is not sevDesk's."""
    gate = Gatekeeper(holds_back=1)
    httpx_mock.add_response(content=b"PK")
    file = io.BytesIO()
    await SevDeskClient(http, TOKEN, gate=gate).download("https://storage.example/x", file)
    assert file.getvalue() == b"PK"
    assert gate.asked == [] and gate.outcomes == []


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Starts a server that treats each connection as the test says, and gives its base URL."""
    servers: list[asyncio.Server] = []

    async def start(handler: Handler) -> str:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await handler(reader, writer)
            except ConnectionError:
                pass  # the client left, as some tests want it to
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v1"

    yield start
    for server in servers:
        server.close()


@pytest.mark.httpx_mock(should_mock=lambda request: False)
@pytest.mark.parametrize(("call", "kind"), [(a_read, errors.Unavailable), (a_write, errors.OutcomeUnknown)])
async def test_trickling_answers_run_out_of_time(
    http: httpx.AsyncClient,
    serve: Callable[[Handler], Awaitable[str]],
    call: Read,
    kind: type[errors.SevDeskError],
) -> None:
    """A byte now and then keeps every socket time-out happy; the attempt's own clock ends it."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    url = await serve(trickle)
    client = SevDeskClient(http, TOKEN, base_url=url, timeout=0.3, attempts=1)
    started = time.monotonic()
    with pytest.raises(kind, match="TimeoutError"):
        await call(client)
    assert time.monotonic() - started >= 0.3


@pytest.mark.httpx_mock(should_mock=lambda request: False)
@pytest.mark.parametrize(("call", "kind"), [(a_read, errors.Unavailable), (a_write, errors.OutcomeUnknown)])
@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", b"garbage\r\n\r\n"])
async def test_connection_lost_is_no_answer(
    http: httpx.AsyncClient,
    serve: Callable[[Handler], Awaitable[str]],
    said: bytes,
    call: Read,
    kind: type[errors.SevDeskError],
) -> None:
    """The request arrived; what came of it, nobody knows."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()

    with pytest.raises(kind):
        await call(SevDeskClient(http, TOKEN, base_url=await serve(hang_up), attempts=1))


@pytest.mark.httpx_mock(should_mock=lambda request: False)
async def test_endless_answers_are_cut(http: httpx.AsyncClient, serve: Callable[[Handler], Awaitable[str]]) -> None:
    """Memory is bounded by the limit, not by what the other side sends."""
    written = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while written < 10**9:
            writer.write(b" " * 2**20)
            await writer.drain()
            written += 2**20

    with pytest.raises(errors.Unavailable, match="more than 6291456 bytes"):
        await a_read(SevDeskClient(http, TOKEN, base_url=await serve(flood), attempts=1))
    assert written < 2 * 10**8


@pytest.mark.httpx_mock(should_mock=lambda request: False)
async def test_closed_port_is_not_sent(http: httpx.AsyncClient, serve: Callable[[Handler], Awaitable[str]]) -> None:
    """Nobody listens, so even a write is safe to repeat."""

    async def unused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("nobody should get through")

    url = await serve(unused)
    port = int(url.split(":")[2].split("/")[0])
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address="127.0.0.1")) as other:
        with pytest.raises(errors.NotSent):
            await a_write(SevDeskClient(other, TOKEN, base_url=f"http://127.0.0.2:{port}/api/v1", max_wait=0))


@pytest.mark.httpx_mock(should_mock=lambda request: False)
async def test_full_pool_is_not_sent(serve: Callable[[Handler], Awaitable[str]]) -> None:
    """A write that waited in vain for a connection certainly did not happen."""

    reached = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()

    url = await serve(silent)
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as http:
        slow = SevDeskClient(http, TOKEN, base_url=url, attempts=1)
        quick = SevDeskClient(http, TOKEN, base_url=url, timeout=0.5, attempts=1)
        waiting = asyncio.create_task(slow.delete_draft("1"))
        await reached.wait()
        with pytest.raises(errors.NotSent, match="PoolTimeout"):
            await quick.delete_draft("2")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


@pytest.mark.httpx_mock(should_mock=lambda request: False)
async def test_cancelled_calls_are_observed(
    http: httpx.AsyncClient, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    """A worker that stops cancels its calls, and each still leaves its line."""
    seen: list[Call] = []

    reached = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reached.set()
        await reader.read()

    client = SevDeskClient(http, TOKEN, base_url=await serve(silent), observe=seen.append)
    task = asyncio.create_task(client.delete_draft("1"))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(call.outcome, call.status) for call in seen] == [("cancelled", None)]
