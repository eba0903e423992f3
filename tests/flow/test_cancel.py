"""The Storno chain: every place an invoice can stand when somebody cancels it."""

from uuid import UUID

import pytest
from flow.billing import Billing, parameters
from flow.books import calls, control, forget_calls, state
from flow.stage import Stage

from sevdesk_client.sandbox.http.server import Running


async def published(billing: Billing) -> UUID:
    """An invoice over 119.00 EUR, open in sevDesk."""
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    return invoice


async def pay(billing: Billing, sevdesk: Running, invoice: UUID, amount: str) -> None:
    """The customer pays, in sevDesk."""
    external_id = (await billing.row(invoice))["external_id"]
    await control(sevdesk, "POST", "payments", {"invoice_id": external_id, "amount": amount, "date": "2026-10-05"})


async def test_unpublished_invoice_is_cancelled_here(billing: Billing, worker: object, sevdesk: Running) -> None:
    """sevDesk never heard of it, so it is not asked."""
    invoice = await billing.usual_invoice()
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="typing error")
    assert (job["state"], await calls(sevdesk)) == ("done", [])
    row = await billing.row(invoice)
    statuses = row["document_status"], row["claim_status"], row["accounting_sync_status"]
    assert statuses == ("cancelled", "cancelled", "cancelled")
    assert row["cancelled_at"] is not None


async def test_draft_is_deleted_in_sevdesk(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A draft that never got its number leaves no trace."""
    fault = {"method": "PUT", "path": "*/sendBy", "kind": "status", "status": 422, "times": 1}
    await control(sevdesk, "POST", "faults", fault)
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "parked"
    assert len((await state(sevdesk))["invoices"]) == 1
    assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="wrong customer"))["state"] == "done"
    assert len((await state(sevdesk))["invoices"]) == 0
    assert (await billing.events(invoice))[-3:] == ["draft_deleted", "cancelled", "dismissed"]


async def test_open_invoice_gets_its_cancellation(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The SR's id, number, exactly negative sums and PDF are on record; nothing is owed any more."""
    invoice = await published(billing)
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="order withdrawn")
    assert (job["state"], job["error"]) == ("done", None)
    made = await billing.db.fetchrow("SELECT * FROM sevdesk_cancellations WHERE invoice_id = $1", invoice)
    assert made["kind"] == "cancellation_invoice"
    assert made["cancellation_number"].startswith("RE-")
    assert [str(made[f"{name}_amount"]) for name in ("net", "tax", "gross")] == ["-100", "-19", "-119"]
    pdf = await billing.db.fetchval(
        "SELECT content FROM sevdesk_documents WHERE invoice_id = $1 AND kind = 'cancellation_pdf'", invoice
    )
    assert pdf.startswith(b"%PDF")
    row = await billing.row(invoice)
    assert (row["document_status"], row["claim_status"]) == ("cancelled", "cancelled")
    assert (await state(sevdesk))["mails"] == []


async def test_changed_row_is_cancelled_as_it_was_published(billing: Billing, worker: object) -> None:
    """The row was changed after the publication, and is to be issued anew: the cancellation is right."""
    invoice = await published(billing)
    await billing.db.execute("UPDATE billing_invoices SET net_amount = 200, tax_amount = 38, gross_amount = 238")
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="wrong sum")
    assert (job["state"], job["error"]) == ("done", None)


async def test_notified_customer_gets_one_mail(billing: Billing, worker: object, sevdesk: Running) -> None:
    """`notify` mails the SR, not the invoice, and a second cancel job mails nothing more."""
    invoice = await published(billing)
    for _ in range(2):
        job = await billing.do("cancel_invoice", invoice_id=invoice, reason="order withdrawn", notify=True)
        assert job["state"] == "done"
    mails = (await state(sevdesk))["mails"]
    number = await billing.db.fetchval("SELECT cancellation_number FROM sevdesk_cancellations")
    assert [mail["subject"] for mail in mails] == [f"Stornorechnung {number}"]


