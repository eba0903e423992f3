"""saveCreditNote for an invoice (bookingCategory UNDERACHIEVEMENT), with its measured refusals."""

from dataclasses import replace

from sevdesk_client.sandbox.account.formats import Object, as_datetime, decimal_text, parse_id
from sevdesk_client.sandbox.account.records import CreditNote, DocumentFields, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO
from sevdesk_client.sandbox.endpoints.body_fields import model_object, not_null, object_list, text
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.credit_notes import check_source, credit_note_json, credit_position_json, store
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.lookup import find
from sevdesk_client.sandbox.endpoints.save_rules import InvoiceBody, read_invoice_body

TRAILING_KEYS = ("creditNotePosDelete", "discountSave", "discountDelete", "takeDefaultAddress", "forCashRegister")
# The keys that every model needs.
_MODEL = {"mapAll": True}


def save_credit_note(account: Account, call: Call) -> Answer:
    """POST /CreditNote/Factory/saveCreditNote: a new draft, 201; drafts are not changed here."""
    data = model_object(call.body.get("creditNote"), "creditNote", "CreditNote")
    if data.get("id"):
        raise invalid("Changing credit notes is not part of the sandbox")
    if data.get("bookingCategory") != "UNDERACHIEVEMENT":
        raise invalid("Only bookingCategory UNDERACHIEVEMENT is part of the sandbox")
    if account.switches.trailing_keys_required and any(key not in call.body for key in TRAILING_KEYS):
        raise invalid(f"{', '.join(TRAILING_KEYS)} are required")  # official; wording inferred
    invoice = _source(account, data)
    not_null(text(data, "header"), "header")  # official; the refusal is inferred from invoices
    saved = _read(account, call.body, data)
    fields = _with_address(saved.fields, invoice.fields)
    _check_amounts(account, fields, invoice)
    _check_delivery(fields, invoice.fields)
    if fields.is_e_invoice and fields.payment_method_id is None:
        message = "Could not generate ZUGFeRD Invoice since there are validations errors"
        raise Refusal(400, message, 830, {"missing information": ["document_paymentMethod"]})  # code measured
    check_source(invoice)
    number = _number(account, saved)
    note = CreditNote(*account.new_record(), None, fields, saved.note, number, source_id=invoice.id)
    store(account, note)
    positions = [credit_position_json(note, each) for each in fields.positions]
    return objects({"creditNote": credit_note_json(note), "creditNotePos": positions}, 201)


def _source(account: Account, data: Object) -> Invoice:
    """refSrcInvoice: an integer by specification; a reference is accepted, too."""
    given = data.get("refSrcInvoice")
    ident = parse_id(given.get("id")) if isinstance(given, dict) else parse_id(given)
    if ident is None:
        raise invalid("refSrcInvoice is required for UNDERACHIEVEMENT")  # measured; wording inferred
    return find(account, account.invoices, ident, "Invoice")


def _read(account: Account, body: Object, data: Object) -> InvoiceBody:
    """The document and its positions, which are read as those of an invoice."""
    positions = [
        {**model_object(each, "creditNotePos", "CreditNotePos"), "objectName": "InvoicePos"}
        for each in object_list(body.get("creditNotePosSave"))
    ]
    day = data.get("creditNoteDate")
    if isinstance(day, str) and "-" in day:
        raise invalid("creditNoteDate is not a valid date")  # "timestamp or dd.mm.yyyy" (official); wording inferred
    head = {**data, **_MODEL, "objectName": "Invoice", "invoiceDate": day, "invoiceType": "RE"}
    head |= {"invoiceNumber": data.get("creditNoteNumber"), "discount": 0}
    trailing = dict.fromkeys(("invoicePosDelete", "discountSave", "discountDelete"))
    shown = {"invoice": head, "invoicePosSave": positions, **trailing, "takeDefaultAddress": False}
    return read_invoice_body(account, shown, None)


def _with_address(fields: DocumentFields, source: DocumentFields) -> DocumentFields:
    """A credit note has the address as one text (official); its parts are taken to be the invoice's (inferred)."""
    parts = ("address_name", "address_street", "address_zip", "address_city")
    return replace(fields, **{each: getattr(fields, each) or getattr(source, each) for each in parts})


def _check_amounts(account: Account, fields: DocumentFields, invoice: Invoice) -> None:
    """456 for another tax rate, 455 if all credit notes together exceed the invoice (codes measured by one peer).

    That others count, too, is inferred.
    """
    rates = {rate for rate, _ in invoice.fields.rates}
    if any(each.tax_rate not in rates for each in fields.positions):
        raise invalid(f"Different taxRate than origin document: {decimal_text(invoice.fields.tax_rate)}", 456)
    others = sum((each.fields.sums.gross for each in account.credited(invoice.id)), ZERO)
    if others + fields.sums.gross > invoice.fields.sums.gross:
        raise invalid("The credit note is higher than its invoice", 455)  # wording inferred


def _check_delivery(fields: DocumentFields, source: DocumentFields) -> None:
    """460 without a deliveryDate (capture); an end as on the invoice, or none, and not earlier (official)."""
    if fields.delivery_date is None:
        raise invalid("deliveryDate is required", 460)  # wording inferred
    until, wanted = fields.delivery_date_until, source.delivery_date_until
    if (until is None) != (wanted is None):
        raise invalid("deliveryDateUntil must be set exactly if it is set on the invoice")  # wording inferred
    if until is not None and wanted is not None and as_datetime(until) < as_datetime(wanted):
        raise invalid("deliveryDateUntil must not be earlier than on the invoice")  # wording inferred


def _number(account: Account, saved: InvoiceBody) -> str:
    """It needs a number of its own (measured by one peer); switch duplicate_number as for invoices."""
    if saved.number is None:
        raise invalid("creditNoteNumber is required")  # wording inferred
    taken = any(each.number == saved.number for each in account.credit_notes.values())
    if taken and account.switches.duplicate_number == "refuse":
        raise invalid("CreditNote: Correct number abort. Timeout")  # as for invoices
    return saved.number
