"""The little that operators ask of Redis, with short waits: a command line must not hang on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis

QUEUE, HEALTH = "arq:queue", "arq:queue:health-check:"
# A container's check and an operator wait no longer than this for any answer.
SECONDS = 2.0


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["Redis"]:
    """A client that gives up soon; errors come from its first command."""
    from redis.asyncio import Redis

    client: Redis = Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
    try:
        yield client
    finally:
        await client.aclose()


async def workers(client: "Redis") -> list[str]:
    """The names of the workers that have reported within the last seconds (arq's health keys)."""
    found = [key async for key in client.scan_iter(match=f"{HEALTH}*", count=5000)]
    return sorted(key.decode(errors="replace").removeprefix(HEALTH) for key in found)


async def glance(url: str) -> dict[str, Any]:
    """Reach, workers alive and jobs to ring; never raises for a Redis that is away."""
    from redis.exceptions import RedisError

    try:
        async with connected(url) as client:
            return {"reachable": True, "workers": await workers(client), "to_ring": int(await client.zcard(QUEUE))}
    except (RedisError, OSError, ValueError) as error:
        return {"reachable": False, "workers": [], "to_ring": None, "error": type(error).__name__}
