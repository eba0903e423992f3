"""C. Many workers on one Postgres, through a real PgBouncer: connections, and what polling and maintenance cost."""

import asyncio
from pathlib import Path

from bench.ground import Ground, Place, cpu_seconds, on_places
from bench.table import Row
from flow.pgbouncer import PROGRAMS, pgbouncer

WORKERS, SERVERS = 60, 20
CONNECTIONS = """
SELECT count(*) FILTER (WHERE application_name LIKE 'sevdesk-worker locks %') AS locks, count(*) AS all,
       current_setting('max_connections')::int AS most
FROM pg_stat_activity WHERE backend_type = 'client backend'"""


async def bench(ground: Ground, wanted: set[str]) -> list[Row]:
    """Whichever are wanted."""
    return await on_places(ground, wanted, {"C8": _idle})


def postgres_cpu(postmaster: int) -> float:
    """Seconds of user and system time of all server processes, ended ones included (Linux)."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    ended = Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()[13:15]
    living = sum(cpu_seconds(int(pid)) for pid in children)
    return living + cpu_seconds(postmaster) + sum(map(int, ended)) / 100


async def _idle(ground: Ground, place: Place) -> list[Row]:
    """Sixty workers with nothing to do, then with jobs for all of them."""
    count, seconds = ground.size(WORKERS, 6), ground.size(60, 10)
    if not PROGRAMS:
        return [Row("C8", "NOT MEASURED: pgbouncer is not installed here", 0, "")]
    postmaster = int((await place.billing.db.fetchval("SELECT pg_read_file('postmaster.pid')")).split()[0])
    async with pgbouncer(place.database_url, servers=SERVERS) as pooled:
        for started in range(0, count, 3):  # each takes half a second of a core
            await asyncio.gather(
                *(
                    place.worker(DATABASE_URL=pooled, DATABASE_LOCK_URL=place.database_url)
                    for _ in range(min(3, count - started))
                )
            )
        await asyncio.sleep(5)
        before = postgres_cpu(postmaster)
        await asyncio.sleep(seconds)
        share = 100 * (postgres_cpu(postmaster) - before) / seconds
        jobs = count * 20
        rate = jobs / await place.run(await place.noops(jobs))
        found = await place.billing.db.fetchrow(CONNECTIONS)
    assert found is not None and found["locks"] == count
    note = f"{found['locks']} of them lock sessions; max_connections is {found['most']} here"
    return [
        Row("C8", f"{count} idle workers: Postgres' CPU, of one core", share, "%", target=("<=", 2)),
        Row("C8", f"their connections to Postgres after {jobs:,} jobs", found["all"], "", target=("<=", 90), note=note),
        Row("C8", f"jobs that do nothing, {count} workers through PgBouncer", rate, "jobs/s"),
    ]
