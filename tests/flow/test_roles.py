"""Least privilege: the worker lives with what `sql/roles.sql` grants, and cannot do more."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from flow.billing import Billing, time_to_day
from flow.books import pay, state
from flow.conftest import RunWorker

from sevdesk_client.sandbox.http.server import Running
from worker.operator.checks_postgres import expected_rights
from worker.store.connection import QUERIES
from worker.store.sql_files import sql_dir

ROLE, PASSWORD = "sevdesk_worker", "only-in-tests"


@pytest.fixture
async def role_url(billing: Billing, database_url: str) -> str:
    """The database as the role sees it; run twice, because every release runs it again."""
    script = (sql_dir() / "roles.sql").read_text()
    await billing.db.execute(script)
    await billing.db.execute(script)
    await billing.db.execute(f"ALTER ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    parts = urlsplit(database_url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{ROLE}:{PASSWORD}@{place}").geturl()


@pytest.fixture
async def as_worker(role_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the role."""
    connection = await asyncpg.connect(role_url)
    assert await connection.fetchval("SELECT current_user") == ROLE
    yield connection
    await connection.close()


@pytest.mark.usefixtures("quick_exports")
async def test_whole_flow_runs_as_role(
    billing: Billing, role_url: str, run_worker: RunWorker, sevdesk: Running
) -> None:
    """Published, mailed, paid, synced, cancelled, parked, rejected, configured: nothing asks for more."""
    await billing.db.execute("UPDATE sevdesk_config SET auto_transfer_invoices = true")
    invoice, other = await billing.usual_invoice(), await billing.usual_invoice(accounting_sync_status="queued")
    wrong = await billing.usual_invoice(gross_amount="120.00")
    async with run_worker(database_url=role_url, database_lock_url=None):
        for kind, wanted, payload in (
            ("test_connection", "done", {}),
            ("refresh_templates", "done", {"force": True}),
            ("update_config", "done", {"payment_sync_interval_minutes": 30}),
            ("publish_invoice", "done", {"invoice_id": invoice}),
            ("publish_invoice", "parked", {"invoice_id": wrong}),
            ("publish_invoice", "rejected", {"invoice_id": billing.admin}),
            ("send_invoice", "done", {"invoice_id": invoice}),
            ("mail_bounced", "done", {"invoice_id": invoice, "reason": "unbekannt"}),
            ("send_invoice", "done", {"invoice_id": invoice, "channel": "post"}),
            ("fetch_invoice_pdf", "done", {"invoice_id": invoice}),
            ("publish_invoice", "done", {"invoice_id": other}),
            ("cancel_invoice", "done", {"invoice_id": other, "reason": "Doppelt", "notify": True}),
        ):
            job = await billing.do(kind, **payload)
            assert (job["kind"], job["state"]) == (kind, wanted), job["error"]
        await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
        assert (await billing.do("sync_payments"))["state"] == "done"
        today = str(time_to_day())
        assert (await billing.do("export_datev", start_date=today, end_date=today))["state"] == "done"
        asked = await billing.request("publish_invoice", invoice_id=invoice)
        assert (await billing.ended(asked))["state"] == "done"
    assert (await billing.row(invoice))["claim_status"] == "paid"
    assert (await billing.row(other))["claim_status"] == "cancelled"
    assert len((await state(sevdesk))["mails"]) == 2


async def refused_statements(connection: asyncpg.Connection, about: str = "") -> set[str]:
    """Queries that speak of `about` and that the role may not run; planning a statement checks its rights."""
    if connection.get_server_version().major < 16:
        pytest.skip("EXPLAIN (GENERIC_PLAN) came with Postgres 16")
    names = [name for name in QUERIES.available_queries if not name.endswith("_cursor")]
    assert len(names) > 30
    refused = set()
    for name in names:
        statement = getattr(QUERIES, name).sql
        # Not a prepared statement: the parameters stay open.
        if about in statement and await is_refused(connection, f"EXPLAIN (GENERIC_PLAN) {statement}"):
            refused.add(name)
    return refused


