"""The signs of life that `health` looks at; each is one sentence and a yes or no."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from worker.cli import redis
from worker.settings import Settings

# All of it together: a container's check is usually given five seconds.
SECONDS = 4.0
# A sync may be running, and one may have been missed; the third in a row is a fault.
MISSED_SYNCS = 3


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of life."""

    name: str
    ok: bool
    said: str


async def vital_signs(settings: Settings, *, here: bool, sync_within: float | None) -> list[Sign]:
    """All signs, looked at side by side, within SECONDS."""
    looks = (
        _guarded("postgres", lambda: _postgres(settings, sync_within)),
        _guarded("redis", lambda: _redis(settings, here)),
    )
    return [sign for signs in await asyncio.gather(*looks) for sign in signs]


async def _guarded(name: str, look: Callable[[], Awaitable[list[Sign]]]) -> list[Sign]:
    from redis.exceptions import RedisError

    from worker.store import LOST
    from worker.store.probe import PostgresError

    try:
        async with asyncio.timeout(SECONDS):
            return await look()
    except (RedisError, PostgresError, ValueError, *LOST) as error:
        return [Sign(name, False, f"does not answer ({type(error).__name__}).")]


async def _postgres(settings: Settings, sync_within: float | None) -> list[Sign]:
    from worker.store import Store

    store = await Store.connect(settings.database_url, size=1, name="sevdesk-worker health")
    try:
        account = await store.query("account")
    finally:
        await store.close()
    answers = Sign("postgres", True, "answers.")
    if not account["token_configured"]:
        return [answers, Sign("sync", True, "no token, so no payment sync is expected.")]
    if sync_within == 0:
        return [answers]
    limit = sync_within * 60 if sync_within else account["payment_sync_interval_minutes"] * 60 * MISSED_SYNCS
    age = account["sync_age"]
    if age is None:
        return [answers, Sign("sync", True, "no payment sync has been made yet.")]
    return [answers, Sign("sync", age <= limit, f"the last payment sync was {age:.0f} s ago, {limit:.0f} s allowed.")]


async def _redis(settings: Settings, here: bool) -> list[Sign]:
    async with redis.connected(settings.redis_url) as client:
        await client.ping()
        alive = await redis.workers(client)
    answers = Sign("redis", True, "answers.")
    where = " on this host" if here else ""
    ours = [name for name in alive if not here or name.rpartition(":")[0].rpartition(":")[0] == socket.gethostname()]
    return [answers, Sign("worker", bool(ours), f"{len(ours) or 'no'} worker{where} has reported within ten seconds.")]
