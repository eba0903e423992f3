"""Connections that go silent: to Postgres, to the lock session alone, to Redis; and a slow way to Postgres."""

import asyncio

import pytest
from chaos.children import Nursery
from chaos.lane import Lane, lane
from flow.books import until
from flow.waiting import wait_for
from hostile.proxy import proxy_to
from hostile.trouble import HASTY, ask, complaints, count, said

from worker.local.services import Services

SLOW = 0.15  # seconds each way: 300 ms for question and answer


@pytest.mark.parametrize("everything", [False, True], ids=["half-open", "stalled"])
async def test_silent_postgres_is_survived(everything: bool, services: Services, template: str, home: Nursery) -> None:
    """Open connections carry nothing any more, or new ones neither: given up in time, and all is done after it."""
    async with lane(services, template, home, 1) as place, proxy_to(services.database_url) as proxy:
        worker = await place.worker(DATABASE_URL=proxy.in_place_of(place.environment["DATABASE_URL"]), **HASTY)
        work = await ask(place)
        await work.begun()
        proxy.stall() if everything else proxy.silence()
        await wait_for(lambda: count(worker, "locks.lost") == 1)
        if everything:
            await asyncio.sleep(2 * HASTY["worker.store.address.CONNECT_SECONDS"])
            assert count(worker, "locks.restored") == 0
            proxy.resume()
        assert await work.findings() == []
        assert complaints(worker) == []
        assert (count(worker, "locks.restored"), count(worker, "postgres.lost")) == (1, 1)


async def test_silent_lock_session_is_replaced(services: Services, template: str, home: Nursery) -> None:
    """Only its connection is silent: the new session ends the old one at the server, so no job waits for its locks."""
    async with lane(services, template, home, 1) as place, proxy_to(services.database_url) as proxy:
        locks = proxy.in_place_of(place.environment["DATABASE_URL"])
        worker = await place.worker(DATABASE_LOCK_URL=locks, **HASTY)
        work = await ask(place)
        await work.begun()
        [old] = await sessions(place)
        proxy.silence()
        await wait_for(lambda: count(worker, "locks.restored") == 1)
        assert await work.findings() == []
        [new] = await sessions(place)
        assert new != old and complaints(worker) == []


async def sessions(place: Lane) -> list[int]:
    """Server processes of lock sessions."""
    statement = """SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                   AND application_name LIKE 'sevdesk-worker locks %'"""
    return [pid for (pid,) in await place.billing.db.fetch(statement)]


async def test_silent_redis_is_survived(services: Services, template: str, home: Nursery) -> None:
    """Jobs go on; commands and subscriptions find new connections, though the old ones never end."""
    async with lane(services, template, home, 1) as place, proxy_to(services.redis_url) as proxy:
        url = proxy.in_place_of(place.environment["REDIS_URL"])
        worker = await place.worker(REDIS_URL=url, **{"worker.gate.subscription.ALIVE_SECONDS": 0.5})
        work = await ask(place)
        await work.begun()
        heard = await subscribers(place)
        assert len(heard) == 2
        proxy.silence()

        async def heard_anew() -> bool:
            return await subscribers(place) == dict.fromkeys(heard, 2)

        await until(heard_anew)
        assert await work.findings() == []
        assert (await ended_anew(place))["state"] == "done"
        assert complaints(worker) == []


async def subscribers(place: Lane) -> dict[bytes, int]:
    """Of each channel, dead ones included."""
    channels = await place.billing.redis.pubsub_channels()
    return dict(await place.billing.redis.pubsub_numsub(*channels))


async def ended_anew(place: Lane) -> dict[str, object]:
    """A job that comes through Redis now."""
    subject = await place.subject()
    return await place.billing.do("publish_invoice", invoice_id=subject.invoice)


@pytest.mark.long
async def test_slow_postgres_slows_only(services: Services, template: str, home: Nursery) -> None:
    """300 ms for each statement: nothing is lost, given up or complained of."""
    async with lane(services, template, home, 1) as place, proxy_to(services.database_url) as proxy:
        proxy.delay = SLOW
        worker = await place.worker(
            DATABASE_URL=proxy.in_place_of(place.environment["DATABASE_URL"]), WRITE_QUARANTINE=30, as_shipped=True
        )
        work = await ask(place, 2)
        assert await work.findings() == []
        assert [line["event"] for line in said(worker) if line["level"] != "info"] == []


@pytest.mark.long
@pytest.mark.parametrize(("server", "seconds"), [("postgres", 45), ("redis", 30)])
async def test_long_silence_is_survived(
    server: str, seconds: int, services: Services, template: str, home: Nursery
) -> None:
    """With the time-outs of production: no connection carries anything any more, is told of, and all is done later."""
    url, name = (services.database_url, "DATABASE_URL") if server == "postgres" else (services.redis_url, "REDIS_URL")
    async with lane(services, template, home, 1) as place, proxy_to(url) as proxy:
        worker = await place.worker(**{name: proxy.in_place_of(place.environment[name])}, as_shipped=True)
        work = await ask(place)
        await work.begun()
        proxy.stall()
        await asyncio.sleep(seconds)
        assert count(worker, f"{server}.lost") == 1
        proxy.resume()
        assert await work.findings() == []
        assert complaints(worker) == []
