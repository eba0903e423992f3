"""Tells operators that sevDesk answers something new. Work goes on: it is a reason to look for a newer release."""

import asyncio
import time

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from worker.observability.metrics import Metrics

log = structlog.get_logger()

KEY = "sevdesk:unknown_answers"  # a hash: "operation: place" -> seconds since 1970 of the latest log line
DAY = 86_400
KEPT = 30 * DAY  # seconds
MAX_PLACES = 100  # that one process names
MAX_KEPT = 1000  # that all processes name
MORE = ("any", "(more)")  # operation and place of all others: their number is told, not what they are
NEXT_STEP = (
    "Nothing to do at once: jobs go on. See CHANGELOG.md whether a newer release knows it; if not, report it with a "
    "recording (python -m sevdesk_client.sandbox --record FILE --upstream URL)."
)


class UnknownAnswers:
    """Counts each finding, and logs it once a day among all workers on one Redis."""

    def __init__(self, redis: Redis, metrics: Metrics) -> None:
        self._redis, self._metrics = redis, metrics
        self._told: dict[str, float] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def noticed(self, operation: str, place: str) -> None:
        """`place` is unknown in an answer of `operation`; neither is personal data."""
        found, now = f"{operation}: {place}", time.monotonic()
        if found not in self._told and len(self._told) >= MAX_PLACES:
            operation, place = MORE
            found = f"{operation}: {place}"
        self._metrics.unknown_answer(operation, place)
        if now - self._told.get(found, now - DAY) < DAY:
            return
        self._told[found] = now
        task = asyncio.create_task(self._tell(found))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _tell(self, found: str) -> None:
        try:
            async with self._redis.pipeline() as pipe:
                pipe.time()
                pipe.hget(KEY, found)
                pipe.hlen(KEY)
                (seconds, _), before, kept = await pipe.execute()
                if before is not None and seconds - int(before) < DAY:
                    return
                if before is None and kept >= MAX_KEPT and found != ": ".join(MORE):
                    return self.noticed(*MORE)
                pipe.hset(KEY, found, str(seconds))
                pipe.expire(KEY, KEPT)
                await pipe.execute()
        except (RedisError, OSError, ValueError):
            pass  # then each worker says it once a day
        log.warning("sevdesk.unknown_answer", found=found, next_step=NEXT_STEP)


async def unknown_answers(redis: Redis) -> list[str]:
    """What was found within the last month. Raises `RedisError` or `OSError`."""
    async with redis.pipeline() as pipe:
        pipe.time()
        pipe.hgetall(KEY)
        (seconds, _), found = await pipe.execute()
        if old := [name for name, since in found.items() if seconds - int(since) > KEPT]:
            pipe.hdel(KEY, *old)
            await pipe.execute()
    return sorted(name.decode("utf-8", "replace") for name in found.keys() - old)
