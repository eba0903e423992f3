"""CreditNote: JSON, lists, deleting, and the drafts that sevDesk itself makes of a paid invoice."""

from collections.abc import Callable
from dataclasses import replace

from sevdesk_client.sandbox.account.formats import Object, as_datetime, parse_id, parse_unix, ref, timestamp
from sevdesk_client.sandbox.account.records import CreditNote, DocumentFields, Invoice, Position, record_json
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import reference
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.invoice_json import document_sums, invoice_json
from sevdesk_client.sandbox.endpoints.lookup import Endpoint, find, page, read_one
from sevdesk_client.sandbox.endpoints.position_json import position_json

CreditNoteEndpoint = Callable[[Account, CreditNote, Call], Answer]
NONE_FOR = ("AR", "TR", "MA")  # invoice types without credit notes (official; of reminders inferred)
_AS_ON_INVOICES = (
    *("contact", "addressCountry", "createUser", "sevClient", "deliveryDate", "smallSettlement", "contactPerson"),
    *("taxRate", "taxRule", "taxText", "taxType", "address", "currency", "customerInternalNote", "showNet"),
    *("header", "headText", "footText"),
)
# customerInternalNote is no filter here: nobody measured it, and the documented spelling is ignored for invoices.
_FILTERS: dict[str, Callable[[str, CreditNote], bool]] = {
    "status": lambda wanted, each: str(each.status) == wanted,
    "creditNoteNumber": lambda wanted, each: each.number == wanted,
    "startDate": lambda wanted, each: _not_before(each.fields, wanted),
    "endDate": lambda wanted, each: _not_after(each.fields, wanted),
}


def of_credit_note(endpoint: CreditNoteEndpoint) -> Endpoint:
    """The endpoint called with the credit note that the path names; 404/151 without one."""
    return lambda account, call: endpoint(account, find(account, account.credit_notes, call.ident, "CreditNote"), call)


def credit_note_json(note: CreditNote) -> Object:
    """The JSON of a credit note: no paidAmount (measured by one peer), origin only if sevDesk made it (the same)."""
    as_invoice = invoice_json(note.as_invoice())
    sums = [key for key in document_sums(note.fields) if not key.endswith("Accounting")]
    return {
        **record_json("CreditNote", note),
        **{key: as_invoice[key] for key in (*_AS_ON_INVOICES, *sums)},
        "creditNoteNumber": note.number,
        "creditNoteDate": timestamp(note.fields.invoice_date),
        "status": str(note.status),
        "sendDate": timestamp(note.send_date),
        "sendType": note.send_type,
        "bookingCategory": "UNDERACHIEVEMENT",
        **({"origin": ref(note.origin_id, "Invoice")} if note.origin_id else {}),
    }


def credit_position_json(note: CreditNote, position: Position) -> Object:
    """A position of a credit note; all values are texts, also a quantity of 1 (measured by one peer)."""
    shown = position_json(note.as_invoice(), position)
    del shown["invoice"]
    return {**shown, "objectName": "CreditNotePos", "creditNote": ref(note.id, "CreditNote")}


get_credit_note = read_one("CreditNote", lambda account: account.credit_notes, credit_note_json)


def create_from_invoice(account: Account, call: Call) -> Answer:
    """POST /CreditNote/Factory/createFromInvoice: a draft over the whole invoice, 201 (measured by one peer)."""
    invoice = find(account, account.invoices, reference(call.body, "invoice", "Invoice") or 0, "Invoice")
    if invoice.credit_note_id is not None:
        raise credit_note_exists(account, invoice)  # measured for cancelInvoice
    check_source(invoice)
    note = add_credit_note(account, invoice)
    positions = [credit_position_json(note, each) for each in note.fields.positions]
    return objects({"creditNote": credit_note_json(note), "creditNotePos": positions, "discount": []}, 201)


def check_source(invoice: Invoice) -> None:
    """Only for paid and partly paid invoices, none for AR and TR (official, of the web pages; wording inferred)."""
    if invoice.type in NONE_FOR:
        raise invalid(f"Credit notes can not be created for invoices of type {invoice.type}")
    if invoice.status == 100 or invoice.type == "SR" or invoice.cancelled_by is not None:
        raise invalid("Credit notes can not be created for this invoice")
    if invoice.status < 1000 and invoice.paid == 0:
        raise invalid("Credit notes can only be created for paid or partially paid invoices")


def credit_note_exists(account: Account, invoice: Invoice) -> Refusal:
    """422/170 with the existing credit note in data.objects[0] (measured, two peers)."""
    note = account.credit_notes[invoice.credit_note_id or 0]
    return invalid("CreditNote exists", 170, {"objects": [credit_note_json(note)]})


def add_credit_note(account: Account, invoice: Invoice) -> CreditNote:
    """Add a draft over the whole invoice; its note is copied, as an SR's is (capture of that)."""
    number = account.peek_credit_note()
    header = f"Gutschrift Nr. {number} zur Rechnung Nr. {invoice.number}"  # seen by one peer
    fields = replace(invoice.fields, header=header, invoice_date=account.now())
    note = CreditNote(*account.new_record(), invoice.id, fields, invoice.note, number, source_id=invoice.id)
    return store(account, note)


def store(account: Account, note: CreditNote) -> CreditNote:
    """Add a credit note, which its invoice then has (170)."""
    account.credit_notes[note.id] = note
    if invoice := account.invoices.get(note.source_id):
        invoice.credit_note_id = note.id
    return note


def delete_credit_note(account: Account, note: CreditNote, call: Call) -> Answer:
    """DELETE /CreditNote/{id}: drafts only (measured by one peer); unlinks its invoice (inferred)."""
    if note.status != 100:
        raise Refusal(409, "CreditNote can only be deleted in status 100", 159)  # wording as for invoices
    del account.credit_notes[note.id]
    if invoice := account.invoices.get(note.source_id):
        others = account.credited(invoice.id)
        invoice.credit_note_id = others[-1].id if others else None
    return objects([None])


def list_credit_notes(account: Account, call: Call) -> Answer:
    """GET /CreditNote, newest first, by the official filters; unknown ones are ignored."""
    origin, contact = (parse_id(call.reference(*pair)) for pair in (("origin", "Invoice"), ("contact", "Contact")))
    tests = [(_FILTERS[key], call.query[key]) for key in _FILTERS if call.query.get(key)]
    found = [
        each
        for each in reversed(account.credit_notes.values())
        if origin in (None, each.origin_id)
        and contact in (None, each.fields.contact_id)
        and all(test(wanted, each) for test, wanted in tests)
    ]
    return page(account, found, call, credit_note_json)


def list_credit_positions(account: Account, call: Call) -> Answer:
    """GET /CreditNotePos, filtered by creditNote[id] with its objectName `creditNote` (official spelling)."""
    wanted = parse_id(call.reference("creditNote", "creditNote"))
    notes = [each for each in account.credit_notes.values() if wanted in (None, each.id)]
    pairs = [(note, position) for note in notes for position in note.fields.positions]
    return page(account, pairs, call, lambda pair: credit_position_json(*pair))


def _not_before(fields: DocumentFields, wanted: str) -> bool:
    since = parse_unix(wanted)
    return since is not None and as_datetime(fields.invoice_date) >= since


def _not_after(fields: DocumentFields, wanted: str) -> bool:
    until = parse_unix(wanted)
    return until is not None and as_datetime(fields.invoice_date) <= until
