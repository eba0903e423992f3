"""`doctor` names what is missing before the worker trips over it; each fault is planted by itself."""

import asyncio
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from flow.billing import Billing
from flow.books import control, order_fault
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.pooler import transaction_pooler
from flow.waiting import PATIENCE
from typer.testing import CliRunner

from sevdesk_client.sandbox.http.server import Running
from worker.__main__ import cli
from worker.cli import base
from worker.local import services as local
from worker.local.services import Services
from worker.operator.checks_postgres import contract_faults, expected_columns, expected_rights, postgres_checks
from worker.settings import Settings
from worker.store.probe import probe_locks
from worker.store.sql_files import sql_dir


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At a database with a billing system in it."""
    return Operator(settings, tmp_path)


@pytest.fixture
def empty_url(services: Services) -> Iterator[str]:
    """A database without any table."""
    name = f"empty_{secrets.token_hex(4)}"
    yield local.create_database(services, name)
    local.drop_database(services, name)


async def checks(operator: Operator, code: int = 0, **changed: Any) -> dict[str, tuple[str, str]]:
    """Level and sentence of each check."""
    found = await operator.json("doctor", code=code, **changed)
    assert found["ok"] == (code == 0)
    return {check["name"]: (check["level"], check["detail"]) for check in found["checks"]}


async def test_sound_installation_passes(operator: Operator) -> None:
    """Nothing fails; that no worker runs and that this Redis keeps nothing is worth a warning."""
    found = await checks(operator)
    assert {name for name, (level, _) in found.items() if level == "warn"} == {"workers", "redis disk"}
    assert {name for name, (level, _) in found.items() if level == "ok"} == {
        "account", "e-invoice rules", "foreign locks", "restore", "sequences", "settings",
        "postgres", "clock", "session locks", "migrations", "statements", "sync interval", "billing tables",
        "billing indexes", "invoice numbers", "rights", "redis", "redis memory", "redis rights", "sevdesk", "templates",
        "sevdesk calls", "sevdesk answers",
    }  # fmt: skip
    assert all(said.endswith(".") for _, said in found.values())
    code, said, _ = await operator.run("doctor")
    assert code == 0 and "Session locks hold on DATABASE_URL." in said


async def shared_redis(settings: Settings) -> list[str]:
    """What the check says of Redis, with a second look at once."""
    return [check.detail for check in await postgres_checks(settings) if check.name == "shared redis"]


async def test_workers_of_another_database_are_found(
    settings: Settings, billing: Billing, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that reports to this Redis and is not on record here; not one of ours."""
    monkeypatch.setattr("worker.operator.checks_postgres.REPORT_KEPT", 0)
    async with run_worker() as app, asyncio.timeout(PATIENCE):
        while not await billing.redis.exists(f"arq:queue:health-check:{app.name}"):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        assert await shared_redis(settings) == []
        await billing.redis.set("arq:queue:health-check:elsewhere:1:abcdef", "", px=600_000)
        (said,) = await shared_redis(settings)
    assert "this Redis database: elsewhere:1:abcdef. Each takes" in said


