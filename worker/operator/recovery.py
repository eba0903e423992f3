"""What `recover` does: waits until nothing is on its way any more, looks back, and brings back."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from redis.asyncio import Redis

from sevdesk_client.client import SevDeskClient
from worker.maintenance.restore_watch import RestoreWatch
from worker.reconcile.recover import Recovery, bring_back, look_back
from worker.store import Store


async def recover(
    store: Store,
    client: SevDeskClient,
    redis: Redis,
    since: datetime,
    *,
    quarantine: float,
    waiting: Callable[[float], None],
) -> tuple[Recovery, list[str]]:
    """What sevDesk has had since then, and the ids of the jobs that bring it back; writes may leave again.

    Writes may have been under way when the database was restored, and it knows nothing of their quarantine (seconds).
    `waiting` is told how many seconds that is waited for, if at all. Raises `SevDeskError`.
    """
    await RestoreWatch(store, redis).check()  # so that the new epoch is higher than the one in Redis
    seconds: float = await store.query("on_their_way", quarantine=quarantine)
    if seconds > 0:
        waiting(seconds)
        await asyncio.sleep(seconds)
    found = await look_back(store, client, since)
    return found, await bring_back(store, found)
