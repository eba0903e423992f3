"""`migrate` while workers run: no job fails or waits for it, and a killed one blocks nobody."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.processes import ROOT, environment
from flow.stage import Stage

from worker.settings import Settings
from worker.store import migrate as migrating
from worker.store.migrate import NotMigrated, migrate

COLUMNS = {
    "0101_jobs_note": "ALTER TABLE sevdesk_jobs ADD COLUMN note text;",
    "0102_queue_note": "ALTER TABLE sevdesk_queue ADD COLUMN note text NOT NULL DEFAULT '';",
    "0103_intents_note": "ALTER TABLE sevdesk_intents ADD COLUMN note text;",
}
INDEX = {
    "0104_jobs_kind": (
        "DROP INDEX CONCURRENTLY IF EXISTS sevdesk_jobs_kind;\n"
        "CREATE INDEX CONCURRENTLY sevdesk_jobs_kind ON sevdesk_jobs (kind, created_at);"
    )
}
HISTORY = """
INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, order_key, state, attempt, started_at, finished_at)
SELECT 'old-' || n, 'publish_invoice', '{}', 'redis', 'invoice:' || n, 'done', 1, now(), now()
FROM generate_series(1, 50000) n"""
WAITS = """SELECT pid FROM pg_stat_activity
           WHERE datname = current_database() AND application_name = 'sevdesk-worker migrate'
             AND wait_event_type = 'Lock' AND query ~ $1"""

GONE = """SELECT NOT EXISTS (SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'sevdesk-worker migrate')"""
PROGRAM = """
import pathlib, sys
from worker.store.migrate import migrate
migrate(sys.argv[1], folder=pathlib.Path(sys.argv[2]))
"""


def folder_of(path: Path, files: dict[str, str]) -> Path:
    """A folder with these migrations."""
    for name, sql in files.items():
        (path / f"{name}.sql").write_text(sql)
    return path


@asynccontextmanager
async def report(database_url: str, table: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """Somebody else's long transaction that reads the table."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
    try:
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE")
        yield connection
    finally:
        await connection.close()


async def test_jobs_go_on_while_migrating(
    billing: Billing, run_worker: RunWorker, database_url: str, tmp_path: Path
) -> None:
    """Columns and an index are added to a filled ledger under a stream of jobs: all are done at the first attempt."""
    await billing.db.execute(HISTORY)
    async with run_worker(), run_worker():
        done: list[Any] = []
        over = asyncio.Event()

        async def stream() -> None:
            while not over.is_set() or len(done) < 5:
                invoice = await billing.usual_invoice()
                for kind in ("publish_invoice", "send_invoice"):
                    done.append(await billing.do(kind, invoice_id=invoice))

        streams = [asyncio.create_task(stream()) for _ in range(3)]
        await until(lambda: asyncio.sleep(0, len(done) > 2))
        applied = await asyncio.to_thread(migrate, database_url, folder=folder_of(tmp_path, COLUMNS | INDEX))
        before = len(done)
        await until(lambda: asyncio.sleep(0, len(done) > before + 6))
        over.set()
        await asyncio.gather(*streams)
    assert applied == [*COLUMNS, *INDEX]
    assert {(job["state"], job["attempt"], job["retries"], job["problem"]) for job in done} == {("done", 1, 0, None)}


