"""B. More than one worker: does another one help, and who takes over from a dead one. And what one job costs."""

import asyncio
import signal
import time
from statistics import median

from bench.ground import Child, Ground, Place, interleaved, on_places
from bench.publishing import Publisher
from bench.table import Row, compared


async def bench(ground: Ground, wanted: set[str]) -> list[Row]:
    """Whichever are wanted."""
    return await on_places(ground, wanted, {"B11": _scaling, "B12": _counts, "B15": _takeover})


async def _scaling(ground: Ground, place: Place) -> list[Row]:
    """Publications at sevDesk's pace, then jobs that do nothing, which only burn CPU."""
    count, nothing, times = ground.size(160, 80), ground.size(1000, 200), ground.size(3, 1)
    publisher = await Publisher.prepare(place)
    await place.control("PUT", "latency", {"read_ms": 60, "write_ms": 600})

    async def rates(processes: int) -> tuple[float, float]:
        workers = await asyncio.gather(*(place.worker() for _ in range(processes)))
        await place.run(await place.noops(40 * processes))
        found = (
            count / await place.run(await publisher.orders(count)),
            nothing / await place.run(await place.noops(nothing)),
        )
        await asyncio.gather(*(worker.stop() for worker in workers))
        return found

    samples: dict[int, list[tuple[float, float]]] = {1: [], 2: [], 4: []}
    for _ in range(times):
        for processes in samples:
            samples[processes].append(await rates(processes))
    made = await place.control("GET", "state?only=invoices")
    notes = [invoice["customerInternalNote"] for invoice in made["invoices"]]
    duplicates = len(notes) - len(set(notes))
    assert len(notes) == 1 + 3 * times * count, len(notes)
    return [
        _scaled(f"publish {count} invoices at 60/600 ms", 0, samples, duplicates, ("<=", 0), (">=", 1.7)),
        _scaled(f"{nothing} jobs that do nothing", 1, samples, 0, None, None),
    ]  # fmt: skip


def _scaled(
    what: str, place: int, samples: dict[int, list[tuple[float, float]]], duplicates: int,
    none: tuple[str, float] | None, target: tuple[str, float] | None,
) -> Row:  # fmt: skip
    one, two, four = ([pair[place] for pair in samples[processes]] for processes in (1, 2, 4))
    note = f"two workers: {median(two):.3g} jobs/s"
    if none is not None:
        note += f"; {duplicates} duplicates in sevDesk"
        assert duplicates == 0
    else:
        note += "; Postgres and Redis share the two cores"
    return compared("B11", f"{what}: four workers", "jobs/s", {"ours": four, "other": one}, against="one worker",
                    target=target, of="ratio", note=note)  # fmt: skip


# -- counts ------------------------------------------------------------------------------------------------------------


async def _counts(ground: Ground, place: Place) -> list[Row]:
    """One job after another, everything warm: the median job's share is exact, for nothing else goes on."""
    count = ground.size(20, 5)
    publisher = await Publisher.prepare(place)
    worker = await place.worker(BENCH_COUNT=1)
    warm = await publisher.invoices(3)
    extra = {"cancel_invoice": {"reason": "bench"}}
    targets = {"publish_invoice": (5,), "send_invoice": (2,), "cancel_invoice": (None,)}
    for kind in targets:
        for invoice in warm:
            await _done(place, kind, invoice_id=invoice, **extra.get(kind, {}))
    invoices = await publisher.invoices(count)
    rows = []
    for kind, (target,) in targets.items():
        calls, trips, commands = await _per_job(place, worker, kind, invoices, extra.get(kind, {}))
        rows.append(
            Row("B12", f"one {kind}, warm: sevDesk calls", calls, "calls",
                target=None if target is None else ("<=", target),
                note=f"{trips:.1f} SQL round trips, {commands:.1f} Redis commands (polls included)")
        )  # fmt: skip
    return rows


async def _per_job(
    place: Place, worker: Child, kind: str, invoices: list[object], extra: dict[str, str]
) -> tuple[float, float, float]:
    await place.control("DELETE", "requests")
    sql, commands = sum((await worker.facts())["job_sql"].values()), await place.commands()
    for invoice in invoices:
        await _done(place, kind, invoice_id=invoice, **extra)
    ours = 1 + 5 * len(invoices)  # our own INFO, and the producer's MULTI, SET, ZADD, PUBLISH, EXEC
    redis = await place.commands() - commands - ours
    trips = sum((await worker.facts())["job_sql"].values()) - sql
    return await place.calls() / len(invoices), trips / len(invoices), redis / len(invoices)


async def _done(place: Place, kind: str, **payload: object) -> None:
    by = (await place.people(1))[0]
    job = await place.billing.ended(await place.billing.enqueue(kind, by=by, **payload))
    assert job["state"] == "done", job["error"]


# -- after a kill ------------------------------------------------------------------------------------------------------


async def _takeover(ground: Ground, place: Place) -> list[Row]:
    """One worker is killed in mid-job; until another has begun the same job."""
    times = ground.size(5, 2)

    async def ours() -> float:
        victim = await place.worker()
        orders = await place.noops(1, seconds=60.0)
        await place.enqueue(orders)
        await place.billing.until_state(orders[0][0], "running")
        heir = await place.worker()
        await asyncio.sleep(0.3)
        killed = time.time()
        await victim.stop(signal.SIGKILL)
        again = 0.0
        async with asyncio.timeout(60):
            while not again:
                again = await place.billing.db.fetchval(
                    "SELECT extract(epoch FROM updated_at)::float8 FROM sevdesk_jobs WHERE job_id = $1 AND attempt = 2",
                    orders[0][0],
                )
                await asyncio.sleep(0.02)
        await heir.stop(signal.SIGKILL)
        await place.billing.redis.flushdb()
        await place.billing.db.execute("TRUNCATE sevdesk_jobs, sevdesk_queue CASCADE")
        return again - killed

    async def other() -> float:
        """Not waited for: what is left of the dead worker's claim, before which arq looks away."""
        victim = await place.stock()
        redis = place.billing.redis
        await redis.flushdb()
        from arq.connections import ArqRedis

        client = ArqRedis(redis.connection_pool)
        job = await client.enqueue_job("nap")
        assert job is not None
        await victim.until("nap()")
        await victim.stop(signal.SIGKILL)
        left: float = await redis.pttl(f"arq:in-progress:{job.job_id}") / 1000
        await redis.flushdb()
        return left

    samples = await interleaved(times, ours=ours, other=other)
    return [
        compared("B15", "SIGKILL in mid-job to its second start elsewhere", "s", samples,
                 against="arq as shipped: the claim's rest",
                 note="reaper every second; a write in flight also waits out its quarantine, 45 s")
    ]  # fmt: skip
