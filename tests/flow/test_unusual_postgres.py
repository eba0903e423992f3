"""A Postgres that is not as usual: TLS, sockets, defaults of roles and databases, a standby. Each works or is named."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import pytest
from flow.billing import Billing
from flow.conftest import RunWorker
from flow.fronts import Authority, port_of, socket_front, tls_front
from flow.operators import Operator
from flow.waiting import wait_for
from structlog.testing import capture_logs

from worker.domain.postgres_url import read_postgres_url
from worker.local.server import Postgres
from worker.local.services import Services
from worker.settings import Settings
from worker.store.listener import listen_to_events
from worker.store.migrate import billing_tables, migrate

# Defaults that an administrator may have set -> for the database; each by itself, and all of them together.
DEFAULTS = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "TimeZone": "Pacific/Kiritimati",
    "search_path": "elsewhere, public",
    "statement_timeout": "20ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "200ms",
    "idle_session_timeout": "200ms",
    "DateStyle": "SQL, MDY",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "extra_float_digits": "-15",
}


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """Of this test's database and Redis."""
    return Operator(settings, tmp_path)


def elsewhere(url: str, place: str, query: str = "") -> str:
    """The same database and account at another place."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{place}", query=query).geturl()


async def works(billing: Billing, run_worker: RunWorker, url: str) -> None:
    """A job and a payment sync are done, migrate finds nothing to do, and `follow` hears."""
    assert await asyncio.to_thread(migrate, url) == []
    async with listen_to_events(url) as told:
        await asyncio.sleep(0.3)  # longer than a session of DEFAULTS may be idle
        await billing.db.execute("""SELECT pg_notify('sevdesk_events', '{"kind": "adopt"}')""")
        assert (await anext(told))["kind"] == "adopt"
    async with run_worker(database_url=url):
        published = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
        synced = await billing.do("sync_payments")
    assert (published["state"], synced["state"]) == ("done", "done")


@pytest.mark.parametrize("name", [*DEFAULTS, "all"])
async def test_defaults_do_no_harm(name: str, billing: Billing, run_worker: RunWorker, database_url: str) -> None:
    """A job and a sweep end well whatever the database's defaults are."""
    chosen = DEFAULTS if name == "all" else {name: DEFAULTS[name]}
    database = database_url.rpartition("/")[2]
    await billing.db.execute("CREATE SCHEMA elsewhere")
    for setting, value in chosen.items():
        shown = value if setting == "search_path" else f"'{value}'"
        await billing.db.execute(f"ALTER DATABASE {database} SET {setting} = {shown}")
    await works(billing, run_worker, database_url)


async def test_defaults_of_the_role_do_no_harm(billing: Billing, run_worker: RunWorker, database_url: str) -> None:
    """They outrank the database's."""
    await billing.db.execute("CREATE ROLE odd SUPERUSER LOGIN PASSWORD 'odd'")
    try:
        for name, value in DEFAULTS.items():
            if name != "search_path":
                await billing.db.execute(f"ALTER ROLE odd SET {name} = '{value}'")
        parts = urlsplit(database_url)
        odd = parts._replace(netloc=f"odd:odd@{parts.netloc.rpartition('@')[2]}").geturl()
        await works(billing, run_worker, odd)
    finally:
        await billing.db.execute("DROP ROLE odd")


async def test_tables_are_made_once(billing: Billing, operator: Operator, database_url: str) -> None:
    """migrate makes no second set of tables where the search path does not lead to the first."""
    await billing.db.execute(f"ALTER DATABASE {database_url.rpartition('/')[2]} SET search_path = elsewhere")
    await billing.db.execute("CREATE SCHEMA elsewhere")
    code, _, said = await operator.run("migrate")
    assert code == 1 and "are in the schema public, which is not on the search_path" in said
    assert not await billing.db.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'elsewhere'")


async def test_billing_tables_may_lie_elsewhere(billing: Billing, run_worker: RunWorker, database_url: str) -> None:
    """They have a schema of their own, first in the search path; the worker's come into `public`."""
    await billing.db.execute("CREATE SCHEMA shop")
    for table in billing_tables():
        await billing.db.execute(f"ALTER TABLE {table} SET SCHEMA shop")
    await billing.db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await billing.db.execute(f"ALTER DATABASE {database_url.rpartition('/')[2]} SET search_path = shop, public")
    await billing.db.expire_connections()
    await asyncio.to_thread(migrate, database_url)
    await billing.db.execute("UPDATE sevdesk_config SET template_eb_ar = '57986aee6bd2d53306068da1'")
    await billing.request("update_config", auto_transfer_invoices=False)  # by a function with its owner's rights
    await works(billing, run_worker, database_url)


OPTIONS = [
    "connect_timeout=20",
    "keepalives=1&keepalives_idle=30&keepalives_interval=5&keepalives_count=2&tcp_user_timeout=20000",
    "keepalives=0",
    "options=-c%20work_mem%3D8MB%20-c%20search_path%3Dpublic",
    "application_name=billing",
    "channel_binding=disable",
    "target_session_attrs=primary",
    "gssencmode=disable&sslmode=prefer",
    "client_encoding=utf8",
]


@pytest.mark.parametrize("query", OPTIONS)
async def test_options_mean_the_same(query: str, billing: Billing, run_worker: RunWorker, database_url: str) -> None:
    """What libpq allows, both migrate and the worker take."""
    await works(billing, run_worker, f"{database_url}?{query}")


