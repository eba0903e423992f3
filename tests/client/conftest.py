"""A sandbox behind real HTTP, in the test's own event loop."""

from collections.abc import AsyncIterator

import httpx
import pytest

from sevdesk_client.sandbox.http.server import Running, running
from tests.client.sandbox_desk import NO_TLS, TOKEN, Desk


@pytest.fixture
async def sandbox_running() -> AsyncIterator[Running]:
    """A fresh sandbox on a free port."""
    async with running(token=TOKEN) as found:
        yield found


@pytest.fixture
async def sandbox_desk(sandbox_running: Running) -> AsyncIterator[Desk]:
    """The same, with a connection that holds the token."""
    async with httpx.AsyncClient(headers={"Authorization": TOKEN}, timeout=10, verify=NO_TLS) as http:
        yield Desk(sandbox_running, http)
