"""A company's own tables behind views (`sql/billing/examples`): the worker runs on them, and `doctor` judges them."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest
from flow.billing import Billing
from flow.books import pay
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from flow.own_tables.doctoring import checks
from flow.pgbouncer import needs_pgbouncer, pgbouncer
from flow.test_query_plans import DAY, FILL, WHOLE_TABLE, plan_of, scans

from worker.demo.own_tables import VIEWS
from worker.store.connection import QUERIES
from worker.store.migrate import NotMigrated, migrate


async def run_story(billing: Billing, sevdesk: HoldableSevdesk) -> None:
    """Published, mailed, paid, cancelled, dismissed; what the company's own tables say of it."""
    invoice, other, wrong = [await billing.usual_invoice(**given) for given in ({}, {}, {"gross_amount": "120.00"})]
    for kind, wanted, payload in (
        ("publish_invoice", "done", {"invoice_id": invoice}),
        ("send_invoice", "done", {"invoice_id": invoice}),
        ("publish_invoice", "done", {"invoice_id": other}),
        ("publish_invoice", "parked", {"invoice_id": wrong}),
        ("cancel_invoice", "done", {"invoice_id": other, "reason": "Doppelt"}),
    ):
        job = await billing.do(kind, **payload)
        assert (job["kind"], job["state"]) == (kind, wanted), job["error"]
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    assert (await billing.do("sync_payments"))["state"] == "done"
    asked = await billing.request("publish_invoice", invoice_id=invoice)
    assert (await billing.ended(asked))["state"] == "done"
    row = await billing.db.fetchrow('SELECT * FROM public."Invoice" WHERE id = $1', invoice)
    assert (row["documentStatus"], row["claimStatus"], row["paidCents"]) == ("SENT", "PAID", 11900)
    assert row["accountingSyncStatus"] == "synced" and row["paidAt"].hour in (10, 11)  # noon in Berlin, in UTC
    logged = 'SELECT "eventType" FROM public."InvoiceEvent" WHERE "invoiceId" = $1 ORDER BY "createdAt"'
    events = [each[0] for each in await billing.db.fetch(logged, invoice)]
    assert events.index("drafted") < events.index("finalized") < events.index("mailed") < events.index("paid")
    claim = 'SELECT "claimStatus" FROM public."Invoice" WHERE id = $1'
    assert await billing.db.fetchval(claim, other) == "CANCELLED"


async def test_setting_alone_is_enough(billing: Billing, run_worker: RunWorker, sevdesk: HoldableSevdesk) -> None:
    """As the owner, whose sessions do not find the views by themselves, the setting shows them."""
    async with run_worker():
        await run_story(billing, sevdesk)


async def test_role_needs_views_only(
    billing: Billing, role_url: str, run_worker: RunWorker, sevdesk: HoldableSevdesk, operator: Operator
) -> None:
    """The worker's role has no right on any of the company's tables, and everything is done."""
    reach = """SELECT relname FROM pg_class
               WHERE relkind = 'r' AND relname ~ '^[A-Z]' AND has_any_column_privilege($1, oid, $2)"""
    for right in ("SELECT", "INSERT", "UPDATE"):
        assert await billing.db.fetch(reach, "sevdesk_worker", right) == []
    async with run_worker(database_url=role_url, database_lock_url=None):
        await run_story(billing, sevdesk)
    found = await checks(operator, DATABASE_URL=role_url)
    assert {name for name, check in found.items() if check["level"] == "warn"} == {"workers", "redis disk"}
    for name in ("hand-back", "event log", "billing values", "billing indexes", "invoice numbers", "rights"):
        assert found[name]["level"] == "ok", found[name]


async def test_billing_role_asks_without_views(billing: Billing, role_url: str, database_url: str) -> None:
    """`sevdesk_request_job` finds the worker's tables by itself, whatever stands before them in the caller's path."""
    connection = await asyncpg.connect(database_url, server_settings={"search_path": f"{VIEWS}, public"})
    await connection.execute(f"CREATE TABLE {VIEWS}.sevdesk_jobs (); SET ROLE sevdesk_billing")
    asked = await connection.fetchval("SELECT sevdesk_request_job('test_connection')")
    await connection.execute("RESET ROLE")
    assert await connection.fetchval("SELECT count(*) FROM public.sevdesk_jobs WHERE job_id = $1", asked) == 1
    await connection.close()


