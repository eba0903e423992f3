"""Credit notes, as far as cancelling a paid invoice makes them."""

from sevdesk_client.sandbox.calls import Answer, Call, objects
from sevdesk_client.sandbox.errors import not_found
from sevdesk_client.sandbox.paging import page
from sevdesk_client.sandbox.records import CLIENT, CreditNote
from sevdesk_client.sandbox.shapes import document_sums
from sevdesk_client.sandbox.state import Account
from sevdesk_client.sandbox.values import Object, flag, ident_of, ref, stamp, sum_text


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
        "status": "100",
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
        **document_sums(letter),
        "customerInternalNote": note.note,
        "showNet": flag(letter.show_net),
        "sendType": None,
        "bookingCategory": "UNDERACHIEVEMENT",
        "origin": ref(note.origin_id, "Invoice"),
    }


def get_credit_note(account: Account, call: Call) -> Answer:
    """GET /CreditNote/{id}."""
    if call.ident not in account.credit_notes:
        raise not_found("CreditNote", call.ident, account.switches.not_found)
    return objects([render_credit_note(account.credit_notes[call.ident])])


def list_credit_notes(account: Account, call: Call) -> Answer:
    """GET /CreditNote, narrowed by origin[id] with its objectName (official)."""
    origin = ident_of(call.reference("origin", "Invoice"))
    notes = [each for each in reversed(account.credit_notes.values()) if origin in (None, each.origin_id)]
    return page(account, notes, call, render_credit_note)
