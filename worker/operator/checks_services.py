"""doctor's checks of Redis and sevDesk."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sevdesk_client.errors import SevDeskError, TokenRefused
from worker.domain.account_checks import templates_check, version_check
from worker.domain.health_check import Check, check_that
from worker.observability.unknown_answers import NEXT_STEP, unknown_answers
from worker.operator.connections import last_reports, open_account, other_account_of, read_health, redis_client
from worker.queue.message import WAKE_CHANNEL
from worker.settings import Settings
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import CONNECTION_LOST, Store, postgres_cause
from worker.store.probe import PostgresError
from worker.store.rows import Row

OLDEST_REDIS = (6, 2)
MAX_SHOWN = 10  # of what is new in sevDesk's answers
# What a Redis user may lack, and what is lost without it. Jobs run all the same.
RIGHTS = {
    "INFO": "version, memory and persistence are not checked",
    "SCAN": "running workers are not found",
    "CONFIG": "whether Redis saves snapshots is not known",
    "PUBLISH": "workers learn of each other's pauses later",
    "SUBSCRIBE": "jobs start up to half a second later",
}


async def redis_checks(settings: Settings) -> list[Check]:
    """Reach, version, what Redis does when its memory is full, what survives a restart, and running workers."""
    from redis.exceptions import RedisError, ResponseError

    from worker.observability.redis_cause import redis_cause

    new = list[str]()
    try:
        async with redis_client(settings.redis_url) as client:
            missing = await _missing_commands(client)
            info: dict[str, Any] = {} if "INFO" in missing else await client.info()
            snapshots = await _snapshots(client)
            workers = await last_reports(client)
            seen = (await read_health(client)).check(datetime.now(UTC))
            with suppress(RedisError):  # a cluster takes no key here, which another check says
                new = await unknown_answers(client)
    except (RedisError, OSError, ValueError) as error:
        does = "refuses" if isinstance(error, ResponseError) else "does not answer"
        return [Check("redis", "fail", f"Redis {does}: {redis_cause(error)}. Check REDIS_URL.")]
    bad = "No worker has reported within ten seconds. Start one: sevdesk-worker run."
    names = [f"{name} ({seconds:.0f} s ago)" for name, seconds in (workers or {}).items()]
    running = check_that("workers", bool(names), f"Have reported: {', '.join(names)}.", bad, "warn")
    lost = [f"{whose} {right}: {RIGHTS[right]}." for right, whose in missing.items()]
    rights = check_that("redis rights", not lost, "The Redis user has every right.", " ".join(lost), "warn")
    shown = ", ".join(new[:MAX_SHOWN]) + (f" and {len(new) - MAX_SHOWN} more" if len(new) > MAX_SHOWN else "")
    known = check_that("sevdesk answers", not new, "Nothing in sevDesk's answers is new to this release.",
                       f"New to this release: {shown}.", "warn", next_step=NEXT_STEP)  # fmt: skip
    told = [_version(info), *_role(info), _eviction(info), _persistence(info, snapshots)] if info else []
    return [*told, rights, *([] if workers is None else [running, seen]), known]


async def _missing_commands(client: Any) -> dict[str, str]:
    """Those of RIGHTS that cannot be used, with whose fault it is: hosted Redis removes commands, or renames them.

    Raises `RedisError` or `OSError` if Redis does not answer.
    """
    from redis.exceptions import NoPermissionError, ReadOnlyError, ResponseError

    async with client.pubsub() as channel:
        tries: dict[str, Callable[[], Awaitable[object]]] = {
            "INFO": client.info,
            "SCAN": client.scan,
            "CONFIG": lambda: client.config_get("save"),
            "PUBLISH": lambda: client.publish(WAKE_CHANNEL, "1"),  # an extra wake-up costs a worker one poll
            "SUBSCRIBE": lambda: _subscribe(channel),
        }
        missing = {}
        for right in RIGHTS:
            try:
                await tries[right]()
            except NoPermissionError:
                missing[right] = "The Redis user may not"
            except ReadOnlyError:
                pass
            except ResponseError:
                missing[right] = "This Redis has no command"
    return missing


async def _subscribe(channel: Any) -> None:
    await channel.subscribe(WAKE_CHANNEL)
    await channel.get_message(timeout=1.0)  # the answer, or the refusal


async def _snapshots(client: Any) -> bool | None:
    """Whether Redis saves snapshots; None where it does not tell (hosted Redis often forbids CONFIG)."""
    from redis.exceptions import ResponseError

    try:
        return bool((await client.config_get("save")).get("save"))
    except ResponseError:
        return None


def _version(info: dict[str, Any]) -> Check:
    name = "Valkey" if "valkey_version" in info else "Redis"
    shown = str(info.get("valkey_version") or info.get("redis_version"))
    # Valkey names the Redis version it is compatible with beside its own.
    number = tuple(int(part) for part in str(info.get("redis_version", "0")).split(".")[:2] if part.isdigit())
    bad = f"{name} {shown} is older than 6.2, the oldest that is supported."
    return check_that("redis", number >= OLDEST_REDIS, f"{name} {shown} answers.", bad)


def _role(info: dict[str, Any]) -> list[Check]:
    """Failed checks of a server that takes no job: a replica, or a part of a cluster."""
    from worker.observability.redis_cause import CLUSTER

    replica = "Redis is a replica, on which the worker cannot write. Let REDIS_URL name the primary."
    found = {f"{CLUSTER}.": int(info.get("cluster_enabled", 0) or 0), replica: info.get("role") == "slave"}
    return [Check("redis role", "fail", said) for said, so in found.items() if so]


def _eviction(info: dict[str, Any]) -> Check:
    from worker.queue.redis_client import eviction_fault

    policy, limit = info.get("maxmemory_policy", "unknown"), info.get("maxmemory") or "unlimited"
    good, fault = f"maxmemory-policy is {policy}, maxmemory {limit}.", eviction_fault(info)
    return check_that("redis memory", fault is None, good, fault or "")


def _persistence(info: dict[str, Any], snapshots: bool | None) -> Check:
    kept = bool(int(info.get("aof_enabled", 0))) or snapshots is not False
    bad = "Redis keeps nothing over a restart: jobs that no worker has polled yet would be lost. "
    bad += "Switch AOF on, or ask for jobs through the outbox."
    return check_that("redis disk", kept, "Redis keeps its data over a restart, or does not tell.", bad, "warn")


async def sevdesk_checks(settings: Settings) -> list[Check]:
    """Token, reach, bookkeeping version, and the templates that invoices name."""
    if settings.sevdesk_api_token is None:
        text = "SEVDESK_API_TOKEN is not set: no payment sync, and jobs that need sevDesk are parked."
        return [Check("sevdesk", "warn", text)]
    async with open_account(settings) as account:
        try:
            version = await account.client.bookkeeping_system_version()
        except TokenRefused:
            return [Check("sevdesk", "fail", "sevDesk refuses the API token. Set a valid SEVDESK_API_TOKEN.")]
        except SevDeskError as error:
            return [Check("sevdesk", "fail", f"{error} Check SEVDESK_BASE_URL and the network.")]
        return [version_check("sevdesk", version), *await _compared_with_database(settings, account)]


async def _compared_with_database(settings: Settings, account: SevdeskAccount) -> list[Check]:
    """Whether it is the database's account, and has the templates that the database names."""
    try:
        store = await Store.connect(
            settings.database_url, size=1, name="sevdesk-worker doctor", billing_schema=settings.billing_schema
        )
        try:
            other = await other_account_of(store, account)
            named: list[Row] = await store.query("named_templates")
        finally:
            await store.close()
        known = {template.id for template in await account.client.list_templates()}
    except (*CONNECTION_LOST, PostgresError, ValueError) as error:
        return [Check("templates", "warn", f"Which templates are named cannot be read ({postgres_cause(error)}).")]
    except SevDeskError as error:
        return [Check("templates", "warn", f"sevDesk's templates cannot be read: {error}")]
    good = "The token belongs to the database's account."
    templates = templates_check({row["place"]: row["template_id"] for row in named}, known)
    return [check_that("account", other is None, good, other or ""), templates]
