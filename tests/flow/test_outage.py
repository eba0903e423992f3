"""Redis or Postgres fails amid running jobs and comes back: the worker stays up, and every recorded job is done."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from flow.billing import Billing
from flow.books import control, state
from flow.conftest import RunWorker
from flow.waiting import PATIENCE, asked
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.local.services import Services
from worker.store import Store
from worker.store.notifications import Notifications

JOBS = 20
UNEXPECTED = {"maintenance.unexpected_error", "inbox.unexpected_error"}
OUTAGE_SECONDS = 1.0  # longer than the worker repeats a command at once

Logged = Callable[[], Counter[str]]


@pytest.fixture
def logged() -> Iterator[Logged]:
    """How often each event was logged, without the calls to sevDesk."""
    with capture_logs() as lines:
        yield lambda: Counter(line["event"] for line in lines if line["event"] != "sevdesk.call")


async def running_jobs(billing: Billing, sevdesk: Running) -> list[str]:
    """Jobs that are all recorded; some are running, most wait for a free slot."""
    await control(sevdesk, "PUT", "latency", {"write_ms": 50})
    jobs = [await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice()) for _ in range(JOBS)]
    async with asyncio.timeout(PATIENCE):
        while await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs") < JOBS:  # noqa: ASYNC110 - another task
            await asyncio.sleep(0.01)
    await asked(sevdesk, "/saveInvoice")
    return jobs


async def assert_all_done_once(billing: Billing, sevdesk: Running, jobs: list[str]) -> None:
    """Every job ended well, and each invoice is in sevDesk once."""
    rows = [await billing.ended(job_id) for job_id in jobs]
    assert {(row["state"], row["error"]) for row in rows} == {("done", None)}
    marks = [there["customerInternalNote"] for there in (await state(sevdesk))["invoices"]]
    assert len(marks) == len(set(marks)) == len(jobs)
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_intents WHERE closed_at IS NULL") == 0


async def test_emptied_redis_loses_nothing(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, logged: Logged
) -> None:
    """FLUSHALL amid twenty jobs: those that had not begun are in Postgres."""
    async with run_worker(worker_max_jobs=3):
        jobs = await running_jobs(billing, sevdesk)
        await billing.redis.flushall()
        await assert_all_done_once(billing, sevdesk, jobs)
        assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
    usual = {"worker.started", "locks.ready", "leader.elected", "job.done", "worker.stopping", "worker.stopped"}
    assert set(logged()) <= usual


async def test_redis_away_and_back(
    breakable_services: Services, billing: Billing, run_worker: RunWorker, sevdesk: Running, logged: Logged
) -> None:
    """All recorded jobs go on without it; the loss and the return are logged once."""
    async with run_worker(worker_max_jobs=3) as worker:
        jobs = await running_jobs(billing, sevdesk)
        await asyncio.to_thread(breakable_services.redis.stop)
        await asyncio.sleep(OUTAGE_SECONDS)
        await asyncio.to_thread(breakable_services.redis.start)
        await assert_all_done_once(billing, sevdesk, jobs)
        assert worker.claims.tasks == {}
        assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
    events = logged()
    assert (events["redis.lost"], events["redis.restored"]) == (1, 1)
    assert not {"job.crashed", "job.unexpected_error", *UNEXPECTED} & set(events)


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_postgres_away_and_back(
    end: str, breakable_services: Services, billing: Billing, run_worker: RunWorker, sevdesk: Running, logged: Logged
) -> None:
    """What ran is taken up again after its quarantine; the loss and the return are logged once."""
    async with run_worker(worker_max_jobs=3, write_quarantine=1.5):
        jobs = await running_jobs(billing, sevdesk)
        await asyncio.to_thread(getattr(breakable_services.postgres, end))
        await asyncio.sleep(OUTAGE_SECONDS)
        await asyncio.to_thread(breakable_services.postgres.start)
        await assert_all_done_once(billing, sevdesk, jobs)
        assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
    events = logged()
    assert (events["locks.lost"], events["locks.restored"]) == (1, 1)
    assert events["postgres.lost"] == events["postgres.restored"] <= 1
    assert not {"job.crashed", "job.unexpected_error", *UNEXPECTED} & set(events)


async def test_jobs_notice_an_outage(
    billing: Billing, run_worker: RunWorker, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have all connections, so that no loop comes to ask anything: they tell the loss, and a claim the end."""
    record, unanswered = Store.record, [TimeoutError()]

    async def record_in_time(store: Store, *given: Any, **named: Any) -> None:
        if unanswered:
            raise unanswered.pop()
        await record(store, *given, **named)

    monkeypatch.setattr(Store, "record", record_in_time)
    async with run_worker(write_quarantine=1.5):
        assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"
    events = logged()
    assert [events[name] for name in ("job.interrupted", "postgres.lost", "postgres.restored")] == [1, 1, 1]


@pytest.mark.parametrize("name", ["redis", "postgres"])
async def test_worker_waits_for_its_servers(
    name: str, breakable_services: Services, billing: Billing, run_worker: RunWorker, sevdesk: Running, logged: Logged
) -> None:
    """Started before Redis or Postgres: it logs that once and works when they answer."""
    server = getattr(breakable_services, name)
    job_id = await billing.request("publish_invoice", invoice_id=await billing.usual_invoice())
    await asyncio.to_thread(server.stop)
    async with run_worker():
        await asyncio.sleep(OUTAGE_SECONDS)
        await asyncio.to_thread(server.start)
        assert (await billing.ended(job_id))["state"] == "done"
    events = logged()
    assert events["redis.lost" if name == "redis" else "postgres.unreachable"] == 1
    assert not UNEXPECTED & set(events)


async def test_refusing_database_is_outlived(billing: Billing, worker: object, logged: Logged) -> None:
    """Postgres answers, but refuses the ledger's rows (a full disk, say): logged once; then the jobs run."""
    await billing.db.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON sevdesk_jobs FOR EACH ROW EXECUTE FUNCTION refuse();""")
    job_id = await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())
    async with asyncio.timeout(PATIENCE):
        while not logged()["postgres.no_room"]:  # noqa: ASYNC110 - a log line sets no event
            await asyncio.sleep(0.01)
    await asyncio.sleep(2.5)  # longer than until the next try
    await billing.db.execute("DROP TRIGGER refuse ON sevdesk_jobs")
    assert (await billing.ended(job_id))["state"] == "done"
    events = logged()
    assert events["postgres.no_room"] == 1
    assert not {"job.crashed", "job.unexpected_error", "queue.claim_failed", *UNEXPECTED} & set(events)


async def test_away_postgres_is_left_alone() -> None:
    """Whoever has something to tell asks once a second whether it is back; sixty workers would else be in its way."""
    tries = 0

    async def refuse(*_: object, **__: object) -> None:
        nonlocal tries
        tries += 1
        raise ConnectionRefusedError

    async with asyncpg.create_pool("postgresql://", min_size=0, max_size=1, connect=refuse) as pool:
        notifications = Notifications(pool)
        notifications.request()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.5):
                await notifications.run()
    assert tries == 2
