"""The JSON bodies of requests, built from drafts. Pure.

Amounts are sent as decimal strings: sevDesk accepts strings and numbers (one report, measured), and strings cannot be
rounded as floats. Ids are sent as integers where the spec says so. Keys without a value are left out (official).
"""

from collections.abc import Iterable
from dataclasses import fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from pydantic.alias_generators import to_camel

from sevdesk_client import errors
from sevdesk_client.credit_note_draft import CreditNoteDraft
from sevdesk_client.models import BERLIN, AddressDraft, ContactDraft, InvoiceDraft, MailDraft, PositionDraft

# A JSON object, as `json.dumps` takes it.
Body = dict[str, object]
Draft = AddressDraft | ContactDraft | CreditNoteDraft | InvoiceDraft | MailDraft | PositionDraft


def decimal_text(amount: Decimal) -> str:
    """Plain digits without an exponent, so that people reading a log understand it, too."""
    return format(amount, "f")


def ref(name: str, id: str | int) -> Body:
    """A reference; without `objectName` sevDesk's error names something else (live, three peers). Raises Refused."""
    return {"id": _number(name, id), "objectName": name}


def _number(name: str, id: str | int) -> int:
    """The id as the spec wants it. Raises Refused for one that is not a number, as a request's path does."""
    if not (str(id).isascii() and str(id).isdigit()):
        raise errors.Refused(f"a request with {name}", "not sent, its id is not a number")
    return int(id)


def of_contact(id: str) -> dict[str, str | int]:
    """The contact filter of a list; without objectName it is ignored or refused (official; live, three peers)."""
    return {"contact[id]": id, "contact[objectName]": "Contact"}


def unix_seconds(day: date) -> int:
    """Midnight in Berlin in unix seconds, which is how sevDesk represents a date (live, four peers)."""
    return int(datetime.combine(day, time(), BERLIN).timestamp())


def last_second(day: date) -> int:
    """The last second of the Berlin day in unix seconds, for periods whose end is included."""
    return unix_seconds(day + timedelta(days=1)) - 1


def export_config(accountant_number: int, accountant_client_number: int, year_begin: date) -> Body:
    """PUT /SevClient/{id}/updateExportConfig (official)."""
    return {
        "accountantNumber": accountant_number,
        "accountantClientNumber": accountant_client_number,
        "accountingYearBegin": unix_seconds(year_begin),
    }


def contact(draft: ContactDraft, *, clears: Iterable[str] = ()) -> Body:
    """POST /Contact, PUT /Contact/{id} (not nested; the PUT is partial: measured by one peer).

    `clears`: fields that are emptied if the draft leaves them out (inferred: no peer has tried it).
    """
    return {to_camel(name): "" for name in clears} | _fields(draft)


def contact_address(draft: AddressDraft, contact_id: str | None = None) -> Body:
    """POST /ContactAddress with its contact, PUT /ContactAddress/{id} without (partial: measured by one peer)."""
    return _fields(draft) | ({"contact": ref("Contact", contact_id)} if contact_id is not None else {})


def communication_way(contact_id: str, email: str) -> Body:
    """POST /CommunicationWay. Without the required `key` sevDesk answers 500 (one report)."""
    key = ref("CommunicationWayKey", 8)  # invoicing (official)
    return {"contact": ref("Contact", contact_id), "type": "EMAIL", "value": email, "key": key, "main": "1"}


def mail(draft: MailDraft) -> Body:
    """POST /Invoice/{id}/sendViaEmail (official); the one of credit notes knows no `sendXml`."""
    keys = {"to": "toEmail", "cc": "ccEmail", "bcc": "bccEmail"}
    body = {keys.get(key, key): value for key, value in _fields(draft, left_out=("send_xml",)).items()}
    return body | ({"sendXml": True} if draft.send_xml else {})


def save_invoice(draft: InvoiceDraft) -> Body:
    """POST /Invoice/Factory/saveInvoice: always with the four trailing keys, in this order (official)."""
    return {
        "invoice": _invoice(draft),
        "invoicePosSave": [
            {"objectName": "InvoicePos", "mapAll": True, **_fields(position)} for position in draft.positions
        ],
        "invoicePosDelete": None,
        "discountSave": None,
        "discountDelete": None,
        "takeDefaultAddress": False,
    }


