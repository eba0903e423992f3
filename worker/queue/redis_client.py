"""How the worker connects to Redis."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from arq.connections import ArqRedis
from arq.constants import default_queue_name
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ReadOnlyError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from worker.domain.redis_url import checks_hostname, read_redis_url
from worker.observability.redis_cause import CLUSTER

# Until a server that says nothing counts as lost.
ANSWER_SECONDS, CONNECT_SECONDS = 5.0, 2.0


def connect_redis(url: str) -> ArqRedis:
    """A client with its own pool: arq's has no socket time-out and no keep-alive, and does not decode passwords.

    A command is tried 3 times, within about a second if it is refused.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        **tls_options(url),
        **({} if url.startswith("unix:") else {"socket_keepalive": True}),  # redis-py has none for a socket file
        max_connections=50,
        timeout=10,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), 3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError],
    )
    return ArqRedis(pool, job_serializer=dump, job_deserializer=json.loads, default_queue_name=default_queue_name)


class UnsuitableRedis(Exception):
    """This Redis can never serve the worker; the text is a sentence part that says why."""


async def look_at_server(redis: Redis) -> list[str] | None:
    """What is wrong with the server, one sentence each; None if it does not answer.

    Raises `UnsuitableRedis` for a cluster. A server without INFO, or a user who may not ask, has no faults.
    """
    try:
        info = await redis.info()
    except ResponseError:
        return []
    except (RedisError, OSError):
        return None
    if int(info.get("cluster_enabled", 0)):
        raise UnsuitableRedis(CLUSTER)
    return [fault for fault in (eviction_fault(info),) if fault]


def eviction_fault(info: Mapping[str, Any]) -> str | None:
    """A sentence if Redis may drop keys when its memory is full. `info`: its answer to INFO."""
    policy, limit = info.get("maxmemory_policy", "noeviction"), int(info.get("maxmemory", 0) or 0)
    if policy == "noeviction" or limit == 0:
        return None
    return f"maxmemory-policy is {policy}: Redis may drop jobs that no worker has polled yet. Set it to noeviction."


def tls_options(url: str) -> dict[str, bool]:
    """What the URL leaves open: the certificate must be for the host. redis-py's default is not to look (5.3.1)."""
    return {"ssl_check_hostname": checks_hostname(read_redis_url(url))} if url.startswith("rediss:") else {}


def dump(value: dict[str, Any]) -> bytes:
    """A job's payload as arq stores it."""
    return json.dumps(value).encode()


async def cancel_all(*tasks: asyncio.Task[Any]) -> None:
    """Cancel until it works: on Python 3.11 redis-py's time-outs (wait_for) can swallow a cancellation (measured)."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.2)
