"""Invoice: save, read, list, change and delete."""

from dataclasses import replace

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import parse_id
from sevdesk_client.sandbox.account.records import DOCUMENT_TEXTS, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import model_object, optional_reference, required_reference, text
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.invoice_filters import matching_invoices
from sevdesk_client.sandbox.endpoints.invoice_json import embed, invoice_json, written_invoice_json
from sevdesk_client.sandbox.endpoints.lookup import find, page
from sevdesk_client.sandbox.endpoints.position_json import position_json, saved_position_json
from sevdesk_client.sandbox.endpoints.save_rules import read_invoice_body


def save_invoice(account: Account, call: Call) -> Answer:
    """POST /Invoice/Factory/saveInvoice: a new draft, or with invoice.id a changed one; 201 for both."""
    ident = parse_id(model_object(call.body.get("invoice"), "invoice", "Invoice").get("id"))
    old = find(account, account.invoices, ident, "Invoice") if ident else None
    if old is not None and old.status != 100:
        raise invalid("Only drafts can be changed")  # wording inferred
    saved = read_invoice_body(account, call.body, old)
    taken = account.with_number(saved.number) if saved.number is not None else []
    if account.switches.duplicate_number == "refuse" and any(each is not old for each in taken):
        raise invalid("Invoice: Correct number abort. Timeout")  # nobody recorded the status
    if old is None:
        made = Invoice(*account.new_record(), saved.fields, saved.note, saved.number, type=saved.type)
        invoice = account.add(made)
    else:
        old.fields, old.type, old.note, old.number = saved.fields, saved.type, saved.note, saved.number
        invoice = account.touch(old)
    shown = written_invoice_json(account, invoice)
    fields = saved.fields
    positions = [saved_position_json(each, shown, fields.show_net, fields.exchange_rate) for each in fields.positions]
    return objects({"invoice": shown, "invoicePos": positions, "vatdrop": "not relevant"}, 201)


def get_invoice(account: Account, invoice: Invoice, call: Call) -> Answer:
    """GET /Invoice/{id}: a list of one."""
    return objects([embed(account, invoice_json(invoice), call.query.get("embed", ""))])


def list_invoices(account: Account, call: Call) -> Answer:
    """GET /Invoice: newest first as captured; unknown filters change nothing (live, two peers)."""
    wanted = call.query.get("embed", "")
    found = matching_invoices(account, call)
    return page(account, found, call, lambda each: embed(account, invoice_json(each), wanted))


def change_invoice(account: Account, invoice: Invoice, call: Call) -> Answer:
    """PUT /Invoice/{id} (undocumented): contact and address, unless enshrined or above status 200 (one report)."""
    if invoice.enshrined is not None or invoice.status > 200:
        raise invalid("Already enshrined" if invoice.enshrined else "Only drafts and open invoices can be changed")
    body, fields = call.body, invoice.fields
    if "contact" in body:
        fields = replace(fields, contact_id=required_reference(account, body, "contact", "Contact", account.contacts))
    country = optional_reference(account, body, "addressCountry", "StaticCountry", master_data.COUNTRIES)
    keys = [key for key in DOCUMENT_TEXTS if key.startswith("address") and key in body]
    changed = {DOCUMENT_TEXTS[key]: text(body, key) for key in keys}
    invoice.fields = replace(fields, address_country_id=country or fields.address_country_id, **changed)  # type: ignore[arg-type] # all texts
    return objects(written_invoice_json(account, account.touch(invoice)))


def delete_invoice(account: Account, invoice: Invoice, call: Call) -> Answer:
    """DELETE /Invoice/{id}: drafts only, 409/159 otherwise (live, three peers)."""
    if invoice.status != 100:
        raise Refusal(409, f"Invoice can only be deleted in status 100 but is status {invoice.status}", 159)
    account.remove(invoice)
    return objects([None])


def get_positions(account: Account, invoice: Invoice, call: Call) -> Answer:
    """GET /Invoice/{id}/getPositions."""
    return page(account, invoice.fields.positions, call, lambda each: position_json(invoice, each))


def list_positions(account: Account, call: Call) -> Answer:
    """GET /InvoicePos, filtered by invoice[id] with its objectName (official)."""
    wanted = parse_id(call.reference("invoice", "Invoice"))
    invoices = account.invoices.values() if wanted is None else filter(None, [account.invoices.get(wanted)])
    pairs = ((invoice, position) for invoice in invoices for position in invoice.fields.positions)
    return page(account, pairs, call, lambda pair: position_json(*pair))


def is_partially_paid(account: Account, invoice: Invoice, call: Call) -> Answer:
    """GET /Invoice/{id}/getIsPartiallyPaid: true also for older partly paid invoices with status 200 (official)."""
    return objects(invoice.status < 1000 and invoice.paid > 0)
