"""A. The payment sync: what a run costs when little has changed, and what a sweep of the whole book costs."""

import asyncio
import json
from typing import Any

import asyncpg
import httpx
from bench import bare
from bench.ground import Ground, Place
from bench.table import Row, compared

from worker.store.connection import QUERIES

FRAME = ("BEGIN;", "COMMIT;", "ROLLBACK;")

# claim_status, gross, ... of an invoice that was published and sent: what a sync works on.
OPEN_INVOICES = """
    INSERT INTO billing_invoices (invoice_number, document_kind, document_status, net_amount, tax_amount, gross_amount,
                                  issue_date, accounting_provider, accounting_sync_status, external_id,
                                  external_invoice_number)
    SELECT 'SEED-' || lpad(n::text, 6, '0'), 'AR', 'sent', 100, 19, 119, current_date, 'sevdesk', 'synced',
           ($1::bigint + n - 1)::text, $2 || ($3::bigint + n - 1)::text
    FROM generate_series(1, $4::bigint) AS n"""


async def bench(ground: Ground, wanted: set[str]) -> list[Row]:
    """The small book, then the large one."""
    rows: list[Row] = []
    if wanted & {"A1", "A2"}:
        rows += await _small_book(ground)
    if wanted & {"A3", "A4"}:
        rows += await _large_book(ground, sweeps="A4" in wanted)
    return rows


async def _small_book(ground: Ground) -> list[Row]:
    count, changed = ground.size(10_000, 1_000), 100
    async with ground.place() as place:
        ids = await _book(place, count)
        await place.worker()
        await _caught_up(place, ids[-1])
        await _pay(place, ids[:changed])
        calls, seconds = await _sync(place, expected=changed)
        quiet_calls, quiet_seconds = await _sync(place, expected=0)
        await place.control("DELETE", "requests")
        took = await bare.by_id(place.base_url, place.token, ids)
        by_id = await place.calls()
    note = f"{seconds:.2f} s and {took:.1f} s, one run each; sevDesk answers at once, in reality after 60 ms"
    against = "GET per open invoice"
    return [
        Row("A1", f"feed, {count:,} open, {changed} changed: sevDesk calls", calls, "calls", other=by_id,
            against=against, ratio=calls / by_id, target=("<=", 12), note=note),
        Row("A2", f"feed, {count:,} open, none changed: sevDesk calls", quiet_calls, "calls", other=by_id,
            against=against, ratio=quiet_calls / by_id, target=("<=", 2), note=f"{quiet_seconds:.2f} s"),
    ]  # fmt: skip


async def _large_book(ground: Ground, *, sweeps: bool) -> list[Row]:
    count, changed = ground.size(100_000, 5_000), ground.size(1_000, 50)
    times = ground.size(3, 1)
    async with ground.place() as place:
        ids = await _book(place, count)
        worker = await place.worker(BENCH_COUNT=1)
        await _caught_up(place, ids[-1])
        await _pay(place, ids[: changed * 7 : 7])
        before = (await worker.facts())["job_sql"]
        await _sync(place, expected=changed)
        after = (await worker.facts())["job_sql"]
        await worker.stop()
        trips = {name: total - before.get(name, 0) for name, total in after.items() if total > before.get(name, 0)}
        # A connection the pool opens is set up, and prepares each statement once; whether a job meets one is chance.
        asked = {name: total for name, total in trips.items() if name in QUERIES.available_queries or name in FRAME}
        twice = ", ".join(name for name, total in asked.items() if total > 1)
        set_up = sum(trips.values()) - sum(asked.values())
        counted = Row(
            "A3", f"feed, {count:,} open, {changed:,} changed: SQL round trips", sum(asked.values()), "trips",
            target=("<=", 20), note=f"claim to release; {set_up} more to set up a new connection; "
            f"twice, for two pages: {twice or 'none'}",
        )  # fmt: skip
        return [counted, *(await _sweeps(place, count, changed, times) if sweeps else ())]


async def _sweeps(place: Place, count: int, changed: int, times: int) -> list[Row]:
    """Both sides store the same payments; the worker is a new process each time, for its memory's high-water mark."""
    samples: dict[str, list[float]] = {"ours": [], "other": []}
    peaks: list[float] = []
    for _ in range(times):
        await _forget(place)
        worker = await place.worker()
        _, seconds = await _sync(place, expected=changed + 1, full=True)
        await worker.stop()
        samples["ours"].append(seconds)
        peaks.append((worker.last() or {})["peak_rss"])
        await _forget(place)
        samples["other"].append((await (await place.start("bare_sweep")).ended())["seconds"])
    what = f"full sweep, {count:,} invoices, {changed:,} changed"
    idle = await _idle_peak(place)
    return [
        Row("A4", f"{what}: peak memory of the worker", max(peaks), "MB", other=idle, against="the same worker, idle",
            ratio=max(peaks) / idle, target=("<=", 150), samples={"ours": peaks}, note="the most of all runs"),
        compared("A4", f"{what}: time", "s", samples, against="the list calls and one UPDATE a page",
                 target=("<=", 1.5), of="ratio"),
    ]  # fmt: skip


async def _idle_peak(place: Place) -> float:
    worker = await place.worker()
    await asyncio.sleep(3)
    peak: float = (await worker.facts())["peak_rss"]
    await worker.stop()
    return peak


async def _book(place: Place, count: int) -> list[str]:
    """`count` open invoices on both sides; sevDesk's ids of them."""
    made = await place.control("POST", "seed", {"invoices": count, "age_seconds": 3600})
    first, number = int(made["ids"][0]), made["numbers"][0]
    prefix = number.rstrip("0123456789")
    await place.billing.db.execute(OPEN_INVOICES, first, prefix, int(number[len(prefix) :]), count)
    await place.billing.db.execute("ANALYZE billing_invoices")
    return [str(first + place) for place in range(count)]


async def _caught_up(place: Place, last: str) -> None:
    """As after a day of runs: the watermark lies near now, not among the seeded invoices, all of one second."""
    await _sync(place, expected=0)
    await _pay(place, [last])
    await _sync(place, expected=1)


async def _pay(place: Place, ids: list[str]) -> None:
    """All of each invoice is paid."""
    async with httpx.AsyncClient() as http:
        for external_id in ids:
            answer = await http.post(f"{place.url}/_sandbox/payments", json={"invoice_id": external_id})
            assert answer.is_success, answer.text


async def _sync(place: Place, *, expected: int, **payload: Any) -> tuple[int, float]:
    """One job; sevDesk calls and seconds from start to end, once it has changed what it should."""
    await place.control("DELETE", "requests")
    job_id = await place.billing.enqueue("sync_payments", **payload)
    job: asyncpg.Record = await place.billing.ended(job_id, seconds=600)
    found = json.loads(job["result"] or "{}")
    assert (job["state"], found.get("changed")) == ("done", expected), (job["error"], found)
    return await place.calls(), (job["finished_at"] - job["started_at"]).total_seconds()


async def _forget(place: Place) -> None:
    """What the sweep before found is unknown again."""
    await place.billing.db.execute(
        "UPDATE billing_invoices SET claim_status = 'open', paid_amount = 0, paid_at = NULL WHERE paid_amount <> 0"
    )
    await place.billing.db.execute("VACUUM ANALYZE billing_invoices")
