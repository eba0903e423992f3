"""B. The queue alone, with jobs that do nothing: latency, rate, distance to Redis, idle cost, memory, start."""

import asyncio
import json
import random
import time
from statistics import median, quantiles

import redis.asyncio
from bench.ground import Ground, Place, cpu_seconds, interleaved, on_places, rss
from bench.proxy import delayed
from bench.table import Row, compared

LATE = 0.001  # seconds added to each answer; the proxy itself and the loop's clock make it about 1.3 ms


async def bench(ground: Ground, wanted: set[str]) -> list[Row]:
    """Whichever are wanted."""
    return await on_places(
        ground,
        wanted,
        {
            "B7": _latency,
            "B8": _rate,
            "B9": _distance,
            "B10": _idle,
            "B13": _memory,
            "B14": _start,
        },
    )


# -- latency -----------------------------------------------------------------------------------------------------------


async def _latency(ground: Ground, place: Place) -> list[Row]:
    """An idle worker is woken for one job after another."""
    count, times = ground.size(100, 30), ground.size(5, 1)
    found: dict[str, list[float]] = {"ours": [], "claimed": [], "arq": [], "blpop": []}
    for _ in range(times):
        started, claimed = await _ours_latency(place, count)
        found["ours"] += started
        found["claimed"] += claimed
        found["arq"] += await _arq_latency(place, count // 3)
        found["blpop"] += await _blpop_latency(place, count)
    rows = []
    for which, cut, bound in (("p50", 49, 5), ("p99", 98, 15)):
        ours, claimed, arq, blpop = (quantiles(values, n=100)[cut] for values in found.values())
        rows.append(
            Row("B7", f"enqueue to start, idle, {which}", ours, "ms", other=arq, against="arq as shipped",
                ratio=ours / arq, target=("<=", bound), samples={"ours": found["ours"], "other": found["arq"]},
                note=f"to the handler's first line; to started_at {claimed:.2g} ms; BLPOP on a list {blpop:.2g} ms")
        )  # fmt: skip
    return rows


async def _ours_latency(place: Place, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds until the handler runs, and until the claim that the ledger calls `started_at`."""
    worker = await place.worker()
    orders = await place.noops(count + 10)
    sent = {}
    for order in orders:
        sent[order[0]] = await place.enqueue([order])
        await place.drained()
        await asyncio.sleep(0.03)
    rows = await place.ledger(orders)
    await worker.stop()
    warm = {job_id for job_id, _ in orders[:10]}
    late = [
        (json.loads(row["result"])["started"] - sent[row["job_id"]], row["started"] - sent[row["job_id"]])
        for row in rows
        if row["job_id"] not in warm
    ]
    return [1000 * started for started, _ in late], [1000 * claimed for _, claimed in late]


async def _arq_latency(place: Place, count: int) -> list[float]:
    worker = await place.stock()
    found = []
    for _ in range(count):
        await asyncio.sleep(0.5 * random.random())  # anywhere between two of its polls
        found.append(1000 * await place.stock_jobs(worker, "noop", [()]))
    await worker.stop()
    await place.billing.redis.flushdb()
    return found


async def _blpop_latency(place: Place, count: int) -> list[float]:
    child, client = await place.start("blpop"), place.billing.redis
    async with asyncio.timeout(20):
        while not await client.exists("bench:ready"):  # noqa: ASYNC110 - it tells nobody else
            await asyncio.sleep(0.01)
    sent = []
    for _ in range(count):
        await asyncio.sleep(0.03)
        sent.append(time.time())
        await client.rpush("bench:list", "job")
    await asyncio.sleep(0.1)
    starts = (await child.facts())["starts"]
    await child.stop()
    await client.flushdb()
    return [1000 * (start - before) for start, before in zip(starts, sent, strict=True)]


# -- rate --------------------------------------------------------------------------------------------------------------


async def _rate(ground: Ground, place: Place) -> list[Row]:
    """A burst, enqueued in one pipeline to a worker that is up; until the last has ended (theirs: has started)."""
    count, times = ground.size(1500, 300), ground.size(5, 1)

    async def ours(slots: int = 20) -> float:
        worker = await place.worker(WORKER_MAX_JOBS=slots)
        await place.run(await place.noops(40))
        rate = count / await place.run(await place.noops(count))
        await worker.stop()
        return rate

    async def other(slots: int = 10) -> float:
        worker = await place.stock(BENCH_SLOTS=slots)
        await place.stock_jobs(worker, "noop", [()] * 40)
        rate = count / await place.stock_jobs(worker, "noop", [()] * count)
        await worker.stop()
        await place.billing.redis.flushdb()
        return rate

    samples = await interleaved(
        times, ours=ours, other=other, ten=lambda: ours(10), twenty=lambda: other(20),
    )  # fmt: skip
    ten, twenty = median(samples.pop("ten")), median(samples.pop("twenty"))
    note = f"ours with 10 slots: {ten:.0f}; arq with 20: {twenty:.0f}; ours does ledger, claim and lock per job"
    return [
        compared("B8", f"{count} jobs that do nothing", "jobs/s", samples, against="arq as shipped", target=(">=", 1.5),
                 of="ratio", note=note)
    ]  # fmt: skip


async def _distance(ground: Ground, place: Place) -> list[Row]:
    """The same burst with Redis next door and 1.3 ms away."""
    count, times = ground.size(1000, 200), ground.size(5, 1)
    async with delayed(place.redis_url, 0.0) as near, delayed(place.redis_url, LATE) as far:

        async def rate(url: str) -> float:
            worker = await place.worker(REDIS_URL=url)
            await place.run(await place.noops(40))
            found = count / await place.run(await place.noops(count))
            await worker.stop()
            return found

        samples = await interleaved(
            times, ours=lambda: rate(far), other=lambda: rate(near), direct=lambda: rate(place.redis_url)
        )
        trip, base = await _round_trip(far), await _round_trip(place.redis_url)
    direct = median(samples.pop("direct"))
    return [
        compared("B9", f"{count} jobs that do nothing, Redis {trip:.1f} ms away", "jobs/s", samples,
                 against="through the same proxy without delay", target=(">=", 0.5), of="ratio",
                 note=f"without a proxy ({base:.1f} ms): {direct:.0f} jobs/s")
    ]  # fmt: skip


async def _round_trip(url: str) -> float:
    async with redis.asyncio.Redis.from_url(url) as client:
        found = []
        for _ in range(100):
            started = time.perf_counter()
            await client.ping()
            found.append(1000 * (time.perf_counter() - started))
    return median(found)


# -- cost --------------------------------------------------------------------------------------------------------------


async def _idle(ground: Ground, place: Place) -> list[Row]:
    """A worker with nothing to do."""
    seconds, times = ground.size(15, 5), ground.size(3, 1)

    async def watch(start: str) -> tuple[float, float]:
        worker = await (place.worker() if start == "ours" else place.stock())
        await asyncio.sleep(2)
        cpu, commands = cpu_seconds(worker.pid), await place.commands()
        await asyncio.sleep(seconds)
        share = 100 * (cpu_seconds(worker.pid) - cpu) / seconds
        rate = (await place.commands() - commands - 1) / seconds
        await worker.stop()
        return share, rate

    found = {side: [await watch(side) for _ in range(times)] for side in ("ours", "other")}
    cpu = {side: [share for share, _ in pairs] for side, pairs in found.items()}
    rate = {side: [commands for _, commands in pairs] for side, pairs in found.items()}
    return [
        Row("B10", "idle worker: CPU of one core", median(cpu["ours"]), "%", other=median(cpu["other"]),
            against="arq as shipped", target=("<=", 1), samples=cpu, note=f"{seconds} s each"),
        Row("B10", "idle worker: Redis commands", median(rate["ours"]), "/s", other=median(rate["other"]),
            against="arq as shipped", samples=rate),
    ]  # fmt: skip


async def _memory(ground: Ground, place: Place) -> list[Row]:
    """Batches of 500, so that the backlog is as large at the end as at the beginning."""
    worker = await place.worker()
    before, batches = 0.0, ground.size(20, 4)
    for batch in range(1, batches + 1):
        await place.run(await place.noops(500))
        if batch == 2:
            before = rss(worker.pid)
    grown = rss(worker.pid) - before
    return [
        Row("B13", f"memory grown from job 1,000 to {500 * batches:,}", grown, "MB", target=("<=", 5),
            note=f"{before:.0f} MB after 1,000; one run")
    ]  # fmt: skip


async def _start(ground: Ground, place: Place) -> list[Row]:
    """From the exec of the process to the first line of the job that waited for it."""
    times = ground.size(5, 2)

    async def ours() -> float:
        orders = await place.noops(1)
        await place.enqueue(orders)
        worker = await place.start("ours")
        await place.drained()
        started: float = json.loads((await place.ledger(orders))[0]["result"])["started"]
        await worker.stop()
        return started - worker.spawned

    async def other() -> float:
        worker = await place.stock()
        await place.stock_jobs(worker, "noop", [()])
        first: float = (await worker.facts())["starts"][0]
        await worker.stop()
        await place.billing.redis.flushdb()
        return first - worker.spawned

    samples = await interleaved(times, ours=ours, other=other)
    return [
        compared("B14", "start of the process to its first job", "s", samples, against="arq as shipped",
                 target=("<=", 1.0))
    ]  # fmt: skip