async def test_report_of_a_dead_worker_is_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone at the second look."""
    looks: list[dict[str, Any]] = [{"workers": {"gone:1:abcdef": 9.0}}, {"workers": {}}]

    async def redis_state(_: Settings) -> dict[str, Any]:
        return looks.pop(0)

    monkeypatch.setattr("worker.operator.checks_postgres.REPORT_KEPT", 0)
    monkeypatch.setattr("worker.operator.checks_postgres.redis_state", redis_state)
    assert await shared_redis(settings) == [] and looks == []


# SQL that plants a fault -> the check that fails, and what it says.
INTEGER_ZIP = "ALTER TABLE companies ALTER COLUMN zip TYPE integer USING 0"
NUMBER_KEY = "billing_invoices_invoice_number_key"
OLD_INTERVAL = (
    "ALTER TABLE sevdesk_config DROP CONSTRAINT sevdesk_config_payment_sync_interval_minutes_check; "
    "UPDATE sevdesk_config SET token_configured = true, payment_sync_interval_minutes = 7"
)
FAULTS = {
    OLD_INTERVAL: ("sync interval", "is 7, so only the nightly sweep is started; allowed are 1 to 59 minutes"),
    "ALTER TABLE billing_invoices DROP COLUMN foot_text": ("billing tables", "billing_invoices.foot_text is missing"),
    INTEGER_ZIP: ("billing tables", "companies.zip is integer, not text"),
    "DROP TABLE hubspot_associations": ("billing tables", "hubspot_associations.id is missing"),
    f"ALTER TABLE billing_invoices DROP CONSTRAINT {NUMBER_KEY}": ("invoice numbers", "No unique"),
    "DELETE FROM sevdesk_migrations WHERE migration_id LIKE '0003%'": ("migrations", "0003_payments not applied"),
    "DROP TABLE sevdesk_reconciliations": ("statements", "do not fit the database"),
    "UPDATE sevdesk_config SET template_kop_sr = 'nope'": ("templates", "template_kop_sr names nope"),
}  # fmt: skip


async def test_missing_index_is_named(operator: Operator, billing: Billing) -> None:
    """A warning with the file that makes it; another index that begins with the same columns does as well."""
    await billing.db.execute("DROP INDEX billing_invoices_to_publish, billing_invoice_event_log_invoice")
    await billing.db.execute("CREATE INDEX ours ON billing_invoice_event_log (invoice_id, created_at, event_type)")
    level, said = (await checks(operator))["billing indexes"]
    assert level == "warn" and "billing_invoices_to_publish missing" in said and "sql/billing/indexes.sql" in said
    assert "billing_invoice_event_log" not in said


@pytest.mark.parametrize("plant", FAULTS)
async def test_planted_fault_is_named(plant: str, operator: Operator, billing: Billing) -> None:
    """Exit 1, the right check fails, and the sentence names the thing and what to do."""
    await billing.db.execute(plant)
    name, words = FAULTS[plant]
    level, said = (await checks(operator, 1))[name]
    assert level == "fail" and words in said


async def test_impossible_interval_is_unhealthy(operator: Operator, billing: Billing) -> None:
    """Set under the CHECK of an older version: `health` fails, whenever the last sync was."""
    await billing.db.execute(OLD_INTERVAL)
    found = await operator.json("health", code=1)
    [sync] = [check for check in found["checks"] if check["name"] == "sync"]
    assert sync["level"] == "fail" and "update_config payment_sync_interval_minutes=10" in sync["detail"]


async def test_missing_rights_are_named(operator: Operator, billing: Billing, database_url: str) -> None:
    """A role with what roles.sql grants passes; one column less fails and is named."""
    script = (sql_dir() / "roles.sql").read_text()
    await billing.db.execute(script + "ALTER ROLE sevdesk_worker LOGIN PASSWORD 'only-in-tests'")
    url = database_url.replace(database_url.split("//")[1].split("@")[0], "sevdesk_worker:only-in-tests")
    assert (await checks(operator, DATABASE_URL=url))["rights"][0] == "ok"
    await billing.db.execute("REVOKE UPDATE (paid_at) ON billing_invoices FROM sevdesk_worker")
    level, said = (await checks(operator, 1, DATABASE_URL=url))["rights"]
    assert level == "fail" and said.startswith("The role lacks UPDATE on billing_invoices.paid_at.")


async def test_unmigrated_database_is_named(operator: Operator, empty_url: str) -> None:
    """Every command that needs the tables says so in one sentence; the worker ends instead of trying on."""
    for code, command in ((1, ("status",)), (1, ("enqueue", "test_connection")), (2, ("run",))):
        ended, _, problem = await operator.run(*command, DATABASE_URL=empty_url)
        assert ended == code and len(problem.splitlines()) == 1
        assert "sevdesk_" in problem and "Run sevdesk-worker migrate" in problem
    found = await checks(operator, 1, DATABASE_URL=empty_url)
    for name in ("leader", "session locks", "sync interval", "restore", "sequences"):
        assert found[name] == ("fail", "Tables or functions are not there. Run sevdesk-worker migrate.")


async def test_missing_billing_tables_are_named(operator: Operator, empty_url: str) -> None:
    """Migrated without them, every command leads to what makes them, and what makes them says so."""
    assert (await operator.json("health", code=1, DATABASE_URL=empty_url))["checks"][0]["detail"].startswith(
        "answers. "
    )
    await operator.run("migrate", DATABASE_URL=empty_url)
    makes_them = "make them: sevdesk-worker migrate --billing-reference."
    code, _, problem = await operator.run("status", DATABASE_URL=empty_url)
    assert code == 1 and makes_them in problem and "billing_invoices" in problem
    found = await checks(operator, 1, DATABASE_URL=empty_url)
    assert found["billing tables"][0] == "fail" and found["billing tables"][1].endswith(makes_them)
    assert "unless billing tables are missing" in found["statements"][1]
    assert not {"rights", "invoice numbers"} & found.keys()
    applied = [await operator.json("migrate", "--billing-reference", DATABASE_URL=empty_url) for _ in range(2)]
    assert [each["applied"] for each in applied] == [["billing_reference"], []]
    found = await checks(operator, DATABASE_URL=empty_url)
    assert found["rights"][0] == "ok" and found["templates"][1].endswith("none is named here, so it takes its default.")
    _, said, _ = await operator.run("status", DATABASE_URL=empty_url)
    assert "no worker has been started with a token yet" in said


async def test_silent_postgres_is_not_waited_for(
    operator: Operator, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes the connection and says nothing: one sentence, after the time that the URL may give."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://x:x@127.0.0.1:{silent.getsockname()[1]}/x?sslmode=disable"
        monkeypatch.setattr(base, "CONNECT_SECONDS", 0.1)
        monkeypatch.setattr(base, "settings", lambda: operator.settings.model_copy(update={"database_url": url}))
        ended = await asyncio.to_thread(CliRunner().invoke, cli, ["status"])
    assert ended.exit_code == 1 and "Cannot reach Postgres: no answer in time." in ended.output


async def test_refused_worker_says_so(operator: Operator, database_url: str) -> None:
    """A database that does not exist is a wrong setting, not an outage."""
    ended, _, problem = await operator.run("run", DATABASE_URL=f"{database_url}_gone")
    assert ended == 2 and problem.startswith("Postgres refuses: InvalidCatalogNameError: database")
    assert "does not exist. Check DATABASE_URL" in problem


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_LOCK_URL"])
async def test_refused_url_option_ends_run(operator: Operator, database_url: str, name: str) -> None:
    """An option that asyncpg refuses is a wrong setting, which waiting does not mend."""
    ended, _, problem = await operator.run("run", **{name: f"{database_url}?sslmode=nonsense"})
    assert ended == 2 and problem.startswith(f"Setting {name}: has an option sslmode that is none of")


async def test_failed_migration_is_explained(operator: Operator, billing: Billing, empty_url: str) -> None:
    """Without the owner's rights, and over tables of others: one sentence each."""
    await billing.db.execute((sql_dir() / "roles.sql").read_text() + "ALTER ROLE sevdesk_worker LOGIN PASSWORD 'x'")
    url = operator.settings.database_url
    role_url = url.replace(url.split("//")[1].split("@")[0], "sevdesk_worker:x")
    code, _, problem = await operator.run("migrate", DATABASE_URL=role_url)
    assert code == 1 and "migrate must run as the owner of the tables; name that role in DATABASE_URL." in problem
    other = await asyncpg.connect(empty_url)
    await other.execute("CREATE TABLE contacts ()")
    await other.close()
    code, _, problem = await operator.run("migrate", "--billing-reference", DATABASE_URL=empty_url)
    assert code == 1 and problem.endswith("already exists. --billing-reference is for an empty database.\n")


