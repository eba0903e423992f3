"""An approved invoice goes out: draft, number, PDF, and the hand-back."""

import hashlib

from flow.billing import Billing
from flow.books import calls, forget_calls

from sevdesk_client.sandbox.http.server import Running


async def test_approved_invoice_is_published(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The invoice is open in sevDesk with our sums, and the row says where."""
    invoice = await billing.usual_invoice()
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None)
    row = await billing.row(invoice)
    assert row["accounting_provider"] == "sevdesk"
    assert row["accounting_sync_status"] == "synced"
    assert row["document_status"] == "approved"
    assert row["external_id"] and row["external_invoice_number"].startswith("RE-")
    assert await billing.events(invoice) == [
        "contact_linked", "address_written", "email_written", "drafted", "template_set", "finalized", "pdf_stored",
    ]  # fmt: skip


async def test_warm_contact_costs_five_calls(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Look-up, save, layout, finalize, PDF: nothing else once the contact is linked."""
    deal = await billing.deal(await billing.company())
    await billing.do("publish_invoice", invoice_id=await billing.invoice(deal))
    await forget_calls(sevdesk)
    await billing.do("publish_invoice", invoice_id=await billing.invoice(deal))
    assert await calls(sevdesk) == [
        "GET /Invoice",
        "POST /Invoice/Factory/saveInvoice",
        "PUT /Invoice/{id}/changeParameter",
        "PUT /Invoice/{id}/sendBy",
        "GET /Invoice/{id}/getPdf",
    ]


async def test_stored_pdf_matches_its_digest(billing: Billing, worker: object) -> None:
    """The document in Postgres is a PDF, and its SHA-256 is that of the event."""
    invoice = await billing.usual_invoice()
    await billing.do("publish_invoice", invoice_id=invoice)
    document = await billing.db.fetchrow("SELECT * FROM sevdesk_documents WHERE invoice_id = $1", invoice)
    assert document["content"].startswith(b"%PDF")
    assert hashlib.sha256(document["content"]).hexdigest() == document["sha256"]
    assert (await billing.event(invoice, "pdf_stored"))["sha256"] == document["sha256"]


async def test_publishing_twice_makes_one_invoice(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The second job finds everything done and asks sevDesk nothing."""
    invoice = await billing.usual_invoice()
    await billing.do("publish_invoice", invoice_id=invoice)
    before = await calls(sevdesk)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    assert await calls(sevdesk) == before
