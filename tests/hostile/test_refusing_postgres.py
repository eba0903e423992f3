"""Postgres answers, and refuses: the database was dropped or closed, the role lost its login or its rights."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from chaos.children import Nursery
from chaos.lane import lane
from flow.waiting import wait_for
from hostile.trouble import ask, complaints, count

from worker.local import services as local
from worker.local.services import Services
from worker.store.sql_files import sql_dir

ENDED = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sevdesk_worker'"
# What goes wrong, and how it is mended; {name} is the database.
CLOSED = {
    "closed": (
        f"ALTER DATABASE {{name}} ALLOW_CONNECTIONS false; {ENDED}", "ALTER DATABASE {name} ALLOW_CONNECTIONS true"),
    "no login": (f"ALTER ROLE sevdesk_worker NOLOGIN; {ENDED}", "ALTER ROLE sevdesk_worker LOGIN"),
    "other password": (
        f"ALTER ROLE sevdesk_worker PASSWORD 'another'; {ENDED}", "ALTER ROLE sevdesk_worker PASSWORD 'only-in-tests'"),
}  # fmt: skip
INSIDE = {
    "a table is gone": (
        "ALTER TABLE sevdesk_queue RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO sevdesk_queue"),
    "a right is gone": (
        "REVOKE ALL ON sevdesk_jobs, sevdesk_queue FROM sevdesk_worker",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON sevdesk_jobs, sevdesk_queue TO sevdesk_worker"),
}  # fmt: skip


@pytest.fixture
def admin(services: Services) -> Iterator[psycopg.Connection]:
    """The server's owner, on a database of its own."""
    with psycopg.connect(local.database_url(services, "postgres"), autocommit=True) as connection:
        yield connection
        connection.execute("ALTER ROLE sevdesk_worker LOGIN PASSWORD 'only-in-tests'")


def as_worker(url: str) -> str:
    """The database for the role of `sql/roles.sql`."""
    with psycopg.connect(url, autocommit=True) as own:
        own.execute((sql_dir() / "roles.sql").read_text())
        own.execute("ALTER ROLE sevdesk_worker LOGIN PASSWORD 'only-in-tests'")
    parts = urlsplit(url)
    return parts._replace(netloc=f"sevdesk_worker:only-in-tests@{parts.netloc.rpartition('@')[2]}").geturl()


@pytest.mark.parametrize("way", [*CLOSED, *INSIDE])
async def test_refusal_is_waited_out(
    way: str, services: Services, template: str, home: Nursery, admin: psycopg.Connection
) -> None:
    """It is told in one line, and when it is over all is done by itself."""
    async with lane(services, template, home, 1) as place:
        url = place.environment["DATABASE_URL"]
        worker = await place.worker(DATABASE_URL=as_worker(url), **{"worker.runner.runner.RECORD_AGAIN_SECONDS": 0.5})
        work = await ask(place)
        await work.begun()
        with psycopg.connect(url, autocommit=True) as own:
            wrong, mended = (CLOSED | INSIDE)[way]
            on = own if way in INSIDE else admin
            for statement in wrong.format(name=urlsplit(url).path[1:]).split("; "):
                on.execute(statement)
            await wait_for(lambda: count(worker, "postgres.lost") == 1)
            await asyncio.sleep(3)
            on.execute(mended.format(name=urlsplit(url).path[1:]))
        assert await work.findings() == []
        assert complaints(worker) == []


async def test_dropped_database_is_told(
    services: Services, template: str, home: Nursery, admin: psycopg.Connection
) -> None:
    """The worker stays, and stops when it is told to."""
    async with lane(services, template, home, 1) as place:
        worker = await place.worker(DATABASE_URL=as_worker(place.environment["DATABASE_URL"]))
        await (await ask(place)).begun()
        await place.billing.db.expire_connections()
        admin.execute(f"DROP DATABASE {urlsplit(place.environment['DATABASE_URL']).path[1:]} WITH (FORCE)")
        await wait_for(lambda: count(worker, "postgres.lost") == 1)
        await asyncio.sleep(3)
        assert complaints(worker) == []
        worker.signal(15)
        assert await worker.gone(30) == 0
