"""What `sevdesk-worker health` checks, for a container: Postgres, Redis, a living worker, a fresh payment sync."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from worker.domain.check import Check, judged
from worker.operator.connections import living_workers, redis_client
from worker.settings import Settings

# All of it together: a container's check is usually given five seconds.
SECONDS = 4.0
# A sync may be running, and one may have been missed; the third in a row is a fault.
MISSED_SYNCS = 3


async def health_checks(settings: Settings, *, here: bool, sync_within: float | None) -> list[Check]:
    """All checks at the same time, within SECONDS."""
    looks = (
        _guarded("postgres", lambda: _postgres(settings, sync_within)),
        _guarded("redis", lambda: _redis(settings, here)),
    )
    return [check for checks in await asyncio.gather(*looks) for check in checks]


async def _guarded(name: str, look: Callable[[], Awaitable[list[Check]]]) -> list[Check]:
    from redis.exceptions import RedisError

    from worker.store import CONNECTION_LOST
    from worker.store.probe import PostgresError

    try:
        async with asyncio.timeout(SECONDS):
            return await look()
    except (RedisError, PostgresError, ValueError, *CONNECTION_LOST) as error:
        return [Check(name, "fail", f"does not answer ({type(error).__name__}).")]


async def _postgres(settings: Settings, sync_within: float | None) -> list[Check]:
    from worker.store import Store
    from worker.store.operator_rows import AccountRow

    store = await Store.connect(settings.database_url, size=1, name="sevdesk-worker health")
    try:
        account: AccountRow = await store.query("account")
    finally:
        await store.close()
    answers = Check("postgres", "ok", "answers.")
    if not account["token_configured"]:
        return [answers, Check("sync", "ok", "no token, so no payment sync is expected.")]
    if sync_within == 0:
        return [answers]
    limit = sync_within * 60 if sync_within else account["payment_sync_interval_minutes"] * 60 * MISSED_SYNCS
    age = account["sync_age"]
    if age is None:
        return [answers, Check("sync", "ok", "no payment sync has been made yet.")]
    text = f"the last payment sync was {age:.0f} s ago, {limit:.0f} s allowed."
    return [answers, judged("sync", age <= limit, text, text)]


async def _redis(settings: Settings, here: bool) -> list[Check]:
    async with redis_client(settings.redis_url) as client:
        await client.ping()
        alive = await living_workers(client)
    answers = Check("redis", "ok", "answers.")
    where = " on this host" if here else ""
    ours = [name for name in alive if not here or name.rpartition(":")[0].rpartition(":")[0] == socket.gethostname()]
    text = f"{len(ours) or 'no'} worker{where} has reported within ten seconds."
    return [answers, judged("worker", bool(ours), text, text)]
