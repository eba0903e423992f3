"""What `sevdesk-worker health` checks, for a container: Postgres, Redis, a living worker, a fresh payment sync."""

import asyncio
import socket
from collections.abc import Awaitable

from worker.domain.health_check import MISSED_SYNCS, Check, check_that
from worker.domain.schedule import is_allowed, not_allowed
from worker.operator.connections import error_budget_left, living_workers, redis_client
from worker.settings import Settings

# For all checks together: a container's check is usually given five seconds.
SECONDS = 4.0


async def health_checks(settings: Settings, *, here: bool, sync_within: float | None) -> list[Check]:
    """`here`: only workers on this host count. `sync_within`: minutes; 0: any time ago; None: three intervals."""
    groups = await asyncio.gather(
        _within_time_limit("postgres", _postgres(settings, sync_within)),
        _within_time_limit("redis", _redis(settings, here)),
    )
    return [check for group in groups for check in group]


async def _within_time_limit(name: str, checks: Awaitable[list[Check]]) -> list[Check]:
    """The checks or, on an error or after SECONDS, one failed check."""
    from redis.exceptions import RedisError

    from worker.store import CONNECTION_LOST
    from worker.store.probe import NOT_MIGRATED, PostgresError, what_is_missing

    try:
        async with asyncio.timeout(SECONDS):
            return await checks
    except (RedisError, ValueError, *CONNECTION_LOST) as error:
        return [Check(name, "fail", f"does not answer ({type(error).__name__}).")]
    except NOT_MIGRATED as error:
        return [Check(name, "fail", f"answers. {what_is_missing(error)}")]
    except PostgresError as error:
        return [Check(name, "fail", f"refuses ({type(error).__name__}). See sevdesk-worker doctor.")]


async def _postgres(settings: Settings, sync_within: float | None) -> list[Check]:
    from worker.store import Store
    from worker.store.operator_rows import AccountRow

    store = await Store.connect(settings.database_url, size=1, name="sevdesk-worker health")
    try:
        account: AccountRow = await store.query("account")
    finally:
        await store.close()
    answers = Check("postgres", "ok", "answers.")
    if not account["token_configured"]:
        return [answers, Check("sync", "ok", "no token, so no payment sync is expected.")]
    if sync_within == 0:
        return [answers]
    if not is_allowed(minutes := account["payment_sync_interval_minutes"]):
        return [answers, Check("sync", "fail", not_allowed(minutes))]
    limit = sync_within * 60 if sync_within else minutes * 60 * MISSED_SYNCS
    age = account["sync_age"]
    if age is None:
        return [answers, Check("sync", "ok", "no payment sync has been made yet.")]
    text = f"the last payment sync was {age:.0f} s ago, {limit:.0f} s allowed."
    return [answers, check_that("sync", age <= limit, text, text)]


async def _redis(settings: Settings, here: bool) -> list[Check]:
    async with redis_client(settings.redis_url) as client:
        await client.ping()
        alive = await living_workers(client)
        left = await error_budget_left(client, settings)
    answers = Check("redis", "ok", "answers.")
    where = " on this host" if here else ""
    ours = [name for name in alive if not here or name.rpartition(":")[0].rpartition(":")[0] == socket.gethostname()]
    text = f"{len(ours) or 'no'} worker{where} has reported within ten seconds."
    checks = [answers, check_that("worker", bool(ours), text, text)]
    if left is not None:
        # Never a failure: a restart of the container would not mend it.
        text = f"{left:.0%} of ERROR_BUDGET is left."
        bad = f"many calls end in errors: {left:.0%} of ERROR_BUDGET is left, so jobs are slowed."
        checks.append(check_that("errors", left >= 0.5, text, bad, "warn"))
    return checks
