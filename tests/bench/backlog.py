"""C. The queue with a past and a backlog: what a claim costs, what waiting jobs cost, and who has to wait for whom."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median, quantiles
from uuid import UUID, uuid4

from bench.ground import Child, Ground, Place, cpu_seconds, on_places
from bench.table import Row

from worker.domain.ledger import AttemptEnd
from worker.settings import JobLimit
from worker.store import LockSession, Store

HISTORY = """
INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, requested_by, order_key, state, attempt,
                          started_at, finished_at)
SELECT 'old-' || i, 'noop', '{}', 'redis', i, $2, 'invoice:' || i, 'done', 1, now(), now()
FROM (SELECT gen_random_uuid() AS i FROM generate_series(1, $1::int)) AS n"""
WAITING = """
WITH j AS (INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, requested_by, order_key, state)
           SELECT 'new-' || i, 'noop', jsonb_build_object('invoice_id', i, 'seconds', $3::float8), 'redis', i, $2,
                  'invoice:' || i, 'queued'
           FROM (SELECT gen_random_uuid() AS i FROM generate_series(1, $1::int)) AS n RETURNING *)
INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, requested_by, phase, rank)
SELECT job_id, seq, kind, order_key, requested_by, 'ready',
       (SELECT last_value FROM sevdesk_people_rank) + row_number() OVER (ORDER BY seq) FROM j"""
NO_LIMIT = "100000/60"


async def bench(ground: Ground, wanted: set[str]) -> list[Row]:
    """Whichever are wanted."""
    return await on_places(ground, wanted, {"C1": _claim, "C2": _full, "C3": _others, "C4": _snapshot})


@asynccontextmanager
async def _claiming(place: Place) -> AsyncIterator[tuple[Store, LockSession]]:
    async with AsyncExitStack() as stack:
        store = await Store.connect(place.database_url, size=2)
        stack.push_async_callback(store.close)
        locks = LockSession(place.database_url, "bench", JobLimit(1_000_000, 60), lambda: None, lambda: None)
        await locks.connect()
        stack.push_async_callback(locks.close)
        yield store, locks


async def _claims(place: Place, person: UUID, count: int) -> list[float]:
    """Milliseconds of claims of one job each, which is requested before and ended after."""
    found: list[float] = []
    async with _claiming(place) as (store, locks):
        ended: list[str] = []
        for _ in range(count):
            await place.billing.request("noop", by=person, invoice_id=uuid4())
            started = time.perf_counter()
            jobs, _ = await locks.claim(20, ended)
            found.append(1000 * (time.perf_counter() - started))
            ended = [job.order_key for job in jobs]
            for job in jobs:
                await store.record(job, ending=AttemptEnd("done", result={}))
    return found


async def _claim(ground: Ground, place: Place) -> list[Row]:
    """The same claims for a person with a past, in one ledger; the other person has none."""
    past, count, times = ground.size(1_000_000, 20_000), ground.size(200, 40), ground.size(5, 2)
    old, new = uuid4(), uuid4()
    empty = [median(await _claims(place, new, count)) for _ in range(times)]
    await place.billing.db.execute(HISTORY, past, old, timeout=900)
    filled = [median(await _claims(place, old, count)) for _ in range(times)]
    return [
        Row("C1", f"claim, {past:,} jobs done by whoever asks", median(filled), "ms", other=median(empty),
            against="empty ledger", ratio=median(filled) / median(empty), target=("<=", 1.2), of="ratio",
            samples={"ours": filled, "other": empty}, note="median of the median claim; one job each"),
    ]  # fmt: skip


async def _share(worker: Child, seconds: float) -> float:
    before = cpu_seconds(worker.pid)
    await asyncio.sleep(seconds)
    return 100 * (cpu_seconds(worker.pid) - before) / seconds


async def _full(ground: Ground, place: Place) -> list[Row]:
    """All slots taken by jobs that sleep, fifty thousand more ready; then fifty wake-ups a second."""
    backlog, seconds = ground.size(50_000, 2_000), ground.size(20, 5)
    person = (await place.people(1))[0]
    await place.billing.db.execute(WAITING, backlog, person, 3600.0, timeout=300)
    worker = await place.worker(PERSON_JOB_LIMIT=NO_LIMIT)
    await asyncio.sleep(2)
    still = await _share(worker, seconds)

    async def ring() -> None:
        while True:
            await place.billing.redis.publish("arq:wake", "1")
            await place.billing.db.execute("NOTIFY sevdesk_requests")
            await asyncio.sleep(0.02)

    ringing = asyncio.create_task(ring())
    woken = await _share(worker, seconds)
    ringing.cancel()
    return [
        Row("C2", f"slots full, {backlog:,} ready: CPU of one core", still, "%", target=("<=", 3)),
        Row("C2", "the same with 50 wake-ups a second", woken, "%", target=("<=", 10)),
    ]  # fmt: skip


async def _others(ground: Ground, place: Place) -> list[Row]:
    """One person has fifty thousand jobs of 0.1 s; others ask for one each, by Redis and by outbox."""
    backlog, asked = ground.size(50_000, 2_000), ground.size(40, 10)
    person = (await place.people(1))[0]
    await place.billing.db.execute(WAITING, backlog, person, 0.1, timeout=300)
    worker = await place.worker(PERSON_JOB_LIMIT=NO_LIMIT)
    late: dict[str, list[float]] = {"redis": [], "outbox": []}
    other = (await place.people(1))[0]
    for _ in range(asked):
        for door, found in late.items():
            started = time.time()
            if door == "redis":
                job_id = await place.billing.enqueue("noop", by=other, invoice_id=uuid4())
            else:
                job_id = await place.billing.request("noop", by=other, invoice_id=uuid4())
            row = await place.billing.ended(job_id)
            found.append(1000 * (row["started_at"].timestamp() - started))
            await asyncio.sleep(0.05)
    await worker.stop()
    return [
        Row("C3", f"another person's job behind {backlog:,}, by {door}, p99", quantiles(found, n=100)[98], "ms",
            target=("<=", 1000), samples={"ours": found}, note=f"median {median(found):.3g} ms")
        for door, found in late.items()
    ]  # fmt: skip


async def _snapshot(ground: Ground, place: Place) -> list[Row]:
    """A transaction holds its snapshot, so no dead row of the queue can be removed: the rate before, and at the end."""
    batch, batches = ground.size(1000, 200), ground.size(30, 4)
    worker = await place.worker(PERSON_JOB_LIMIT=NO_LIMIT)
    await place.run(await place.noops(batch))
    before = [batch / await place.run(await place.noops(batch)) for _ in range(3)]
    async with place.billing.db.acquire() as holder, holder.transaction(isolation="repeatable_read"):
        await holder.fetchval("SELECT count(*) FROM sevdesk_queue")
        rates = [batch / await place.run(await place.noops(batch)) for _ in range(batches)]
    await worker.stop()
    return [
        Row("C4", f"jobs that do nothing, after {batch * batches:,} with a snapshot held", median(rates[-3:]), "jobs/s",
            other=median(before), against="before", ratio=median(rates[-3:]) / median(before),
            target=(">=", 0.8), of="ratio",            samples={"ours": rates, "other": before}),
    ]  # fmt: skip
