"""What the billing system changes after the document was made is never mailed unseen, nor taken for published."""

from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing, parameters
from flow.books import calls, control, forget_calls, order_fault, state

from sevdesk_client.sandbox.http.server import Running
from worker.domain.check_levels import Level

# What is named -> the statement that changes it.
CHANGES = {
    "issue_date": "UPDATE billing_invoices SET issue_date = issue_date - 1",
    "invoice_number": "UPDATE billing_invoices SET invoice_number = 'INV-new'",
    "currency": "UPDATE billing_invoices SET currency = 'CHF'",
    "tax_rule": "UPDATE billing_invoices SET tax_rule = 17",
    "payment_term_days": "UPDATE billing_invoices SET payment_term_days = 30",
    "service_from": "UPDATE billing_invoices SET service_from = service_from - 1",
    "service_to": "UPDATE billing_invoices SET service_to = service_from",
    "head_text": "UPDATE billing_invoices SET head_text = 'Guten Tag'",
    "foot_text": "UPDATE billing_invoices SET foot_text = 'Danke'",
    "is_e_invoice": "UPDATE billing_invoices SET is_e_invoice = true",
    "document_kind": "UPDATE billing_invoices SET document_kind = 'AR'",
    "net_amount, gross_amount": "UPDATE billing_invoices SET net_amount = 200, gross_amount = 219",
    "gross_amount": "UPDATE billing_invoices SET gross_amount = 'NaN'",
    "positions[1].name": "UPDATE billing_invoice_items SET name = 'Etwas anderes'",
    "positions[1].description": "UPDATE billing_invoice_items SET description = 'Genauer'",
    "positions[1].quantity, positions[1].unit_price": "UPDATE billing_invoice_items SET quantity = 2, unit_price = 50",
    "positions[1].unit_price": "UPDATE billing_invoice_items SET unit_price = 'NaN'",
    "positions[1].tax_rate": "UPDATE billing_invoice_items SET tax_rate = 7",
    "positions[1].unit": "UPDATE billing_invoice_items SET unit = 'h'",
    "positions[2]": "INSERT INTO billing_invoice_items (invoice_id, position, name, quantity, unit_price, tax_rate) "
    "SELECT id, 2, 'Noch etwas', 1, 1, 19 FROM billing_invoices",
    "positions[1]": "DELETE FROM billing_invoice_items",
    "service_from, service_to": "UPDATE billing_invoices SET service_from = 'infinity', service_to = '20261-01-01'",
}


async def published(billing: Billing) -> UUID:
    """A final invoice that is open in sevDesk."""
    invoice = await billing.usual_invoice(document_kind="SR")
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    return invoice


async def mails(sevdesk: Running) -> int:
    return len((await state(sevdesk))["mails"])


async def changes_told(billing: Billing, invoice: UUID) -> int:
    statement = """SELECT count(*) FROM billing_invoice_event_log
                   WHERE invoice_id = $1 AND event_type = 'changed_after_publication'"""
    told: int = await billing.db.fetchval(statement, invoice)
    return told


@pytest.mark.parametrize("what", CHANGES)
async def test_changed_invoice_is_not_mailed(what: str, billing: Billing, worker: object, sevdesk: Running) -> None:
    """The columns are named, by sending and by publishing again, in one event; nothing leaves."""
    invoice = await published(billing)
    await billing.db.execute(CHANGES[what])
    for kind in ("send_invoice", "publish_invoice"):
        job = await billing.do(kind, invoice_id=invoice)
        assert (job["state"], job["problem"]) == ("parked", "changed_after_publication")
        assert parameters(job)["columns"] == what
    assert await mails(sevdesk) == 0
    assert await changes_told(billing, invoice) == 1
    assert (await billing.event(invoice, "changed_after_publication"))["columns"] == what
    assert await billing.db.fetchval("SELECT accounting_sync_status FROM billing_invoices") == "synced"


