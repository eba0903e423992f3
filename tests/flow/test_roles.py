"""Least privilege: the worker lives with what `sql/roles.sql` grants, and cannot do more."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from flow.billing import Billing, time_to_day
from flow.books import pay, state
from flow.conftest import RunWorker

from sevdesk_client.sandbox.server import Running
from worker.resources import sql_dir
from worker.store.connection import QUERIES

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


async def test_every_statement_is_allowed(as_worker: asyncpg.Connection) -> None:
    """Planning a statement checks its rights, so the rare ones are checked as well as the daily."""
    if as_worker.get_server_version().major < 16:
        pytest.skip("EXPLAIN (GENERIC_PLAN) came with Postgres 16")
    names = [name for name in QUERIES.available_queries if not name.endswith("_cursor")]
    assert len(names) > 30
    refused = {}
    for name in names:
        try:
            # Not a prepared statement: the parameters stay open.
            await as_worker.execute(f"EXPLAIN (GENERIC_PLAN) {getattr(QUERIES, name).sql}")
        except asyncpg.InsufficientPrivilegeError as error:
            refused[name] = str(error)
    assert refused == {}
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_worker.execute("EXPLAIN (GENERIC_PLAN) DELETE FROM sevdesk_jobs")


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
    writable = set()
    for column in columns:
        try:
            await as_worker.execute(f"UPDATE billing_invoices SET {column} = {column}")  # noqa: S608 - from the catalog
            writable.add(column)
        except asyncpg.InsufficientPrivilegeError:
            pass
    assert writable == HANDED_BACK


async def refused(connection: asyncpg.Connection, statement: str, *values: Any) -> bool:
    try:
        await connection.execute(statement, *values)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM billing_invoices",
        "TRUNCATE billing_invoices",
        "INSERT INTO billing_invoices (invoice_number) VALUES ('X')",
        "UPDATE billing_invoice_items SET quantity = 2",
        "UPDATE billing_invoice_event_log SET payload = '{}'",
        "DELETE FROM billing_invoice_event_log",
        "UPDATE contacts SET is_admin = true",
        "UPDATE companies SET name = 'X'",
        "INSERT INTO contacts (last_name) VALUES ('X')",
        "SELECT * FROM salaries",
        "SELECT password_hash FROM contacts",
        "SELECT * FROM contacts",
        "DELETE FROM sevdesk_jobs",
        "DELETE FROM sevdesk_mails",
        "UPDATE sevdesk_mails SET recipient = 'X'",
        "UPDATE sevdesk_config_log SET new_value = '1'",
        "DELETE FROM sevdesk_config_log",
        "CREATE TABLE mine (id int)",
        "ALTER TABLE billing_invoices ADD COLUMN x int",
        "CREATE ROLE another",
        "SELECT * FROM pg_authid",
        "COPY contacts TO PROGRAM 'true'",
    ],
)
async def test_more_is_refused(billing: Billing, as_worker: asyncpg.Connection, statement: str) -> None:
    """Neither the past nor the people nor strangers' tables, also not what the billing system adds later."""
    if statement.startswith("CREATE TABLE") and as_worker.get_server_version().major < 15:
        pytest.skip("before Postgres 15 everybody may create tables in the schema public")
    await billing.db.execute("CREATE TABLE salaries (amount numeric)")
    await billing.db.execute("ALTER TABLE contacts ADD COLUMN password_hash text")
    assert await refused(as_worker, statement)
    assert not await refused(as_worker, "SELECT last_name FROM contacts")
