"""A worker dies, or only its proof of life does: another one goes on, and sevDesk sees one effect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from asyncpg import Record
from flow.billing import Billing
from flow.books import control, state, until
from flow.conftest import RunWorker
from flow.processes import Process, worker_process
from flow.waiting import PATIENCE, asked

from sevdesk_client.sandbox.http.server import Running
from worker.domain.ledger import AttemptEnd
from worker.maintenance import maintenance
from worker.queue import claims
from worker.settings import Settings
from worker.store import LockSession, Store

SLOW_WRITE = 500  # milliseconds of a write in sevDesk


@asynccontextmanager
async def two_workers(settings: Settings, folder: Path) -> AsyncIterator[list[Process]]:
    """Two processes on the same queue."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(worker_process(settings, folder)) for _ in range(2)]


async def publish_slowly(billing: Billing, sevdesk: Running) -> str:
    """A job whose saveInvoice sevDesk is working on."""
    await control(sevdesk, "PUT", "latency", {"write_ms": SLOW_WRITE})
    job_id = await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())
    await asked(sevdesk, "/saveInvoice")
    return job_id


async def owner(billing: Billing, job_id: str, workers: list[Process]) -> Process:
    """The process that runs the job, according to its row."""
    name = (await billing.job(job_id))["worker"]
    return next(worker for worker in workers if name.split(":")[1] == str(worker.pid))


async def cut_locks(billing: Billing) -> int:
    """End every lock session of this database, as a failing network would; returns their number."""
    statement = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name LIKE 'sevdesk-worker locks %'"""
    return await billing.db.fetchval(statement)


async def test_killed_worker_is_taken_over(
    billing: Billing, settings: Settings, sevdesk: Running, tmp_path: Path
) -> None:
    """SIGKILL in the middle of saveInvoice: the other worker waits out the quarantine, finds the draft, goes on."""
    # Longer than the reaper's beat, or its slowness would pass for patience.
    settings = settings.model_copy(update={"write_quarantine": 4.0})
    async with two_workers(settings, tmp_path) as workers:
        job_id = await publish_slowly(billing, sevdesk)
        victim = await owner(billing, job_id, workers)
        await victim.kill()
        job = await until(partial(second_attempt, billing, job_id))
        assert job["worker"].split(":")[1] != str(victim.pid)
        job = await billing.ended(job_id)
    assert job["state"] == "done"
    intent = await billing.db.fetchrow("SELECT * FROM sevdesk_intents WHERE action = 'save_invoice'")
    waited = (intent["closed_at"] - intent["intent_at"]).total_seconds()
    assert intent["outcome"] == "found_done"
    assert settings.write_quarantine <= waited
    assert len((await state(sevdesk))["invoices"]) == 1


async def second_attempt(billing: Billing, job_id: str) -> Record | None:
    """The job's row, once somebody has taken it up again."""
    job = await billing.job(job_id)
    return job if job["attempt"] == 2 else None


async def test_idle_jobs_of_the_dead_go_on(
    billing: Billing, settings: Settings, sevdesk: Running, tmp_path: Path
) -> None:
    """SIGKILL amid many jobs: the other worker ends all of them, each once."""
    settings = settings.model_copy(update={"write_quarantine": 2.0})
    async with two_workers(settings, tmp_path) as workers:
        jobs = [await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice()) for _ in range(12)]
        await asked(sevdesk, "/saveInvoice")
        await workers[0].kill()
        rows = [await billing.ended(job_id) for job_id in jobs]
    assert {row["state"] for row in rows} == {"done"}
    marks = [invoice["customerInternalNote"] for invoice in (await state(sevdesk))["invoices"]]
    assert len(marks) == len(set(marks)) == len(jobs)