def _invoice(draft: InvoiceDraft) -> Body:
    """The document without its positions, and with its address as text and as fields.

    sevDesk fills in no address without takeDefaultAddress (live, three peers). `taxType` is left out, though the spec
    requires it: `taxRule` replaces it (live, two peers).
    """
    place = (draft.address_zip, draft.address_city, draft.address_country)
    address = address_text(draft.address_name, draft.address_street, *place)
    return {
        "objectName": "Invoice",
        "mapAll": True,
        **_fields(draft, left_out=("positions", "is_e_invoice", "address_country")),
        "invoiceDate": draft.invoice_date.strftime("%d.%m.%Y"),  # official and live, unlike all other dates
        "discount": _plain_number(draft.discount),  # by specification an integer; 2.5 % was never tried
        "status": 100,  # anything else is refused with 422 (live, two peers)
        "showNet": True,
        "taxRule": {"id": str(draft.tax_rule), "objectName": "TaxRule"},
        "taxRate": 0,  # unused, but without it the database refuses the row (one report)
        **({"address": address} if address else {}),
        **({"propertyIsEInvoice": True} if draft.is_e_invoice else {}),
    }


def address_text(
    name: str | None, street: str | None, zip: str | None, city: str | None, country: str | None
) -> str | None:
    """What is printed of a recipient: name, street, town and country (official), each on a line; None if all lack."""
    lines = (name, street, " ".join(filter(None, (zip, city))), country)
    return "\n".join(filter(None, lines)) or None


def save_credit_note(draft: CreditNoteDraft) -> Body:
    """POST /CreditNote/Factory/saveCreditNote: the last five keys always, in this order (official).

    `refSrcInvoice` is an integer by the spec's prose; quantities of credit notes are text (measured by one peer).
    """
    return {
        "creditNote": {
            "objectName": "CreditNote",
            "mapAll": True,
            **_fields(draft, left_out=("positions", "is_e_invoice")),
            "creditNoteDate": draft.credit_note_date.strftime("%d.%m.%Y"),  # measured by one peer
            "refSrcInvoice": _number("Invoice", draft.ref_src_invoice),
            "bookingCategory": "UNDERACHIEVEMENT",
            "status": "100",
            "showNet": True,
            "taxRule": {"id": str(draft.tax_rule), "objectName": "TaxRule"},
            "taxRate": 0,  # not used any more (official), but required for invoices
            **({"propertyIsEInvoice": True} if draft.is_e_invoice else {}),
        },
        "creditNotePosSave": [
            {"objectName": "CreditNotePos", "mapAll": True, **_fields(position)} for position in draft.positions
        ],
        "creditNotePosDelete": None,
        "discountSave": None,
        "discountDelete": None,
        "takeDefaultAddress": False,
        "forCashRegister": False,
    }


def _plain_number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


# Fields that hold an id -> sevDesk's model name.
_REFERENCES = {
    "address_country_id": "StaticCountry",
    "category_id": "Category",
    "contact_id": "Contact",
    "contact_person_id": "SevUser",
    "country_id": "StaticCountry",
    "payment_method_id": "PaymentMethod",
    "unity_id": "Unity",
}


def _fields(draft: Draft, left_out: tuple[str, ...] = ()) -> Body:
    """The draft's fields that have a value, under sevDesk's keys: ids as references, decimals as text, days in seconds.

    Days are timestamps by spec and measured for delivery dates.
    """
    body: Body = {}
    for name in (field.name for field in fields(draft) if field.name not in left_out):
        match value := getattr(draft, name):
            case None:
                continue
            case Decimal():
                body[to_camel(name)] = decimal_text(value)
            case date():
                body[to_camel(name)] = unix_seconds(value)
            case _ if name in _REFERENCES:
                body[to_camel(name.removesuffix("_id"))] = ref(_REFERENCES[name], value)
            case _:
                body[to_camel(name)] = value
    return body
