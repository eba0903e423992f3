"""Applies `sql/migrations` (forward only) and, on request, the billing reference schema.

The reference schema is for an empty database of the demo or a test; a real billing database brings its own tables.
Workers may run meanwhile: no statement of theirs waits longer than LOCK_SECONDS for a migration that waits for a table.
"""

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors
from psycopg.sql import SQL, Identifier, Literal

from worker.domain.postgres_url import read_postgres_url
from worker.store.connection import SESSION
from worker.store.sql_files import sql_dir

# Longer than any statement of ours takes, short enough not to be noticed: what comes after a statement that waits for a
# whole table waits behind it.
LOCK_SECONDS = 2.0
# Then the others get their turn, for this many seconds; tried for two minutes, for a report may hold a table so long.
PAUSE_SECONDS, TRIES = 2.0, 30
# Seconds until a migrate that waits for another one gives up; building an index on a large table takes minutes.
TURN_SECONDS, TURN_POLL = 600.0, 0.5
# The advisory lock that migrates take turns by. It belongs to the session, so it ends with the process.
LOCK = "sevdesk-worker migrate"
TRY_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
HOLDER = """SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%s, 0)"""
# Postgres asks this often whether the client of a running statement still lives, so that a killed migrate ends soon.
CLIENT_CHECK = "2s"
SET_ALL = "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)"
WITHOUT = """SELECT set_config('search_path', string_agg(quote_ident(name), ', '), false)
FROM unnest(current_schemas(false)) AS name WHERE name <> %s"""
PUT_PUBLIC_FIRST = """SELECT set_config('search_path', 'public, ' || current_setting('search_path'), false)
WHERE 'public' = ANY (current_schemas(false))"""
LOG = """CREATE TABLE IF NOT EXISTS sevdesk_migrations (
    migration_id text PRIMARY KEY,
    applied_at   timestamptz NOT NULL DEFAULT clock_timestamp()
)"""
OLDEST = """SELECT pid, application_name, extract(epoch FROM clock_timestamp() - xact_start)::bigint
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1"""
# The worker's own identity columns: schema, table, column, sequence.
IDENTITIES = """SELECT n.nspname, c.relname, a.attname,
       pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attidentity <> '' AND c.relname LIKE 'sevdesk\\_%' AND pg_table_is_visible(c.oid)"""

Connection = psycopg.Connection[Any]


class NotMigrated(Exception):
    """Why nothing (more) was applied, as one sentence with the next step."""


def migrate(
    database_url: str,
    *,
    billing_reference: bool = False,
    billing_schema: str | None = None,
    folder: Path | None = None,
) -> list[str]:
    """Bring the database up to date and return the ids of the migrations applied now, `billing_reference` first.

    Several processes may call this at once: they take turns, and the later ones find nothing to do. A migration and its
    record are one transaction, so a killed one leaves nothing half done. `folder` has the migrations, `sql/migrations`
    by default. Nothing is made in `billing_schema`, which is for views. Raises `NotMigrated`, or `psycopg.Error`:
    OperationalError when the database cannot be reached.
    """
    if billing_reference and billing_schema:
        raise NotMigrated("BILLING_SCHEMA has views in the place of the reference tables; leave out one of both.")
    address = read_postgres_url(database_url).for_libpq()
    # Not read-write, which would refuse a role whose default is read-only.
    address |= {"application_name": "sevdesk-worker migrate", "target_session_attrs": "primary"}
    with psycopg.connect(**address, autocommit=True) as connection:
        _refuse_pooler(connection)
        # Building an index takes as long as it takes.
        wanted = {**SESSION, "statement_timeout": "0"}
        connection.execute(SET_ALL, (list(wanted), list(wanted.values())))
        with suppress(errors.InvalidParameterValue):  # some operating systems cannot tell Postgres
            connection.execute(f"SET client_connection_check_interval = '{CLIENT_CHECK}'".encode())
        _take_turn(connection)
        if billing_schema:
            connection.execute(WITHOUT, (billing_schema,))
        _choose_schema(connection)
        connection.execute(LOG.encode())
        made = ["billing_reference"] if billing_reference and _create_billing_tables(connection) else []
        applied = {row[0] for row in connection.execute("SELECT migration_id FROM sevdesk_migrations")}
        for path in sorted((folder or sql_dir() / "migrations").glob("*.sql")):
            if path.stem not in applied:
                _apply_patiently(connection, path)
                made.append(path.stem)
        _correct_sequences(connection)
        return made


