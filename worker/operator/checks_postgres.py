"""doctor's checks of Postgres: reach, version, clock, session locks, migrations, the billing tables, rights."""

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic

from worker.domain.agreement import NEXT_STEP, contradictions, versions
from worker.domain.health_check import Check, check_that
from worker.domain.schedule import is_allowed
from worker.maintenance.agreement import registered
from worker.operator.advice import LEADER_STEP
from worker.operator.checks_views import advice_about, reference_tables, view_checks
from worker.operator.connections import REPORT_KEPT, redis_state
from worker.operator.health import not_allowed, restored
from worker.operator.leader import silent_leader
from worker.operator.rows import AccountRow
from worker.settings import AGREED, Settings
from worker.store import CONNECTION_LOST, MIGRATION_MISSING, STATEMENT_TIMEOUT, Store, postgres_cause
from worker.store.probe import PostgresError, probe_locks, unfit_statements
from worker.store.rows import ClockRow, ConfigRow, ForeignLocksRow, Row
from worker.store.sql_files import sql_dir

OLDEST = 140_000  # Postgres 14, as `server_version_num`: the oldest that has all the SQL of our statements
# Seconds between this machine's clock, which log lines and cancellation times show, and Postgres', which decides.
CLOCK_WARN = 1.0
# Type in the reference schema -> Postgres' names of the types that may be used for it.
ACCEPTED_TYPES = {"timestamptz": ("timestamp with time zone",), "text": ("text", "character varying"),
                  "integer": ("integer", "smallint", "bigint")}  # fmt: skip
COLUMN = re.compile(r"^ +([a-z_]+) +(uuid|text|numeric|date|integer|boolean|timestamptz|jsonb)\b", re.M)
INDEX = re.compile(r"INDEX CONCURRENTLY IF NOT EXISTS (\w+)\s+ON (\w+) \(((?:[^()]|\([^()]*\))*)\)(\s+WHERE)?")
EXPRESSION = re.compile(r"\(.*\)")
GRANT = re.compile(r"GRANT (SELECT|INSERT|UPDATE) \(([^)]*)\)\s+ON (\w+) TO", re.S)
DIRECT_LOCKS = "Set DATABASE_LOCK_URL to a direct connection."
OWN_REDIS = "Give each a Redis database of its own: in its REDIS_URL another number at the end, such as /1."
UNREACHABLE = (*CONNECTION_LOST, PostgresError, ValueError)  # asyncpg raises ValueError for an address it cannot read

Columns = Mapping[tuple[str, str], Row]


async def postgres_checks(settings: Settings) -> list[Check]:
    """All checks of Postgres; if it cannot be reached, only that one. Raises nothing."""
    try:
        store = await Store.connect(
            settings.database_url, size=1, name="sevdesk-worker doctor", billing_schema=settings.billing_schema
        )
    except UNREACHABLE as error:
        does = "refuses" if isinstance(error, PostgresError) else "does not answer"
        return [Check("postgres", "fail", f"Postgres {does}: {postgres_cause(error)}. Check DATABASE_URL.")]
    try:
        return [
            *await _server(store),
            *await _pooler(store, settings.billing_schema),
            *await _fail_on_error("leader", _leader(store), "Run sevdesk-worker migrate."),
            *await _fail_on_error("session locks", _locks(settings), "Check DATABASE_LOCK_URL."),
            *await _fail_on_error("foreign locks", _foreign_locks(store), "Run sevdesk-worker migrate."),
            *await _fail_on_error("shared redis", _shared_redis(store, settings), "Run sevdesk-worker migrate."),
            *await _fail_on_error("migrations", _migrations(store, settings), "Run sevdesk-worker migrate."),
            *await _fail_on_error("settings", _settings(store), "Run sevdesk-worker migrate."),
            *await _fail_on_error("sync interval", _interval(store), "Run sevdesk-worker migrate."),
            *await _fail_on_error("publish only", _publish_only(store), "Look at the billing tables."),
            *await _fail_on_error("restore", _restore(store), "Run sevdesk-worker migrate."),
            *await _fail_on_error("sequences", _sequences(store), "Run sevdesk-worker migrate."),
            *await _fail_on_error(
                "billing tables", _billing(store, settings.billing_schema), "Look at the billing tables."
            ),
        ]
    finally:
        await store.close()


