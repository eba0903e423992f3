"""Every statement on a filled schema, with statistics and without: none reads a growing table from end to end.

A plan is judged by the rows it reads, not by its estimates: as the tables grow, so do the rows that a bad plan reads.
"""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from worker.local import services as local
from worker.local.services import Services
from worker.store.connection import QUERIES

# Tables that grow for ever, or with the backlog.
GROWING = {"sevdesk_jobs", "sevdesk_queue", "sevdesk_intents", "billing_invoices", "billing_invoice_event_log",
           "billing_invoice_items", "sevdesk_documents", "sevdesk_mails", "sevdesk_invoices", "sevdesk_cancellations",
           "sevdesk_credit_notes"}  # fmt: skip
FILL = """
INSERT INTO companies (id, name) SELECT md5('c' || n)::uuid, 'Firma ' || n FROM generate_series(1, 1000) n;
INSERT INTO deals (id, name, deal_type) SELECT md5('d' || n)::uuid, 'Deal', 'EB' FROM generate_series(1, 1000) n;
INSERT INTO billing_invoices (id, invoice_number, deal_id, document_kind, document_status, net_amount, tax_amount,
       gross_amount, issue_date, accounting_provider, external_id, external_invoice_number, accounting_sync_status,
       claim_status)
SELECT md5('i' || n)::uuid, 'INV-' || n, md5('d' || n % 1000 + 1)::uuid, 'AR', 'sent', 100, 19, 119,
       current_date - n % 1000, 'sevdesk', (10000000 + n)::text, 'RE-' || n, 'synced',
       CASE WHEN n % 20 = 0 THEN 'open' ELSE 'paid' END FROM generate_series(1, 50000) n;
INSERT INTO billing_invoice_items (invoice_id, position, name, quantity, unit_price, tax_rate)
SELECT id, 1, 'Leistung', 1, 100, 19 FROM billing_invoices;
INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload)
SELECT md5('i' || n % 50000 + 1)::uuid, 'finalized', '{}' FROM generate_series(1, 100000) n;
UPDATE billing_invoices SET paid_at = issue_date + interval '12 hours' WHERE external_id::integer / 1000 % 2 = 0;
UPDATE billing_invoices SET cancelled_at = issue_date + interval '12 hours' WHERE external_id::integer / 1000 % 5 = 1;
INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload, created_at)
SELECT id, 'paid', jsonb_build_object('paid_before', 0, 'paid_now', 119, 'paid_on', issue_date), issue_date
FROM billing_invoices WHERE paid_at IS NOT NULL;
INSERT INTO sevdesk_cancellations (invoice_id, kind, cancellation_external_id, cancellation_number, gross_amount,
                                   document_day)
SELECT id, CASE WHEN paid_at IS NULL THEN 'cancellation_invoice' ELSE 'credit_note' END, external_id,
       'S-' || external_id, -119, issue_date FROM billing_invoices WHERE cancelled_at IS NOT NULL;
INSERT INTO sevdesk_credit_notes (marker, invoice_id, job_id, external_id, status, credit_note_number, document_day,
                                  net_amount, tax_amount, gross_amount, subtotals, content, reason)
SELECT external_id, id, '', external_id, 'finalized', 'G-' || external_id, issue_date, 10, 1.9, 11.9, '{}', '{}', ''
FROM billing_invoices WHERE external_id::integer / 1000 % 5 = 2;
INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, requested_by, order_key, state, attempt,
                          started_at, finished_at)
SELECT 'job-' || n, 'publish_invoice', '{}', 'redis', md5('i' || n)::uuid, md5('p' || n % 7)::uuid,
       'invoice:' || md5('i' || n)::uuid, 'done', 1, now(), now() FROM generate_series(1, 50000) n;
INSERT INTO sevdesk_intents (subject, job_id, step, action, request_sha256, worker, settles_at, closed_at, outcome)
SELECT 'invoice:' || md5('i' || n)::uuid, 'job-' || n, 'publish', 'save_invoice', '', 'w', now(), now(), 'done'
FROM generate_series(1, 50000) n;
INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, requested_by, order_key, state)
SELECT 'open-' || n, 'send_invoice', '{}', 'redis', md5('i' || n)::uuid,
       CASE WHEN n % 10 > 0 THEN md5('p' || n % 7)::uuid END, 'invoice:' || md5('i' || n)::uuid, 'queued'
FROM generate_series(1, 5000) n;
INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, requested_by, phase, rank, due_at)
SELECT job_id, seq, kind, order_key, requested_by,
       CASE seq % 5 WHEN 0 THEN 'waiting' WHEN 1 THEN 'blocked' ELSE 'ready' END, seq,
       CASE seq % 5 WHEN 0 THEN now() + interval '1 hour' END
FROM sevdesk_jobs WHERE state = 'queued';
INSERT INTO sevdesk_documents (invoice_id, kind, filename, mimetype, sha256, content)
SELECT md5('i' || n)::uuid, 'invoice_pdf', 'a.pdf', 'application/pdf', '', '' FROM generate_series(1, 50000, 10) n;
INSERT INTO sevdesk_mails (invoice_id, job_id, recipient, subject)
SELECT md5('i' || n)::uuid, 'job-' || n, 'a@example.com', '' FROM generate_series(1, 50000, 10) n;
"""
ONE = "md5('i77')::uuid"
# What stands for a value, by the type it is cast to or by its name; null where nothing is said.
BY_NAME = {
    "invoice_id": ONE, "job_id": "'job-77'", "subject": f"'invoice:' || {ONE}", "order_key": f"'invoice:' || {ONE}",
    "seq": "77", "deal_id": "md5('d77')::uuid", "document_kinds": "ARRAY['AR', 'SR']",
    "party_kind": "'company'", "party_id": "md5('c77')::uuid", "person_id": "md5('p1')::uuid",
    "person": "md5('p1')::uuid", "most": "20", "older": "60", "grace": "60", "external_id": "'10000077'",
    "external_ids": "ARRAY['10000077', '10000078']", "invoice_ids": f"ARRAY[{ONE}]", "ids": f"ARRAY[{ONE}]",
    "job_ids": "ARRAY['job-77']", "state": "'done'", "attempt": "1", "limit_jobs": "20", "limit_seconds": "60",
    "company_ids": "ARRAY[md5('c77')::uuid]", "contact_ids": "ARRAY[md5('c77')::uuid]", "scope": "'feed'",
    "party_ids": "ARRAY[md5('c77')::uuid]", "start_date": "(current_date - 1)", "end_date": "(current_date - 1)",
    "released": "'{}'::text[]", "held": "'{}'::text[]", "order_keys": f"ARRAY['invoice:' || {ONE}]",
    "account_id": "'1'", "contact_id": "'77'", "step": "'publish'", "action": "'save'", "request_sha256": "''",
    "quarantine": "45", "number": "'G-10002077'",
    "name": "'statement_timeout'", "value": "'25s'", "mail_job_id": "'job-77'",
    "prefix": "'job-77'", "low": ONE, "high": ONE, "part": "0", "file_id": "1",
    "tax_rules": "ARRAY[1]", "small_amount": "250",
    "free_slots": "10", "since_system": "0", "worker": "'w'", "version": "'1'", "settings": "'{}'",
}  # fmt: skip
# One day of a DATEV export.
DAY = {"first": "(current_date - 77)", "last": "(current_date - 77)", "by_pay_date": "false"}
# Statements of the report, also tried with the days of a month.
MONTHLY = ("pipeline_of_period", "payments_by_day_of_period")
# Statements that read a whole table, and why they may.
WHOLE_TABLE = {
    "linked_invoices": "a payment sync counts the book when it would take something away from many invoices at once",
    "invoices_to_compare": "reconcile reads the book, page by page",
    "adopted_documents": "reconcile",
    "given_to_other_provider": "reconcile and the nightly full sweep",
    "takes_over": "only when an admin changes publish_only",
    "odd_numbers": "adopt reads the book",
    "adoptable_invoices": "adopt reads the book, page by page",
    "without_pdf": "adopt reads the book, page by page",
    "invoices_to_rehearse": "a person's question about all approved invoices",
    "readiness_companies": "a person's question about the whole book",
    "contact_history": "reconcile",
    "finished_credit_notes": "reconcile",
    "known_credit_notes": "recover",
    "forgotten_since": "recover",
    "count_jobs": "the leader's gauges; the queue holds open jobs only",
    "publications_ahead": "only with PUBLISH_IN_ORDER; the queue holds open jobs only",
    "waits_begin_anew": "only after Postgres' clock was set; the queue holds open jobs only",
    "oldest_waiting": "a person's question; the queue holds open jobs only",
}


