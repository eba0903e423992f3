"""SIGSTOP of a worker, of Postgres, of Redis: whatever stands still goes on later, and all is done once."""

import asyncio
import signal
from contextlib import suppress

import asyncpg
import pytest
from chaos.children import Nursery
from chaos.lane import lane
from chaos.points import Act
from flow.waiting import wait_for
from hostile.trouble import HASTY, ask, complaints, count, resident, said, stopped

from worker.local.services import Services
from worker.store.connection import SESSION

SHORT = 10.0  # seconds; longer than the hasty workers' time-outs
# Within the transaction that records a finished document.
IN_TRANSACTION = "Runner.run | sql record_changes | 1 | after"


@pytest.mark.parametrize("server", ["postgres", "redis"])
async def test_stopped_server_is_survived(
    server: str, breakable_services: Services, template: str, home: Nursery
) -> None:
    """It accepts connections and answers nothing; afterwards everything is done, each once."""
    async with lane(breakable_services, template, home, 1) as place:
        worker = await place.worker(**HASTY)
        work = await ask(place)
        await work.begun()
        with stopped(getattr(breakable_services, server).pid):
            await asyncio.sleep(SHORT)
        assert await work.findings() == []
        assert complaints(worker) == []
        if server == "postgres":
            with suppress(TimeoutError):
                await wait_for(lambda: 1 <= count(worker, "postgres.lost") == count(worker, "postgres.restored"))
            told = [line["event"] for line in said(worker) if line["event"].startswith("postgres.")]
            # On a loaded machine another outage may be told a minute later.
            assert told and told == ["postgres.lost", "postgres.restored"] * (len(told) // 2)


async def test_stopped_worker_says_so(services: Services, template: str, home: Nursery) -> None:
    """The leader stands still for longer than a quarantine: it goes on, another one works meanwhile."""
    async with lane(services, template, home, 1) as place:
        leader = await place.worker(**{"worker.maintenance.stalls.LATE_SECONDS": 1.0})
        await wait_for(lambda: count(leader, "leader.elected") == 1)
        other = await place.worker()
        await wait_for(lambda: count(other, "locks.ready") == 1)
        work = await ask(place)
        await work.begun()
        leader.signal(signal.SIGSTOP)
        more = await ask(place)
        await asyncio.sleep(SHORT)
        leader.signal(signal.SIGCONT)
        assert [*await work.findings(), *await more.findings()] == []
        assert complaints(leader, other) == []
        assert (count(leader, "worker.stood_still"), count(other, "worker.stood_still")) == (1, 0)


async def test_stopped_transaction_frees_its_rows(services: Services, template: str, home: Nursery) -> None:
    """A worker stands still within a transaction: Postgres ends that, and the billing system may change its rows."""
    hasty = {"worker.store.pooler.SESSION": {**SESSION, "idle_in_transaction_session_timeout": "1s"}}
    async with lane(services, template, home, 1) as place:
        worker = await place.worker(Act(IN_TRANSACTION, "stop"), **hasty)
        work = await ask(place, 1)
        await wait_for(lambda: worker.reached(IN_TRANSACTION))
        locked = "SELECT FROM billing_invoices WHERE id = $1 FOR UPDATE"
        async with place.billing.db.acquire() as connection, connection.transaction():
            with pytest.raises(asyncpg.LockNotAvailableError):
                await connection.execute(f"{locked} NOWAIT", work.subjects[0].invoice)
        await place.billing.db.execute(locked, work.subjects[0].invoice, timeout=30)
        worker.signal(signal.SIGCONT)
        assert await work.findings() == []
        assert complaints(worker) == []


@pytest.mark.parametrize("server", ["postgres", "redis"])
async def test_stopped_server_lets_workers_end(
    server: str, breakable_services: Services, template: str, home: Nursery
) -> None:
    """SIGTERM while nothing answers: the worker ends within its grace and some seconds."""
    async with lane(breakable_services, template, home, 1) as place:
        worker = await place.worker(as_shipped=True, SHUTDOWN_GRACE=2)
        work = await ask(place)
        await work.begun()
        with stopped(getattr(breakable_services, server).pid):
            worker.signal(signal.SIGTERM)
            assert await worker.gone(30) == 0
        assert complaints(worker) == []
        await place.worker()
        assert await work.findings() == []


@pytest.mark.long
@pytest.mark.parametrize(("server", "seconds"), [("postgres", 60), ("redis", 30)])
async def test_server_stopped_for_long(
    server: str, seconds: int, breakable_services: Services, template: str, home: Nursery
) -> None:
    """Longer than every time-out of production: two workers go on, and have taken 64 MB of memory at most."""
    async with lane(breakable_services, template, home, 1) as place:
        workers = [await place.worker(as_shipped=True) for _ in range(2)]
        work = await ask(place, 10)
        await work.begun()
        before = [resident(each) for each in workers]
        with stopped(getattr(breakable_services, server).pid):
            await asyncio.sleep(seconds)
        assert [now for now, then in zip(map(resident, workers), before, strict=True) if now > then + 64] == []
        assert await work.findings() == []
        assert complaints(*workers) == []


@pytest.mark.long
async def test_worker_stopped_for_long(services: Services, template: str, home: Nursery) -> None:
    """Beyond every time-out and quarantine, in the middle of its jobs; what others wait for is done meanwhile."""
    async with lane(services, template, home, 1) as place:
        frozen, other = await place.worker(), await place.worker()
        await wait_for(lambda: count(frozen, "locks.ready") + count(other, "locks.ready") == 2)
        work = await ask(place, 6)
        await work.begun()
        frozen.signal(signal.SIGSTOP)
        await asyncio.sleep(60)
        more = await ask(place, 6)
        frozen.signal(signal.SIGCONT)
        assert [*await work.findings(), *await more.findings()] == []
        assert complaints(frozen, other) == []
        assert count(frozen, "worker.stood_still") == 1