async def test_cut_lock_connection_cancels_the_job(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Without the lock session the worker may not act: the write is abandoned, read back later, made once."""
    async with run_worker(write_quarantine=1.5):
        job_id = await publish_slowly(billing, sevdesk)
        assert await cut_locks(billing) == 1
        job = await billing.ended(job_id)
    assert job["state"] == "done"
    assert job["attempt"] >= 2
    intents = await billing.db.fetch("SELECT outcome FROM sevdesk_intents WHERE action = 'save_invoice'")
    assert [row["outcome"] for row in intents] == ["found_done"]
    assert len((await state(sevdesk))["invoices"]) == 1


async def test_lock_sessions_cut_at_random(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Eight cuts into a stream of jobs of two workers: all end done, each invoice is there once."""
    async with run_worker(write_quarantine=1.0), run_worker(write_quarantine=1.0):
        jobs = [await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice()) for _ in range(12)]
        cut = 0
        async with asyncio.timeout(PATIENCE):
            while cut < 8:
                await asyncio.sleep(0.1)
                cut += await cut_locks(billing)
        rows = [await billing.ended(job_id) for job_id in jobs]
    assert {row["state"] for row in rows} == {"done"}
    marks = [invoice["customerInternalNote"] for invoice in (await state(sevdesk))["invoices"]]
    assert len(marks) == len(set(marks)) == len(jobs)


async def test_failed_claim_keeps_no_lock(billing: Billing, worker: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that Postgres breaks off leaves the invoice free; the job runs when Postgres can again."""
    monkeypatch.setattr(claims, "REFUSED_SECONDS", 0.05)
    await billing.db.execute("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON sevdesk_jobs FOR EACH ROW
        WHEN (NEW.state = 'running') EXECUTE FUNCTION refuse();""")
    invoice = await billing.usual_invoice()
    job_id = await billing.enqueue("publish_invoice", invoice_id=invoice)
    await billing.until_state(job_id, "queued")
    await asyncio.sleep(0.3)  # some claims have failed by now, and the next one may be under way
    statement = """SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                   WHERE l.locktype = 'advisory' AND d.datname = current_database()
                     AND (l.classid::bigint << 32 | l.objid::bigint) = sevdesk_lock_key_v1('invoice:' || $1)"""
    async with asyncio.timeout(PATIENCE):
        while await billing.db.fetchval(statement, str(invoice)):  # noqa: ASYNC110 - another task's doing
            await asyncio.sleep(0.01)
    await billing.db.execute("DROP TRIGGER refuse ON sevdesk_jobs")
    assert (await billing.ended(job_id))["state"] == "done"


@pytest.mark.parametrize("running", [True, False])
async def test_reaper_spares_what_lives(
    running: bool, billing: Billing, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a running job whose lock is free goes back to the queue."""
    monkeypatch.setattr(maintenance, "REAP_SECONDS", 0.2)
    invoice = await billing.usual_invoice()
    job_id = await billing.request("publish_invoice", invoice_id=invoice)
    await billing.put_into("running", job_id)
    async with billing.db.acquire() as other, run_worker():
        if running:
            await other.execute(
                "SELECT pg_advisory_lock(sevdesk_lock_key_v1(order_key)) FROM sevdesk_jobs WHERE job_id = $1", job_id
            )
            await asyncio.sleep(0.7)
            assert (await billing.job(job_id))["state"] == "running"
            await other.execute("SELECT pg_advisory_unlock_all()")
        assert (await billing.ended(job_id))["state"] == "done"


async def test_late_word_of_the_lost_is_ignored(billing: Billing, settings: Settings) -> None:
    """A worker that lost its lock ends the attempt it believes in: the one that runs by then is not touched."""
    job_id = await billing.request("publish_invoice", invoice_id=await billing.usual_invoice())
    async with AsyncExitStack() as stack:
        store = await Store.connect(settings.database_url, size=1)
        stack.push_async_callback(store.close)
        attempts = []
        for worker in ("first", "second"):
            locks = LockSession(
                settings.lock_url, worker, settings.person_job_limit, on_lost=lambda: None, on_request=lambda: None
            )
            await locks.connect()
            stack.push_async_callback(locks.close)
            attempts += (await locks.claim(1))[0]
            if worker == "first":
                await cut_locks(billing)
                assert len(await store.query("requeue_abandoned_jobs")) == 1
        first, second = attempts
        assert (first.job_id, second.attempt) == (second.job_id, 2)
        await store.record(first, ending=AttemptEnd("waiting", after=60.0))
        assert (await billing.job(job_id))["state"] == "running"
