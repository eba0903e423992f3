"""What `sevdesk-worker schema` prints is true of all that a life of everything leaves for other programs to read."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import jsonschema
import pytest
from flow.billing import time_to_day
from flow.books import control, forget_calls, order_fault, pay
from flow.provocations.publishing import unclear_mail
from flow.stage import Stage
from flow.waiting import asked

from worker.domain.check_levels import Level
from worker.operator.interface_schema import interface_schema
from worker.store import Store

pytestmark = pytest.mark.usefixtures("quick_exports")

Schema = dict[str, Any]
SCHEMA = interface_schema()


@asynccontextmanager
async def overheard(database_url: str) -> AsyncIterator[list[Any]]:
    """Everything that is said on the channel sevdesk_events."""
    said: list[Any] = []
    connection = await asyncpg.connect(database_url)
    try:
        await connection.add_listener("sevdesk_events", lambda *heard: said.append(json.loads(heard[-1])))
        yield said
        await connection.execute("SELECT 1")  # what was sent until now arrives before this answer
    finally:
        await connection.close()


# -- the life ----------------------------------------------------------------------------------------------------------


async def done(stage: Stage, kind: str, **payload: Any) -> dict[str, Any]:
    """The result of a job that is done."""
    job = await stage.billing.do(kind, **payload)
    assert (job["state"], job["error"]) == ("done", None)
    result: dict[str, Any] = json.loads(job["result"])
    return result


async def administration(stage: Stage) -> None:
    """Connection, templates (afresh, and known already) and settings."""
    assert (await done(stage, "test_connection"))["connected"]
    assert [(await done(stage, "refresh_templates"))["fetched"] for _ in range(2)] == [True, False]
    assert (await done(stage, "update_config", payment_sync_interval_minutes=15))["changed"]


async def money(stage: Stage) -> None:
    """Mailed and paid in parts, too much, with a discount; then sevDesk loses the payment and changes the number."""
    invoice = await stage.published()
    there = await stage.there(invoice)
    await done(stage, "send_invoice", invoice_id=invoice)
    await done(stage, "mail_bounced", invoice_id=invoice, email="rechnung@example.com", reason="unbekannt")
    await done(stage, "send_invoice", invoice_id=invoice, channel="post")
    await done(stage, "fetch_invoice_pdf", invoice_id=invoice)
    for amount in ("19", "100"):
        await pay(stage.sevdesk, there, amount)
        await done(stage, "sync_payments")
    await control(stage.sevdesk, "POST", "unlink", {"invoice_id": there})
    await done(stage, "sync_payments", invoice_id=invoice)
    stage.sevdesk.sandbox.account.invoices[int(there)].number = "RE-NEU"
    await done(stage, "sync_payments", invoice_id=invoice)
    await stage.published(items=(("1", "5", "19"), ("-1", "5", "19")), net_amount="0", tax_amount="0", gross_amount="0")
    for amount, kind in (("150", "overpaid"), ("100", "skonto")):
        other = await stage.published()
        await control(stage.sevdesk, "POST", "send", {"invoice_id": await stage.there(other)})
        await pay(stage.sevdesk, await stage.there(other), amount, kind=kind)
        await done(stage, "sync_payments", invoice_id=other)


async def endings(stage: Stage) -> None:
    """Changed and cancelled here with a mail, in sevDesk, as a credit note; deleted there; an e-invoice."""
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE billing_invoices SET head_text = 'neu' WHERE id = $1", invoice)
    assert (await stage.billing.do("send_invoice", invoice_id=invoice))["problem"] == "changed_after_publication"
    await done(stage, "cancel_invoice", invoice_id=invoice, reason="Doppelt", notify=True)
    await stage.published(is_e_invoice=True)
    for path in ("cancel", "delete"):
        invoice = await stage.published()
        await control(stage.sevdesk, "POST", path, {"invoice_id": await stage.there(invoice)})
        await done(stage, "sync_payments", full=True)
    invoice = await stage.published()
    await done(stage, "undelete_invoice", invoice_id=invoice)
    await pay(stage.sevdesk, await stage.there(invoice), "119")
    assert (await stage.billing.do("cancel_invoice", invoice_id=invoice, reason="Retoure"))["state"] == "parked"


async def credits(stage: Stage) -> None:
    """A part of a partly paid invoice, mailed; a draft that had to go; the whole of a paid one."""
    half = {"reason": "Mangel", "positions": [{"position": 1, "quantity": "2"}]}
    invoice = await stage.published()
    await pay(stage.sevdesk, await stage.there(invoice), "59.50")
    await done(stage, "sync_payments", invoice_id=invoice)
    await done(stage, "credit_invoice", invoice_id=invoice, notify=True, **half)
    other = await stage.published()
    await pay(stage.sevdesk, await stage.there(other), "119")
    await control(stage.sevdesk, "PUT", "switches", {"cent_off": True})
    assert (await stage.billing.do("credit_invoice", invoice_id=other, **half))["state"] == "parked"
    await control(stage.sevdesk, "PUT", "switches", {"cent_off": False})
    await done(stage, "cancel_invoice", invoice_id=other, reason="Retoure", refund=True)


async def trouble(stage: Stage) -> None:
    """A draft that had to go again, a rejected job, and one that waits, asks, and is answered."""
    await control(stage.sevdesk, "PUT", "switches", {"cent_off": True})
    invoice = await stage.billing.usual_invoice()
    job = await stage.billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "sevdesk_sums_differ")
    deleted = await stage.billing.event(invoice, "draft_deleted")
    assert (deleted["cause"], deleted["parameters"]["stated_gross"]) == ("sums_differ", "119.00")
    await control(stage.sevdesk, "PUT", "switches", {"cent_off": False})
    store = Store(stage.billing.db)
    assert await store.query("dismiss_job", job_id=job["job_id"], by="Anna", reason="Doppelt")
    noticed = await store.query("open_notices", invoice_id=None, most=1)
    assert await store.query("acknowledge_notices", invoice_id=noticed[0]["invoice_id"], by="Anna", reason="Gesehen")
    draft = await stage.billing.usual_invoice(document_status="draft")
    assert (await stage.billing.do("publish_invoice", invoice_id=draft))["state"] == "rejected"
    _, asking = await unclear_mail(stage)
    await stage.billing.retry(asking["job_id"], "done")
    assert (await stage.billing.ended(asking["job_id"]))["state"] == "done"


async def scopes(stage: Stage) -> None:
    """One party, a span of days, and a run that joins the one that is going on."""
    company = await stage.billing.company()
    invoice = await stage.billing.invoice(await stage.billing.deal(company))
    await done(stage, "publish_invoice", invoice_id=invoice)
    await done(stage, "sync_payments", party_id=company)
    today = time_to_day().isoformat()
    await done(stage, "sync_payments", start_date=today, end_date=today)
    await order_fault(stage.sevdesk, "delay", "GET /Invoice", after_ms=500)
    await forget_calls(stage.sevdesk)
    first = await stage.billing.enqueue("sync_payments", full=True)
    await asked(stage.sevdesk, "/Invoice")
    second = await stage.billing.enqueue("sync_payments", full=True)
    assert "joined" not in json.loads((await stage.billing.ended(first))["result"])
    assert json.loads((await stage.billing.ended(second))["result"])["joined"] == first


async def adoption(stage: Stage) -> None:
    """An invoice that an earlier integration has left here."""
    invoice = await stage.published()
    await stage.billing.db.execute("UPDATE billing_invoices SET accounting_provider = NULL WHERE id = $1", invoice)
    assert (await done(stage, "adopt"))["linked"] == 1


async def exports(stage: Stage) -> None:
    """Made; and asked for once more by its id."""
    today = time_to_day().isoformat()
    made = await done(stage, "export_datev", start_date=today, end_date=today)
    assert "findings" in made
    await done(stage, "export_datev", export_id=UUID(made["export_id"]))


async def test_schema_is_true_of_a_life(stage: Stage) -> None:
    """Every payload, result, event and notification of a run in which all kinds and all events occur."""
    async with overheard(stage.settings.database_url) as said:
        async with stage.run_worker():
            for part in (administration, money, endings, credits, trouble, scopes, adoption, exports):
                await part(stage)
        async with stage.run_worker(gone_after=600.0):
            invoice = await stage.published()
            await control(stage.sevdesk, "POST", "delete", {"invoice_id": await stage.there(invoice)})
            await done(stage, "sync_payments", invoice_id=invoice)
            await done(stage, "sync_payments", missing=True)
        async with stage.run_worker(sevdesk_api_token=None):
            await stage.billing.do("test_connection")
        async with stage.run_worker(check_levels={"unit_unknown": Level.WARN}):
            await done(stage, "publish_invoice", invoice_id=await stage.billing.usual_invoice(unit="Fass"))
            early = await stage.billing.usual_invoice(unit="Fass", issue_date=date(2099, 1, 1))
            job = await stage.billing.do("publish_invoice", invoice_id=early)
            await stage.billing.db.execute("UPDATE billing_invoice_items SET unit = 'h' WHERE invoice_id = $1", early)
            today = "UPDATE billing_invoices SET issue_date = $2 WHERE id = $1"
            await stage.billing.db.execute(today, early, time_to_day())
            await stage.billing.retry(job["job_id"])
            assert (await stage.billing.ended(job["job_id"]))["state"] == "done"
    await check_jobs(stage)
    await check_events(stage)
    for message in said:
        jsonschema.validate(message, SCHEMA["notifications"])
    outcomes = {message["outcome"] for message in said}
    assert outcomes == {"done", "parked", "rejected", "dismissed", "waiting", "queued", "changed", "progress"}
    assert {message.get("problem") for message in said} > {None, "sevdesk_sums_differ", "invoice_not_approved"}


def test_events_tell_reasons_by_codes() -> None:
    """What other programs decide by is one of a list of codes, never a sentence."""
    codes = [
        event["properties"][name]["enum"]
        for event in SCHEMA["events"].values()
        for name in ("how", "cause")
        if name in event["properties"]
    ]
    assert len(codes) >= 7
    assert all(re.fullmatch("[a-z_]+", code) for each in codes for code in each)


# -- what it left ------------------------------------------------------------------------------------------------------


def closed(schema: Any) -> Any:
    """The same schema, to which a key it does not name is an error."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {"additionalProperties": False} if "properties" in schema and schema.get("type") == "object" else {}
    return {name: closed(each) for name, each in schema.items()} | shut


async def check_jobs(stage: Stage) -> None:
    """Payloads of all that was understood, results of all that is done; each kind was done."""
    rows = await stage.billing.db.fetch("SELECT kind, state, payload, result FROM sevdesk_jobs")
    assert {row["kind"] for row in rows if row["state"] == "done"} == SCHEMA["jobs"].keys()
    for row in rows:
        jsonschema.validate(json.loads(row["payload"]), closed(SCHEMA["jobs"][row["kind"]]["payload"]))
        assert (row["result"] is not None) == (row["state"] == "done")
        if row["state"] == "done":
            jsonschema.validate(json.loads(row["result"]), closed(SCHEMA["jobs"][row["kind"]]["result"]))


async def check_events(stage: Stage) -> None:
    """No event is unknown to the schema, and none that it knows was left out."""
    rows = await stage.billing.db.fetch("SELECT event_type, payload FROM billing_invoice_event_log")
    assert {row["event_type"] for row in rows} == SCHEMA["events"].keys()
    for row in rows:
        jsonschema.validate(json.loads(row["payload"]), closed(SCHEMA["events"][row["event_type"]]))
