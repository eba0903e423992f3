"""Connections for one command: Redis with short time-outs, and a sevDesk account."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from sevdesk_client.client import SevDeskClient
from sevdesk_client.sending import Gate
from worker.settings import Settings
from worker.steps.account import SevdeskAccount

if TYPE_CHECKING:
    from redis.asyncio import Redis

QUEUE, HEALTH = "arq:queue", "arq:queue:health-check:"
# A container's check and an operator wait no longer than this for any answer of Redis.
REDIS_SECONDS = 2.0


class TokenMissing(Exception):
    """SEVDESK_API_TOKEN is not set."""


@asynccontextmanager
async def redis_client(url: str) -> AsyncIterator["Redis"]:
    """A client with short time-outs. Nothing is sent here, so an unreachable Redis shows at its first command."""
    from redis.asyncio import Redis

    client: Redis = Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS)
    try:
        yield client
    finally:
        await client.aclose()


async def living_workers(client: "Redis") -> list[str]:
    """The names of the workers that have reported within the last seconds (arq's health keys)."""
    found = [key async for key in client.scan_iter(match=f"{HEALTH}*", count=5000)]
    return sorted(key.decode(errors="replace").removeprefix(HEALTH) for key in found)


async def redis_state(url: str) -> dict[str, Any]:
    """`reachable`, `workers`, `to_ring` (entries in arq's queue), `error`. Never raises for a Redis that is away."""
    from redis.exceptions import RedisError

    try:
        async with redis_client(url) as client:
            return {
                "reachable": True,
                "workers": await living_workers(client),
                "to_ring": int(await client.zcard(QUEUE)),
            }
    except (RedisError, OSError, ValueError) as error:
        return {"reachable": False, "workers": [], "to_ring": None, "error": type(error).__name__}


@asynccontextmanager
async def open_account(settings: Settings, gate: Gate | None = None) -> AsyncIterator[SevdeskAccount]:
    """The sevDesk account, with the worker's own time-outs. Raises `TokenMissing`."""
    token = settings.sevdesk_api_token
    if token is None:
        raise TokenMissing
    async with httpx.AsyncClient(timeout=settings.write_timeout) as http:
        yield SevdeskAccount(
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
async def open_account_gated(settings: Settings) -> AsyncIterator[SevdeskAccount]:
    """The same for long reading: it obeys the workers' shared gate, and lets their calls go first.

    Raises `TokenMissing`.
    """
    from worker.gate.gate import SevdeskGate
    from worker.observability.metrics import Metrics
    from worker.queue.inbox import cancel_all

    token = settings.sevdesk_api_token
    if token is None:
        raise TokenMissing
    async with redis_client(settings.redis_url) as client:
        gate = SevdeskGate(
            client, token.get_secret_value(), settings.sevdesk_base_url,
            name=f"reconcile:{os.getpid()}", kind=lambda: "reconcile", metrics=Metrics(),
        )  # fmt: skip
        await gate.catch_up()
        listening = asyncio.create_task(gate.listen())
        try:
            async with open_account(settings, gate) as account:
                yield account
        finally:
            await gate.flush()
            await cancel_all(listening)
