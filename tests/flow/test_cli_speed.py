"""status, why and show stay fast with 100,000 invoices and a job for each."""

from pathlib import Path

import pytest
from flow.billing import Billing
from flow.operators import Operator

from worker.cli.status import read_status
from worker.operator.lookup import Found
from worker.operator.situation import gather
from worker.settings import Settings
from worker.store import Store

SIZE = 100_000
TIMES = 10  # both are measured here and now, so that the machine's load counts in both; it is about four

INVOICES = """
INSERT INTO billing_invoices (invoice_number, contact_id, document_kind, document_status, net_amount, tax_amount,
       gross_amount, issue_date, accounting_provider, external_id, external_invoice_number, accounting_sync_status)
SELECT 'INV-' || n, $2, 'AR', 'sent', 100, 19, 119, current_date, 'sevdesk', (10000000 + n)::text, 'RE-' || n, 'synced'
FROM generate_series(1, $1::int) n"""
JOBS = """
INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, invoice_id, order_key, state, finished_at, problem,
       problem_parameters, error, next_step)
SELECT 'job-' || row_number() OVER (), 'publish_invoice', '{}', 'outbox', id, 'invoice:' || id, state,
       CASE WHEN state IN ('done', 'parked') THEN now() END, CASE WHEN state = 'parked' THEN 'contact_ambiguous' END,
       CASE WHEN state = 'parked' THEN '{"count": "2"}'::jsonb END, CASE WHEN state = 'parked' THEN 'Why.' END,
       CASE WHEN state = 'parked' THEN 'Retry.' END
FROM (SELECT id, CASE WHEN row_number() OVER () % 200 = 0 THEN 'parked'
                      WHEN row_number() OVER () % 20 = 0 THEN 'queued' ELSE 'done' END AS state
      FROM billing_invoices) AS numbered"""


@pytest.mark.long
async def test_commands_are_fast_with_many_invoices(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """status, asked on an open connection and at a terminal, takes at most TIMES as long as without any invoice."""
    store = await Store.connect(settings.database_url, size=1)
    operator = Operator(settings, tmp_path)
    empty = min([(await read_status(store, settings))["ms"] for _ in range(10)])
    empty_top = min([(await operator.json("top", "--once"))["ms"] for _ in range(3)])
    await billing.db.execute(INVOICES, SIZE, billing.admin)
    await billing.db.execute(JOBS)
    await billing.db.execute("""
        INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, phase, rank)
        SELECT job_id, seq, kind, order_key, CASE state WHEN 'parked' THEN state ELSE 'ready' END, seq
        FROM sevdesk_jobs WHERE state <> 'done'""")
    await billing.db.execute("ANALYZE billing_invoices")
    await billing.db.execute("ANALYZE sevdesk_jobs")
    results = [await read_status(store, settings) for _ in range(10)]
    print("status ms", empty, [result["ms"] for result in results])
    assert min(result["ms"] for result in results) < TIMES * empty
    assert results[0]["jobs"] == {"parked": SIZE // 200, "queued": SIZE // 20 - SIZE // 200}
    assert len(results[0]["parked"]) == 10 and results[0]["about"]["jobs"] == SIZE
    invoice = await billing.db.fetchval("SELECT id FROM billing_invoices WHERE invoice_number = 'INV-99999'")
    assert (await gather(store, Found(invoice), settings)).job is not None
    await store.close()
    tops = [(await operator.json("top", "--once"))["ms"] for _ in range(3)]
    print("top ms", empty_top, tops)
    assert min(tops) < TIMES * empty_top
    assert len(await operator.json("jobs", "--state", "parked", "--limit", "7")) == 7
    assert (await operator.json("show", "RE-99999"))["invoice"]["invoice_number"] == "INV-99999"