async def test_cancelling_twice_makes_one_cancellation(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The second job finds it done and asks nothing."""
    invoice = await published(billing)
    await billing.do("cancel_invoice", invoice_id=invoice, reason="first")
    await forget_calls(sevdesk)
    assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="second"))["state"] == "done"
    assert await calls(sevdesk) == []


async def test_cancelled_by_hand_is_adopted(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Somebody was faster in sevDesk's own pages: no second SR."""
    invoice = await published(billing)
    await control(sevdesk, "POST", "cancel", {"invoice_id": (await billing.row(invoice))["external_id"]})
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="order withdrawn")
    assert job["state"] == "done"
    assert (await billing.event(invoice, "cancelled"))["how"] == "found_cancelled"
    assert len((await state(sevdesk))["invoices"]) == 2


async def test_cancelled_by_hand_between_look_and_write(stage: Stage) -> None:
    """sevDesk refuses the second cancellation; what was paid must be paid back all the same."""
    async with stage.working():
        invoice = await stage.published()
        there = await stage.there(invoice)
        await control(stage.sevdesk, "PUT", "switches", {"cancel_paid": "storno"})
        await pay(stage.billing, stage.sevdesk, invoice, "119.00")
        await stage.billing.do("sync_payments")
        async with stage.sevdesk.held("POST /Invoice/*/cancelInvoice") as hold:
            job_id = await stage.billing.enqueue("cancel_invoice", invoice_id=invoice, reason="order withdrawn")
            await hold.reached()
            await control(stage.sevdesk, "POST", "cancel", {"invoice_id": there})
        job = await stage.billing.ended(job_id)
    assert (job["state"], job["problem"]) == ("parked", "refund_due")
    assert (await stage.billing.event(invoice, "cancelled"))["how"] == "found_cancelled"
    assert len((await state(stage.sevdesk))["invoices"]) == 2


async def test_partly_paid_invoice_is_parked(billing: Billing, worker: object, sevdesk: Running) -> None:
    """sevDesk would refuse it, so it is not asked; the next step is named."""
    invoice = await published(billing)
    await pay(billing, sevdesk, invoice, "19.00")
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="order withdrawn")
    assert (job["state"], job["problem"]) == ("parked", "partly_paid")
    assert "credit note" in job["next_step"]
    assert (await billing.row(invoice))["document_status"] == "approved"


async def test_paid_invoice_becomes_a_credit_note(billing: Billing, worker: object, sevdesk: Running) -> None:
    """sevDesk drafts a credit note; it is recorded as what it is, once, and a person finishes it."""
    invoice = await published(billing)
    await pay(billing, sevdesk, invoice, "119.00")
    for _ in range(2):
        job = await billing.do("cancel_invoice", invoice_id=invoice, reason="goods returned")
        assert (job["state"], job["problem"]) == ("parked", "credit_note_draft")
    kind = await billing.db.fetchval("SELECT kind FROM sevdesk_cancellations WHERE invoice_id = $1", invoice)
    assert kind == "credit_note"
    assert (await billing.row(invoice))["claim_status"] == "open"


@pytest.mark.parametrize("kind", ["lose_answer", "drop_before"])
@pytest.mark.parametrize("path", ["*/cancelInvoice", "*/sendViaEmail"])
async def test_lost_answers_leave_one_of_each(
    billing: Billing, hasty_worker: object, sevdesk: Running, kind: str, path: str
) -> None:
    """Whatever is lost on the way, there is one SR and one mail."""
    invoice = await published(billing)
    await control(sevdesk, "POST", "faults", {"method": "POST", "path": path, "kind": kind, "times": 1})
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="order withdrawn", notify=True)
    assert (job["state"], job["error"]) == ("done", None)
    books = await state(sevdesk)
    assert len(books["invoices"]) == 2
    assert len(books["mails"]) == 1


async def test_cancelled_invoice_is_not_published(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A publish that comes after the cancel is refused, and says why."""
    invoice = await billing.usual_invoice()
    await billing.do("cancel_invoice", invoice_id=invoice, reason="typing error")
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], await calls(sevdesk)) == ("rejected", [])
    assert (job["problem"], parameters(job)["status"]) == ("invoice_not_approved", "cancelled")
