"""One invoice's jobs run in the asked order and never side by side, however many workers there are."""

import asyncio
from itertools import pairwise
from typing import Any
from uuid import uuid4

from flow.billing import Billing
from flow.books import order_fault, state
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.waiting import PATIENCE

from sevdesk_client.sandbox.http.server import Running

KINDS = ("publish_invoice", "send_invoice", "send_invoice")


async def burst(billing: Billing) -> list[str]:
    """Publish, send, send, one right after the other: the queue's clock has milliseconds."""
    invoice = await billing.usual_invoice()
    jobs = []
    for kind in KINDS:
        jobs.append(await billing.enqueue(kind, invoice_id=invoice))
        await asyncio.sleep(0.0015)
    return jobs


async def assert_in_turn(billing: Billing, jobs: list[str]) -> None:
    """Each began after the one before had ended."""
    rows = [await billing.ended(job_id) for job_id in jobs]
    assert [(row["state"], row["error"]) for row in rows] == [("done", None)] * len(jobs)
    for earlier, later in pairwise(rows):
        assert earlier["finished_at"] <= later["started_at"]


async def test_burst_runs_in_asked_order(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Publish, send and send again of one invoice: one number, one mail."""
    async with run_worker(), run_worker():
        await assert_in_turn(billing, await burst(billing))
    books = await state(sevdesk)
    assert (len(books["invoices"]), len(books["mails"])) == (1, 1)


async def test_burst_before_start_keeps_order(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """What lay in Redis before any worker lived runs in the order in which it was asked."""
    bursts = [await burst(billing) for _ in range(5)]
    async with run_worker(), run_worker():
        for jobs in bursts:
            await assert_in_turn(billing, jobs)
    assert len((await state(sevdesk))["mails"]) == len(bursts)


async def test_same_millisecond_keeps_life_order(billing: Billing, run_worker: RunWorker) -> None:
    """Equal scores say nothing about the order, so publishing comes before sending, whatever the ids."""
    invoice = await billing.usual_invoice()
    send, publish = "00000000-first-by-its-id", f"zz-{uuid4()}"
    await billing.enqueue("send_invoice", job_id=send, invoice_id=invoice)
    await billing.enqueue("publish_invoice", job_id=publish, invoice_id=invoice)
    await billing.redis.zadd("arq:queue", {send: 1_700_000_000_000, publish: 1_700_000_000_000})
    async with run_worker():
        await assert_in_turn(billing, [publish, send])


async def test_two_workers_share_without_doubling(
    billing: Billing, run_worker: RunWorker, sevdesk: HoldableSevdesk
) -> None:
    """Thirty invoices, published and sent: one invoice and one mail each, and both workers took part."""
    invoices = [await billing.usual_invoice() for _ in range(30)]
    both = "SELECT count(DISTINCT worker) = 2 FROM sevdesk_jobs WHERE state = 'running'"
    async with run_worker(worker_max_jobs=10), run_worker(worker_max_jobs=10):
        async with sevdesk.held("PUT /Invoice/*/sendBy"):  # until one has no slot left for more
            asked = [
                [await billing.enqueue(kind, invoice_id=invoice) for kind in ("publish_invoice", "send_invoice")]
                for invoice in invoices
            ]
            async with asyncio.timeout(PATIENCE):
                while not await billing.db.fetchval(both):  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(0.02)
        for jobs in asked:
            await assert_in_turn(billing, jobs)
    books = await state(sevdesk)
    marks = [there["customerInternalNote"] for there in books["invoices"]]
    assert len(marks) == len(set(marks)) == len(invoices)
    assert len(books["mails"]) == len({mail["object"]["id"] for mail in books["mails"]}) == len(invoices)


async def test_idle_worker_passes_over_running_jobs(
    billing: Billing, run_worker: RunWorker, sevdesk: HoldableSevdesk
) -> None:
    """One worker is full of slow jobs at the head of the queue: the other takes those behind them."""
    settings: dict[str, Any] = {
        "worker_max_jobs": 4,
        "write_quarantine": 600.0,
    }  # so long that no held write is given up
    async with sevdesk.held("POST /Contact") as hold, run_worker(**settings):
        slow = [await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice()) for _ in range(4)]
        for job_id in slow:
            await billing.until_state(job_id, "running")
        behind = await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())
        async with run_worker(**settings):
            await billing.until_state(behind, "running")
            assert [(await billing.job(job_id))["state"] for job_id in slow] == ["running"] * 4
            hold.release()
            assert (await billing.ended(behind))["state"] == "done"


async def test_waiting_job_is_not_overtaken(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Publishing waits out a quarantine: the mails behind it wait as well, though the invoice's lock is free."""
    await order_fault(sevdesk, "drop_before", "POST /Invoice/Factory/saveInvoice")
    async with run_worker(write_quarantine=1.0), run_worker(write_quarantine=1.0):
        jobs = await burst(billing)
        await billing.until_state(jobs[0], "waiting")
        await assert_in_turn(billing, jobs)
    books = await state(sevdesk)
    assert (len(books["invoices"]), len(books["mails"])) == (1, 1)
