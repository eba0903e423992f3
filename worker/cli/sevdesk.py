"""A connection to sevDesk for one command."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx

from sevdesk_client.client import SevDeskClient
from sevdesk_client.errors import SevDeskError
from sevdesk_client.sending import Gate
from worker.cli import redis
from worker.cli.base import FAILED, USAGE, fail
from worker.settings import Settings
from worker.steps.desk import Desk


@asynccontextmanager
async def desk(settings: Settings, gate: Gate | None = None) -> AsyncIterator[Desk]:
    """The account, with the worker's own time-outs; without a token exit 2."""
    token = settings.sevdesk_api_token
    if token is None:
        fail("SEVDESK_API_TOKEN is not set. See .env.example.", USAGE)
    async with httpx.AsyncClient(timeout=settings.write_timeout) as http:
        yield Desk(
            SevDeskClient(
                http,
                token.get_secret_value(),
                base_url=settings.sevdesk_base_url,
                read_timeout=settings.write_timeout,
                write_timeout=settings.write_timeout,
                gate=gate,
            )
        )


@asynccontextmanager
async def patient_desk(settings: Settings) -> AsyncIterator[Desk]:
    """The same for long reading: it keeps to what sevDesk has asked of the workers, and steps back for them."""
    from worker.doorbell import end
    from worker.metrics import Metrics
    from worker.throttle import Throttle

    token = settings.sevdesk_api_token
    if token is None:
        async with desk(settings) as account:
            yield account
        return
    async with redis.connected(settings.redis_url) as client:
        gate = Throttle(
            client, token.get_secret_value(), settings.sevdesk_base_url,
            name=f"reconcile:{os.getpid()}", kind=lambda: "reconcile", metrics=Metrics(),
        )  # fmt: skip
        await gate.catch_up()
        listening = asyncio.create_task(gate.listen())
        try:
            async with desk(settings, gate) as account:
                yield account
        finally:
            await gate.told_all()
            await end(listening)


@asynccontextmanager
async def desk_unless(offline: bool, settings: Settings) -> AsyncIterator[Desk | None]:
    """None when nothing is to be asked."""
    if offline:
        yield None
        return
    async with desk(settings) as account:
        yield account


@contextmanager
def said(advice: str) -> Iterator[None]:
    """sevDesk's refusals and outages in one sentence, exit 1."""
    try:
        yield
    except SevDeskError as error:
        fail(f"{error} {advice}", FAILED)
