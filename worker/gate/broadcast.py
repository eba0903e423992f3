"""Messages between the workers of one account through Redis: a lower rate, a pause, a refused token, errors used.

Each message is a key with an expiry, for workers that start later, and a PUBLISH for running ones. Times are durations,
never instants, so the workers' clocks need not agree. Without trouble nothing is sent. A Redis user without channels
will do: the keys are then read once a second.
"""

import asyncio
import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from worker.gate.subscription import subscribed
from worker.observability.redis_cause import redis_cause

log = structlog.get_logger()

Message = Mapping[str, float]

# Read in this order, because the rate was lowered before the pause began.
SUBJECTS = ("rate", "pause", "token_refused", "errors")
# Seconds before a lost subscription is tried again; also between two reads of the keys where SUBSCRIBE is forbidden.
RESUBSCRIBE_SECONDS = 1.0


class Broadcast:
    """`on_message` is called with (subject, values) of each message from another worker, and its `age` in seconds."""

    def __init__(self, redis: Redis, account: str, name: str, on_message: Callable[[str, Message], None]) -> None:
        self._redis, self._name, self._on_message = redis, name, on_message
        self._prefix = f"sevdesk:gate:{account}"
        self._unavailable = False
        self._sending: set[asyncio.Task[None]] = set()

    def announce(self, subject: str, seconds: float, **values: float) -> None:
        """Tell the other workers, in the background. It holds for `seconds`; 0 withdraws it."""
        task = asyncio.create_task(self._send(subject, seconds, values))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, subject: str, seconds: float, values: Message) -> None:
        key, values = f"{self._prefix}:{subject}", {**values, "seconds": seconds}
        try:
            # Not a transaction, which would be refused as a whole where only PUBLISH is forbidden.
            async with self._redis.pipeline(transaction=False) as pipe:
                if seconds:
                    pipe.set(key, json.dumps(values), px=max(1, int(seconds * 1000)))
                else:
                    pipe.delete(key)
                pipe.publish(self._prefix, json.dumps({"from": self._name, "subject": subject, "values": values}))
                kept, _ = await pipe.execute(raise_on_error=False)
            if isinstance(kept, RedisError):
                raise kept
            self._unavailable = False
        except (RedisError, OSError) as error:
            if not self._unavailable:
                self._unavailable = True
                log.warning(
                    "gate.redis_unavailable",
                    error=redis_cause(error),
                    next_step="Nothing to do: each worker keeps to its own limit until Redis is back.",
                )

    async def flush(self) -> None:
        """Wait until everything announced has been sent, or has failed."""
        if self._sending:
            await asyncio.wait(self._sending)

    async def acquire_for(self, subject: str, seconds: float) -> bool:
        """True for exactly one process per `seconds` (SET NX); True if Redis is down."""
        key, ms = f"{self._prefix}:{subject}", int(seconds * 1000)
        try:
            if await self._redis.set(key, self._name, nx=True, px=ms):
                return True
            if await self._redis.pttl(key) == -1:  # a restored dump that has lost its expiries would keep it for ever
                await self._redis.pexpire(key, ms)
            return False
        except (RedisError, OSError):
            return True

    async def listen(self) -> None:
        """Receive messages until cancelled. After an outage of Redis the current state is read again.

        Without the right to SUBSCRIBE the keys are read every RESUBSCRIBE_SECONDS instead.
        """
        while True:
            try:
                async with subscribed(self._redis, self._prefix) as messages:
                    await self.catch_up()
                    async for message in messages:
                        self._dispatch(json.loads(message))
            except NoPermissionError:
                while True:
                    await self.catch_up()
                    await asyncio.sleep(RESUBSCRIBE_SECONDS)
            except Exception:  # Redis is away, or another program writes to this channel
                await asyncio.sleep(RESUBSCRIBE_SECONDS)

    async def catch_up(self) -> None:
        """Read once what still holds of earlier messages; does nothing if Redis is down."""
        with contextlib.suppress(Exception):
            async with self._redis.pipeline(transaction=False) as pipe:
                for subject in SUBJECTS:
                    pipe.get(f"{self._prefix}:{subject}")
                    pipe.pttl(f"{self._prefix}:{subject}")
                answers = await pipe.execute(raise_on_error=False)
            for subject, raw, ttl in zip(SUBJECTS, answers[::2], answers[1::2], strict=True):
                if isinstance(raw, bytes) and ttl > 0:
                    values = _finite(json.loads(raw))
                    self._on_message(subject, {**values, "age": max(values["seconds"] - ttl / 1000, 0.0)})

    def _dispatch(self, message: dict[str, Any]) -> None:
        if message["from"] != self._name:
            self._on_message(message["subject"], {**_finite(message["values"]), "age": 0.0})


def _finite(values: Mapping[str, Any]) -> dict[str, float]:
    """The values, if all are finite numbers. Raises TypeError or ValueError."""
    if not all(math.isfinite(value) for value in values.values()):
        raise ValueError("a message holds finite numbers")
    return dict(values)


def account_of(token: str, base_url: str) -> str:
    """A name for the account that does not show the token: 16 hexadecimal digits of a SHA-256 of token and address."""
    return hashlib.sha256(f"{base_url}\n{token}".encode()).hexdigest()[:16]
