"""Clumsy hands in the database while jobs are at work: tables locked, sessions ended, rights taken."""

import asyncio

import pytest
from chaos.children import Nursery
from chaos.lane import lane
from flow.stage import Stage
from hostile.test_refusing_postgres import as_worker
from hostile.trouble import ask, complaints

from worker.local.services import Services

EVERYBODY = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND application_name LIKE 'sevdesk-worker%'"""
TABLES = ("sevdesk_queue", "sevdesk_jobs", "sevdesk_intents", "billing_invoices", "billing_invoice_event_log")
RIGHTS = (
    "ALL ON billing_invoices, billing_invoice_event_log",
    "INSERT ON sevdesk_intents",
    "UPDATE ON sevdesk_intents",
    "EXECUTE ON ALL FUNCTIONS IN SCHEMA public",
    "INSERT ON sevdesk_documents",
)


@pytest.mark.long
@pytest.mark.parametrize("table", TABLES)
async def test_locked_table_is_waited_out(table: str, services: Services, template: str, home: Nursery) -> None:
    """As by VACUUM FULL, for longer than statements may take."""
    async with lane(services, template, home, 1) as place:
        worker = await place.worker(**{"worker.store.connection.STATEMENT_TIMEOUT": 3})
        work = await ask(place)
        await work.begun()
        async with place.billing.db.acquire() as own, own.transaction():
            await own.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            await asyncio.sleep(12)
        assert await work.findings() == []
        assert complaints(worker) == []


@pytest.mark.long
async def test_every_session_may_be_ended(services: Services, template: str, home: Nursery) -> None:
    """Twelve times within seconds, of two workers."""
    async with lane(services, template, home, 1) as place:
        workers = [await place.worker() for _ in range(2)]
        work = await ask(place, 6)
        await work.begun()
        for _ in range(12):
            await place.billing.db.fetch(EVERYBODY)
            await asyncio.sleep(0.7)
        assert await work.findings() == []
        assert [text for text in complaints(*workers) if "traceback" in text] == []


@pytest.mark.long
@pytest.mark.parametrize("right", RIGHTS)
async def test_right_may_be_taken_and_given_back(right: str, services: Services, template: str, home: Nursery) -> None:
    """Also between a write to sevDesk and its record; roles.sql mends it."""
    async with lane(services, template, home, 1) as place:
        url = place.environment["DATABASE_URL"]
        await place.worker(DATABASE_URL=as_worker(url))
        work = await ask(place)
        await work.begun()
        await place.billing.db.execute(f"REVOKE {right} FROM sevdesk_worker")
        await asyncio.sleep(4)
        as_worker(url)
        assert await work.findings() == []


async def test_why_names_the_foreign_lock(stage: Stage) -> None:
    """Somebody holds the lock of an invoice: its job is not said to wait for a free slot."""
    billing = stage.billing
    async with stage.working(), billing.db.acquire() as somebody:
        invoice = await billing.usual_invoice()
        await somebody.execute("SELECT pg_advisory_lock(sevdesk_lock_key_v1('invoice:' || $1))", str(invoice))
        job = await billing.request("publish_invoice", invoice_id=invoice)
        await billing.db.execute("UPDATE sevdesk_jobs SET created_at = created_at - interval '1 h'")
        told = await stage.why(job)
        assert "holds its lock" in told.cause and "doctor" in told.next_step
        await somebody.execute("SELECT pg_advisory_unlock_all()")
        assert (await billing.ended(job))["state"] == "done"
