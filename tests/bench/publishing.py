"""B. Publications and the calls around them: throughput, CPU, and what one job costs in calls, trips and commands."""

import json
from typing import Any
from uuid import UUID

from bench import bare
from bench.ground import Ground, Place, interleaved
from bench.table import Row, compared
from flow.billing import time_to_day

SLOTS = 20  # WORKER_MAX_JOBS as shipped
APPROVED = """
    WITH made AS (
        INSERT INTO billing_invoices (invoice_number, deal_id, document_kind, document_status, net_amount, tax_amount,
                                      gross_amount, issue_date, payment_term_days)
        SELECT $1 || n, $2, 'AR', 'approved', 100, 19, 119, $4, 14 FROM generate_series(1, $3::int) AS n
        RETURNING id)
    INSERT INTO billing_invoice_items (invoice_id, position, name, quantity, unit_price, tax_rate)
    SELECT id, 1, 'Leistung 1', 4, 25, 19 FROM made RETURNING invoice_id"""


class Publisher:
    """A place whose recipient is known to sevDesk already, and batches of invoices to publish."""

    def __init__(self, place: Place, deal: UUID, draft: dict[str, Any]) -> None:
        self.place, self.deal, self.draft, self._batches = place, deal, draft, 0

    @classmethod
    async def prepare(cls, place: Place) -> "Publisher":
        """One publication through a worker of its own makes the contact."""
        billing = place.billing
        deal = await billing.deal(await billing.company())
        worker = await place.worker()
        job = await billing.do("publish_invoice", invoice_id=await billing.invoice(deal))
        assert job["state"] == "done", job["error"]
        await worker.stop()
        contact_id = await billing.db.fetchval("SELECT contact_id FROM sevdesk_contacts")
        users = (await place.control("GET", "state?only=invoices"))["invoices"]
        return cls(place, deal, bare.body(contact_id, users[0]["contactPerson"]["id"], time_to_day()))

    async def invoices(self, count: int) -> list[UUID]:
        """Approved, over 119.00 EUR."""
        self._batches += 1
        rows = await self.place.billing.db.fetch(APPROVED, f"INV-{self._batches:03d}-", self.deal, count, time_to_day())
        return [row["invoice_id"] for row in rows]

    async def orders(self, count: int) -> list[tuple[str, bytes]]:
        """Jobs to publish new invoices."""
        payloads = [{"invoice_id": str(invoice)} for invoice in await self.invoices(count)]
        return await self.place.orders("publish_invoice", payloads)

    async def bare(self, count: int, slots: int = SLOTS) -> float:
        """Seconds of the bare loop."""
        self._batches += 1
        order = json.dumps({"numbers": [f"BARE-{self._batches}-{n}" for n in range(count)], "slots": slots})
        child = await self.place.start("bare_publish", BENCH_ORDER=order, BENCH_DRAFT=json.dumps(self.draft))
        seconds: float = (await child.ended())["seconds"]
        return seconds


async def bench(ground: Ground, wanted: set[str]) -> list[Row]:
    """Whichever are wanted."""
    rows: list[Row] = []
    if "B5" in wanted:
        rows.append(await _throughput(ground))
    if "B6" in wanted:
        rows.append(await _cpu(ground))
    return rows


async def _throughput(ground: Ground) -> Row:
    count, times = ground.size(120, 40), ground.size(5, 1)
    async with ground.place() as place:
        publisher = await Publisher.prepare(place)
        await place.worker()
        await place.run(await publisher.orders(5))
        await place.control("PUT", "latency", {"read_ms": 60, "write_ms": 600})

        async def ours() -> float:
            return count / await place.run(await publisher.orders(count))

        async def other() -> float:
            return count / await publisher.bare(count)

        await place.control("DELETE", "requests")
        samples = await interleaved(times, ours=ours, other=other)
        calls = await place.calls()
    assert calls == 2 * times * count * 5, f"{calls} calls: the two sides do not ask the same"
    return compared(
        "B5", f"publish {count} invoices at 60/600 ms, {SLOTS} at a time", "jobs/s", samples,
        against="the same calls in a bare httpx loop", target=(">=", 0.9), of="ratio",
    )  # fmt: skip


async def _cpu(ground: Ground) -> Row:
    count, times = ground.size(200, 40), ground.size(5, 1)
    async with ground.place() as place:
        publisher = await Publisher.prepare(place)

        # The two cannot share arq's queue, so each starts, gets warm, is measured and stops.
        async def ours() -> float:
            worker = await place.worker()
            await place.run(await publisher.orders(20))
            orders = await publisher.orders(count)
            before = (await worker.facts())["cpu"]
            await place.run(orders)
            cpu: float = (await worker.facts())["cpu"] - before
            await worker.stop()
            return 1000 * cpu / count

        async def other() -> float:
            stock = await place.stock(BENCH_DRAFT=json.dumps(publisher.draft), BENCH_SLOTS=SLOTS)
            await place.stock_jobs(stock, "publish", [(f"WARM-{stock.pid}-{n}",) for n in range(20)])
            before = (await stock.facts())["cpu"]
            await place.stock_jobs(stock, "publish", [(f"ARQ-{stock.pid}-{n}",) for n in range(count)])
            cpu: float = (await stock.facts())["cpu"] - before
            await stock.stop()
            await place.billing.redis.flushdb()
            return 1000 * cpu / count

        samples = await interleaved(times, ours=ours, other=other)
    return compared(
        "B6", "CPU of the worker process per warm publication", "ms", samples,
        against="arq as shipped, the same calls by httpx", target=("<=", 1.6), of="ratio",
    )  # fmt: skip