async def test_several_hosts_are_tried(billing: Billing, run_worker: RunWorker, database_url: str) -> None:
    """The first is closed, the second answers."""
    address = urlsplit(database_url).netloc.rpartition("@")[2]
    await works(billing, run_worker, elsewhere(database_url, f"127.0.0.1:9,{address}"))


async def test_unix_socket_works(billing: Billing, run_worker: RunWorker, database_url: str, tmp_path: Path) -> None:
    """Named as a host, or as an option."""
    address = read_postgres_url(database_url)
    async with socket_front(tmp_path / ".s.PGSQL.7777", port_of(address)):
        await works(billing, run_worker, elsewhere(database_url, f"{quote(str(tmp_path), safe='')}:7777"))
        given = {"host": str(tmp_path), "port": "7777", "user": address.given["user"],
                 "password": address.given["password"]}  # fmt: skip
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
        await works(billing, run_worker, f"postgresql:///{address.database}?{query}")


@pytest.fixture
async def tls_port(authority: Authority, database_url: str) -> AsyncIterator[int]:
    """This test's Postgres behind TLS."""
    async with tls_front(authority, port_of(read_postgres_url(database_url)), postgres=True) as port:
        yield port


async def test_private_authority_is_trusted(
    billing: Billing, run_worker: RunWorker, database_url: str, authority: Authority, tls_port: int
) -> None:
    """sslrootcert names it, and the certificate is for this host; without checks it works as well."""
    for query in (f"sslmode=verify-full&sslrootcert={authority.ca}", "sslmode=require", "ssl=true"):
        await works(billing, run_worker, elsewhere(database_url, f"localhost:{tls_port}", query))


async def test_wrong_certificate_is_named(
    operator: Operator, database_url: str, authority: Authority, tls_port: int, tmp_path: Path
) -> None:
    """Of another authority, or for another host: doctor, migrate and status say so in one line."""
    other = Authority(tmp_path, "other")
    wrong = {
        f"localhost:{tls_port}": (other.ca, "certificate verify failed"),
        f"127.0.0.1:{tls_port}": (authority.ca, "IP address mismatch"),
    }
    for place, (ca, cause) in wrong.items():
        url = elsewhere(database_url, place, f"sslmode=verify-full&sslrootcert={ca}")
        found = await operator.json("doctor", code=1, DATABASE_URL=url)
        assert cause in found["checks"][0]["detail"]
        code, _, said = await operator.run("status", DATABASE_URL=url)
        assert code == 1 and cause in said and len(said.splitlines()) == 1
        code, _, said = await operator.run("migrate", DATABASE_URL=url)
        assert code == 1 and len(said.splitlines()) == 1


async def test_causes_are_told(operator: Operator, database_url: str) -> None:
    """No listener, no such host, a wrong password, no such database: more than a class's name, and no password."""
    parts = urlsplit(database_url)
    account, address = parts.netloc.rpartition("@")[0], parts.netloc.rpartition("@")[2]
    causes = {
        elsewhere(database_url, "127.0.0.1:9"): "Connect call failed",
        elsewhere(database_url, "nowhere.invalid"): "Name or service not known",
        parts._replace(netloc=f"postgres:geheim@{address}").geturl(): "password authentication failed",
        parts._replace(path="/none").geturl(): 'database "none" does not exist',
    }
    for url, cause in causes.items():
        code, _, said = await operator.run("status", DATABASE_URL=url)
        assert code == 1 and cause in said and len(said.splitlines()) == 1, said
        found = await operator.json("doctor", code=1, DATABASE_URL=url)
        assert cause in found["checks"][0]["detail"]
        assert "geheim" not in f"{said}{found}" and account.partition(":")[2] not in f"{said}{found}"


async def test_standby_is_named_and_waited_for(
    breakable_services: Services,
    billing: Billing,
    run_worker: RunWorker,
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """doctor fails, migrate says it, the worker logs one line with the cause and works after the promotion."""
    postgres = breakable_services.postgres
    job_id = await billing.request("publish_invoice", invoice_id=await billing.usual_invoice())
    await asyncio.to_thread(postgres.stop)
    signal = postgres.data / "standby.signal"
    signal.touch()
    os.chown(signal, postgres.data.stat().st_uid, -1)
    monkeypatch.setattr(Postgres, "_answers", _answers_as_standby)
    await asyncio.to_thread(postgres.start)
    try:
        await standby_is_named(breakable_services, billing, run_worker, operator, job_id)
    finally:
        await promote(breakable_services)  # the tests after this one write


async def standby_is_named(
    services: Services, billing: Billing, run_worker: RunWorker, operator: Operator, job_id: str
) -> None:
    """By doctor, migrate and the worker's log; once it is promoted the job is done."""
    found = await operator.json("doctor", code=1)
    assert "read-only: a standby" in found["checks"][0]["detail"]
    code, _, said = await operator.run("migrate")
    assert (code == 1 and "read-only" in said) or "hot standby" in said
    with capture_logs() as lines:
        async with run_worker():
            await wait_for(lambda: any(line["event"] == "postgres.unreachable" for line in lines))
            await promote(services)
            assert (await billing.ended(job_id))["state"] == "done"
    [line] = [line for line in lines if line["event"] == "postgres.unreachable"]
    assert "read-only: a standby" in line["error"]


async def promote(services: Services) -> None:
    """Make it a primary, if it is none."""
    connection = await asyncpg.connect(services.database_url)
    await connection.execute("SELECT pg_promote() WHERE pg_is_in_recovery()")
    await connection.close()


def _answers_as_standby(server: Postgres, pid: int) -> bool:
    try:
        lines = (server.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() in ("standby", "ready")
