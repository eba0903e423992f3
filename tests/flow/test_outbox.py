"""The transactional outbox: a job is asked for inside the caller's own transaction."""

import asyncio

import asyncpg
import pytest
from flow.billing import Billing
from flow.books import state
from flow.waiting import PATIENCE

from sevdesk_client.sandbox.http.server import Running
from worker.queue import claims


@pytest.fixture
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """The regular poll, which finds what no notification told of, comes too late for any test."""
    monkeypatch.setattr(claims, "POLL_SECONDS", 3600.0)


async def request(connection: asyncpg.Connection, invoice: object, key: str | None = None) -> str:
    """Request a job by the documented SQL function."""
    return await connection.fetchval(
        """SELECT sevdesk_request_job('publish_invoice', jsonb_build_object('invoice_id', $1::uuid),
                                      correlation_id => 'order-7', idempotency_key => $2)""",
        invoice,
        key,
    )


async def until_listening(billing: Billing) -> None:
    """Wait until the worker listens, so that NOTIFY and not the regular poll finds what follows."""
    statement = """SELECT count(*) FROM pg_stat_activity
                   WHERE application_name LIKE 'sevdesk-worker locks %' AND datname = current_database()
                     AND query ~ '^(LISTEN|SELECT 1$)'"""
    async with asyncio.timeout(PATIENCE):
        while not await billing.db.fetchval(statement):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)


async def test_rolled_back_request_never_happened(billing: Billing, worker: object, sevdesk: Running) -> None:
    """No row, no job, no invoice."""
    invoice = await billing.usual_invoice()
    async with billing.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        job_id = await request(connection, invoice)
        await transaction.rollback()
    await billing.ended(await request_and_commit(billing, await billing.usual_invoice()))
    assert await billing.job(job_id) is None
    assert len((await state(sevdesk))["invoices"]) == 1


async def request_and_commit(billing: Billing, invoice: object, key: str | None = None) -> str:
    async with billing.db.acquire() as connection, connection.transaction():
        return await request(connection, invoice, key)


async def test_committed_request_starts_at_once(no_poll: None, billing: Billing, worker: object) -> None:
    """Five in a row start although nobody polls: the notification wakes the worker."""
    await until_listening(billing)
    for _ in range(5):
        job_id = await request_and_commit(billing, await billing.usual_invoice())
        job = await billing.ended(job_id)
        assert (job["state"], job["origin"], job["correlation_id"]) == ("done", "outbox", "order-7")


async def test_request_waits_for_its_commit(billing: Billing, worker: object) -> None:
    """Before the commit nobody sees it."""
    async with billing.db.acquire() as connection, connection.transaction():
        job_id = await request(connection, await billing.usual_invoice())
        await asyncio.sleep(0.3)
        assert await billing.job(job_id) is None
    assert (await billing.ended(job_id))["state"] == "done"


async def test_repeated_key_makes_one_job(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The second request answers with the first job's id and changes nothing."""
    invoice = await billing.usual_invoice()
    first, second = [await request_and_commit(billing, invoice, "publish-once") for _ in range(2)]
    assert first == second == "publish-once"
    assert (await billing.ended(first))["state"] == "done"
    assert await request_and_commit(billing, invoice, "publish-once") == first
    await asyncio.sleep(0.2)
    assert (await billing.job(first))["attempt"] == 1
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs") == 1
    assert len((await state(sevdesk))["invoices"]) == 1


async def test_requests_without_worker_wait(billing: Billing, run_worker: object, sevdesk: Running) -> None:
    """Asked for while no worker lived, in one transaction: done in the order asked once one does."""
    invoice = await billing.usual_invoice()
    jobs = []
    async with billing.db.acquire() as connection, connection.transaction():
        jobs.append(await request(connection, invoice))
        jobs.append(await connection.fetchval(
            "SELECT sevdesk_request_job('send_invoice', jsonb_build_object('invoice_id', $1::uuid))", invoice
        ))  # fmt: skip
    async with run_worker():  # type: ignore[operator]
        rows = [await billing.ended(job_id) for job_id in jobs]
    assert [row["state"] for row in rows] == ["done", "done"]
    assert len((await state(sevdesk))["mails"]) == 1
