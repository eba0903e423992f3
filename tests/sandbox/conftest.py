"""A sandbox behind real HTTP, in the test's own event loop."""

from collections.abc import AsyncIterator

import httpx
import pytest

from sevdesk_client.sandbox.http.server import Running, running
from tests.sandbox.sandbox_client import NO_TLS, TOKEN, SandboxClient


@pytest.fixture
async def running_sandbox() -> AsyncIterator[Running]:
    """A fresh sandbox on a free port."""
    async with running(token=TOKEN) as found:
        yield found


@pytest.fixture
async def sandbox(running_sandbox: Running) -> AsyncIterator[SandboxClient]:
    """The same, with a connection that holds the token."""
    async with httpx.AsyncClient(headers={"Authorization": TOKEN}, timeout=60, verify=NO_TLS) as http:
        yield SandboxClient(running_sandbox, http)