async def test_confirmed_document_is_mailed_as_it_is(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A person confirms: the mail goes out once; a resend asks again, for it is another mail."""
    invoice = await published(billing)
    await billing.db.execute(CHANGES["payment_term_days"])
    job = await billing.do("send_invoice", invoice_id=invoice)
    await billing.retry(job["job_id"], "confirmed")
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    again = await billing.do("send_invoice", invoice_id=invoice, resend=True)
    assert (again["state"], again["problem"], await mails(sevdesk)) == ("parked", "changed_after_publication", 1)
    assert await changes_told(billing, invoice) == 1


async def test_invoice_set_back_is_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """As it was: a plain retry mails; another change later is another event."""
    invoice = await published(billing)
    await billing.db.execute(CHANGES["payment_term_days"])
    job = await billing.do("send_invoice", invoice_id=invoice)
    await billing.db.execute("UPDATE billing_invoices SET payment_term_days = 14")
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    await billing.db.execute(CHANGES["head_text"])
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "parked"
    assert (await mails(sevdesk), await changes_told(billing, invoice)) == (1, 2)


async def test_level_of_changes_is_a_setting(billing: Billing, run_worker: Any, sevdesk: Running) -> None:
    """`warn`: mailed, with the event; `off`: mailed, and nobody says anything."""
    invoices = []
    for level in (Level.WARN, Level.OFF):
        async with run_worker(check_levels={"changed_after_publication": level}):
            invoices.append(await published(billing))
            await billing.db.execute("UPDATE billing_invoices SET payment_term_days = 30 WHERE id = $1", invoices[-1])
            for kind in ("send_invoice", "publish_invoice"):
                job = await billing.do(kind, invoice_id=invoices[-1])
                assert (job["state"], job["error"]) == ("done", None)
    assert [await changes_told(billing, invoice) for invoice in invoices] == [1, 0]
    assert await mails(sevdesk) == 2


async def changed_while_mailing(billing: Billing, sevdesk: Running, fault: str) -> tuple[Any, Any]:
    """The invoice, and the row of its mail's job: the mail met the fault, and then the invoice was changed."""
    invoice = await published(billing)
    await order_fault(sevdesk, fault, "POST /Invoice/*/sendViaEmail")
    job_id = await billing.enqueue("send_invoice", invoice_id=invoice)
    await billing.until_state(job_id, "waiting")
    await billing.db.execute(CHANGES["payment_term_days"])
    return invoice, await billing.ended(job_id)


async def test_lost_mail_is_found_before_the_question(billing: Billing, run_worker: Any, sevdesk: Running) -> None:
    """The mail went out and its answer was lost; the change since then raises no question about it."""
    async with run_worker(write_quarantine=1.0):
        _, job = await changed_while_mailing(billing, sevdesk, "lose_answer")
    assert (job["state"], job["error"], await mails(sevdesk)) == ("done", None, 1)


async def test_mail_that_never_left_is_asked_about(billing: Billing, run_worker: Any, sevdesk: Running) -> None:
    """The mail was dropped on its way: the write is settled, and only then the change is asked about."""
    async with run_worker(write_quarantine=1.0):
        invoice, job = await changed_while_mailing(billing, sevdesk, "drop_before")
        assert (job["state"], job["problem"]) == ("parked", "changed_after_publication")
        assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_intents WHERE closed_at IS NULL") == 0
        cancelled = await billing.do("cancel_invoice", invoice_id=invoice, reason="Geändert")
    assert (cancelled["state"], await mails(sevdesk)) == ("done", 0)


async def test_unchanged_invoice_costs_no_call(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Publishing again asks sevDesk nothing, and a mail takes two calls as ever."""
    invoice = await published(billing)
    await forget_calls(sevdesk)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    assert await calls(sevdesk) == []
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    assert len(await calls(sevdesk)) == 2


async def test_new_document_forgets_old_changes(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Deleted in sevDesk and published anew, the document says what the invoice says now."""
    invoice = await published(billing)
    await billing.db.execute(CHANGES["payment_term_days"])
    job = await billing.do("send_invoice", invoice_id=invoice)
    await control(sevdesk, "POST", "delete", {"invoice_id": (await billing.row(invoice))["external_id"]})
    await billing.do("sync_payments", full=True)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert await mails(sevdesk) == 1
