"""Deletes ended jobs, their writes and payment syncs that are older than a number of days."""

import asyncio
from typing import TypedDict

from worker.store import Store


class Deleted(TypedDict):
    """How many rows were deleted, or would be."""

    jobs: int
    intents: int
    sync_runs: int


async def clean(store: Store, days: int, *, dry_run: bool = False, pause: float = 0.0) -> Deleted:
    """Go through the ledger from its oldest row to the first one that is young enough, a page at a time.

    `pause`: seconds between two pages. Raises one of `CONNECTION_LOST`.
    """
    total = Deleted(jobs=0, intents=0, sync_runs=0)
    after: int | None = 0
    while after is not None:
        page = await store.query("clean", days=days, after_seq=after, dry_run=dry_run)
        after = page["reached"]
        total["jobs"] += page["jobs"]
        total["intents"] += page["intents"]
        total["sync_runs"] += page["sync_runs"]
        await asyncio.sleep(pause)
    return total
