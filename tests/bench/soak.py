"""D. A long life, `make soak`: a ledger of years, and a snapshot that somebody holds for ten minutes."""

import time
from functools import partial
from statistics import median

from bench.backlog import NO_LIMIT
from bench.ground import Ground, Place, interleaved, on_places
from bench.publishing import SLOTS, Publisher
from bench.table import Row, compared

INVOICES = """
INSERT INTO billing_invoices (id, invoice_number, deal_id, document_kind, document_status, net_amount, tax_amount,
       gross_amount, issue_date, accounting_provider, external_id, external_invoice_number, accounting_sync_status)
SELECT md5('i' || n)::uuid, 'OLD-' || n, $2, 'AR', 'sent', 100, 19, 119, current_date - n % 1000, 'sevdesk',
       (900000000 + n)::text, 'OLD-RE-' || n, 'synced' FROM generate_series(1, $1::int) n"""
ITEMS = """
INSERT INTO billing_invoice_items (invoice_id, position, name, quantity, unit_price, tax_rate)
SELECT md5('i' || n)::uuid, 1, 'Leistung', 1, 100, 19 FROM generate_series(1, $1::int) n"""
EVENTS = """
INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload)
SELECT md5('i' || n)::uuid, e, '{}' FROM generate_series(1, $1::int) n, unnest(ARRAY['finalized', 'emailed']) e"""
LEDGER = """
INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, requested_by, order_key, state, attempt,
                          started_at, finished_at)
SELECT 'old-' || n, 'publish_invoice', '{}', 'redis', md5('i' || n % $2::int + 1)::uuid, md5('p' || n % 50)::uuid,
       'invoice:' || md5('i' || n % $2::int + 1)::uuid, 'done', 1, now(), now()
FROM generate_series(1, $1::int) n"""
FILLED = ("sevdesk_jobs", "billing_invoices", "billing_invoice_items", "billing_invoice_event_log")


async def bench(ground: Ground, wanted: set[str]) -> list[Row]:
    """Whichever are wanted."""
    rows = await _years(ground) if "D1" in wanted else []
    return rows + await on_places(ground, wanted, {"D2": _snapshot})


async def _fill(place: Place, deal: object, jobs: int, invoices: int) -> None:
    for statement, arguments in ((INVOICES, (invoices, deal)), (ITEMS, (invoices,)), (EVENTS, (invoices,)),
                                 (LEDGER, (jobs, invoices))):  # fmt: skip
        await place.billing.db.execute(statement, *arguments, timeout=3600)
    for table in FILLED:
        await place.billing.db.execute(f"VACUUM ANALYZE {table}", timeout=3600)


async def _years(ground: Ground) -> list[Row]:
    """The same publications on an empty and on a filled database, at sevDesk's pace and as fast as they go."""
    jobs, invoices = ground.size(5_000_000, 20_000), ground.size(1_000_000, 5_000)
    count, times = ground.size(200, 40), ground.size(5, 1)
    rows = []
    async with ground.place() as full, ground.place() as empty:
        sides = {"ours": await Publisher.prepare(full), "other": await Publisher.prepare(empty)}
        await _fill(full, sides["ours"].deal, jobs, invoices)
        for pace, read_ms, write_ms in (("at 60/600 ms", 60, 600), ("without latency", 0, 0)):
            for side in sides.values():
                await side.place.control("PUT", "latency", {"read_ms": read_ms, "write_ms": write_ms})
            samples = await interleaved(times, **{name: partial(_rate, side, count) for name, side in sides.items()})
            what = f"publish {count} invoices {pace}, {jobs:,} finished jobs and {invoices:,} invoices"
            rows.append(
                compared("D1", what, "jobs/s", samples, against="empty ledger", target=(">=", 0.95), of="ratio")
            )
    return rows


async def _rate(publisher: Publisher, count: int) -> float:
    worker = await publisher.place.worker()
    await publisher.place.run(await publisher.orders(SLOTS))
    found = count / await publisher.place.run(await publisher.orders(count))
    await worker.stop()
    return found


async def _snapshot(ground: Ground, place: Place) -> list[Row]:
    """Jobs all the time while a snapshot is held for ten minutes: no dead row can be removed meanwhile."""
    batch, seconds = ground.size(1000, 200), ground.size(600, 10)
    worker = await place.worker(PERSON_JOB_LIMIT=NO_LIMIT)
    await place.run(await place.noops(batch))
    before = [batch / await place.run(await place.noops(batch)) for _ in range(5)]
    rates: list[float] = []
    async with place.billing.db.acquire() as holder, holder.transaction(isolation="repeatable_read"):
        await holder.fetchval("SELECT count(*) FROM sevdesk_queue")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rates.append(batch / await place.run(await place.noops(batch)))
    await worker.stop()
    last = rates[-5:]
    return [
        Row("D2", f"jobs that do nothing, a snapshot held for {seconds} s ({batch * len(rates):,} jobs)", median(last),
            "jobs/s", other=median(before), against="before", ratio=median(last) / median(before), target=(">=", 0.8),
            of="ratio", samples={"ours": rates, "other": before}),
    ]  # fmt: skip