async def test_waiting_migration_lets_jobs_pass(
    billing: Billing, worker: object, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report holds the ledger: jobs are done while it does, and the migration comes when the report has ended."""
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(migrating, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(migrating, "TRIES", 10_000)
    async with report(database_url, "sevdesk_jobs"):
        migration = asyncio.create_task(asyncio.to_thread(migrate, database_url, folder=folder_of(tmp_path, COLUMNS)))
        await until(lambda: billing.db.fetchval(WAITS, "note"))
        for _ in range(3):
            job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
            assert (job["state"], job["attempt"], job["problem"]) == ("done", 1, None)
        assert not migration.done()
    assert await migration == list(COLUMNS)


async def test_hopeless_migration_says_why(
    billing: Billing, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last try: one sentence with the transaction that is likely in the way; nothing was applied."""
    monkeypatch.setattr(migrating, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(migrating, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(migrating, "TRIES", 2)
    async with report(database_url, "sevdesk_queue") as holder:
        with pytest.raises(NotMigrated) as caught:
            await asyncio.to_thread(migrate, database_url, folder=folder_of(tmp_path, COLUMNS))
        pid = holder.get_server_pid()
    assert str(caught.value).startswith("0102_queue_note found its table in use in 2 tries")
    assert f"process {pid}" in str(caught.value)
    done = await billing.db.fetch("SELECT migration_id FROM sevdesk_migrations WHERE migration_id > '01'")
    assert [row["migration_id"] for row in done] == ["0101_jobs_note"]
    assert await asyncio.to_thread(migrate, database_url, folder=tmp_path) == ["0102_queue_note", "0103_intents_note"]


async def killed_while_waiting(billing: Billing, settings: Settings, folder: Path, query: str) -> None:
    """Starts a migrate, kills it when this statement of it waits, and waits until Postgres has noticed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, settings.database_url, str(folder),
        cwd=ROOT, env=environment(settings, {}), stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await until(lambda: billing.db.fetchval(WAITS, query))
    process.kill()
    await process.wait()
    left = (
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database())"
    )
    await until(lambda: billing.db.fetchval(left, "sevdesk-worker migrate"))


async def test_killed_migrate_blocks_nobody(
    billing: Billing, settings: Settings, database_url: str, tmp_path: Path
) -> None:
    """Killed while it waits for a table, or half-way through an index: the next one does it all."""
    folder = folder_of(tmp_path, COLUMNS)
    async with report(database_url, "sevdesk_jobs"):
        await killed_while_waiting(billing, settings, folder, "ALTER TABLE")
    assert await asyncio.to_thread(migrate, database_url, folder=folder) == list(COLUMNS)
    folder_of(folder, INDEX)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('sevdesk_jobs_kind')"
    async with report(database_url, "sevdesk_jobs") as holder:
        # The index is created as an invalid one, and then waits for those who write.
        await holder.execute("LOCK TABLE sevdesk_jobs IN ROW EXCLUSIVE MODE")
        await killed_while_waiting(billing, settings, folder, "CREATE INDEX")
    assert await billing.db.fetchval(valid) is False
    assert await asyncio.to_thread(migrate, database_url, folder=folder) == list(INDEX)
    assert await billing.db.fetchval(valid) is True


async def test_migrates_take_turns(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each migration is applied by one of them; one that has waited too long names the process that holds the lock."""
    folder = folder_of(tmp_path, COLUMNS | INDEX)
    applied = await asyncio.gather(*(asyncio.to_thread(migrate, database_url, folder=folder) for _ in range(3)))
    assert sorted(name for each in applied for name in each) == [*COLUMNS, *INDEX]
    monkeypatch.setattr(migrating, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(migrating, "TURN_POLL", 0.0)
    other: asyncpg.Connection[Any] = await asyncpg.connect(database_url)
    await other.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", migrating.LOCK)
    with pytest.raises(NotMigrated, match=rf"Postgres process {other.get_server_pid()}\)"):
        await asyncio.to_thread(migrate, database_url)
    await other.close()
    assert await asyncio.to_thread(migrate, database_url) == []


async def test_sequences_left_behind_are_corrected(stage: Stage, tmp_path: Path) -> None:
    """A copy without its sequences: doctor names the tables, also to the worker's role, and migrate mends it."""
    operator = Operator(stage.settings, tmp_path)
    async with stage.working():
        await stage.published()
        names = await stage.billing.db.fetch("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
        behind = [row[0] for row in names if not row[0].endswith("_rank")]
        assert len(behind) == 8
        for name in behind:
            await stage.billing.db.execute(f"ALTER SEQUENCE {name} RESTART WITH 1")
        found = {each["name"]: each for each in (await operator.json("doctor", code=1))["checks"]}
        assert found["sequences"]["level"] == "fail"
        assert "sevdesk_documents, sevdesk_intents, sevdesk_jobs" in found["sequences"]["detail"]
        before = await stage.billing.db.fetchval("SELECT max(seq) FROM sevdesk_jobs")
        for _ in range(2):
            assert migrate(stage.settings.database_url) == []
        await stage.published()
        found = {each["name"]: each for each in (await operator.json("doctor", code=0))["checks"]}
        assert found["sequences"]["level"] == "ok"
        assert before < await stage.billing.db.fetchval("SELECT max(seq) FROM sevdesk_jobs") < before + 5
