"""Listens on the channel `sevdesk_events`, on a connection of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from worker.store.address import connect
from worker.store.connection import COMMAND_TIMEOUT, run_statement
from worker.store.notifications import EVENTS_CHANNEL

# Between two questions whether the session still lives; a lost connection is otherwise noticed only by the system.
ALIVE_SECONDS = 5.0


@asynccontextmanager
async def listen_to_events(url: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The notifications of `sevdesk_events` from now on. `url` must not lead through a pooler in transaction mode.

    Ends by raising one of `CONNECTION_LOST` when the connection is lost.
    """
    received: asyncio.Queue[str] = asyncio.Queue()
    connection = await connect(
        url, server_settings={"application_name": "sevdesk-worker cli"}, command_timeout=COMMAND_TIMEOUT
    )

    async def stream() -> AsyncIterator[dict[str, Any]]:
        while True:
            try:
                async with asyncio.timeout(ALIVE_SECONDS):
                    text = await received.get()
            except TimeoutError:
                await run_statement(connection, "backend_pid")
                continue
            try:
                told = json.loads(text)
            except ValueError:
                continue  # somebody else's notification on our channel
            if isinstance(told, dict):
                yield {"at": datetime.now(UTC), **told}

    try:
        await run_statement(connection, "set_session_setting", name="idle_session_timeout", value="0")
        await connection.add_listener(EVENTS_CHANNEL, lambda *arguments: received.put_nowait(str(arguments[-1])))
        yield stream()
    finally:
        connection.terminate()
