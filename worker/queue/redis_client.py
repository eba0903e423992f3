"""How the worker connects to Redis."""

import asyncio
import json
from typing import Any

from arq.connections import ArqRedis
from arq.constants import default_queue_name
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ReadOnlyError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError


def connect_redis(url: str) -> ArqRedis:
    """A client with its own pool: arq's has no socket time-out and no keep-alive, and does not decode passwords.

    Time-outs: 5 s to answer, 2 s to connect; a command is tried 3 times within about a second.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=50,
        timeout=10,
        socket_timeout=5,
        socket_connect_timeout=2,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), 3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError],
    )
    return ArqRedis(pool, job_serializer=dump, job_deserializer=json.loads, default_queue_name=default_queue_name)


def dump(value: dict[str, Any]) -> bytes:
    """A job's payload as arq stores it."""
    return json.dumps(value).encode()


async def cancel_all(*tasks: asyncio.Task[Any]) -> None:
    """Cancel until it works: on Python 3.11 redis-py's time-outs (wait_for) can swallow a cancellation (measured)."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.2)
