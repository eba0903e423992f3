"""getPdf, getXml, render and changeParameter of an invoice."""

import base64
import hashlib
from collections.abc import Container

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, is_true
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.documents.cii import embedded_xml, standalone_xml
from sevdesk_client.sandbox.documents.pdf import invoice_pdf
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, json_answer, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.sending import check_e_invoice, mark_sent

LANGUAGES = [
    {"name": "deutsch", "value": "de_DE", "translationCode": "SEVDOC_LANG_DE_DE"},
    {"name": "englisch", "value": "en_GB", "translationCode": "SEVDOC_LANG_EN_GB"},
]
LANGUAGE = {"key": "language", "name": "Sprache", "values": LANGUAGES}
LINES_ON_A_PAGE = 30
PARAMETERS = ("language", "template", "letterpaper", "payPal")  # official


def get_pdf(account: Account, invoice: Invoice, call: Call) -> Answer:
    """GET /Invoice/{id}/getPdf: finalises a draft unless preventSendBy=true (live, two peers).

    Answers bytes with download=true (one report) or switch pdf_raw, otherwise JSON with the keys of the capture.
    """
    _refuse_e_draft(invoice)
    if invoice.status == 100 and not is_true(call.query.get("preventSendBy")):
        mark_sent(account, invoice, "VPDF")
    return pdf_answer(account, invoice, call, embedded_xml(account, invoice))


def pdf_answer(account: Account, invoice: Invoice, call: Call, xml: str | None) -> Answer:
    """The PDF of an invoice or of what `CreditNote.as_invoice` made of a credit note."""
    content = invoice_pdf(invoice, xml)
    filename = f"{invoice.number if invoice.status > 100 else ''}.pdf"
    if account.switches.pdf_raw or is_true(call.query.get("download")):
        return Answer(200, content, "application/pdf", {"content-disposition": f'attachment; filename="{filename}"'})
    document = {"base64Encoded": True, "content": base64.b64encode(content).decode(), "filename": filename}
    return objects({**document, "mimetype": "application/pdf"})


def render(account: Account, invoice: Invoice, call: Call) -> Answer:
    """POST /Invoice/{id}/render: 201 with metadata, not in `objects` (specification); changes nothing (one report)."""
    language = {**LANGUAGE, "visible": True, "value": invoice.layout["language"]}
    return json_answer({**_metadata(invoice), "parameters": [language], "thumbs": [None]}, 201)


def change_parameter(account: Account, invoice: Invoice, call: Call) -> Answer:
    """PUT /Invoice/{id}/changeParameter: works before and after sendBy, without render (one report)."""
    _refuse_e_draft(invoice)
    invoice.layout = changed_layout(invoice.layout, call.body)
    account.touch(invoice)
    return objects({"result": "1", "metadaten": {**_metadata(invoice), "thumbs": [LANGUAGE]}})


def changed_layout(layout: dict[str, str], body: Object) -> dict[str, str]:
    """The layout after changeParameter's body, or its refusal."""
    key, value = body.get("key"), body.get("value")
    if key not in PARAMETERS or value is None:
        raise invalid("key and value are required")  # official; wording inferred
    known: dict[str, Container[str]] = {"template": master_data.TEMPLATES, "letterpaper": master_data.LETTERPAPERS}
    if key in known and str(value) not in known[key]:
        raise invalid(f"Unknown {key}")  # inferred
    return {**layout, str(key): str(value)}


def get_xml(account: Account, invoice: Invoice, call: Call) -> Answer:
    """GET /Invoice/{id}/getXml: finalised e-invoices only (measured)."""
    if not invoice.fields.is_e_invoice:
        raise Refusal(400, "This invoice is not an electronic invoice")
    if account.switches.xml_backend_down:
        raise Refusal(503, "Exception when requesting invoices service")
    if "sevClient_bankIban" in account.switches.e_invoice_missing:
        raise Refusal(500, "Missing iban and bic")
    _refuse_e_draft(invoice)
    check_e_invoice(account, invoice.fields)
    return objects(standalone_xml(account, invoice))


def _refuse_e_draft(invoice: Invoice) -> None:
    """503 for e-invoice drafts, which have no number yet (measured)."""
    if invoice.fields.is_e_invoice and invoice.status == 100:
        raise Refusal(503, "Invoice number is required")


def _metadata(invoice: Invoice) -> Object:
    """Page count and document id; the count is estimated, because rendering only for it would be slow."""
    pages = 1 + len(invoice.fields.positions) // LINES_ON_A_PAGE
    return {"pages": pages, "docId": hashlib.sha256(str(invoice.id).encode()).hexdigest()[:32]}