@pytest.fixture(scope="module")
def filled(services: Services, template: str) -> Iterator[str]:
    """A database of its own with rows in every growing table."""
    url = local.create_database(services, "filled_for_plans", template=template)
    yield url
    local.drop_database(services, "filled_for_plans")


@pytest.fixture(params=["never analysed", "analysed"])
async def plans(request: pytest.FixtureRequest, filled: str) -> AsyncIterator[dict[str, Any]]:
    """The measured plan of each statement, in a transaction that is rolled back."""
    connection = await asyncpg.connect(filled, command_timeout=600)
    if not await connection.fetchval("SELECT count(*) FROM sevdesk_jobs"):
        await connection.execute("ALTER TABLE sevdesk_jobs SET (autovacuum_enabled = false)")
        await connection.execute(FILL)
    if request.param == "analysed":
        await connection.execute("VACUUM ANALYZE")
    found = {}
    for name in QUERIES.available_queries:
        if not name.endswith("_cursor"):
            found[name] = await plan_of(connection, name, **DAY if name.endswith("_of_period") else {})
    by_pay_date = {**DAY, "by_pay_date": "true"}
    found["documents_by_pay_date"] = await plan_of(connection, "documents_of_period", **by_pay_date)
    month = {"first": "(current_date - 77)", "last": "(current_date - 47)"}
    for name in MONTHLY:
        found[f"{name}, a month"] = await plan_of(connection, name, **month)
    for name in ("adoptable_invoices", "not_archived"):
        found[name] = await plan_of(connection, name, after=ONE)
    await connection.close()
    yield found