async def test_foreign_locks_are_named(operator: Operator, billing: Billing, database_url: str) -> None:
    """Any database user can take an advisory lock; one of the worker's kind would hold up jobs in silence."""
    stranger = await asyncpg.connect(database_url, server_settings={"application_name": "report"})
    await stranger.execute("SELECT pg_advisory_lock(4711), pg_advisory_lock(sevdesk_lock_key_v1('invoice:4711'))")
    level, said = (await checks(operator, 1))["foreign locks"]
    assert level == "fail" and f"held by pid {stranger.get_server_pid()} of user postgres" in said
    await stranger.close()


async def test_transaction_pooler_is_noticed(operator: Operator, database_url: str) -> None:
    """Through a pooler in transaction mode session locks protect nothing; a direct lock address mends it."""
    assert (await probe_locks(database_url)).works
    async with transaction_pooler(database_url, servers=4) as pooled:
        probe = await probe_locks(pooled)
        assert not probe.works and not probe.same_backend
        level, said = (await checks(operator, 1, DATABASE_LOCK_URL=pooled))["session locks"]
        assert level == "fail" and said.startswith("DATABASE_LOCK_URL goes through a pooler in transaction mode")


async def test_absent_services_are_named(operator: Operator, sevdesk: Running) -> None:
    """Postgres, Redis, sevDesk away, a refused token, no token: one sentence each, the others still looked at."""
    found = await checks(operator, 1, DATABASE_URL="postgresql://nobody:geheim@127.0.0.1:9/none")
    assert found["postgres"][0] == "fail" and found["redis"][0] == found["sevdesk"][0] == "ok"
    assert "geheim" not in str(found)
    found = await checks(operator, 1, REDIS_URL="redis://127.0.0.1:9/0")
    assert found["redis"][0] == "fail" and found["redis"][1].startswith("Redis does not answer: Error 111 connecting")
    found = await checks(operator, 1, SEVDESK_API_TOKEN="0" * 32)
    assert found["sevdesk"][1].startswith("sevDesk refuses the API token.") and "0" * 32 not in str(found)
    found = await checks(operator, SEVDESK_API_TOKEN="")
    assert found["sevdesk"][0] == "warn" and "is not set" in found["sevdesk"][1]
    await order_fault(sevdesk, "status", "GET /*", status=503, body="down", times=None)
    found = await checks(operator, 1, WRITE_QUARANTINE=1)
    assert found["sevdesk"][0] == "fail" and "HTTP 503" in found["sevdesk"][1]
    await control(sevdesk, "DELETE", "faults")