async def _fail_on_error(name: str, checks: Awaitable[list[Check]], advice: str) -> list[Check]:
    """The checks or, if Postgres refuses, one failed check with `advice`."""
    try:
        return await checks
    except MIGRATION_MISSING:
        return [Check(name, "fail", "Tables or functions are not there. Run sevdesk-worker migrate.")]
    except UNREACHABLE as error:
        return [Check(name, "fail", f"{postgres_cause(error)}. {advice}")]


async def _server(store: Store) -> list[Check]:
    began, now = monotonic(), datetime.now(UTC)
    row: ClockRow = await store.query("clock")
    apart = abs((row["now"] - now).total_seconds() - (monotonic() - began) / 2)
    bad = f"Postgres {row['version']} is older than 14; the worker's statements need 14."
    version = check_that("postgres", row["version_number"] >= OLDEST, f"Postgres {row['version']} answers.", bad)
    if apart <= CLOCK_WARN:
        return [version, Check("clock", "ok", f"This machine's clock and Postgres' are {apart * 1000:.0f} ms apart.")]
    text = f"This machine's clock and Postgres' are {apart:.1f} s apart. Set both by NTP."
    return [version, Check("clock", "warn", text)]


async def _locks(settings: Settings) -> list[Check]:
    probe = await probe_locks(settings.lock_url)
    good = f"Session locks hold on {_lock_setting(settings)}."
    return [check_that("session locks", probe.works, good, f"{locks_refused(settings)} {DIRECT_LOCKS}")]


async def _foreign_locks(store: Store) -> list[Check]:
    rows: list[ForeignLocksRow] = await store.query("foreign_locks")
    who = ", ".join(f"pid {row['pid']} of user {row['database_user']}" for row in rows)
    bad = f"Locks of the worker's kind are held by {who}: jobs may wait for them. "
    bad += "Ask who that is; SELECT pg_terminate_backend(PID) ends the session."
    return [check_that("foreign locks", not rows, "Nobody but workers holds their locks.", bad)]


async def _shared_redis(store: Store, settings: Settings) -> list[Check]:
    """A failed check if workers that this database does not know report to its Redis, and still do at a second look."""
    strangers = await _strangers(store, settings)
    if strangers:
        await asyncio.sleep(REPORT_KEPT)  # a killed worker's last report lasts so long
        strangers &= await _strangers(store, settings)
    said = f"Workers of another database use this Redis database: {', '.join(sorted(strangers))}. "
    said += "Each takes jobs that are the other's, which end rejected in the wrong ledger."
    return [Check("shared redis", "fail", said, OWN_REDIS)] if strangers else []


async def _strangers(store: Store, settings: Settings) -> set[str]:
    reports = (await redis_state(settings))["workers"]
    return set(reports) - {row["name"] for row in await store.query("known_workers")}


async def _settings(store: Store) -> list[Check]:
    """Whether the living workers have the same settings, where they must; which releases run is only told."""
    workers = await registered(store)
    found = contradictions(workers, AGREED)
    running = "; ".join(f"{version}: {', '.join(names)}" for version, names in versions(workers).items())
    good = f"All living workers have the same settings, where they must. By release: {running or 'none runs'}."
    return [check_that("settings", not found, good, " ".join(each.sentence() for each in found), "warn",
                       next_step=NEXT_STEP)]  # fmt: skip


def locks_refused(settings: Settings) -> str:
    """What is wrong when a session does not keep its locks."""
    return f"{_lock_setting(settings)} goes through a pooler in transaction mode: session locks would protect nothing."


def _lock_setting(settings: Settings) -> str:
    return "DATABASE_LOCK_URL" if settings.database_lock_url else "DATABASE_URL"


async def _leader(store: Store) -> list[Check]:
    """A failed check if the leader is silent."""
    said = silent_leader(await store.query("leader"))
    return [Check("leader", "fail", said, LEADER_STEP)] if said else []


