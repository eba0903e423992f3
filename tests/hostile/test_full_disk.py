"""Postgres has no room for what is written: said in one line a minute, and all is done once there is some."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from chaos.children import Nursery
from chaos.lane import Lane, lane
from flow.waiting import wait_for
from hostile.trouble import ask, complaints, count

from worker.local.services import Services

FULL_SECONDS = 6.0  # a few tries of each loop
SHORT_WAITS = {"worker.runner.runner.NO_ROOM_WAIT": 1.0, "worker.runner.runner.RECORD_AGAIN_SECONDS": 0.5}
TABLES = """SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
            AND (relname LIKE 'sevdesk\\_%' OR relname IN ('billing_invoices', 'billing_invoice_event_log'))"""
NO_SPACE = """CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END $$"""
SIZE = "24m"


async def tables(place: Lane) -> list[str]:
    """Everything that a worker writes to."""
    return [name for (name,) in await place.billing.db.fetch(TABLES)]


async def test_full_disk_is_outlived(services: Services, template: str, home: Nursery) -> None:
    """SQLSTATE 53100 for every row, amid running jobs: nothing is lost, doubled, parked, or told with a traceback."""
    async with lane(services, template, home, 1) as place:
        worker = await place.worker(**SHORT_WAITS)
        work = await ask(place)
        await work.begun()
        await place.billing.db.execute(NO_SPACE)
        for name in await tables(place):
            await place.billing.db.execute(
                f"CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION no_space()"
            )
        await wait_for(lambda: count(worker, "postgres.no_room") == 1)
        await asyncio.sleep(FULL_SECONDS)
        await place.billing.db.execute("DROP FUNCTION no_space CASCADE")
        assert await work.findings() == []
        assert complaints(worker) == []
        assert count(worker, "postgres.lost") == 0


async def run(*command: str | Path) -> int:
    """Its exit code."""
    return await (await asyncio.create_subprocess_exec(*command)).wait()


async def execute(services: Services, statement: str) -> None:
    """As administrator of the server."""
    admin = await asyncpg.connect(services.database_url)
    await admin.execute(statement)
    await admin.close()


@asynccontextmanager
async def small_disk(services: Services) -> AsyncIterator[Path]:
    """A tablespace `small` on a file system of SIZE. Skips where none can be mounted."""
    if os.geteuid() != 0 or shutil.which("mount") is None or not services.started:
        pytest.skip("NOT CHECKED: only root can mount a small disk under Postgres")
    place = services.postgres.home / "small"
    place.mkdir()
    if await run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place):
        pytest.skip("NOT CHECKED: this machine lets nobody mount a small disk")
    try:
        services.postgres.account.chown(place)
        data = place / "data"
        data.mkdir()
        services.postgres.account.chown(data)
        await execute(services, f"CREATE TABLESPACE small LOCATION '{data}'")
        yield place
        await execute(services, "DROP TABLESPACE small")
    finally:
        assert await run("umount", place) == 0


@pytest.mark.long
async def test_really_full_disk_is_outlived(services: Services, template: str, home: Nursery) -> None:
    """A disk of 24 MB with all tables on it, filled up amid running jobs for ten seconds."""
    async with small_disk(services) as disk, lane(services, template, home, 1) as place:
        for name in await tables(place):
            await place.billing.db.execute(f"ALTER TABLE {name} SET TABLESPACE small")
        worker = await place.worker(**SHORT_WAITS)
        work = await ask(place, 20)
        await work.begun()
        rest = disk / "rest"
        with rest.open("wb", buffering=0) as filling, pytest.raises(OSError, match="No space"):
            while True:
                filling.write(bytes(4096))
        await asyncio.sleep(10)
        rest.unlink()
        assert await work.findings() == []
        assert complaints(worker) == []
        print(f"\npostgres.no_room {count(worker, 'postgres.no_room')}, jobs {len(work.jobs)}")
