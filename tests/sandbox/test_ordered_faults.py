"""Faults look to a client like real ones, and have exactly the effect they should."""

import asyncio
import time

import httpx
import pytest

from sevdesk_client.sandbox.http.server import create_app
from tests.sandbox.sandbox_client import TOKEN, Json, SandboxClient, ref

CONTACT = {"name": "Muster GmbH", "category": ref(3, "Category")}


async def order(sandbox: SandboxClient, kind: str, **rest: Json) -> None:
    """A fault for the next creation of a contact."""
    await sandbox.control("POST", "/faults", json={"method": "POST", "path": "/Contact", "kind": kind, **rest})


async def contacts(sandbox: SandboxClient) -> int:
    return int((await sandbox.counts())["contacts"])


async def until_carried_out(sandbox: SandboxClient) -> None:
    """Wait for the effect of every request that was received."""
    await asyncio.gather(*sandbox.running.sandbox.tasks)


async def post(sandbox: SandboxClient, read_timeout: float = 60) -> httpx.Response:
    url, timeout = f"{sandbox.running.base_url}/Contact", httpx.Timeout(60, read=read_timeout)
    return await sandbox.http.post(url, json=CONTACT, timeout=timeout)


@pytest.mark.parametrize(("kind", "committed"), [("drop_before", 0), ("lose_answer", 1)])
async def test_dropped_connections(sandbox: SandboxClient, kind: str, committed: int) -> None:
    """The client sees a connection closed without a byte; the effect is none, or complete."""
    await order(sandbox, kind)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await post(sandbox)
    assert await contacts(sandbox) == committed
    assert (await post(sandbox)).status_code == 201


async def test_late_commit(sandbox: SandboxClient) -> None:
    """Nothing to be seen at first; after the delay it has happened after all, once."""
    await order(sandbox, "late_commit", after_ms=1500)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await post(sandbox)
    counts = await sandbox.counts()
    assert (counts["contacts"], counts["late_commits"]) == (0, 1)
    await until_carried_out(sandbox)
    counts = await sandbox.counts()
    assert (counts["contacts"], counts["late_commits"]) == (1, 0)


@pytest.mark.parametrize(("kind", "committed"), [("drop_before", 0), ("lose_answer", 1), ("late_commit", 1)])
async def test_hanging_connections(sandbox: SandboxClient, kind: str, committed: int) -> None:
    """With hang the client runs into its own read time-out."""
    await order(sandbox, kind, hang=True, after_ms=10)
    with pytest.raises(httpx.ReadTimeout):
        await post(sandbox, read_timeout=0.2)
    await until_carried_out(sandbox)
    assert await contacts(sandbox) == committed


async def test_requests_outlive_their_client(sandbox: SandboxClient) -> None:
    """A write whose client gives up is carried out all the same."""
    await sandbox.control("PUT", "/latency", json={"write_ms": 1500})
    with pytest.raises(httpx.ReadTimeout):
        await post(sandbox, read_timeout=0.05)
    assert await contacts(sandbox) == 0
    await until_carried_out(sandbox)
    assert await contacts(sandbox) == 1
    [entry] = await sandbox.control("GET", "/requests")
    assert entry["status"] == 201


async def test_requests_outlive_cancelled_callers() -> None:
    """The same without a network: cancelling the call does not cancel the effect."""
    app = create_app(TOKEN, latency=(0, 100))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sandbox", headers={"Authorization": TOKEN}
    ) as http:
        call = asyncio.create_task(http.post("/api/v1/Contact", json=CONTACT))
        while not app.state.sandbox.tasks:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len(app.state.sandbox.account.contacts) == 0
        await asyncio.gather(*app.state.sandbox.tasks)
    assert len(app.state.sandbox.account.contacts) == 1


