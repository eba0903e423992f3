"""What `sevdesk-worker health` checks, for a container: Postgres, Redis, a living worker, a fresh payment sync."""

import asyncio
import socket
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.domain.health_check import Check, check_that
from worker.domain.schedule import ALLOWED, MISSED_SYNCS, is_allowed
from worker.gate.budget import SLOW_SHARE
from worker.operator.connections import error_budget_left, last_reports, other_account, read_health, redis_client
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.operator.rows import AccountRow

# A job that met another account is tried again every minute, and each time that is noted.
OTHER_ACCOUNT_SECONDS = 180.0
NONE_EVER = Check("worker", "fail", "no worker has run on this database yet. Start one: sevdesk-worker run.")
# For all checks together: a container's check is usually given five seconds.
SECONDS = 4.0


def not_allowed(minutes: int) -> str:
    """What to say, and to do, about an interval that the schedule cannot keep."""
    return (
        f"payment_sync_interval_minutes is {minutes}, so only the nightly sweep is started; allowed are {ALLOWED}. "
        "Set one: sevdesk-worker enqueue update_config payment_sync_interval_minutes=10."
    )


async def health_checks(settings: Settings, *, here: bool, sync_within: float | None) -> list[Check]:
    """`here`: only workers on this host count. `sync_within`: minutes; 0: any time ago; None: three intervals."""
    groups = await asyncio.gather(
        _within_time_limit("postgres", _postgres(settings, sync_within)),
        _within_time_limit("redis", _redis(settings, here)),
    )
    checks = [check for group in groups for check in group]
    # It says more than that none has reported to Redis.
    return [each for each in checks if NONE_EVER not in checks or each.name != "worker" or each == NONE_EVER]


async def _within_time_limit(name: str, checks: Awaitable[list[Check]]) -> list[Check]:
    """The checks or, on an error or after SECONDS, one failed check."""
    from redis.exceptions import RedisError

    from worker.observability.redis_cause import redis_cause
    from worker.store import CONNECTION_LOST, MIGRATION_MISSING, postgres_cause
    from worker.store.probe import PostgresError, what_is_missing

    try:
        async with asyncio.timeout(SECONDS):
            return await checks
    except (RedisError, ValueError, *CONNECTION_LOST) as error:
        cause = redis_cause(error) if isinstance(error, RedisError) else postgres_cause(error)
        return [Check(name, "fail", f"does not answer: {cause}.")]
    except MIGRATION_MISSING as error:
        return [Check(name, "fail", f"answers. {what_is_missing(error)}")]
    except PostgresError as error:
        return [Check(name, "fail", f"refuses: {postgres_cause(error)}. See sevdesk-worker doctor.")]


def other_account_seen(account: "AccountRow") -> str | None:
    """A sentence if some worker's token has belonged to another account within OTHER_ACCOUNT_SECONDS."""
    if account["other_account_age"] is None or account["other_account_age"] > OTHER_ACCOUNT_SECONDS:
        return None
    differs = other_account(account["account_id"], account["other_account_id"] or "another")
    return f"Worker {account['other_account_worker']}: {differs}"


def restored(account: "AccountRow") -> str | None:
    """A sentence if the database was restored from a backup and `recover` has not run since."""
    if account["restored_at"] is None:
        return None
    return (
        f"this database was restored from a backup, noticed at {account['restored_at']:%Y-%m-%d %H:%M:%S %Z}: no write "
        "leaves before this has run: sevdesk-worker recover --since TIME, where TIME is before the backup was made."
    )


async def _postgres(settings: Settings, sync_within: float | None) -> list[Check]:
    from worker.operator.rows import AccountRow
    from worker.store import Store

    store = await Store.connect(
        settings.database_url, size=1, name="sevdesk-worker health", billing_schema=settings.billing_schema
    )
    try:
        account: AccountRow = await store.query("account")
        started = await store.query("any_worker_ever")
    finally:
        await store.close()
    answers = Check("postgres", "ok", "answers.")
    known = [answers] if started else [answers, NONE_EVER]
    if started and not account["token_configured"]:
        return [answers, Check("sync", "ok", "no token, so no payment sync is expected.")]
    if sync_within == 0:  # for a container, where a restart would mend none of what follows
        return known
    if (other := other_account_seen(account)) is not None:
        return [*known, Check("account", "fail", other)]
    if (forgets := restored(account)) is not None:
        return [*known, Check("restore", "fail", forgets)]
    if not is_allowed(minutes := account["payment_sync_interval_minutes"]):
        return [*known, Check("sync", "fail", not_allowed(minutes))]
    limit = sync_within * 60 if sync_within else minutes * 60 * MISSED_SYNCS
    age = account["sync_age"]
    if age is None:
        return [*known, Check("sync", "ok", "no payment sync has been made yet.")]
    text = f"the last payment sync was {age:.0f} s ago, {limit:.0f} s allowed."
    return [*known, check_that("sync", age <= limit, text, text)]


async def _redis(settings: Settings, here: bool) -> list[Check]:
    async with redis_client(settings.redis_url) as client:
        await client.ping()
        alive = await last_reports(client)
        left = await error_budget_left(client, settings)
        seen = await read_health(client)
    answers = Check("redis", "ok", "answers.")
    where = " on this host" if here else ""
    ours = [
        seconds
        for name, seconds in (alive or {}).items()
        if not here or name.rpartition(":")[0].rpartition(":")[0] == socket.gethostname()
    ]
    text = f"no worker{where} has reported within ten seconds."
    if ours:
        text = f"workers{where} that have reported: {len(ours)}, the last one {min(ours):.0f} s ago."
    unknown = Check("worker", "ok", "which workers run is not known, for Redis does not allow SCAN.")
    running = unknown if alive is None else check_that("worker", bool(ours), text, text)
    checks = [answers, running, seen.check(datetime.now(UTC))]
    if left is not None:
        # Never a failure: a restart of the container would not mend it.
        text = f"{left:.0%} of ERROR_BUDGET is left."
        bad = f"many calls end in errors: {left:.0%} of ERROR_BUDGET is left, so jobs are slowed."
        checks.append(check_that("errors", left >= 1 - SLOW_SHARE, text, bad, "warn"))
    return checks