async def test_redis_that_forgets_is_noticed(operator: Operator, billing: Billing) -> None:
    """A memory limit with eviction may drop jobs that no worker has seen: a failure."""
    before = await billing.redis.config_get("maxmemory*")
    try:
        await billing.redis.config_set("maxmemory", "100mb")
        await billing.redis.config_set("maxmemory-policy", "allkeys-lru")
        level, said = (await checks(operator, 1))["redis memory"]
    finally:
        for name in ("maxmemory", "maxmemory-policy"):
            await billing.redis.config_set(name, before[name])
    assert level == "fail" and "Set it to noeviction" in said


def test_contract_is_read_from_the_schema() -> None:
    """Every column of the reference schema is expected, and kindred types pass."""
    expected = expected_columns()
    assert len({table for table, _ in expected}) == 8 and len(expected) == 88
    assert expected["billing_invoices", "paid_at"] == "timestamptz"
    there = {
        key: {"type": "timestamp with time zone" if type_ == "timestamptz" else type_}
        for key, type_ in expected.items()
    }
    assert contract_faults(expected, there) == []
    there["contacts", "city"] = {"type": "character varying"}
    there["billing_invoices", "tax_rule"] = {"type": "bigint"}
    assert contract_faults(expected, there) == []
    there["contacts", "city"] = {"type": "bytea"}
    assert contract_faults(expected, there) == ["contacts.city is bytea, not text"]


def test_rights_are_read_from_the_grants() -> None:
    """The rights asked for are those that roles.sql gives: the hand-back columns, the log, and reading."""
    rights = expected_rights()
    assert ("UPDATE", "billing_invoices", "paid_amount") in rights
    assert ("INSERT", "billing_invoice_event_log", "payload") in rights
    assert {table for _, table, _ in rights} == {table for table, _ in expected_columns()}
    assert not {name for right, _, name in rights if right == "UPDATE"} & {"gross_amount", "invoice_number"}
