"""SIGTERM at any moment: prompt, clean, and the next worker goes on where this one stopped."""

import asyncio
import gc
import random
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from flow.billing import Billing
from flow.books import control, forget_calls, state, until
from flow.conftest import RunWorker, no_reset
from flow.processes import worker_process
from flow.waiting import asked

from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings
from worker.store import to_its_end
from worker.store.connection import run_statement
from worker.store.pooler import in_transaction

PER_ROUND = 3
WRITE_MS = 60  # sevDesk's part of a write: a publication has three, so that the signal comes in the middle of one


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A grace that is longer than `terminate` waits for the end: whoever waits it out fails."""
    return settings.model_copy(update={"shutdown_grace": 600.0, "write_quarantine": 4.0})


async def assert_nothing_left(billing: Billing) -> None:
    """No job is running, and no job and no worker has a key in Redis."""
    running = await billing.db.fetch("SELECT job_id, steps_done FROM sevdesk_jobs WHERE state = 'running'")
    assert [dict(row) for row in running] == []
    assert await billing.redis.keys("arq:in-progress:*") == []
    assert await billing.redis.keys("arq:queue:health-check:*") == []


async def any_running(billing: Billing) -> bool:
    """Whether a job is at work."""
    return await billing.db.fetchval("SELECT EXISTS (SELECT FROM sevdesk_jobs WHERE state = 'running')")


@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.long)])
async def test_sigterm_in_stream_duplicates_nothing(
    rounds: int, billing: Billing, settings: Settings, sevdesk: Running, tmp_path: Path
) -> None:
    """Signalled at random moments of short jobs; afterwards each invoice is in sevDesk once."""
    chance = random.Random(rounds)
    deal = await billing.deal(await billing.company())
    jobs: list[str] = []
    interrupted = 0
    await control(sevdesk, "PUT", "latency", {"write_ms": WRITE_MS})
    for _ in range(rounds):
        async with worker_process(settings, tmp_path) as worker:
            for _ in range(PER_ROUND):
                jobs.append(await billing.enqueue("publish_invoice", invoice_id=await billing.invoice(deal)))
            await until(partial(any_running, billing))
            await asyncio.sleep(chance.uniform(0, 2.5 * WRITE_MS / 1000))
            await worker.terminate()
        await assert_nothing_left(billing)
        begun = "SELECT count(*) FROM sevdesk_jobs WHERE state <> 'done' AND attempt > 0"
        interrupted += await billing.db.fetchval(begun)
    assert interrupted >= rounds / 2, "the signals all came between the jobs"
    async with worker_process(settings, tmp_path) as worker:
        rows = [await billing.ended(job_id) for job_id in jobs]
        await worker.terminate()
    assert {(row["state"], row["error"]) for row in rows} == {("done", None)}
    books = await state(sevdesk)
    marks = [invoice["customerInternalNote"] for invoice in books["invoices"]]
    assert len(marks) == len(set(marks)) == len(jobs)
    assert books["sequences"]["RE"] == 1000 + len(jobs)
    assert len(books["contacts"]) == 1


async def publish_slowly(billing: Billing, sevdesk: Running, write_ms: int) -> tuple[str, UUID]:
    """A job in the middle of its saveInvoice, which takes so long; the contact is known from another invoice."""
    deal = await billing.deal(await billing.company())
    await billing.do("publish_invoice", invoice_id=await billing.invoice(deal))
    await control(sevdesk, "PUT", "latency", {"write_ms": write_ms})
    await forget_calls(sevdesk)
    invoice = await billing.invoice(deal)
    job_id = await billing.enqueue("publish_invoice", invoice_id=invoice)
    await asked(sevdesk, "/saveInvoice")
    return job_id, invoice


async def copies(sevdesk: Running, billing: Billing, invoice: UUID) -> int:
    """How often sevDesk has the invoice."""
    number = (await billing.row(invoice))["invoice_number"]
    return sum(there["customerInternalNote"] == number for there in (await state(sevdesk))["invoices"])


async def test_slow_write_is_finished_first(
    billing: Billing, settings: Settings, sevdesk: Running, tmp_path: Path
) -> None:
    """SIGTERM during saveInvoice: its result is recorded, then the job is handed back for the next worker."""
    async with worker_process(settings, tmp_path) as worker:
        job_id, invoice = await publish_slowly(billing, sevdesk, 600)
        await worker.terminate()
    await assert_nothing_left(billing)
    job = await billing.job(job_id)
    assert job["state"] == "queued"
    assert "publish" in job["steps_done"] and "finalize" not in job["steps_done"]
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_intents WHERE closed_at IS NULL") == 0
    async with worker_process(settings, tmp_path):
        assert (await billing.ended(job_id))["state"] == "done"
    assert await copies(sevdesk, billing, invoice) == 1


async def test_write_without_grace_is_read_back(
    billing: Billing, settings: Settings, sevdesk: Running, tmp_path: Path
) -> None:
    """No time to wait: the intent stays open, and the next worker asks sevDesk after the quarantine."""
    patient = settings.model_copy(update={"write_quarantine": 4.5, "shutdown_grace": 0.0})
    async with worker_process(patient, tmp_path) as worker:
        job_id, invoice = await publish_slowly(billing, sevdesk, 2800)
        await worker.terminate()
    await assert_nothing_left(billing)
    assert (await billing.job(job_id))["state"] == "queued"
    opened = await billing.db.fetchrow("SELECT * FROM sevdesk_intents WHERE closed_at IS NULL")
    assert opened["action"] == "save_invoice"
    async with worker_process(patient, tmp_path):
        assert (await billing.ended(job_id))["state"] == "done"
    settled = await billing.db.fetchrow("SELECT * FROM sevdesk_intents WHERE id = $1", opened["id"])
    assert settled["outcome"] == "found_done"
    assert (settled["closed_at"] - settled["intent_at"]).total_seconds() >= patient.write_quarantine
    assert await copies(sevdesk, billing, invoice) == 1


async def test_idle_worker_stops_without_complaint(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """Nothing to do, nothing to warn of."""
    async with worker_process(settings, tmp_path) as worker:
        await worker.until("locks.ready")
        await worker.terminate()
    assert [line["event"] for line in worker.log() if line["level"] != "info"] == []


@pytest.mark.parametrize("table", ["sevdesk_intents", "sevdesk_contacts"])
async def test_statement_without_grace_is_left_alone(table: str, billing: Billing, run_worker: RunWorker) -> None:
    """No time to wait for a statement of the lock session, or of a transaction: the job is handed back all the same."""
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass)"
    async with run_worker(shutdown_grace=0.0) as app, billing.db.acquire() as other, other.transaction():
        await other.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        job_id = await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())
        await until(lambda: billing.db.fetchval(waits, table))
        app.stop()
        await asyncio.sleep(0.3)
    job = await billing.job(job_id)
    assert (job["state"], job["problem"]) == ("queued", "handed_back")


async def test_transaction_may_be_cancelled_anywhere(database_url: str) -> None:
    """The cancellation arrives, the connection goes back without an open transaction, and asyncpg complains of none."""
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))

    async def transact(pool: asyncpg.Pool) -> None:
        async with in_transaction(pool) as connection:
            await run_statement(connection, "backend_pid")

    async with asyncpg.create_pool(database_url, min_size=1, max_size=1, reset=no_reset) as pool:
        for moment in range(200):
            task = asyncio.create_task(transact(pool))
            await asyncio.sleep(moment / 100_000)
            task.cancel()
            [ended] = await asyncio.gather(task, return_exceptions=True)
            assert ended is None or isinstance(ended, asyncio.CancelledError)
            async with pool.acquire() as connection:
                assert not connection.is_in_transaction()
    assert said == []


async def test_work_that_nobody_waits_for_fails_in_silence() -> None:
    """A claim is left to its end when the worker stops; asyncio would print a traceback of what it raises then."""
    said: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
    over = asyncio.Event()

    async def fail() -> None:
        await over.wait()
        raise asyncpg.InterfaceError

    waiting = asyncio.create_task(to_its_end(fail()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    del waiting  # its traceback keeps what failed
    over.set()
    for _ in range(3):
        await asyncio.sleep(0)
    gc.collect()
    assert said == []
