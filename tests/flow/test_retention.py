"""What is old is deleted, and only that; a mail's words go earlier."""

import json
from pathlib import Path

import pytest
from flow.billing import Billing
from flow.operators import Operator

from worker.maintenance.retention import clean
from worker.settings import Settings
from worker.store import Store

AGE = """UPDATE sevdesk_jobs SET created_at = created_at - interval '100 days',
                                 finished_at = finished_at - interval '100 days' WHERE job_id = ANY ($1)"""


async def test_old_jobs_go_and_the_rest_stays(
    billing: Billing, worker: object, settings: Settings, tmp_path: Path
) -> None:
    """Jobs done 100 days ago go with their writes and syncs; parked and young ones stay, so do events and mails."""
    invoice = await billing.usual_invoice()
    old = [(await billing.do(kind, invoice_id=invoice))["job_id"] for kind in ("publish_invoice", "send_invoice")]
    old.append((await billing.do("sync_payments"))["job_id"])
    parked = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice(gross_amount="120.00"))
    young = await billing.do("update_config", auto_transfer_invoices=False)
    await billing.db.execute(AGE, [*old, parked["job_id"]])
    events = await billing.events(invoice)
    operator = Operator(settings, tmp_path)
    would = await operator.json("clean", "--dry-run")
    assert (would["jobs"], would["sync_runs"], would["days"]) == (3, 1, 90) and would["intents"] > 3
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs") == 5
    done = await operator.json("clean")
    assert {**would, "dry_run": False} == done
    left = {row["job_id"] for row in await billing.db.fetch("SELECT job_id FROM sevdesk_jobs")}
    assert left == {parked["job_id"], young["job_id"]}
    assert await billing.events(invoice) == events
    for table, rows in (("sevdesk_mails", 1), ("sevdesk_documents", 1), ("sevdesk_sync_runs", 0)):
        assert await billing.db.fetchval(f"SELECT count(*) FROM {table}") == rows  # noqa: S608 - names are ours
    assert (await operator.json("clean"))["jobs"] == 0


async def test_open_write_keeps_its_job(billing: Billing, settings: Settings) -> None:
    """As long as nobody knows what became of a write, its job stays, however old."""
    job_id = await billing.request("publish_invoice", invoice_id=await billing.usual_invoice())
    await billing.put_into("done", job_id)
    await billing.db.execute(AGE, [job_id])
    await billing.db.execute(
        """INSERT INTO sevdesk_intents (subject, job_id, step, action, request_sha256, worker, settles_at)
           VALUES ('invoice:x', $1, 'publish', 'save_invoice', '', 'w', now())""",
        job_id,
    )
    store = await Store.connect(settings.database_url, size=1)
    assert (await clean(store, 30))["jobs"] == 0
    await billing.db.execute("UPDATE sevdesk_intents SET closed_at = now(), outcome = 'done'")
    assert await clean(store, 30) == {"jobs": 1, "intents": 1, "sync_runs": 0}
    await store.close()


async def test_whole_ledger_is_gone_through(billing: Billing, settings: Settings) -> None:
    """Three thousand old rows behind one that stays: more than one page, and no younger row is touched."""
    await billing.db.execute(
        """INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, order_key, state, created_at, finished_at, problem,
                                     problem_parameters)
           SELECT n::text, 'publish_invoice', '{}', 'redis', n::text, CASE n WHEN 1 THEN 'parked' ELSE 'done' END,
                  now() - make_interval(days => 200 - n / 20), now() - make_interval(days => 200 - n / 20), 'x', '{}'
           FROM generate_series(1, 3000) n"""
    )
    store = await Store.connect(settings.database_url, size=1)
    deleted = await clean(store, 90)
    await store.close()
    young = "SELECT count(*) FROM sevdesk_jobs WHERE state = 'done' AND created_at < now() - interval '90 days'"
    assert await billing.db.fetchval(young) == 0
    assert deleted["jobs"] == 3000 - await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs")
    assert 2000 < deleted["jobs"] < 2400


@pytest.mark.parametrize("end", ["done", "rejected"])
async def test_mails_words_go_with_the_job(end: str, billing: Billing, worker: object) -> None:
    """Subject and text leave the payload when the job ends."""
    invoice = await billing.usual_invoice()
    if end == "done":
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    else:
        await billing.db.execute("UPDATE billing_invoices SET document_status = 'cancelled'")
    job = await billing.do("send_invoice", invoice_id=invoice, subject="Betreff", text="Sehr geehrte Frau Müller")
    if job["state"] == "parked":
        assert json.loads(job["payload"])["text"]
        assert await Store(billing.db).query("dismiss_job", job_id=job["job_id"], by="Anna", reason="Doppelt")
        job = await billing.job(job["job_id"])
    assert json.loads(job["payload"]) == {"invoice_id": str(invoice)}