async def _pooler(store: Store, billing_schema: str | None) -> list[Check]:
    """What the worker sets for each session itself must be the role's where a pooler stands in between."""
    if not store.pooled:
        return []
    row: Row = await store.query("session_defaults")
    slow = not 0 < row["statement_timeout"] <= STATEMENT_TIMEOUT * 1000
    wrong = ["statement_timeout"] * slow + ["default_transaction_isolation"] * (row["isolation"] != "read committed")
    wrong += ["search_path"] * (billing_schema not in (None, row["first_schema"]))
    good = "DATABASE_URL goes through a pooler; the role has the settings that are lost there."
    bad = f"DATABASE_URL goes through a pooler, and the role lacks {' and '.join(wrong)}. "
    bad += "Let it name sevdesk_worker, and run sql/roles.sql, which sets them."
    return [check_that("pooler", not wrong, good, bad, level="warn")]


async def _migrations(store: Store, settings: Settings) -> list[Check]:
    unfit = await unfit_statements(settings.database_url, None if store.pooled else settings.billing_schema)
    bad = f"{len(unfit)} statements do not fit the database ({', '.join(unfit[:3])}). "
    bad += "Run sevdesk-worker migrate, unless billing tables are missing."
    good = "Every statement of the worker fits the database."
    return [await _applied(store), check_that("statements", not unfit, good, bad)]


async def _applied(store: Store) -> Check:
    known = {path.stem for path in (sql_dir() / "migrations").glob("*.sql")}
    log: Row = await store.query("migration_log")
    if not log["there"]:
        return Check("migrations", "fail", "The worker's tables are not there. Run sevdesk-worker migrate.")
    if not log["readable"]:
        return Check("migrations", "ok", "This role may not read the migration log; the statements prove the rest.")
    applied = {row["migration_id"] for row in await store.query("applied_migrations")}
    missing, newer = sorted(known - applied), sorted(applied - known)
    if newer:
        text = f"The database has {', '.join(newer)}, which this version does not know. Update the worker."
        return Check("migrations", "warn", text)
    bad = f"{', '.join(missing)} not applied. Run sevdesk-worker migrate."
    return check_that("migrations", not missing, f"All {len(known)} migrations are applied.", bad)


async def _interval(store: Store) -> list[Check]:
    config: ConfigRow = await store.query("config")
    minutes = config["payment_sync_interval_minutes"]
    good = f"The payment sync is due every {minutes} min."
    return [check_that("sync interval", is_allowed(minutes), good, not_allowed(minutes))]


async def _publish_only(store: Store) -> list[Check]:
    """A type that has been renamed, or a wrong number: then nobody may publish what was meant."""
    if (names := await store.query("publish_only_unmatched")) is None:
        return []
    bad = f"publish_only names what is neither the type of a deal nor the number of an invoice: {_first_three(names)}."
    step = "sevdesk-worker enqueue update_config publish_only=..., with the right names."
    good = "All names in publish_only are types of deals or numbers of invoices."
    return [check_that("publish only", not names, good, bad, "warn", next_step=step)]


async def _restore(store: Store) -> list[Check]:
    account: AccountRow = await store.query("account")
    forgets = restored(account)
    return [check_that("restore", forgets is None, "No restore from a backup was noticed.", forgets or "")]


async def _sequences(store: Store) -> list[Check]:
    behind = await store.query("sequences_behind")
    bad = f"New rows of {behind} would get ids that are taken, so jobs fail; was the database copied without its "
    bad += "sequences? Run sevdesk-worker migrate, which sets them forward."
    return [check_that("sequences", behind is None, "New rows get new ids.", bad)]


# -- the billing tables ------------------------------------------------------------------------------------------------


def expected_columns() -> dict[tuple[str, str], str]:
    """(table, column) -> type, as the reference schema writes them."""
    return {(table, name): type_ for table, body in reference_tables() for name, type_ in COLUMN.findall(body)}


