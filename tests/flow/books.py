"""What the sandbox remembers, and how to make sevDesk behave: its control endpoints."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from flow.waiting import PATIENCE

from sevdesk_client.sandbox.http.server import Running
from worker.operator.connections import open_account
from worker.reconcile.read import Reconciliation, reconcile
from worker.settings import Settings
from worker.store import Store

# Trusts nobody, for the sandbox speaks no TLS; loading the usual authorities for each call takes 20 ms.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def control(sevdesk: Running, method: str, path: str, body: Any = None) -> Any:
    """One control call, for example `control(sevdesk, "POST", "faults", {...})`."""
    async with httpx.AsyncClient(verify=NO_TLS) as http:
        answer = await http.request(method, f"{sevdesk.url}/_sandbox/{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def state(sevdesk: Running) -> dict[str, Any]:
    """Everything sevDesk knows: invoices, contacts, mails, ..."""
    return await control(sevdesk, "GET", "state")


async def calls(sevdesk: Running) -> list[str]:
    """What sevDesk was asked, in order, ids replaced."""
    log = await control(sevdesk, "GET", "requests")
    return [f"{r['method']} {re.sub(r'/[0-9]+', '/{id}', r['path'])}" for r in log]


async def forget_calls(sevdesk: Running) -> None:
    """Start the request log afresh."""
    await control(sevdesk, "DELETE", "requests")


async def pay(sevdesk: Running, external_id: str, amount: str, day: str | None = None, kind: str = "payment") -> None:
    """Money booked in sevDesk, today or on `day`; `kind` skonto closes the invoice with less."""
    order = {"invoice_id": external_id, "amount": amount, "kind": kind}
    await control(sevdesk, "POST", "payments", order | ({"date": day} if day else {}))


async def new_contact(sevdesk: Running, number: str, name: str | None = None, **names: str) -> str:
    """A contact somebody made in sevDesk by hand."""
    async with httpx.AsyncClient(headers={"Authorization": sevdesk.token}, verify=NO_TLS) as http:
        body = {"name": name, **names, "customerNumber": number, "category": {"id": 3, "objectName": "Category"}}
        answer = await http.post(f"{sevdesk.base_url}/Contact", json=body)
    return str(answer.json()["objects"]["id"])


async def order_fault(sevdesk: Running, kind: str, call: str, **more: Any) -> None:
    """Trouble for one call, for example `order_fault(sevdesk, "drop_before", "PUT /Invoice/*/sendBy")`."""
    method, path = call.split(" ")
    await control(sevdesk, "POST", "faults", {"kind": kind, "method": method, "path": path, **more})


async def until(holds: Callable[[], Awaitable[Any]], *, seconds: float = PATIENCE) -> Any:
    """Ask again and again until the answer is true, and give it back; a test that waits in vain fails here."""
    async with asyncio.timeout(seconds):
        while not (answer := await holds()):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)
    return answer


async def compared(settings: Settings) -> Reconciliation:
    """One comparison of the whole book, as the `reconcile` command makes it."""
    store = await Store.connect(settings.database_url, size=1)
    try:
        async with open_account(settings) as account:
            return await reconcile(store, account.client)
    finally:
        await store.close()
