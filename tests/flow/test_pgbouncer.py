"""Through a real PgBouncer in transaction mode the pool works; what belongs to a session goes direct, or is refused."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import structlog
from flow.billing import Billing
from flow.books import pay
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from flow.pgbouncer import PROGRAMS, needs_pgbouncer, pgbouncer
from flow.pooler import transaction_pooler
from flow.waiting import wait_for

from sevdesk_client.sandbox.http.server import Running
from worker.local.server import free_port
from worker.settings import Settings
from worker.store import TOO_SLOW, PooledLocks, Store, require_session_locks
from worker.store.connection import KEEPALIVE, SESSION
from worker.store.migrate import NotMigrated, migrate
from worker.store.sql_files import sql_dir

# As somebody might set it to let the startup parameters pass.
IGNORED = ",".join(SESSION)
# What statements through the pooler left in the sessions of its server connections, all of which are asked. The pooler
# itself tells servers the client's time zone and the like; asyncpg switches `jit` off and on to learn of a type.
LEFT = """
SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels()),
       (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
       (SELECT count(*) FROM pg_settings WHERE source = 'session' AND name <> 'search_path'
           AND name NOT IN ('application_name', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone',
                            'standard_conforming_strings', 'jit'))"""


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At the same database as the worker."""
    return Operator(settings, tmp_path)


@pytest.fixture
async def role_url(billing: Billing, database_url: str) -> str:
    """The database as the worker's role sees it."""
    await billing.db.execute((sql_dir() / "roles.sql").read_text())
    await billing.db.execute("ALTER ROLE sevdesk_worker LOGIN PASSWORD 'only-in-tests'")
    return database_url.replace(urlsplit(database_url).netloc.rpartition("@")[0], "sevdesk_worker:only-in-tests")


def as_role(pooled: str) -> str:
    """The same address for the worker's role."""
    return pooled.replace("://postgres@", "://sevdesk_worker@")


@needs_pgbouncer
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("ignored", ["", IGNORED])
async def test_jobs_run_through_pgbouncer(
    program: str, ignored: str, billing: Billing, role_url: str, database_url: str, run_worker: RunWorker,
    sevdesk: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Two workers share two server connections: everything is done at once, and no session is left changed."""
    async with pgbouncer(database_url, program=program, ignore_startup_parameters=ignored) as pooled:
        there = {"database_url": as_role(pooled), "database_lock_url": role_url}
        async with run_worker(**there), run_worker(**there):
            invoices = [await billing.usual_invoice() for _ in range(12)]
            for kind, ask in (("publish_invoice", billing.enqueue), ("send_invoice", billing.request)):
                jobs = [await ask(kind, invoice_id=invoice) for invoice in invoices]
                ended = await asyncio.gather(*(billing.ended(job) for job in jobs))
                assert {(job["state"], job["attempt"], job["problem"]) for job in ended} == {("done", 1, None)}
            await pay(sevdesk, (await billing.row(invoices[0]))["external_id"], "119.00")
            for kind, payload in (
                ("sync_payments", {}),
                ("cancel_invoice", {"invoice_id": invoices[1], "reason": "Doppelt"}),
                ("refresh_templates", {"force": True}),
            ):
                job = await billing.do(kind, **payload)
                assert (job["state"], job["attempt"], job["problem"]) == ("done", 1, None)
        assert (await billing.row(invoices[0]))["claim_status"] == "paid"
        await _nothing_left(as_role(pooled))
    said = capsys.readouterr().out
    assert '"postgres.lost"' not in said and "unexpected" not in said


async def _nothing_left(pooled: str) -> None:
    """Asks every server connection, by holding a transaction open on each."""
    clients = [await asyncpg.connect(pooled, statement_cache_size=0) for _ in range(2)]
    for client in clients:
        await client.execute("BEGIN")
    assert len({await client.fetchval("SELECT pg_backend_pid()") for client in clients}) == 2
    assert [tuple(await client.fetchrow(LEFT)) for client in clients] == [(0, 0, 0, 0)] * 2
    for client in clients:
        await client.execute("COMMIT")
        await client.close()


@needs_pgbouncer
async def test_pgbouncer_sets_no_encoding(database_url: str) -> None:
    """It would before each statement if a client and Postgres called the same encoding by different names."""
    async with pgbouncer(database_url, servers=1) as pooled:
        store = await Store.connect(pooled, size=1)
        source = await store.pool.fetchval("SELECT source FROM pg_settings WHERE name = 'client_encoding'")
        await store.close()
    assert source != "session"


@needs_pgbouncer
async def test_restart_of_pgbouncer_is_survived(
    billing: Billing, database_url: str, run_worker: RunWorker, sevdesk: HoldableSevdesk
) -> None:
    """Killed under running jobs and started again: all are done, and each change is said once."""
    port = free_port()
    invoices = [await billing.usual_invoice() for _ in range(5)]
    with structlog.testing.capture_logs() as logs:
        async with AsyncExitStack() as stack, pgbouncer(database_url, port=port) as pooled:
            there = {"database_url": pooled, "database_lock_url": database_url}
            await stack.enter_async_context(run_worker(**there, write_quarantine=2.0))
            async with sevdesk.held("POST /Invoice/Factory/saveInvoice") as hold:
                jobs = [await billing.enqueue("publish_invoice", invoice_id=invoice) for invoice in invoices]
                await hold.reached()
                running = stack.pop_all()
        # PgBouncer is gone, and the calls under way have been answered.
        await wait_for(lambda: "postgres.lost" in [line["event"] for line in logs])
        async with running, pgbouncer(database_url, port=port):
            assert {(await billing.ended(job))["state"] for job in jobs} == {"done"}
    said = [line["event"] for line in logs]
    assert said.count("postgres.lost") == 1 and not [event for event in said if "unexpected" in event]


@needs_pgbouncer
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("ignored", ["", IGNORED])
async def test_pooled_locks_are_refused(
    program: str, ignored: str, operator: Operator, database_url: str, tmp_path: Path
) -> None:
    """Without a direct address a worker does not start, and `doctor` says why; a session pool is fine."""
    async with pgbouncer(database_url, program=program, ignore_startup_parameters=ignored) as pooled:
        code, _, said = await operator.run("run", DATABASE_URL=pooled)
        words = "DATABASE_URL goes through a pooler in transaction mode: session locks would protect nothing. "
        assert (code, said) == (2, f"{words}Set DATABASE_LOCK_URL to a direct connection.\n")
        found = await operator.json("doctor", code=1, DATABASE_URL=pooled)
        assert words in str(found)
        with pytest.raises(NotMigrated, match="Run migrate with a direct DATABASE_URL"):
            await asyncio.to_thread(migrate, pooled)


@needs_pgbouncer
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("ignored", ["", IGNORED])
async def test_session_mode_needs_nothing(
    program: str, ignored: str, billing: Billing, database_url: str, run_worker: RunWorker
) -> None:
    """A server connection for each client keeps locks and settings: one address does for all."""
    settings = {"ignore_startup_parameters": ignored, "pool_mode": "session", "default_pool_size": 20}
    async with pgbouncer(database_url, program=program, **settings) as pooled, run_worker(database_url=pooled):
        job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
        assert (job["state"], job["attempt"], job["problem"]) == ("done", 1, None)


@needs_pgbouncer
async def test_lost_settings_are_named(
    operator: Operator, role_url: str, database_url: str, tmp_path: Path, billing: Billing
) -> None:
    """The role has them from roles.sql, and they work; for another role `doctor` warns."""
    async with pgbouncer(database_url) as pooled:
        level, said = await _check(operator, "pooler", DATABASE_URL=pooled, DATABASE_LOCK_URL=database_url)
        assert level == "warn" and "the role lacks statement_timeout." in said and "sql/roles.sql" in said
        level, _ = await _check(operator, "pooler", DATABASE_URL=as_role(pooled), DATABASE_LOCK_URL=role_url)
        assert level == "ok"
    await billing.db.execute("ALTER ROLE sevdesk_worker SET statement_timeout = '50ms'")
    try:
        async with pgbouncer(database_url) as pooled:
            store = await Store.connect(as_role(pooled), size=1)
            assert store.pooled
            with pytest.raises(TOO_SLOW):
                await store.pool.execute("SELECT pg_sleep(60)")
            await store.close()
    finally:
        await billing.db.execute((sql_dir() / "roles.sql").read_text())


async def _check(operator: Operator, name: str, **changed: object) -> tuple[str, str]:
    found = await operator.json("doctor", code=0, **changed)
    return next((check["level"], check["detail"]) for check in found["checks"] if check["name"] == name)


async def test_roles_have_the_sessions_settings(role_url: str) -> None:
    """What `sql/roles.sql` sets is what the worker sets for a session of its own."""
    connection = await asyncpg.connect(role_url)
    for name in SESSION.keys() - KEEPALIVE.keys():
        assert await connection.fetchval("SELECT current_setting($1)", name) == SESSION[name]
    await connection.close()


async def test_stand_in_is_noticed(database_url: str) -> None:
    """Any pooler in transaction mode, not PgBouncer alone."""
    await require_session_locks(database_url)
    store = await Store.connect(database_url, size=1)
    assert not store.pooled
    await store.close()
    async with transaction_pooler(database_url, servers=4) as pooled:
        with pytest.raises(PooledLocks):
            await require_session_locks(pooled)
        store = await Store.connect(pooled, size=1)
        assert store.pooled and await store.query("backend_pid")
        await store.close()