def _correct_sequences(connection: Connection) -> None:
    """Copying rows, as logical replication does, leaves sequences behind: then new rows get ids that are taken."""
    for schema, table, column, sequence in connection.execute(IDENTITIES.encode()).fetchall():
        name, place = SQL(sequence), Identifier(schema, table)  # Postgres has quoted the name
        connection.execute(
            SQL(
                "SELECT setval({text}, newest) FROM (SELECT max({column}) AS newest FROM {table}) t, {name} s "
                "WHERE newest > CASE WHEN s.is_called THEN s.last_value ELSE 0 END"
            ).format(text=Literal(sequence), column=Identifier(column), table=place, name=name)
        )


def statements(sql: str) -> list[str]:
    """The statements of a file that has no semicolon within one, without comments."""
    return [each.strip() for each in re.sub(r"--[^\n]*", "", sql).split(";") if each.strip()]


def billing_tables() -> list[str]:
    """The tables of the billing reference schema."""
    return re.findall(r"^CREATE TABLE (\w+)", (sql_dir() / "billing" / "tables.sql").read_text(encoding="utf-8"), re.M)


def is_concurrent(sql: str) -> bool:
    """Whether the file makes indexes without blocking writes, which Postgres does outside a transaction only."""
    return any(re.match(r"CREATE (UNIQUE )?INDEX CONCURRENTLY\b", each) for each in statements(sql))


def _refuse_pooler(connection: Connection) -> None:
    """A pooler tells its clients another process id than that of the server they are given."""
    if connection.execute("SELECT pg_backend_pid()").fetchone() != (connection.info.backend_pid,):
        raise NotMigrated(
            "DATABASE_URL goes through a pooler, where settings of a session are lost or left to others. "
            "Run migrate with a direct DATABASE_URL."
        )


def _choose_schema(connection: Connection) -> None:
    """The worker's tables are in `public`: `sql/roles.sql` and functions with their owner's rights look only there."""
    if connection.execute(PUT_PUBLIC_FIRST).fetchone() is None:
        raise NotMigrated(
            "The worker's tables are in the schema public, which is not on the search_path of this role. "
            "Put it there (ALTER ROLE ... SET search_path), or name a role that has it."
        )


def _take_turn(connection: Connection) -> None:
    """Asked again and again, because a statement that waits for a lock holds up CREATE INDEX CONCURRENTLY."""
    deadline = time.monotonic() + TURN_SECONDS
    while connection.execute(TRY_LOCK, (LOCK,)).fetchone() != (True,):
        if time.monotonic() > deadline:
            holder = connection.execute(HOLDER, (LOCK,)).fetchone()
            who = f"another migrate (Postgres process {holder[0]})" if holder else "another migrate"
            raise NotMigrated(f"For {TURN_SECONDS:.0f} s {who} has been at work. Wait for its end, or end it.")
        time.sleep(TURN_POLL)


def _create_billing_tables(connection: Connection) -> bool:
    """False if they are there already."""
    if connection.execute("SELECT to_regclass('billing_invoices')").fetchone() != (None,):
        return False
    with connection.transaction():
        connection.execute((sql_dir() / "billing" / "tables.sql").read_bytes())
    for statement in statements((sql_dir() / "billing" / "indexes.sql").read_text()):
        connection.execute(statement.encode())
    return True


def _apply_patiently(connection: Connection, path: Path) -> None:
    for _ in range(TRIES):
        try:
            return _apply(connection, path)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            time.sleep(PAUSE_SECONDS)
    raise NotMigrated(
        f"{path.stem} found its table in use in {TRIES} tries, and nothing of it was applied. "
        f"{_oldest_transaction(connection)}Run migrate again when it has ended; the workers may go on."
    )


def _apply(connection: Connection, path: Path) -> None:
    sql = path.read_text()
    if is_concurrent(sql):
        # No time-out: such a statement waits for old transactions, and holds nobody up.
        for statement in statements(sql):
            connection.execute(statement.encode())
        return _record(connection, path)
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS * 1000:.0f}ms'".encode())
        connection.execute(sql.encode())
        _record(connection, path)


def _record(connection: Connection, path: Path) -> None:
    connection.execute("INSERT INTO sevdesk_migrations (migration_id) VALUES (%s)", (path.stem,))


def _oldest_transaction(connection: Connection) -> str:
    """Whose transaction is the likeliest to be in the way; empty if this role may not see any."""
    row = connection.execute(OLDEST.encode()).fetchone()
    return f"The oldest transaction is of process {row[0]} ({row[1]}), {row[2]} s old. " if row else ""
