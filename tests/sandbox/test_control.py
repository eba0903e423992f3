"""The control endpoints, the token, and the log."""

import time

import httpx
import pytest

from tests.sandbox.sandbox_client import TOKEN, SandboxClient


@pytest.mark.parametrize("token", [None, "", "0" * 32, f"Bearer {TOKEN}", TOKEN.upper(), "ü" * 32])
async def test_wrong_tokens_get_401(sandbox: SandboxClient, token: str | None) -> None:
    """At the top level, without the error envelope; and nothing happens."""
    headers = httpx.Headers({} if token is None else {b"Authorization": token.encode()})
    async with httpx.AsyncClient(headers=headers) as http:
        response = await http.post(f"{sandbox.running.base_url}/Contact", json={})
        assert (response.status_code, response.json()) == (401, {"status": 401, "message": "Authentication required"})
        assert (await http.get(f"{sandbox.running.base_url}/Nothing")).status_code == 401


async def test_token_stays_out_of_log(sandbox: SandboxClient) -> None:
    """Neither from the header nor from a query or path that holds it."""
    await sandbox.http.get(f"{sandbox.running.base_url}/Contact?token={TOKEN}")
    await sandbox.http.get(f"{sandbox.running.base_url}/{TOKEN}")
    log = await sandbox.control("GET", "/requests")
    assert len(log) == 2 and TOKEN not in str(log)
    assert TOKEN not in str(await sandbox.control("GET", "/state"))


async def test_log_keeps_the_order(sandbox: SandboxClient) -> None:
    """Method, path, query, status and correlation id of every request, until cleared."""
    await sandbox.http.get(f"{sandbox.running.base_url}/Contact?depth=1", headers={"X-Correlation-ID": "abc"})
    await sandbox.http.delete(f"{sandbox.running.base_url}/Invoice/7")
    assert await sandbox.control("GET", "/requests") == [
        {"method": "GET", "path": "/Contact", "query": "depth=1", "status": 200, "correlation_id": "abc"},
        {"method": "DELETE", "path": "/Invoice/7", "query": "", "status": 404},
    ]
    assert await sandbox.control("DELETE", "/requests") == {"cleared": 2}
    assert await sandbox.control("GET", "/requests") == []


async def test_state_shows_everything(sandbox: SandboxClient) -> None:
    """Every part by name, and only the wanted ones on request."""
    await sandbox.open_id(customerInternalNote="INV-1")
    state = await sandbox.control("GET", "/state")
    assert {"invoices", "contacts", "mails", "exports", "switches", "faults", "counts"} <= state.keys()
    [invoice] = state["invoices"]
    assert invoice["customerInternalNote"] == "INV-1" and invoice["positions"][0]["price"] == "100"
    assert list(await sandbox.control("GET", "/state?only=mails")) == ["mails"]


@pytest.mark.parametrize(
    "wrong", [{"cancel_payd": "storno"}, {"cancel_paid": "nonsense"}, {"pdf_raw": 1}, {"partial_status": True}]
)
async def test_wrong_switches_change_nothing(sandbox: SandboxClient, wrong: dict[str, object]) -> None:
    """An unknown name or value is told, and the good one beside it is not set either."""
    assert "error" in await sandbox.control("PUT", "/switches", 400, json={"cent_off": True, **wrong})
    assert (await sandbox.control("GET", "/state?only=switches"))["switches"]["cent_off"] is False


async def test_latency_slows_reads_and_writes(sandbox: SandboxClient) -> None:
    """Separately, and from now on."""
    await sandbox.control("PUT", "/latency", json={"read_ms": 3_600_000, "write_ms": 0})
    await sandbox.contact()
    await sandbox.control("PUT", "/latency", json={"read_ms": 400})
    start = time.monotonic()
    await sandbox.objects("GET", "/Contact")
    assert time.monotonic() - start >= 0.4
    await sandbox.control("PUT", "/latency", 400, json={"read_ms": -1})


async def test_seeding_is_quick(sandbox: SandboxClient) -> None:
    """20,000 finalised invoices in one call, contiguous, findable, and as good as saved ones."""
    made = await sandbox.control("POST", "/seed", json={"invoices": 20_000, "status": 750, "prefix": "B-"})
    first, last = (int(ident) for ident in made["ids"])
    assert last - first == 19_999 and made["notes"] == ["B-000001", "B-020000"]
    [found] = await sandbox.objects("GET", "/Invoice?customerInternalNote=B-012345")
    assert (found["id"], found["status"], found["paidAmount"]) == (str(first + 12_344), "750", 1)
    assert (found["sumGross"], found["invoiceNumber"]) == ("119", "RE-13344")
    await sandbox.pay(str(last), "118")
    assert (await sandbox.invoice(str(last)))["status"] == "1000"


async def test_old_seeds_look_unchanged(sandbox: SandboxClient) -> None:
    """With age_seconds only what changes later shows for updateAfter."""
    made = await sandbox.control("POST", "/seed", json={"invoices": 3, "age_seconds": 3600})
    since = int(time.time()) - 60
    assert await sandbox.objects("GET", f"/Invoice?updateAfter={since}") == []
    await sandbox.pay(made["ids"][0], "1")
    assert len(await sandbox.objects("GET", f"/Invoice?updateAfter={since}")) == 1


async def test_people_can_cancel_and_delete(sandbox: SandboxClient) -> None:
    """What people do in the UI: cancel, delete whatever the status."""
    ident = await sandbox.open_id()
    storno = await sandbox.control("POST", "/cancel", json={"invoice_id": ident})
    assert storno["invoiceType"] == "SR"
    await sandbox.control("POST", "/delete", json={"invoice_id": ident})
    await sandbox.error("GET", f"/Invoice/{ident}", 404)


async def test_people_can_send_by_hand(sandbox: SandboxClient) -> None:
    """Printed or mailed in the UI: sendType and sendDate say so, and `update` moves with them."""
    ident = await sandbox.open_id()
    for send_type in ("VPR", "VM", "VP", "VPDF"):
        await sandbox.control("POST", "/send", json={"invoice_id": ident, "send_type": send_type})
        [invoice] = await sandbox.objects("GET", f"/Invoice/{ident}")
        assert invoice["sendType"] == send_type and invoice["sendDate"] == invoice["update"]
    assert "error" in await sandbox.control("POST", "/send", 400, json={"invoice_id": ident, "send_type": "FAX"})


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/payments", {"invoice_id": "7", "amount": "1"}, 404),
        ("/payments", {"amount": "1"}, 400),
        ("/unlink", {}, 400),
        ("/seed", {"invoices": 1, "status": 300}, 400),
        ("/seed", [1], 400),
    ],
)
async def test_wrong_controls_are_told(sandbox: SandboxClient, path: str, body: object, status: int) -> None:
    """A 4xx with a reason, never a crash."""
    assert "error" in await sandbox.control("POST", path, status, json=body)


async def test_garbage_bodies_are_refusals(sandbox: SandboxClient) -> None:
    """No bytes at all, broken JSON, lists and deep nesting are refused like any bad body."""
    for content in (b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"category": 1e999}'):
        response = await sandbox.http.post(f"{sandbox.running.base_url}/Contact", content=content)
        assert response.status_code == 400 and response.json()["error"]["message"].startswith("category expected")
