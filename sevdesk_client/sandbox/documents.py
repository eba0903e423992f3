"""getPdf, render, changeParameter and getXml."""

import base64
import hashlib
from collections.abc import Container
from xml.sax.saxutils import escape

from sevdesk_client.sandbox import catalogue
from sevdesk_client.sandbox.calls import Answer, Call, answer, objects
from sevdesk_client.sandbox.errors import Refusal, invalid
from sevdesk_client.sandbox.invoices import find
from sevdesk_client.sandbox.pdf import invoice_pdf
from sevdesk_client.sandbox.records import Invoice
from sevdesk_client.sandbox.sending import check_e_invoice, mark_sent
from sevdesk_client.sandbox.state import Account
from sevdesk_client.sandbox.values import Object, sum_text, truthy

LANGUAGES = [("deutsch", "de_DE", "SEVDOC_LANG_DE_DE"), ("englisch", "en_GB", "SEVDOC_LANG_EN_GB")]
LINES_ON_A_PAGE = 30
PARAMETERS = ("language", "template", "letterpaper", "payPal")  # official


def get_pdf(account: Account, call: Call) -> Answer:
    """GET /Invoice/{id}/getPdf: finalises a draft unless preventSendBy=true (live, two peers).

    Raw bytes with download=true (one report) and by switch; otherwise JSON, spelt as in the capture.
    """
    invoice = find(account, call.ident)
    _refuse_e_draft(invoice)
    if invoice.status == 100 and not truthy(call.query.get("preventSendBy")):
        mark_sent(account, invoice, "VPDF")
    content = invoice_pdf(invoice)
    filename = f"{invoice.number if invoice.status > 100 else ''}.pdf"
    if account.switches.pdf_raw or truthy(call.query.get("download")):
        return Answer(200, content, "application/pdf", {"content-disposition": f'attachment; filename="{filename}"'})
    document = {
        "base64Encoded": True,
        "content": base64.b64encode(content).decode(),
        "filename": filename,
        "mimetype": "application/pdf",
    }
    return objects(document)


def render(account: Account, call: Call) -> Answer:
    """POST /Invoice/{id}/render: 201 with meta data, unwrapped as the spec has it; changes nothing (one report)."""
    invoice = find(account, call.ident)
    meta = {**_meta(invoice), "parameters": [{**_language(), "visible": True, "value": invoice.layout["language"]}]}
    return answer({**meta, "thumbs": [None]}, 201)


def change_parameter(account: Account, call: Call) -> Answer:
    """PUT /Invoice/{id}/changeParameter: before or after sendBy, without render (one report)."""
    invoice = find(account, call.ident)
    _refuse_e_draft(invoice)
    key, value = call.body.get("key"), call.body.get("value")
    if key not in PARAMETERS or value is None:
        raise invalid("key and value are required")  # official; wording inferred
    known: dict[str, Container[str]] = {"template": catalogue.TEMPLATES, "letterpaper": catalogue.LETTERPAPERS}
    if key in known and str(value) not in known[key]:
        raise invalid(f"Unknown {key}")  # inferred
    invoice.layout = {**invoice.layout, str(key): str(value)}
    account.touch(invoice)
    return objects({"result": "1", "metadaten": {**_meta(invoice), "thumbs": [_language()]}})


def get_xml(account: Account, call: Call) -> Answer:
    """GET /Invoice/{id}/getXml: final e-invoices only (measured)."""
    invoice = find(account, call.ident)
    if not invoice.letter.is_e_invoice:
        raise Refusal(400, "This invoice is not an electronic invoice")
    if "sevClient_bankIban" in account.switches.e_invoice_missing:
        raise Refusal(500, "Missing iban and bic")
    _refuse_e_draft(invoice)
    check_e_invoice(account, invoice.letter)
    number, total = escape(invoice.number or ""), sum_text(invoice.letter.sums.gross)
    space = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
    return objects(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<rsm:CrossIndustryInvoice xmlns:rsm="{space}"><rsm:ExchangedDocument><ID>{number}</ID>'
        f"</rsm:ExchangedDocument><GrandTotalAmount>{total}</GrandTotalAmount></rsm:CrossIndustryInvoice>\n"
    )


def _refuse_e_draft(invoice: Invoice) -> None:
    """503 for drafts of e-invoices, which have no number yet (measured)."""
    if invoice.letter.is_e_invoice and invoice.status == 100:
        raise Refusal(503, "Invoice number is required")


def _meta(invoice: Invoice) -> Object:
    """Page count estimated: rendering for it would cost more than everything else these calls do."""
    pages = 1 + len(invoice.letter.positions) // LINES_ON_A_PAGE
    return {"pages": pages, "docId": hashlib.sha256(str(invoice.id).encode()).hexdigest()[:32]}


def _language() -> Object:
    values = [{"name": name, "value": value, "translationCode": code} for name, value, code in LANGUAGES]
    return {"key": "language", "name": "Sprache", "values": values}
