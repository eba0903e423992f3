"""Sends notifications in batches: Postgres lets only one notifying transaction of a database commit at a time."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
import json
from collections import deque
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from worker.store.connection import CONNECTION_LOST, REFUSED, run_statement

log = structlog.get_logger()

EVENTS_CHANNEL = "sevdesk_events"  # what became of a job or an invoice
REQUESTS_CHANNEL = "sevdesk_requests"  # jobs have become ready
# Between two commits with notifications, and between two tries while Postgres is away.
BATCH_SECONDS, AWAY_SECONDS = 0.1, 1.0
# Kept while Postgres is away; the oldest go first. Notifications are hints, the ledger has everything.
MAX_KEPT = 10_000
# How long a stopping worker waits for Postgres.
CLOSE_SECONDS = 5.0


class Notifications:
    """Collects what a process wants to tell; `run` sends it, the first at once and then at most every BATCH_SECONDS."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._kept: deque[tuple[str, str]] = deque(maxlen=MAX_KEPT)
        self._new = asyncio.Event()
        self._refused = False  # the last ones, which is logged once

    def event(self, **payload: Any) -> None:
        """Tell what became of a job or an invoice. No personal data."""
        self._add(EVENTS_CHANNEL, json.dumps(payload, default=str))

    def request(self) -> None:
        """Tell all workers that jobs have become ready."""
        self._add(REQUESTS_CHANNEL, "")

    def _add(self, channel: str, payload: str) -> None:
        self._kept.append((channel, payload))
        self._new.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._new.wait()
            self._new.clear()
            await asyncio.sleep(BATCH_SECONDS if await self.flush() else AWAY_SECONDS)

    async def close(self) -> None:
        """Tell all workers of the jobs that were handed back, and what is left; takes CLOSE_SECONDS at most."""
        self.request()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()

    async def flush(self) -> bool:
        """Send what is there; what Postgres refuses is dropped, as a hint. False, and it stays, while it is away."""
        batch = list(self._kept)
        if not batch:
            return True
        try:
            await run_statement(
                self._pool,
                "send_notifications",
                channels=[channel for channel, _ in batch],
                payloads=[payload for _, payload in batch],
            )
        except (*CONNECTION_LOST, *REFUSED):
            self._new.set()
            return False
        except asyncpg.PostgresError as error:
            if not self._refused:
                log.warning(
                    "notifications.refused",
                    error=type(error).__name__,
                    next_step="None at once: workers find jobs by polling; whoever listens reads the event log.",
                )
            self._refused = True
        else:
            self._refused = False
        for _ in range(min(len(batch), len(self._kept))):
            self._kept.popleft()
        return True
