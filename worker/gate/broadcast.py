"""What workers on one account tell one another through Redis: a cut, a pause, a refused token.

Each notice is a key that runs out by itself, for workers that start later, and a PUBLISH for those that run. Times are
spans, never instants, so no two clocks have to agree. A call to sevDesk costs no command; only trouble does.
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
from redis.exceptions import RedisError

log = structlog.get_logger()

Notice = Mapping[str, float]

# In this order: the speed belongs to the time before the pause.
SUBJECTS = ("pace", "hold", "refused")
# Before a lost channel is subscribed to again.
AGAIN_SECONDS = 1.0


class Notices:
    """`put` tells, `hear` is called with what others tell, including what was told before we came."""

    def __init__(self, redis: Redis, account: str, name: str, hear: Callable[[str, Notice], None]) -> None:
        self._redis, self._name, self._hear = redis, name, hear
        self._prefix = f"sevdesk:throttle:{account}"
        self._alone = False
        self._sending: set[asyncio.Task[None]] = set()

    def put(self, subject: str, seconds: float, **values: float) -> None:
        """Tell the others, without waiting; `seconds` is how long it holds, 0 takes it back."""
        task = asyncio.create_task(self._put(subject, seconds, values))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _put(self, subject: str, seconds: float, values: Notice) -> None:
        key, values = f"{self._prefix}:{subject}", {**values, "seconds": seconds}
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                if seconds:
                    pipe.set(key, json.dumps(values), px=max(1, int(seconds * 1000)))
                else:
                    pipe.delete(key)
                pipe.publish(self._prefix, json.dumps({"from": self._name, "subject": subject, "values": values}))
                await pipe.execute()
            self._alone = False
        except (RedisError, OSError) as error:
            if not self._alone:
                self._alone = True
                log.warning(
                    "throttle.alone",
                    error=type(error).__name__,
                    next_step="Nothing to do: each worker keeps to its own limit until Redis is back.",
                )

    async def sent(self) -> None:
        """Wait for what is being told."""
        if self._sending:
            await asyncio.wait(self._sending)

    async def first(self, subject: str, seconds: float) -> bool:
        """Whether nobody else has said this within `seconds`; without Redis, yes."""
        try:
            return bool(await self._redis.set(f"{self._prefix}:{subject}", self._name, nx=True, px=int(seconds * 1000)))
        except (RedisError, OSError):
            return True

    async def listen(self) -> None:
        """Until cancelled; after an outage what was missed is read again."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    await channel.subscribe(self._prefix)
                    await self.catch_up()
                    while True:
                        message = await channel.get_message(ignore_subscribe_messages=True, timeout=5.0)
                        if message:
                            self._told(json.loads(message["data"]))
            except Exception:  # Redis is away, or somebody else writes under our names
                await asyncio.sleep(AGAIN_SECONDS)

    async def catch_up(self) -> None:
        """Hear what was told before, once; without Redis, nothing."""
        with contextlib.suppress(Exception):
            await self._read()

    async def _read(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for subject in SUBJECTS:
                pipe.get(f"{self._prefix}:{subject}")
                pipe.pttl(f"{self._prefix}:{subject}")
            answers = await pipe.execute(raise_on_error=False)
        for subject, raw, left in zip(SUBJECTS, answers[::2], answers[1::2], strict=True):
            if isinstance(raw, bytes) and left > 0:
                values = _numbers(json.loads(raw))
                self._hear(subject, {**values, "age": values["seconds"] - left / 1000})

    def _told(self, message: dict[str, Any]) -> None:
        if message["from"] != self._name:
            self._hear(message["subject"], {**_numbers(message["values"]), "age": 0.0})


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """What was told, if it can be computed with."""
    if not all(math.isfinite(value) for value in values.values()):
        raise ValueError("a notice holds finite numbers")
    return dict(values)


def account_of(token: str, base_url: str) -> str:
    """Names the account's token without showing it; another token, or another sevDesk, is another account."""
    return hashlib.sha256(f"{base_url}\n{token}".encode()).hexdigest()[:16]
