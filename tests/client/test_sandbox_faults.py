"""Trouble on order looks to a client like real trouble, and has exactly the effect it should."""

import asyncio
import time

import httpx
import pytest

from sevdesk_client.sandbox.http.app import create_app
from tests.client.sandbox_desk import TOKEN, Desk, Json, ref

CONTACT = {"name": "Muster GmbH", "category": ref(3, "Category")}


async def order(desk: Desk, kind: str, **rest: Json) -> None:
    """A fault for the next creation of a contact."""
    await desk.control("POST", "/faults", json={"method": "POST", "path": "/Contact", "kind": kind, **rest})


async def contacts(desk: Desk) -> int:
    return int((await desk.counts())["contacts"])


async def post(desk: Desk, read_timeout: float = 5) -> httpx.Response:
    url, timeout = f"{desk.running.base_url}/Contact", httpx.Timeout(5, read=read_timeout)
    return await desk.http.post(url, json=CONTACT, timeout=timeout)


@pytest.mark.parametrize(("kind", "committed"), [("drop_before", 0), ("lose_answer", 1)])
async def test_dropped_connections(sandbox_desk: Desk, kind: str, committed: int) -> None:
    """The client sees a connection closed without a byte; the effect is none, or complete."""
    await order(sandbox_desk, kind)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await post(sandbox_desk)
    assert await contacts(sandbox_desk) == committed
    assert (await post(sandbox_desk)).status_code == 201


async def test_late_commit(sandbox_desk: Desk) -> None:
    """Nothing to be seen at first; after the delay it has happened after all, once."""
    await order(sandbox_desk, "late_commit", after_ms=500)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await post(sandbox_desk)
    counts = await sandbox_desk.counts()
    assert (counts["contacts"], counts["late_commits"]) == (0, 1)
    await asyncio.sleep(0.7)
    counts = await sandbox_desk.counts()
    assert (counts["contacts"], counts["late_commits"]) == (1, 0)


@pytest.mark.parametrize(("kind", "committed"), [("drop_before", 0), ("lose_answer", 1), ("late_commit", 1)])
async def test_hanging_connections(sandbox_desk: Desk, kind: str, committed: int) -> None:
    """With hang the client runs into its own read time-out."""
    await order(sandbox_desk, kind, hang=True, after_ms=10)
    with pytest.raises(httpx.ReadTimeout):
        await post(sandbox_desk, read_timeout=0.2)
    assert await contacts(sandbox_desk) == committed


async def test_requests_outlive_their_client(sandbox_desk: Desk) -> None:
    """A write whose client gives up is carried out all the same."""
    await sandbox_desk.control("PUT", "/latency", json={"write_ms": 500})
    with pytest.raises(httpx.ReadTimeout):
        await post(sandbox_desk, read_timeout=0.05)
    assert await contacts(sandbox_desk) == 0
    await asyncio.sleep(0.7)
    assert await contacts(sandbox_desk) == 1
    [entry] = await sandbox_desk.control("GET", "/requests")
    assert entry["status"] == 201


async def test_requests_outlive_cancelled_callers() -> None:
    """The same without a network: cancelling the call does not cancel the effect."""
    app = create_app(TOKEN, latency=(0, 100))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sandbox", headers={"Authorization": TOKEN}
    ) as http:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(http.post("/api/v1/Contact", json=CONTACT), 0.02)
        await asyncio.sleep(0.2)
    assert len(app.state.sandbox.account.contacts) == 1


async def test_answers_can_be_replaced(sandbox_desk: Desk) -> None:
    """A status without effect, then a garbled body with the effect."""
    slow = {"error": {"message": "slow down"}}
    await order(sandbox_desk, "status", status=429, headers={"Retry-After": "2"}, body=slow)
    await order(sandbox_desk, "body", body="<html>Bad gateway</html>")
    throttled = await post(sandbox_desk)
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "2")
    assert throttled.json() == slow
    assert await contacts(sandbox_desk) == 0
    garbled = await post(sandbox_desk)
    assert (garbled.status_code, garbled.text) == (201, "<html>Bad gateway</html>")
    assert garbled.headers["content-type"] == "text/html"
    assert await contacts(sandbox_desk) == 1


@pytest.mark.parametrize(("kind", "commit", "committed"), [("status", True, 1), ("body", False, 0)])
async def test_effect_of_replaced_answers(sandbox_desk: Desk, kind: str, commit: bool, committed: int) -> None:
    """commit turns the usual effect round: a 502 after the fact, a broken body before it."""
    await order(sandbox_desk, kind, status=502, body="", commit=commit)
    assert (await post(sandbox_desk)).status_code == 502
    assert await contacts(sandbox_desk) == committed


async def test_headers_alone_can_lie(sandbox_desk: Desk) -> None:
    """A wrong Content-Encoding on a real PDF, as one peer met it."""
    ident = await sandbox_desk.open_id()
    fault = {"path": "*/getPdf", "kind": "body", "headers": {"Content-Encoding": "gzip"}}
    await sandbox_desk.control("POST", "/faults", json=fault)
    with pytest.raises(httpx.DecodingError):
        await sandbox_desk.http.get(f"{sandbox_desk.running.base_url}/Invoice/{ident}/getPdf?preventSendBy=true")


async def test_delay_only_delays(sandbox_desk: Desk) -> None:
    """The answer is the real one, later."""
    await order(sandbox_desk, "delay", after_ms=100)
    start = time.monotonic()
    assert (await post(sandbox_desk)).status_code == 201
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
async def test_patterns_choose_requests(sandbox_desk: Desk, fault: Json, hit: bool) -> None:
    """Method exactly; path as a shell pattern, or as a regex after ^, case-sensitive."""
    await sandbox_desk.control("POST", "/faults", json={"kind": "status", "status": 503, **fault})
    assert ((await post(sandbox_desk)).status_code == 503) is hit


async def test_faults_strike_as_ordered(sandbox_desk: Desk) -> None:
    """skip lets some pass, times ends it, null never ends, and DELETE clears."""
    await order(sandbox_desk, "status", status=503, skip=1, times=2)
    assert [(await post(sandbox_desk)).status_code for _ in range(4)] == [201, 503, 503, 201]
    await order(sandbox_desk, "status", status=500, times=None)
    assert [(await post(sandbox_desk)).status_code for _ in range(3)] == [500] * 3
    await sandbox_desk.control("DELETE", "/faults")
    assert (await post(sandbox_desk)).status_code == 201


@pytest.mark.parametrize(
    "fault",
    [{}, {"kind": "explode"}, {"kind": "status"}, {"kind": "delay", "path": "^("}, {"kind": "delay", "colour": 1}],
)
async def test_wrong_orders_are_refused(sandbox_desk: Desk, fault: Json) -> None:
    """400 with the reason, and no fault is set."""
    assert "error" in await sandbox_desk.control("POST", "/faults", 400, json=fault)
    assert (await sandbox_desk.control("GET", "/state?only=faults"))["faults"] == []


async def test_faults_show_in_log(sandbox_desk: Desk) -> None:
    """The log tells which request was hit by what, and that the client saw no status."""
    await order(sandbox_desk, "drop_before")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await post(sandbox_desk)
    [entry] = await sandbox_desk.control("GET", "/requests")
    assert entry == {"method": "POST", "path": "/Contact", "query": "", "status": None, "fault": "drop_before"}