@needs_pgbouncer
async def test_role_finds_views_through_pooler(
    billing: Billing, role_url: str, database_url: str, run_worker: RunWorker, sevdesk: HoldableSevdesk
) -> None:
    """PgBouncer loses what the worker sets for a session; the role's search path stays."""
    async with pgbouncer(database_url) as pooled:
        as_role = pooled.replace(f"://{urlsplit(pooled).username}@", "://sevdesk_worker@")
        async with run_worker(database_url=as_role, database_lock_url=role_url):
            await run_story(billing, sevdesk)


@needs_pgbouncer
async def test_pooled_role_without_path_is_named(operator: Operator, database_url: str) -> None:
    """`doctor` says that the search path must be the role's."""
    async with pgbouncer(database_url) as pooled:
        found = await checks(operator, 1, DATABASE_URL=pooled, DATABASE_LOCK_URL=database_url)
    assert "search_path" in found["pooler"]["detail"] and "sql/roles.sql" in found["pooler"]["detail"]


def instead(view: str, columns: str, table: str) -> str:
    """A view made anew."""
    return f'DROP VIEW {VIEWS}.{view}; CREATE VIEW {VIEWS}.{view} AS SELECT {columns} FROM public."{table}"'  # noqa: S608 - ours


# What somebody might have written otherwise -> the check that says so, its words, and words of its DDL.
FAULTS = {
    f"DROP TRIGGER hand_back ON {VIEWS}.billing_invoices": (
        "hand-back", "takes no hand-back", f"INSTEAD OF UPDATE ON {VIEWS}.billing_invoices",
    ),
    f"DROP TRIGGER log_event ON {VIEWS}.billing_invoice_event_log": (
        "event log", "takes no event", f"INSTEAD OF INSERT ON {VIEWS}.billing_invoice_event_log",
    ),
    'ALTER TABLE public."Invoice" DROP COLUMN "externalId" CASCADE': (
        "billing tables", "billing_invoices.id is missing",
        f"CREATE VIEW {VIEWS}.billing_invoices AS SELECT ...::uuid AS id",
    ),
    f"CREATE OR REPLACE FUNCTION {VIEWS}.hand_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'": (
        "hand-back", "other values stand in", "",
    ),
    instead("deals", "1::integer AS id, 'EB'::text AS deal_type", "Deal"): (
        "billing tables", "deals.id is integer, not uuid (the worker's keys are uuids. Give the table a uuid", "",
    ),
    instead("deals", '"id" AS id, "dealType" AS deal_type', "Deal"): ("billing tables", "not text (write CASE", ""),
    f"DROP SCHEMA {VIEWS} CASCADE; CREATE SCHEMA {VIEWS}": (
        "billing tables", "contacts.id is missing", f"CREATE VIEW {VIEWS}.billing_invoice_items AS SELECT",
    ),
    instead("deals", '"id" AS id', "Deal"): (
        "billing tables", "deals.deal_type is missing", 'ALTER TABLE "Deal" ADD COLUMN deal_type text',
    ),
    'ALTER TABLE public."Invoice" DROP CONSTRAINT "Invoice_invoiceNumber_key"': (
        "invoice numbers", "two invoices could share a marker", "CREATE UNIQUE INDEX CONCURRENTLY ON",
    ),
}  # fmt: skip


@pytest.mark.parametrize("plant", FAULTS)
async def test_planted_fault_is_named(plant: str, operator: Operator, billing: Billing) -> None:
    """Exit 1, the right check fails, says why, and prints the DDL."""
    await billing.usual_invoice()
    await billing.db.execute(plant)
    name, words, ddl = FAULTS[plant]
    check = (await checks(operator, 1))[name]
    assert check["level"] == "fail" and words in check["detail"]
    assert ddl in (check["next_step"] or "")