async def test_answers_can_be_replaced(sandbox: SandboxClient) -> None:
    """A status without effect, then a garbled body with the effect."""
    slow = {"error": {"message": "slow down"}}
    await order(sandbox, "status", status=429, headers={"Retry-After": "2"}, body=slow)
    await order(sandbox, "body", body="<html>Bad gateway</html>")
    throttled = await post(sandbox)
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "2")
    assert throttled.json() == slow
    assert await contacts(sandbox) == 0
    garbled = await post(sandbox)
    assert (garbled.status_code, garbled.text) == (201, "<html>Bad gateway</html>")
    assert garbled.headers["content-type"] == "text/html"
    assert await contacts(sandbox) == 1


@pytest.mark.parametrize(("kind", "commit", "committed"), [("status", True, 1), ("body", False, 0)])
async def test_effect_of_replaced_answers(sandbox: SandboxClient, kind: str, commit: bool, committed: int) -> None:
    """commit turns the usual effect round: a 502 after the fact, a broken body before it."""
    await order(sandbox, kind, status=502, body="", commit=commit)
    assert (await post(sandbox)).status_code == 502
    assert await contacts(sandbox) == committed


async def test_headers_alone_can_lie(sandbox: SandboxClient) -> None:
    """A wrong Content-Encoding on a real PDF, as one peer met it."""
    ident = await sandbox.open_id()
    fault = {"path": "*/getPdf", "kind": "body", "headers": {"Content-Encoding": "gzip"}}
    await sandbox.control("POST", "/faults", json=fault)
    with pytest.raises(httpx.DecodingError):
        await sandbox.http.get(f"{sandbox.running.base_url}/Invoice/{ident}/getPdf?preventSendBy=true")


async def test_delay_only_delays(sandbox: SandboxClient) -> None:
    """The answer is the real one, later."""
    await order(sandbox, "delay", after_ms=100)
    start = time.monotonic()
    assert (await post(sandbox)).status_code == 201
    assert time.monotonic() - start >= 0.1


@pytest.mark.parametrize(
    ("fault", "hit"),
    [
        ({"path": "/Contact"}, True),
        ({"path": "*"}, True),
        ({"path": "/Con*"}, True),
        ({"path": "^/Contact$"}, True),
        ({"path": "^/Contact/"}, False),
        ({"path": "/contact"}, False),
        ({"path": "/Contact", "method": "GET"}, False),
        ({"path": "/Invoice/*/sendBy"}, False),
    ],
)
async def test_patterns_choose_requests(sandbox: SandboxClient, fault: Json, hit: bool) -> None:
    """Method exactly; path as a shell pattern, or as a regex after ^, case-sensitive."""
    await sandbox.control("POST", "/faults", json={"kind": "status", "status": 503, **fault})
    assert ((await post(sandbox)).status_code == 503) is hit


async def test_faults_strike_as_ordered(sandbox: SandboxClient) -> None:
    """skip lets some pass, times ends it, null never ends, and DELETE clears."""
    await order(sandbox, "status", status=503, skip=1, times=2)
    assert [(await post(sandbox)).status_code for _ in range(4)] == [201, 503, 503, 201]
    await order(sandbox, "status", status=500, times=None)
    assert [(await post(sandbox)).status_code for _ in range(3)] == [500] * 3
    await sandbox.control("DELETE", "/faults")
    assert (await post(sandbox)).status_code == 201


@pytest.mark.parametrize(
    "fault",
    [{}, {"kind": "explode"}, {"kind": "status"}, {"kind": "delay", "path": "^("}, {"kind": "delay", "colour": 1}],
)
async def test_wrong_orders_are_refused(sandbox: SandboxClient, fault: Json) -> None:
    """400 with the reason, and no fault is set."""
    assert "error" in await sandbox.control("POST", "/faults", 400, json=fault)
    assert (await sandbox.control("GET", "/state?only=faults"))["faults"] == []


async def test_faults_show_in_log(sandbox: SandboxClient) -> None:
    """The log tells which request was hit by what, and that the client saw no status."""
    await order(sandbox, "drop_before")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await post(sandbox)
    [entry] = await sandbox.control("GET", "/requests")
    assert entry == {"method": "POST", "path": "/Contact", "query": "", "status": None, "fault": "drop_before"}
