"""Connections for one command: Redis with short time-outs, and a sevDesk account."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from sevdesk_client.client import SevDeskClient
from sevdesk_client.sending import Gate
from worker.domain.problems import problem
from worker.operator.sevdesk_health import SevdeskHealth, combined
from worker.settings import Settings
from worker.steps.http_client import open_http
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import Store

if TYPE_CHECKING:
    from redis.asyncio import Redis

# arq's sorted set of waiting jobs, and the prefix of the keys by which workers report.
QUEUE, HEALTH = "arq:queue", "arq:queue:health-check:"
# Seconds for which arq keeps a worker's report: one more than passes between two.
REPORT_KEPT = 11.0
# Longest wait for one answer of Redis: an operator or a container's check is waiting.
REDIS_SECONDS = 2.0


@asynccontextmanager
async def redis_client(url: str) -> AsyncIterator["Redis"]:
    """A client with short time-outs. It connects at its first command, which raises if Redis cannot be reached."""
    from redis.asyncio import Redis

    from worker.queue.redis_client import tls_options

    client: Redis = Redis.from_url(
        url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, **tls_options(url)
    )
    try:
        yield client
    finally:
        await client.aclose()


async def last_reports(client: "Redis") -> dict[str, float] | None:
    """Name of a worker -> seconds since it reported, by name; None where SCAN is not allowed.

    A worker reports every ten seconds; one that has not done so for eleven is left out.
    """
    from redis.exceptions import ResponseError

    try:
        keys = sorted([key async for key in client.scan_iter(match=f"{HEALTH}*", count=5000)])
    except ResponseError:
        return None
    async with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.pttl(key)
        left = await pipe.execute()
    return {
        key.decode(errors="replace").removeprefix(HEALTH): max(REPORT_KEPT - ms / 1000, 0.0)
        for key, ms in zip(keys, left, strict=True)
        if ms > 0
    }


async def redis_state(settings: Settings) -> dict[str, Any]:
    """`reachable`, `workers` (as `last_reports`), `in_inbox`, `error_budget_left`, `sevdesk`; else `error`."""
    from redis.exceptions import RedisError

    from worker.observability.redis_cause import redis_cause

    try:
        async with redis_client(settings.redis_url) as client:
            workers, waiting = await last_reports(client), int(await client.zcard(QUEUE))
            left = await error_budget_left(client, settings)
            known = {"workers": workers or {}, "in_inbox": waiting, "error_budget_left": left}
            return {"reachable": True, **known, "sevdesk": await read_health(client)}
    except (RedisError, OSError, ValueError) as error:
        unknown: dict[str, Any] = {"workers": {}, "in_inbox": None, "error_budget_left": None, "sevdesk": None}
        return {"reachable": False, **unknown, "error": redis_cause(error)}


async def read_health(client: "Redis") -> SevdeskHealth:
    """What the workers have told Redis about their calls; nothing where SCAN is not allowed. Raises `RedisError`."""
    from redis.exceptions import ResponseError

    from worker.gate.call_log import CALLS_KEY, KEPT_SECONDS

    keys = list[bytes]()
    with suppress(ResponseError):
        keys = [key async for key in client.scan_iter(match=f"{CALLS_KEY}*", count=5000)]
    if not keys:
        return SevdeskHealth()
    async with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.get(key)
            pipe.pttl(key)
        answers = await pipe.execute()
    pairs = zip(answers[::2], answers[1::2], strict=True)
    return combined([(json.loads(raw), KEPT_SECONDS - ttl / 1000) for raw, ttl in pairs if raw and ttl > 0])


async def is_in_inbox(settings: Settings, job_id: str) -> bool | None:
    """True if Redis has a job that no worker has taken in yet; None if Redis does not answer."""
    from redis.exceptions import RedisError

    try:
        async with redis_client(settings.redis_url) as client:
            return await client.zscore(QUEUE, job_id.encode(errors="surrogateescape")) is not None
    except (RedisError, OSError, ValueError):
        return None


async def error_budget_left(client: "Redis", settings: Settings) -> float | None:
    """The share of ERROR_BUDGET that is left, 0 to 1; 1 if Redis does not tell, None without a token."""
    from worker.gate.broadcast import Broadcast, Message, account_of
    from worker.gate.budget import ErrorBudget

    if settings.sevdesk_api_token is None:
        return None
    budget = ErrorBudget(settings.error_budget)

    def hear(subject: str, message: Message) -> None:
        if subject == "errors":
            budget.adopt(0.0, message["used"], message["age"])

    await Broadcast(client, account_of(_token(settings), settings.sevdesk_base_url), "operator", hear).catch_up()
    return budget.left(0.0)


@asynccontextmanager
async def open_account(settings: Settings, gate: Gate | None = None) -> AsyncIterator[SevdeskAccount]:
    """The sevDesk account, with the worker's own time-outs. `settings` must have a token."""
    token, seconds = _token(settings), settings.write_timeout
    async with open_http(settings.proxies, seconds=seconds) as http:
        client = SevDeskClient(http, token, base_url=settings.sevdesk_base_url, timeout=seconds, gate=gate)
        yield SevdeskAccount(client)


async def other_account_of(store: Store, account: SevdeskAccount) -> str | None:
    """A sentence if the token belongs to another account than the database. Raises a `SevDeskError`."""
    known, found = (await store.query("account"))["account_id"], await account.account_id()
    if known is None or found in (None, known):
        return None
    return other_account(known, found)


def other_account(known: str | None, found: str) -> str:
    """What is wrong, and what to do, if the token belongs to `found` and the database to `known`."""
    differs = problem("account_differs", account=known, other=found)
    return f"{differs.cause()} {differs.next_step()}"


def _token(settings: Settings) -> str:
    assert settings.sevdesk_api_token is not None
    return settings.sevdesk_api_token.get_secret_value()


@asynccontextmanager
async def open_account_watching(settings: Settings, store: Store) -> AsyncIterator[SevdeskAccount]:
    """The account as a job would meet it: what holds the workers back holds it back; nobody is told of its calls."""
    from worker.observability.metrics import Metrics
    from worker.operator.watching import WatchingGate, account_check

    async with redis_client(settings.redis_url) as client:
        gate = WatchingGate(
            client, _token(settings), settings.sevdesk_base_url,
            name=f"preview:{os.getpid()}", kind=lambda: "publish_invoice", metrics=Metrics(),
            error_budget=settings.error_budget,
        )  # fmt: skip
        await gate.catch_up()
        check = await account_check(gate, store)
        async with open_account(settings, check) as account:
            check.account = account
            yield account


@asynccontextmanager
async def open_account_gated(settings: Settings) -> AsyncIterator[SevdeskAccount]:
    """The account for many reads, through the workers' shared gate and behind their calls; needs a token, too."""
    from worker.gate.gate import SevdeskGate
    from worker.observability.metrics import Metrics
    from worker.queue.redis_client import cancel_all

    token = _token(settings)
    async with redis_client(settings.redis_url) as client:
        gate = SevdeskGate(
            client, token, settings.sevdesk_base_url,
            name=f"reconcile:{os.getpid()}", kind=lambda: "reconcile", metrics=Metrics(),
            error_budget=settings.error_budget,
        )  # fmt: skip
        await gate.catch_up()
        listening = asyncio.create_task(gate.listen())
        try:
            async with open_account(settings, gate) as account:
                yield account
        finally:
            await gate.flush()
            await cancel_all(listening)
