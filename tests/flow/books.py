"""What the sandbox remembers, and how to make sevDesk behave: its control endpoints."""

import re
from typing import Any

import httpx

from sevdesk_client.sandbox.server import Running


async def control(sevdesk: Running, method: str, path: str, body: Any = None) -> Any:
    """One control call, for example `control(sevdesk, "POST", "faults", {...})`."""
    async with httpx.AsyncClient() as http:
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
