"""Credit notes, as far as cancelling a paid invoice makes them, or a call that mostly is refused."""

from sevdesk_client.sandbox.account.formats import Object, flag, ident_of, ref, stamp, sum_text
from sevdesk_client.sandbox.account.records import CLIENT, CreditNote, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO
from sevdesk_client.sandbox.endpoints.body_fields import amount, listed, mapped
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid, not_found
from sevdesk_client.sandbox.endpoints.invoice_json import document_sums
from sevdesk_client.sandbox.endpoints.paging import page


def render_credit_note(note: CreditNote) -> Object:
    """The draft that cancelling a paid invoice leaves (one report; keys beyond its few are after the spec)."""
    letter = note.letter
    return {
        "id": str(note.id),
        "objectName": "CreditNote",
        "additionalInformation": None,
        "create": stamp(note.create),
        "update": stamp(note.update),
        "creditNoteNumber": note.number,
        "contact": ref(letter.contact_id, "Contact"),
        "creditNoteDate": stamp(note.create),
        "status": str(note.status),
        "header": f"Gutschrift {note.number}",
        "headText": None,
        "footText": None,
        "addressCountry": ref(letter.address_country_id, "StaticCountry"),
        "createUser": ref(letter.contact_person_id, "SevUser"),
        "sevClient": CLIENT,
        "deliveryDate": stamp(letter.delivery_date),
        "smallSettlement": flag(letter.small_settlement),
        "contactPerson": ref(letter.contact_person_id, "SevUser"),
        "taxRate": sum_text(letter.tax_rate),
        "taxRule": ref(letter.tax_rule, "TaxRule"),
        "taxText": letter.tax_text,
        "taxType": None,
        "sendDate": None,
        "address": letter.address,
        "currency": letter.currency,
        **{key: value for key, value in document_sums(letter).items() if not key.endswith("Accounting")},
        "customerInternalNote": note.note,
        "showNet": flag(letter.show_net),
        "sendType": None,
        "bookingCategory": "UNDERACHIEVEMENT",
        "origin": ref(note.origin_id, "Invoice"),
    }


def save_credit_note(account: Account, call: Call) -> Answer:
    """POST /CreditNote/Factory/saveCreditNote, as far as its two measured refusals: only for an invoice, as a draft."""
    data = mapped(call.body.get("creditNote"), "creditNote", "CreditNote")
    source = data.get("refSrcInvoice")  # an integer, says the specification; references are usually more
    ident = ident_of(source.get("id")) if isinstance(source, dict) else ident_of(source)
    if ident not in account.invoices:
        raise not_found("Invoice", ident or 0, account.switches.not_found)
    invoice = account.invoices[ident]
    lines = [
        (amount(each, "taxRate"), amount(each, "quantity") * amount(each, "price"))
        for each in listed(call.body.get("creditNotePosSave"))
    ]
    rates = {rate for rate, _ in invoice.letter.rates}
    if any(rate not in rates for rate, _ in lines):
        raise invalid(f"Different taxRate than origin document: {sum_text(invoice.letter.tax_rate)}", 456)
    if sum((base * (1 + rate / 100) for rate, base in lines), ZERO) > invoice.letter.sums.gross:
        raise invalid("The credit note is higher than its invoice", 455)  # code measured, wording inferred
    note = add_credit_note(account, invoice)
    return objects({"creditNote": render_credit_note(note), "creditNotePos": []}, 201)


def add_credit_note(account: Account, invoice: Invoice) -> CreditNote:
    """A draft over the whole invoice."""
    now = account.now()
    number = f"GU-{account.next_credit_note}"
    note = CreditNote(account.new_id(), now, now, invoice.id, invoice.letter, invoice.note, number)
    account.next_credit_note += 1
    account.credit_notes[note.id] = note
    invoice.credit_note_id = note.id
    return note


def get_credit_note(account: Account, call: Call) -> Answer:
    """GET /CreditNote/{id}."""
    if call.ident not in account.credit_notes:
        raise not_found("CreditNote", call.ident, account.switches.not_found)
    return objects([render_credit_note(account.credit_notes[call.ident])])


def delete_credit_note(account: Account, call: Call) -> Answer:
    """DELETE /CreditNote/{id}: a draft goes, others are a conflict (official); its invoice is free of it (inferred)."""
    if call.ident not in account.credit_notes:
        raise not_found("CreditNote", call.ident, account.switches.not_found)
    if account.credit_notes[call.ident].status != 100:
        raise Refusal(409, "CreditNote can only be deleted in status 100", 159)  # code and wording as for invoices
    invoice = account.invoices.get(account.credit_notes.pop(call.ident).origin_id)
    if invoice is not None:
        invoice.credit_note_id = None
    return objects([None])


def list_credit_notes(account: Account, call: Call) -> Answer:
    """GET /CreditNote, narrowed by origin[id] with its objectName (official)."""
    origin = ident_of(call.reference("origin", "Invoice"))
    notes = [each for each in reversed(account.credit_notes.values()) if origin in (None, each.origin_id)]
    return page(account, notes, call, render_credit_note)