async def test_lost_microseconds_are_noticed(operator: Operator, billing: Billing) -> None:
    """An event log that keeps milliseconds would mix up events that are recorded together."""
    await billing.usual_invoice()
    body = await billing.db.fetchval(f"SELECT pg_get_functiondef('{VIEWS}.log_event'::regproc)")
    await billing.db.execute(body.replace("clock_timestamp()) AT", "clock_timestamp())::timestamptz(3) AT"))
    check = (await checks(operator, 1))["event log"]
    assert check["level"] == "fail" and "not kept to the microsecond" in check["detail"]


async def test_odd_values_are_named(operator: Operator, billing: Billing) -> None:
    """A null where none may be, and a word that the worker does not know."""
    await billing.usual_invoice(accounting_sync_status="exported")
    await billing.db.execute('ALTER TABLE public."Company" ALTER "name" DROP NOT NULL')
    await billing.company(name=None)
    check = (await checks(operator, 1))["billing values"]
    assert "companies.name is null in some rows" in check["detail"]
    assert "accounting_sync_status holds a word that is none of cancelled, drafted, not_synced" in check["detail"]


async def test_trial_leaves_nothing_behind(operator: Operator, billing: Billing) -> None:
    """What `doctor` writes is rolled back; without an invoice it says that it could not try."""
    assert (await checks(operator))["hand-back"]["level"] == "unknown"
    invoice = await billing.usual_invoice()
    before = await billing.row(invoice)
    assert (await checks(operator))["hand-back"]["level"] == "ok"
    assert await billing.row(invoice) == before and await billing.events(invoice) == []


async def test_missing_index_is_written_out(operator: Operator, billing: Billing) -> None:
    """Each printed statement makes an index by which the warning goes away."""
    dropped = [
        row["name"]
        for row in await billing.db.fetch(
            """SELECT x.indexrelid::regclass::text AS name FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
               WHERE c.relname ~ '^[A-Z]' AND NOT x.indisunique"""
        )
    ]
    for index in dropped:
        await billing.db.execute(f"DROP INDEX {index}")
    check = (await checks(operator))["billing indexes"]
    assert check["level"] == "warn" and "billing_invoices_to_publish" in check["detail"]
    for statement in check["next_step"].splitlines():
        await billing.db.execute(statement)
    check = (await checks(operator))["billing indexes"]
    assert check["level"] == "ok", check


async def test_own_tables_stay_out_of_views(database_url: str) -> None:
    """`migrate` makes no table among the views, wherever these stand in the path; reference tables are refused."""
    connection = await asyncpg.connect(database_url)
    where = """SELECT DISTINCT relnamespace::regnamespace::text FROM pg_class
               WHERE relname LIKE 'sevdesk%' AND relkind = 'r'"""
    assert [row[0] for row in await connection.fetch(where)] == ["public"]
    await connection.close()
    with pytest.raises(NotMigrated, match="BILLING_SCHEMA has views in the place"):
        await asyncio.to_thread(migrate, database_url, billing_reference=True, billing_schema=VIEWS)


# The rows of the plans test, but fewer, because each is inserted by a trigger.
ROWS = FILL.replace("50000", "5000").replace("100000", "10000")
OWN_GROWING = {"Invoice", "InvoiceItem", "InvoiceEvent"}


async def test_views_hide_no_index(billing: Billing) -> None:
    """Through the views, no statement reads a growing table of the company from end to end, known exceptions aside."""
    async with billing.db.acquire() as connection:
        await connection.execute(ROWS)
        await connection.execute("VACUUM ANALYZE")
        names = [name for name in QUERIES.available_queries if not name.endswith("_cursor")]
        plans = {name: await plan_of(connection, name, **DAY if name.endswith("_of_period") else {}) for name in names}
    unfit = {name: plan for name, plan in plans.items() if isinstance(plan, str)}
    print("not tried:", unfit)
    found = {name: list(scans(plan, OWN_GROWING)) for name, plan in plans.items() if name not in unfit}
    assert {name: tables for name, tables in found.items() if tables and name not in WHOLE_TABLE} == {}
    assert len(unfit) < 15
