"""An e-invoice goes out: required data, payment method, buyer reference, and the XML beside the PDF."""

from flow.billing import Billing
from flow.books import control

from sevdesk_client.sandbox.http.server import Running


async def test_e_invoice_is_published_with_xml(billing: Billing, worker: object) -> None:
    """PDF and XML are stored, and the layout is set once sevDesk takes it."""
    invoice = await billing.usual_invoice(is_e_invoice=True)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None)
    assert await billing.events(invoice) == [
        "contact_linked", "address_written", "email_written", "drafted", "finalized", "template_set",
        "pdf_stored", "xml_stored",
    ]  # fmt: skip
    xml = await billing.db.fetchval(
        "SELECT content FROM sevdesk_documents WHERE invoice_id = $1 AND kind = 'invoice_xml'", invoice
    )
    assert b"CrossIndustryInvoice" in xml


async def test_e_invoice_needs_an_e_mail_address(billing: Billing, worker: object) -> None:
    """Refused before the first call, with the next step."""
    deal = await billing.deal(await billing.company(email=None))
    job = await billing.do("publish_invoice", invoice_id=await billing.invoice(deal, is_e_invoice=True))
    assert (job["state"], job["problem"]) == ("parked", "e_invoice_missing_email")


async def test_missing_company_data_is_named(billing: Billing, worker: object, sevdesk: Running) -> None:
    """What sevDesk misses in its own settings stands in the sentence the admin reads."""
    await control(sevdesk, "PUT", "switches", {"e_invoice_missing": ["sevClient_bankIban"]})
    invoice = await billing.usual_invoice(is_e_invoice=True)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "e_invoice_data_missing")
    assert "sevClient_bankIban" in job["error"]


async def test_ordinary_invoice_stores_no_xml(billing: Billing, worker: object) -> None:
    """XML is for e-invoices only."""
    invoice = await billing.usual_invoice()
    await billing.do("publish_invoice", invoice_id=invoice)
    assert "xml_stored" not in await billing.events(invoice)
