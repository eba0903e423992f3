"""Hears a channel of Redis, and notices when its connection has gone silent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

# Without a message for so long, Redis is asked for a sign of life; without any for as long again, the connection is
# given up. redis-py's own check sends its PING and never looks for the answer (5.3.1).
ALIVE_SECONDS = 10.0


@asynccontextmanager
async def subscribed(redis: "Redis", channel: str) -> AsyncIterator[AsyncIterator[Any]]:
    """The data of each message from now on. Raises `RedisError` or OSError when the connection is lost or silent."""
    async with redis.pubsub() as subscription:
        await subscription.subscribe(channel)

        async def stream() -> AsyncIterator[Any]:
            asked = False
            while True:
                message = await subscription.get_message(ignore_subscribe_messages=True, timeout=ALIVE_SECONDS)
                if message is not None:
                    asked = False
                    if message["type"] == "message":
                        yield message["data"]
                elif asked:
                    raise RedisConnectionError("the subscription has gone silent")
                else:
                    await subscription.ping()
                    asked = True

        yield stream()
