"""Notices that the database was restored from a backup: Redis remembers a later write to sevDesk than the database.

Redis keeps the high-water mark: the epoch (one more after each `recover`) and the id of the latest intent. It is
compared before a worker claims its first job on a new lock session, and then every two seconds, and raised only after
that. So writes of the last two seconds before a restore may be missed; the look before each write finds those. Where
Redis was emptied, or restored from a dump that is older than the database, the mark tells nothing, and is raised.

The database's own mark is what Redis was told at most, not its latest intent: a restored database that has worked
without Redis may have more intents by then than it had before.
"""

import asyncio
from contextlib import suppress

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from worker.store import Store
from worker.store.clock_watch import steady
from worker.store.rows import HighWaterRow

log = structlog.get_logger()

KEY = "sevdesk:writes:{database_id}"  # "EPOCH WRITES"
REDIS_SECONDS = 1.0  # of a Redis that does not answer, as each check keeps a worker's lock session waiting


class RestoreWatch:
    """`pending`: a restore was noticed, and `recover` has not run since; no write may leave."""

    def __init__(self, store: Store, redis: Redis) -> None:
        self._store, self._redis = store, redis
        self._database_id: str | None = None  # as last seen; it names the key, so that each check needs one statement
        self.pending = False

    async def check(self) -> None:
        """Compare both marks, and raise the one in Redis. Without Redis nothing is compared. Raises as `Store`."""
        database_id = self._database_id = self._database_id or await self._store.query("database_id")
        in_redis = (0, 0) if database_id is None else await self._read_mark(KEY.format(database_id=database_id))
        # The database is read after Redis: it had committed each mark before that was noted there.
        asked = steady()
        here: HighWaterRow = await self._store.query("high_water_mark")
        await self._store.clock.read(here["now"], asked)
        if database_id is not None and here["database_id"] != database_id:  # another database stands there now
            self._database_id = None
            return await self.check()
        if in_redis is not None and in_redis > (here["epoch"], here["writes"]) and not here["pending"]:
            await self._store.query("restore_noticed", mark="{} {}".format(*in_redis))
            here = {**here, "pending": True}
        if here["pending"] and not self.pending:
            next_step = "Nothing is written until this has run: sevdesk-worker recover --since TIME, before the backup."
            log.error("database.restored", reason="Redis knows later writes than the database.", next_step=next_step)
        self.pending = here["pending"]
        mark = (here["epoch"], max(here["writes"], here["latest"]))
        if not self.pending and in_redis is not None and in_redis < mark:
            if here["writes"] < here["latest"]:
                await self._store.query("raise_mark", writes=here["latest"])
            await self._write_mark(KEY.format(database_id=here["database_id"]), mark)

    async def _read_mark(self, key: str) -> tuple[int, int] | None:
        """Lower than any where there is none of ours; None if Redis does not answer."""
        try:
            async with asyncio.timeout(REDIS_SECONDS):
                mark = await self._redis.get(key)
            epoch, writes = (mark or b"").split()
            return int(epoch), int(writes)
        except (RedisError, OSError):
            return None
        except ValueError:
            return 0, 0

    async def _write_mark(self, key: str, mark: tuple[int, int]) -> None:
        with suppress(RedisError, OSError):  # the next check writes it
            async with asyncio.timeout(REDIS_SECONDS):
                await self._redis.set(key, "{} {}".format(*mark))
