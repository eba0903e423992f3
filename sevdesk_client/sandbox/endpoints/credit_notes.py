"""CreditNote: the drafts that cancelling a paid invoice creates, and saveCreditNote with its measured refusals."""

from sevdesk_client.sandbox.account.formats import Object, decimal_text, parse_id, ref, timestamp
from sevdesk_client.sandbox.account.records import CreditNote, Invoice, record_json
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO
from sevdesk_client.sandbox.endpoints.body_fields import amount, model_object, object_list
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.invoice_json import document_sums, invoice_json
from sevdesk_client.sandbox.endpoints.lookup import find, page, read_one

_AS_ON_INVOICES = (
    *("contact", "addressCountry", "createUser", "sevClient", "deliveryDate", "smallSettlement", "contactPerson"),
    *("taxRate", "taxRule", "taxText", "taxType", "address", "currency", "customerInternalNote", "showNet"),
)


def credit_note_json(note: CreditNote) -> Object:
    """The JSON of a credit note (one report for a few keys; the others follow the specification)."""
    as_invoice = invoice_json(Invoice(note.id, note.create, note.update, note.fields, note.note, note.number))
    sums = [key for key in document_sums(note.fields) if not key.endswith("Accounting")]
    return {
        **record_json("CreditNote", note),
        **{key: as_invoice[key] for key in (*_AS_ON_INVOICES, *sums)},
        "creditNoteNumber": note.number,
        "creditNoteDate": timestamp(note.create),
        "status": str(note.status),
        "header": f"Gutschrift {note.number}",
        "headText": None,
        "footText": None,
        "sendDate": None,
        "sendType": None,
        "bookingCategory": "UNDERACHIEVEMENT",
        "origin": ref(note.origin_id, "Invoice"),
    }


get_credit_note = read_one("CreditNote", lambda account: account.credit_notes, credit_note_json)


def save_credit_note(account: Account, call: Call) -> Answer:
    """POST /CreditNote/Factory/saveCreditNote for an invoice: its two measured refusals, otherwise a draft."""
    data = model_object(call.body.get("creditNote"), "creditNote", "CreditNote")
    source = data.get("refSrcInvoice")  # an integer by specification; a reference is accepted, too
    ident = parse_id(source.get("id")) if isinstance(source, dict) else parse_id(source)
    invoice = find(account, account.invoices, ident or 0, "Invoice")
    lines = [
        (amount(each, "taxRate"), amount(each, "quantity") * amount(each, "price"))
        for each in object_list(call.body.get("creditNotePosSave"))
    ]
    rates = {rate for rate, _ in invoice.fields.rates}
    if any(rate not in rates for rate, _ in lines):
        raise invalid(f"Different taxRate than origin document: {decimal_text(invoice.fields.tax_rate)}", 456)
    if sum((base * (1 + rate / 100) for rate, base in lines), ZERO) > invoice.fields.sums.gross:
        raise invalid("The credit note is higher than its invoice", 455)  # code measured, wording inferred
    note = add_credit_note(account, invoice)
    return objects({"creditNote": credit_note_json(note), "creditNotePos": []}, 201)


def add_credit_note(account: Account, invoice: Invoice) -> CreditNote:
    """Add a draft over the whole invoice."""
    number = f"GU-{account.next_credit_note}"
    note = CreditNote(*account.new_record(), invoice.id, invoice.fields, invoice.note, number)
    account.next_credit_note += 1
    account.credit_notes[note.id] = note
    invoice.credit_note_id = note.id
    return note


def delete_credit_note(account: Account, call: Call) -> Answer:
    """DELETE /CreditNote/{id}: drafts only, otherwise 409 (official); unlinks its invoice (inferred)."""
    note = find(account, account.credit_notes, call.ident, "CreditNote")
    if note.status != 100:
        raise Refusal(409, "CreditNote can only be deleted in status 100", 159)  # code and wording as for invoices
    del account.credit_notes[note.id]
    if invoice := account.invoices.get(note.origin_id):
        invoice.credit_note_id = None
    return objects([None])


def list_credit_notes(account: Account, call: Call) -> Answer:
    """GET /CreditNote, filtered by origin[id] with its objectName (official)."""
    origin = parse_id(call.reference("origin", "Invoice"))
    notes = [each for each in reversed(account.credit_notes.values()) if origin in (None, each.origin_id)]
    return page(account, notes, call, credit_note_json)
