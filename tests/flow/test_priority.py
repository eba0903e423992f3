"""Where slots are short, people come before bulk work and take turns among themselves; nobody starves."""

import asyncio
from uuid import UUID, uuid4

from flow.billing import Billing
from flow.conftest import RunWorker

BULK = 40


async def second_user(billing: Billing) -> UUID:
    """Another internal user."""
    statement = "INSERT INTO contacts (last_name, is_internal) VALUES ('Anna', true) RETURNING id"
    return await billing.db.fetchval(statement)


async def start_order(billing: Billing, jobs: list[str]) -> list[str]:
    """All of them, once ended, in the order in which they were started."""
    for job_id in jobs:
        await billing.ended(job_id)
    return [row["job_id"] for row in await billing.db.fetch("SELECT job_id FROM sevdesk_jobs ORDER BY started_at")]


async def bulk(billing: Billing, count: int = BULK) -> list[str]:
    """What nobody asked for: quick jobs, for their invoices do not exist."""
    return [await billing.request("publish_invoice", invoice_id=uuid4()) for _ in range(count)]


async def test_person_overtakes_a_sweep(billing: Billing, run_worker: RunWorker) -> None:
    """Forty jobs of a sweep were there before; the one that a person waits for is started first."""
    swept = await bulk(billing)
    asked = await billing.request("publish_invoice", by=billing.admin, invoice_id=uuid4())
    async with run_worker(worker_max_jobs=1):
        order = await start_order(billing, [*swept, asked])
    assert order.index(asked) == 0 and len(order) == BULK + 1


async def test_month_end_lets_others_through(billing: Billing, run_worker: RunWorker) -> None:
    """While one person's bulk runs, another's single job waits for one or two of it, not for all."""
    month_end = await second_user(billing)
    async with run_worker(worker_max_jobs=1):
        jobs = [await billing.enqueue("publish_invoice", by=month_end, invoice_id=uuid4()) for _ in range(3 * BULK)]
        await billing.until_state(jobs[5], "rejected")
        single = await billing.enqueue("publish_invoice", invoice_id=uuid4())
        await start_order(billing, [*jobs, single])
    row = await billing.job(single)
    between = """SELECT count(*) FROM sevdesk_jobs WHERE requested_by = $1 AND started_at BETWEEN $2 AND $3"""
    assert await billing.db.fetchval(between, month_end, row["created_at"], row["started_at"]) <= 2
    after = "SELECT count(*) FROM sevdesk_jobs WHERE requested_by = $1 AND started_at > $2"
    assert await billing.db.fetchval(after, month_end, row["started_at"]) > BULK


async def test_sweep_goes_on_beside_people(billing: Billing, run_worker: RunWorker) -> None:
    """People have no end of jobs, and every fifth slot is still the sweep's."""
    asked = [await billing.request("publish_invoice", by=billing.admin, invoice_id=uuid4()) for _ in range(BULK)]
    swept = set(await bulk(billing, 10))
    async with run_worker(worker_max_jobs=1):
        order = await start_order(billing, [*asked, *swept])
    assert 4 <= sum(job_id in swept for job_id in order[: BULK // 2 + 5]) <= 6


async def test_two_workers_share_fairly(billing: Billing, run_worker: RunWorker) -> None:
    """Each looks only at what the other has left; every job is run once, and the person's are not the last."""
    swept = await bulk(billing, 3 * BULK)
    asked = [await billing.request("publish_invoice", by=billing.admin, invoice_id=uuid4()) for _ in range(BULK)]
    async with run_worker(worker_max_jobs=2), run_worker(worker_max_jobs=2):
        order = await start_order(billing, [*swept, *asked])
    assert max(order.index(job_id) for job_id in asked) < 2 * BULK
    attempts = await billing.db.fetch("SELECT attempt, worker FROM sevdesk_jobs")
    assert {row["attempt"] for row in attempts} == {1} and len({row["worker"] for row in attempts}) == 2


async def test_bulk_of_one_invoice_keeps_order(billing: Billing, run_worker: RunWorker) -> None:
    """Turns decide between invoices; within one, what was asked first is done first, whoever asked."""
    invoice, other = await billing.usual_invoice(), await second_user(billing)
    first = await billing.enqueue("publish_invoice", by=other, invoice_id=invoice)
    await asyncio.sleep(0.002)  # the queue counts milliseconds
    second = await billing.enqueue("send_invoice", invoice_id=invoice)
    async with run_worker(worker_max_jobs=2):
        assert (await billing.ended(second))["state"] == "done"
    assert (await billing.job(first))["finished_at"] < (await billing.job(second))["started_at"]
