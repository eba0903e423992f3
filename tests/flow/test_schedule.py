"""The payment sync starts by itself: once per tick, however many workers, and as often as the setting says."""

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import pytest
from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk

from worker.domain.schedule import is_allowed, next_run
from worker.maintenance import maintenance, scheduler

TICK = 0.05


@pytest.fixture(autouse=True)
def fast_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler runs every 50 ms instead of every 5 s."""
    monkeypatch.setattr(maintenance, "TICK_SECONDS", TICK)


async def due(billing: Billing) -> datetime | None:
    """When the next run is due, as the workers know it."""
    return await billing.db.fetchval("SELECT next_run_at FROM sevdesk_schedules WHERE name = 'payments'")


async def set_due(billing: Billing, moment: datetime) -> None:
    await until(lambda: due(billing))
    await billing.db.execute("UPDATE sevdesk_schedules SET next_run_at = $1 WHERE name = 'payments'", moment)


async def syncs(billing: Billing) -> list[asyncpg.Record]:
    """All scheduled runs so far."""
    return await billing.db.fetch("SELECT * FROM sevdesk_jobs WHERE kind = 'sync_payments' ORDER BY seq")


async def is_in_future(billing: Billing) -> bool:
    """Whether the next run is in the future again."""
    return (await due(billing) or datetime.now(UTC)) > datetime.now(UTC)


def ago(minutes: int) -> datetime:
    """A tick of the ten-minute interval that lies at least so far back."""
    return next_run(10, datetime.now(UTC) - timedelta(minutes=minutes + 11))


async def test_first_sync_runs_at_start(
    billing: Billing, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a new installation payments are read at once; the next run is planned as ever, and a restart starts none."""
    monkeypatch.setattr(scheduler, "FIRST_SYNC_AFTER", timedelta(0))
    for _ in range(2):
        async with run_worker():
            [job] = await until(lambda: syncs(billing))
            assert (await billing.ended(job["job_id"]))["state"] == "done"
            await asyncio.sleep(3 * TICK)
    assert len(await syncs(billing)) == 1 and await is_in_future(billing)


async def test_later_ticks_only_plan(billing: Billing, worker: object) -> None:
    """A worker plans the next even ten minutes and starts nothing before them."""
    before = datetime.now(UTC)
    planned = await until(lambda: due(billing))
    assert next_run(10, before) <= planned <= next_run(10, datetime.now(UTC))
    await asyncio.sleep(3 * TICK)
    assert await syncs(billing) == []


@pytest.mark.parametrize("workers", [1, 2])
async def test_tick_starts_one_run(billing: Billing, run_worker: RunWorker, workers: int) -> None:
    """When its time has come the run is a system job that ends; several workers start it once."""
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await stack.enter_async_context(run_worker())
        await set_due(billing, ago(minutes=0))
        await until(lambda: is_in_future(billing))
        await asyncio.sleep(5 * TICK)
        [job] = await syncs(billing)
        job = await billing.ended(job["job_id"])
    assert (job["state"], job["error"], job["origin"]) == ("done", None, "system")
    assert job["requested_by"] is None and job["job_id"].startswith("payments:")
    assert len(await syncs(billing)) == 1


async def test_missed_ticks_do_not_pile_up(billing: Billing, worker: object) -> None:
    """After hours without a worker there is one run, not one for each tick."""
    await set_due(billing, ago(minutes=600))
    await until(lambda: is_in_future(billing))
    await asyncio.sleep(5 * TICK)
    assert len(await syncs(billing)) == 1


async def test_any_past_time_starts(billing: Billing, worker: object) -> None:
    """Also a time on no beat, set by hand or by an older interval; the same time set again starts another run."""
    past = datetime.now(UTC) - timedelta(minutes=3, seconds=17, microseconds=5)
    for runs in (1, 2):
        await set_due(billing, past)
        await until(lambda: is_in_future(billing))
        await asyncio.sleep(5 * TICK)
        all_runs = await syncs(billing)
        assert len(all_runs) == runs
        await billing.ended(all_runs[-1]["job_id"])
        await asyncio.sleep(1)  # job ids have whole seconds


async def test_run_still_going_is_joined(billing: Billing, worker: object, sevdesk: HoldableSevdesk) -> None:
    """A tick that finds the last run at work passes without a second one, and the one after it runs again."""
    async with sevdesk.held("GET /Invoice") as hold:
        await set_due(billing, ago(minutes=30))
        await hold.reached()
        await set_due(billing, ago(minutes=20))
        await until(lambda: is_in_future(billing))
        [job] = await syncs(billing)
        assert job["state"] == "running"
    await billing.ended(job["job_id"])
    await set_due(billing, ago(minutes=10))
    await until(lambda: is_in_future(billing))
    assert len(await syncs(billing)) == 2


async def planned_for(billing: Billing, minutes: int) -> bool:
    return await due(billing) == next_run(minutes, datetime.now(UTC))


@pytest.mark.parametrize("before, after", [(1440, 15), (1440, 60), (1, 10), (1, 1440)])
async def test_changed_interval_is_followed(billing: Billing, worker: object, before: int, after: int) -> None:
    """Within a beat the next run lies on the new interval's tick, sooner or later than before, and nothing runs."""
    for minutes in (before, after):
        await billing.db.execute("UPDATE sevdesk_config SET payment_sync_interval_minutes = $1", minutes)
        await until(partial(planned_for, billing, minutes))
    assert len(await syncs(billing)) == 0


async def test_refused_interval_starts_nothing(billing: Billing, worker: object) -> None:
    """An interval that fits no hour (set under an older CHECK) leaves the plan as it is; an allowed one goes on."""
    await until(lambda: due(billing))
    await billing.db.execute(
        "ALTER TABLE sevdesk_config DROP CONSTRAINT sevdesk_config_payment_sync_interval_minutes_check"
    )
    await billing.db.execute("UPDATE sevdesk_config SET payment_sync_interval_minutes = 7")
    past = ago(minutes=0)
    await set_due(billing, past)
    await asyncio.sleep(5 * TICK)
    assert await due(billing) == past and await syncs(billing) == []
    await billing.db.execute("UPDATE sevdesk_config SET payment_sync_interval_minutes = 10")
    await until(lambda: is_in_future(billing))
    assert len(await syncs(billing)) == 1


async def test_table_takes_what_the_schedule_keeps(billing: Billing) -> None:
    """The CHECK lets through exactly the intervals that have a next run."""
    taken = []
    for minutes in range(-1, 1500):
        with suppress(asyncpg.CheckViolationError):
            await billing.db.execute("UPDATE sevdesk_config SET payment_sync_interval_minutes = $1", minutes)
            taken.append(minutes)
    assert taken == [minutes for minutes in range(-1, 1500) if is_allowed(minutes)]