async def plan_of(connection: asyncpg.Connection[Any], name: str, **values: str) -> Any:
    sql = getattr(QUERIES, name).sql
    for number, variable in reversed(list(enumerate(QUERIES.driver_adapter.var_sorted[name], 1))):
        sql = re.sub(rf"\${number}\b", {**BY_NAME, **values}.get(variable, "NULL"), sql)
    transaction = connection.transaction()
    await transaction.start()
    try:
        [row] = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {sql}")
        return json.loads(row[0])[0]["Plan"]
    except asyncpg.PostgresError as error:
        return str(error)
    finally:
        await transaction.rollback()


def scans(plan: dict[str, Any], growing: set[str] = GROWING) -> Iterator[tuple[str, int]]:
    """Tables that are read from end to end, with the rows read of each."""
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in growing:
        rows = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
        if rows > 100:
            yield plan["Relation Name"], rows
    for below in plan.get("Plans", ()):
        yield from scans(below, growing)


def test_no_statement_scans_a_growing_table(plans: dict[str, Any]) -> None:
    """The exceptions are named with their reasons; a statement that cannot be tried with these values is shown."""
    unfit = {name: plan for name, plan in plans.items() if isinstance(plan, str)}
    print("not tried:", unfit)
    found = {name: list(scans(plan)) for name, plan in plans.items() if not isinstance(plan, str)}
    assert {name: tables for name, tables in found.items() if tables and name not in WHOLE_TABLE} == {}
    assert len(unfit) < 15