async def is_refused(connection: asyncpg.Connection, statement: str) -> bool:
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def test_every_statement_is_allowed(as_worker: asyncpg.Connection) -> None:
    """The rare ones as well as the daily."""
    assert await refused_statements(as_worker) == set()
    assert await is_refused(as_worker, "EXPLAIN (GENERIC_PLAN) DELETE FROM sevdesk_jobs")


async def test_every_grant_is_needed(billing: Billing, as_worker: asyncpg.Connection) -> None:
    """Without any one right on the billing tables some statement fails: none is granted for convenience."""
    rights = expected_rights()
    assert len(rights) > 60
    superfluous = []
    for right, table, column in rights:
        await billing.db.execute(f"REVOKE {right} ({column}) ON {table} FROM {ROLE}")
        if not await refused_statements(as_worker, table):
            superfluous.append((right, table, column))
        await billing.db.execute(f"GRANT {right} ({column}) ON {table} TO {ROLE}")
    assert superfluous == []


TABLE_RIGHTS = """
SELECT n.nspname || '.' || c.relname AS place, array_agg(p.name ORDER BY p.name) AS rights
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
     unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p(name)
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND has_table_privilege(current_user, c.oid, p.name)
GROUP BY 1"""
STANDING = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS mighty,
       (SELECT count(*) FROM pg_auth_members WHERE member = r.oid) AS memberships,
       (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned
FROM pg_roles r WHERE rolname = current_user"""


async def test_tables_are_only_its_own(billing: Billing, as_worker: asyncpg.Connection) -> None:
    """Whole tables are open to it only among its own, none to be emptied; it owns and inherits nothing."""
    await billing.db.execute("CREATE SCHEMA payroll; CREATE TABLE payroll.salaries (amount numeric)")
    rows = await as_worker.fetch(TABLE_RIGHTS)
    rights = {row["place"].removeprefix("public."): row["rights"] for row in rows}
    assert rights.pop("sevdesk_migrations") == ["SELECT"]
    assert {name for name in rights if not name.startswith("sevdesk_")} == set()
    forever = {name for name, granted in rights.items() if "UPDATE" not in granted}
    assert forever == {
        "sevdesk_mails",
        "sevdesk_bounces",
        "sevdesk_config_log",
        "sevdesk_reconciliations",
        "sevdesk_datev_parts",
    }
    more = {name: set(granted) - {"SELECT", "INSERT", "UPDATE"} for name, granted in rights.items()}
    deleting = ("sevdesk_contacts", "sevdesk_templates", "sevdesk_queue", "sevdesk_missing", "sevdesk_workers")
    kept: dict[str, set[str]] = {name: {"DELETE"} for name in deleting}
    assert {name: granted for name, granted in more.items() if granted} == kept
    assert tuple(await as_worker.fetchrow(STANDING)) == (False, 0, 0)
    assert await is_refused(as_worker, "SELECT amount FROM payroll.salaries")


HANDED_BACK = {
    "accounting_sync_status", "document_status", "claim_status", "external_id", "external_invoice_number",
    "paid_amount", "paid_at", "cancelled_at", "accounting_provider", "accounting_synced_at", "updated_at",
}  # fmt: skip


async def test_only_the_hand_back_is_writable(billing: Billing, as_worker: asyncpg.Connection) -> None:
    """Column by column: what the billing system decided stays as it decided it."""
    await billing.usual_invoice()
    rows = await billing.db.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'billing_invoices'"
    )
    columns = {row["column_name"] for row in rows}
    assert columns > HANDED_BACK
    writable = {
        column
        for column in columns
        if not await is_refused(as_worker, f"UPDATE billing_invoices SET {column} = {column}")  # noqa: S608
    }
    assert writable == HANDED_BACK


FORBIDDEN = """
DELETE FROM billing_invoices
TRUNCATE billing_invoices
INSERT INTO billing_invoices (invoice_number) VALUES ('X')
UPDATE billing_invoice_items SET quantity = 2
UPDATE billing_invoice_event_log SET payload = '{}'
DELETE FROM billing_invoice_event_log
UPDATE contacts SET is_admin = true
UPDATE companies SET name = 'X'
INSERT INTO contacts (last_name) VALUES ('X')
SELECT * FROM salaries
SELECT password_hash FROM contacts
SELECT * FROM contacts
SELECT phone FROM contacts
DELETE FROM sevdesk_jobs
DELETE FROM sevdesk_mails
UPDATE sevdesk_mails SET recipient = 'X'
TRUNCATE sevdesk_mails
TRUNCATE billing_invoice_event_log
DROP TABLE sevdesk_mails
ALTER TABLE billing_invoice_event_log DISABLE TRIGGER ALL
UPDATE sevdesk_bounces SET reason = 'X'
UPDATE sevdesk_config_log SET new_value = '1'
DELETE FROM sevdesk_config_log
UPDATE sevdesk_reconciliations SET drift = '{}'
ALTER TABLE billing_invoices ADD COLUMN x int
CREATE ROLE another
SET ROLE postgres
SELECT * FROM pg_authid
COPY contacts TO PROGRAM 'true'
"""


async def test_more_is_refused(billing: Billing, as_worker: asyncpg.Connection) -> None:
    """Neither the past nor the people nor strangers' tables, also not what the billing system adds later."""
    await billing.db.execute("CREATE TABLE salaries (amount numeric)")
    await billing.db.execute("ALTER TABLE contacts ADD COLUMN password_hash text")
    statements = FORBIDDEN.strip().splitlines()
    if as_worker.get_server_version().major >= 15:  # before, everybody could create tables in the schema public
        statements.append("CREATE TABLE mine (id int)")
    assert [statement for statement in statements if not await is_refused(as_worker, statement)] == []
    assert not await is_refused(as_worker, "SELECT last_name FROM contacts")


FROM_ELSEWHERE = """
CREATE TEMP TABLE sevdesk_documents AS SELECT * FROM public.sevdesk_documents WITH NO DATA;
CREATE TEMP TABLE sevdesk_jobs AS SELECT * FROM public.sevdesk_jobs WITH NO DATA;
CREATE TEMP TABLE sevdesk_queue AS SELECT * FROM public.sevdesk_queue WITH NO DATA;
INSERT INTO pg_temp.sevdesk_documents (invoice_id, kind, sha256, fetched_at)
    VALUES ('00000000-0000-0000-0000-000000000001', 'invoice_pdf', 'x', now());
INSERT INTO pg_temp.sevdesk_jobs (job_id, kind, state, seq, finished_at, created_at)
    VALUES ('x', 'x', 'done', 1, now() - interval '90 days', now() - interval '90 days');
CREATE FUNCTION pg_temp.stand_in() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN EXECUTE 'CREATE TABLE public.stolen AS SELECT current_user::text AS who'; RETURN NULL; END $$;
CREATE TRIGGER t BEFORE DELETE ON pg_temp.sevdesk_documents FOR EACH ROW EXECUTE FUNCTION pg_temp.stand_in();
CREATE TRIGGER t BEFORE DELETE OR INSERT ON pg_temp.sevdesk_jobs FOR EACH ROW EXECUTE FUNCTION pg_temp.stand_in();
CREATE TRIGGER t BEFORE INSERT ON pg_temp.sevdesk_queue FOR EACH ROW EXECUTE FUNCTION pg_temp.stand_in();
"""
LENT = (
    "SELECT sevdesk_clean_v1('30 days', 0, false)",
    "SELECT sevdesk_request_job('sync_payments')",
    "SELECT sevdesk_drop_renderings_v1('00000000-0000-0000-0000-000000000001', 'invoice_pdf', 'y', '2020-01-01')",
)


async def test_lent_rights_serve_nothing_else(billing: Billing, as_worker: asyncpg.Connection) -> None:
    """Functions with their owner's rights find the real tables, whatever temporary ones their caller has put before."""
    await as_worker.execute(FROM_ELSEWHERE)
    for statement in LENT:
        await as_worker.execute(statement)
    assert await billing.db.fetchval("SELECT to_regclass('public.stolen')") is None
    lent = await billing.db.fetch("SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND proname LIKE 'sevdesk%'")
    assert len(lent) == len(LENT)
    for name, settings in lent:
        assert "search_path=pg_catalog, public, pg_temp" in settings, name
