"""The full sweep: what the feed missed, what was deleted, and sweeps of one invoice or of a period."""

import json
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
from flow.billing import Billing, parameters
from flow.books import calls, control, forget_calls, pay, until
from flow.operators import Operator
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings


async def published(billing: Billing, **columns: object) -> UUID:
    """An invoice over 119.00 EUR, open in sevDesk."""
    invoice = await billing.usual_invoice(**columns)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    return invoice


async def skip_past(billing: Billing) -> None:
    """Pretend that the feed has read past everything that happened so far."""
    await billing.db.execute("UPDATE sevdesk_sync_state SET watermark = now() + interval '1 hour'")


async def test_sweep_finds_what_the_feed_missed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A payment behind the watermark is invisible to the feed; the sweep records and counts it."""
    invoice = await published(billing)
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    await skip_past(billing)
    await billing.do("sync_payments")
    assert (await billing.row(invoice))["claim_status"] == "open"
    job = await billing.do("sync_payments", full=True)
    assert (await billing.row(invoice))["claim_status"] == "paid"
    assert '"missed": 1' in job["result"]


async def test_sweep_without_drift_changes_nothing(billing: Billing, worker: object) -> None:
    """No false alarm."""
    invoice = await published(billing)
    before = await billing.row(invoice)
    job = await billing.do("sync_payments", full=True)
    assert dict(await billing.row(invoice)) == dict(before)
    assert '"missed": 0' in job["result"] and '"changed": 0' in job["result"]


async def test_sweep_counts_as_a_sync(billing: Billing, worker: object) -> None:
    """It covers the whole book, so the time of the last sync moves; a part of the book does not move it."""
    invoice = await published(billing)
    await billing.do("sync_payments", invoice_id=invoice)
    assert await billing.db.fetchval("SELECT last_sync_at FROM sevdesk_config") is None
    await billing.do("sync_payments", full=True)
    assert await billing.db.fetchval("SELECT last_sync_at > now() - interval '1 minute' FROM sevdesk_config")


async def test_deleted_invoice_is_an_event(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Gone in sevDesk: parked for a person, the claim untouched, and publishing again makes a new one."""
    invoice = await published(billing)
    gone = (await billing.row(invoice))["external_id"]
    await control(sevdesk, "POST", "delete", {"invoice_id": gone})
    job = await billing.do("sync_payments", full=True)
    assert '"by_id": 1' in job["result"]
    row = await billing.row(invoice)
    assert (row["accounting_sync_status"], row["claim_status"]) == ("parked", "open")
    assert (await billing.event(invoice, "deleted_in_sevdesk"))["external_id"] == gone
    await billing.do("publish_invoice", invoice_id=invoice)
    row = await billing.row(invoice)
    assert row["accounting_sync_status"] == "synced" and row["external_id"] != gone


async def test_deletion_is_noticed_by_its_sync(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Until then publishing finds nothing to do; a sync of this invoice is enough, as the next steps say."""
    invoice = await published(billing)
    gone = (await billing.row(invoice))["external_id"]
    await control(sevdesk, "POST", "delete", {"invoice_id": gone})
    for kind, same in (("publish_invoice", True), ("sync_payments", True), ("publish_invoice", False)):
        assert (await billing.do(kind, invoice_id=invoice))["state"] == "done"
        assert ((await billing.row(invoice))["external_id"] == gone) is same
    assert (await billing.row(invoice))["accounting_sync_status"] == "synced"


@pytest.mark.parametrize("provider", [None, "", "datev"])
async def test_lost_provider_is_told(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings, tmp_path: Path, provider: str | None
) -> None:
    """No run sees such an invoice any more, so the sweep and reconcile say so, until it is set back."""
    invoices = [await published(billing) for _ in range(7)]
    set_provider = "UPDATE billing_invoices SET accounting_provider = $1 WHERE id = ANY ($2)"
    await billing.db.execute(set_provider, provider, invoices[:6])
    await billing.usual_invoice(accounting_provider="datev", accounting_sync_status="synced", external_id="7")
    await pay(sevdesk, (await billing.row(invoices[0]))["external_id"], "119.00")
    operator = Operator(settings, tmp_path)
    with capture_logs() as lines:
        job = await billing.do("sync_payments", full=True)
    assert (job["state"], json.loads(job["result"])["unresolved"]) == ("done", 1)
    [line] = [line for line in lines if line["event"] == "payment_sync.unresolved"]
    assert line["problem"] == "provider_changed" and line["reason"].startswith("6 invoices") and ", ...:" not in line
    found = (await operator.json("reconcile", code=3))["findings"]
    assert {(each["drift"], each["invoice_id"]) for each in found} == {("provider", str(id)) for id in invoices[:6]}
    await billing.db.execute(set_provider, "sevdesk", invoices)
    job = await billing.do("sync_payments", full=True)
    assert json.loads(job["result"])["unresolved"] == 0
    assert (await billing.row(invoices[0]))["claim_status"] == "paid"


async def test_one_customer_is_synced_alone(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Only the customer's invoices are read."""
    company = await billing.company()
    ours = await billing.invoice(await billing.deal(company))
    await billing.do("publish_invoice", invoice_id=ours)
    other = await published(billing)
    for invoice in (ours, other):
        await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    await forget_calls(sevdesk)
    await billing.do("sync_payments", party_id=company)
    assert (await calls(sevdesk)) == ["GET /Invoice"]
    assert (await billing.row(ours))["claim_status"] == "paid"
    assert (await billing.row(other))["claim_status"] == "open"


async def test_range_of_days_is_synced_alone(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Both ends of the range are Berlin days and belong to it."""
    old = await published(billing, issue_date=date(2026, 3, 31))
    new = await published(billing, issue_date=date(2026, 4, 1))
    for invoice in (old, new):
        await pay(sevdesk, (await billing.row(invoice))["external_id"], "119.00")
    await billing.do("sync_payments", start_date="2026-03-01", end_date="2026-03-31")
    assert (await billing.row(old))["claim_status"] == "paid"
    assert (await billing.row(new))["claim_status"] == "open"


async def test_run_under_way_is_joined(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A second request ends with the run that is going, and knows of a payment on a page that run had read by then."""
    ours, deleted = await published(billing), await published(billing)
    await control(sevdesk, "POST", "delete", {"invoice_id": (await billing.row(deleted))["external_id"]})
    slow = {"method": "GET", "path": "/Invoice/*", "kind": "delay", "after_ms": 700}
    await control(sevdesk, "POST", "faults", slow)
    await forget_calls(sevdesk)
    first = await billing.enqueue("sync_payments", full=True)
    await until(lambda: billing.db.fetchval("SELECT pages FROM sevdesk_sync_runs WHERE job_id = $1", first))
    await pay(sevdesk, (await billing.row(ours))["external_id"], "119.00")
    second = await billing.enqueue("sync_payments", full=True)
    assert "joined" not in (await billing.ended(first))["result"]
    assert f'"joined": "{first}"' in (await billing.ended(second))["result"]
    assert (await billing.row(ours))["claim_status"] == "paid"
    assert (await calls(sevdesk)).count("GET /Invoice") == 2


async def test_unclear_scope_is_refused(billing: Billing, worker: object) -> None:
    """Two scopes at once say nothing clear."""
    job = await billing.do("sync_payments", full=True, start_date="2026-03-01", end_date="2026-03-31")
    assert (job["state"], job["problem"]) == ("rejected", "payload_invalid")
    assert "not several" in parameters(job)["faults"]