def test_datev_statements_begin_with_a_day(plans: dict[str, Any]) -> None:
    """What an export is compared with is found by indexes on its day, and there is something to be found."""
    wanted = {
        "documents_of_period": {"billing_invoices_issue_date", "sevdesk_cancellations_day", "sevdesk_credit_notes_day"},
        "documents_by_pay_date": {"billing_invoices_paid_at"},
        "payments_of_period": {"billing_invoice_event_log_payments"},
    }
    for name, names in wanted.items():
        assert plans[name]["Actual Rows"] >= 25, name
        assert names <= set(indexes(plans[name])), name


def indexes(plan: dict[str, Any]) -> Iterator[str]:
    """Names of the indexes that a plan reads."""
    if "Index Name" in plan and plan["Actual Loops"]:
        yield plan["Index Name"]
    for below in plan.get("Plans", ()):
        yield from indexes(below)


QUEUE_CALLS = (
    "SELECT * FROM sevdesk_claim_jobs_v1('w', '{}', '{}', 10, 0, 20, 60)",
    "SELECT sevdesk_next_rank_v1(md5('p1')::uuid)",
    "SELECT sevdesk_next_rank_v1(gen_random_uuid())",
    "SELECT sevdesk_next_rank_v1(NULL)",
    "SELECT sevdesk_ready_due_v1(100)",
    "SELECT sevdesk_correct_ranks_v1()",
    f"SELECT sevdesk_promote_v1(ARRAY['invoice:' || {ONE}])",
    f"SELECT sevdesk_request_job('publish_invoice', jsonb_build_object('invoice_id', {ONE}))",
    "SELECT * FROM sevdesk_high_water_mark_v1()",
)
# Rows read in sequence and by index, since this session last told the statistics.
READ = """SELECT sum(seq_tup_read)::int, sum(idx_tup_fetch)::int FROM pg_stat_xact_user_tables
          WHERE relname IN ('sevdesk_queue', 'sevdesk_jobs', 'sevdesk_intents')"""


async def test_queue_functions_read_little(database_url: str) -> None:
    """Planned while the tables are empty, called when they have grown: each reads a few rows, and none in sequence.

    It fails for a plan that scans, and for one whose index condition holds clock_timestamp().
    """
    connection = await asyncpg.connect(database_url, command_timeout=600)
    for _ in range(7):  # from the sixth call on, Postgres may keep a plan for all values
        for call in QUEUE_CALLS:
            transaction = connection.transaction()
            await transaction.start()
            await connection.fetch(call)
            await transaction.rollback()
    await connection.execute("ALTER TABLE sevdesk_queue SET (autovacuum_enabled = false)")
    await connection.execute(FILL)
    found = {}
    for call in QUEUE_CALLS:
        transaction = connection.transaction()
        await transaction.start()
        before = await connection.fetchrow(READ)
        await connection.fetch(call)
        after = await connection.fetchrow(READ)
        found[call] = tuple(now - then for now, then in zip(after, before, strict=True))
        await transaction.rollback()
    await connection.close()
    assert all(seq == 0 and fetched < 200 for seq, fetched in found.values()), found


# Our foreign keys without an index that begins with their column: Postgres looks there for each row that is deleted.
SEARCHED_IN_SEQUENCE = """SELECT c.conrelid::regclass || '.' || c.conname FROM pg_constraint c
WHERE c.contype = 'f' AND c.conrelid::regclass::text LIKE 'sevdesk%' AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1] AND i.indpred IS NULL)"""


async def test_references_have_indexes(database_url: str) -> None:
    """Else a page of old jobs, whose writes go with them, costs as many scans of the ledger (measured: over 25 s)."""
    connection = await asyncpg.connect(database_url)
    assert await connection.fetch(SEARCHED_IN_SEQUENCE) == []
    await connection.close()


async def test_functions_without_scans_are_not_compiled(database_url: str) -> None:
    """Up to Postgres 17, a scan that cannot be avoided then seems dear enough to compile each call, for 20 ms."""
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT proname, proconfig FROM pg_proc WHERE 'enable_seqscan=off' = ANY (proconfig)")
    await connection.close()
    assert len(rows) > 4 and [row["proname"] for row in rows if "jit=off" not in row["proconfig"]] == []