def expected_rights() -> list[tuple[str, str, str]]:
    """(right, table, column): what `sql/roles.sql` grants on the billing tables, column by column."""
    grants = GRANT.findall((sql_dir() / "roles.sql").read_text())
    return [(right, table, name.strip()) for right, names, table in grants for name in names.split(",")]


async def _billing(store: Store, billing_schema: str | None) -> list[Check]:
    expected = expected_columns()
    rows: list[Row] = await store.query("billing_columns", tables=sorted({table for table, _ in expected}))
    columns = {(row["table_name"], row["column_name"]): row for row in rows}
    if not columns and not billing_schema:
        bad = "The billing system's tables are not in this database. Check DATABASE_URL; for a try, make them: "
        return [Check("billing tables", "fail", f"{bad}sevdesk-worker migrate --billing-reference.")]
    if billing_schema or any(row["is_view"] for row in rows):
        rights = {(table, name) for _, table, name in expected_rights()}
        needed = {key: type_ for key, type_ in expected.items() if key in rights}
        viewed = await view_checks(store, needed, columns, contract_faults(needed, columns))
        return [*viewed, await _rights(store, columns)]
    faults = contract_faults(expected, columns)
    tables = len({table for table, _ in expected})
    good = f"{tables} tables, {len(expected)} columns are as expected."
    bad = f"{_first_three(faults)}. Compare with sql/billing/tables.sql."
    contract = check_that("billing tables", not faults, good, bad)
    bad = "No unique index on billing_invoices (invoice_number): two invoices could share a marker. Add one."
    unique = check_that("invoice numbers", await store.query("number_is_unique"), "invoice_number is unique.", bad)
    return [contract, unique, await _indexes(store), await _rights(store, columns)]


def expected_indexes() -> dict[str, tuple[str, list[str], bool]]:
    """Name -> table, columns and whether it holds every row: what `sql/billing/indexes.sql` makes.

    An expression in place of a column is empty, as in `valid_indexes`.
    """
    found = INDEX.findall((sql_dir() / "billing" / "indexes.sql").read_text())
    return {name: (table, EXPRESSION.sub("", columns).split(", "), not where) for name, table, columns, where in found}


async def _indexes(store: Store) -> Check:
    expected = expected_indexes()
    there: list[Row] = await store.query("valid_indexes", tables=sorted({table for table, _, _ in expected.values()}))
    missing = [
        name
        for name, (table, columns, complete) in expected.items()
        if not any(
            row["table_name"] == table
            and row["columns"][: len(columns)] == columns
            and (row["complete"] or not complete)
            for row in there
        )
    ]
    bad = f"{_first_three(missing)} missing: statements get slow as the tables grow. Run sql/billing/indexes.sql."
    return check_that("billing indexes", not missing, f"All {len(expected)} are there.", bad, level="warn")


def contract_faults(expected: Mapping[tuple[str, str], str], columns: Columns) -> list[str]:
    """One sentence part per column that is missing or of a type that the worker's statements cannot use."""
    faults = []
    for (table, name), type_ in expected.items():
        column = columns.get((table, name))
        if column is None:
            faults.append(f"{table}.{name} is missing")
        elif column["type"] not in ACCEPTED_TYPES.get(type_, (type_,)):
            advice = advice_about(type_, column["type"]) if column.get("is_view") else None
            faults.append(f"{table}.{name} is {column['type']}, not {type_}{f' ({advice})' if advice else ''}")
    return faults


async def _rights(store: Store, columns: Columns) -> Check:
    lacking = [
        f"{right} on {table}.{name}"
        for right, table, name in expected_rights()
        if (column := columns.get((table, name))) is not None and not column[f"may_{right.lower()}"]
    ]
    lacking += [f"SELECT, INSERT on {row['table_name']}" for row in await store.query("tables_without_access")]
    bad = f"The role lacks {_first_three(lacking)}. Run sql/roles.sql as the tables' owner."
    return check_that("rights", not lacking, "The role has every right the worker needs.", bad)


def _first_three(faults: Sequence[str]) -> str:
    more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
    return ", ".join(faults[:3]) + more
