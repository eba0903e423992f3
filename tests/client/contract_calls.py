"""Every call the client can make, in every form its arguments and drafts allow. Pure data."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from sevdesk_client.credit_note_draft import CreditNoteDraft
from sevdesk_client.models import AddressDraft, ContactDraft, InvoiceDraft, MailDraft, PositionDraft

D = TypeVar("D", AddressDraft, ContactDraft, CreditNoteDraft, InvoiceDraft, MailDraft, PositionDraft)


class Call(NamedTuple):
    """`getattr(client, method)(*given, **optional)`."""

    method: str
    given: tuple[Any, ...] = ()
    optional: Mapping[str, Any] = {}


COMPANY = ContactDraft(customer_number="R1-C-1", name="Müller & Söhne GmbH")
PERSON = ContactDraft(customer_number="R1-P-1", surename="Jörg", familyname="Weiß")
ADDRESS = AddressDraft(street="Hauptstraße 5", zip="10115", city="Berlin", country_id="1")
MAIL = MailDraft(to="rechnung@example.com", subject="Rechnung RE-1000", text="Guten Tag")
POSITION = PositionDraft(
    name="Beratung", quantity=Decimal("0.1"), price=Decimal("355.9626"), tax_rate=Decimal("19"), position_number=1
)
INVOICE = InvoiceDraft(
    contact_id="138615465",
    contact_person_id="2000001",
    invoice_date=date(2026, 10, 1),
    header="Rechnung INV-1",
    tax_rule=1,
    tax_text="Umsatzsteuer 19%",
    currency="EUR",
    customer_internal_note="INV-1",
    positions=(POSITION,),
)
INVOICE_ADDRESS: dict[str, Any] = {
    "address_name": "Müller & Söhne GmbH",
    "address_street": "Hauptstraße 5",
    "address_zip": "10115",
    "address_city": "Berlin",
    "address_country_id": "1",
}
CREDIT_NOTE = CreditNoteDraft(
    contact_id="138615465",
    contact_person_id="2000001",
    credit_note_number="GU-1000",
    credit_note_date=date(2026, 10, 7),
    header="Rechnungskorrektur zur Rechnung RE-1000",
    tax_rule=1,
    tax_text="Umsatzsteuer 19%",
    currency="EUR",
    customer_internal_note="INV-1/1",
    ref_src_invoice="138615470",
    delivery_date=date(2026, 9, 1),
    positions=(POSITION,),
)
# A value for every field that may be left out.
OPTIONS: dict[type, dict[str, Any]] = {
    ContactDraft: {"category_id": 4, "vat_number": "DE123456789", "buyer_reference": "-"},
    AddressDraft: {"category_id": 44},
    PositionDraft: {"text": "Zweite Zeile", "unity_id": 9},
    CreditNoteDraft: {
        "delivery_date_until": date(2026, 9, 30),
        "address": "Müller & Söhne GmbH\nHauptstraße 5\n10115 Berlin",
        "address_country_id": "1",
        "payment_method_id": "21919",
        "is_e_invoice": True,
    },
    MailDraft: {"copy": True, "cc": "a@example.com,b@example.com", "bcc": "c@example.com", "send_xml": True},
    InvoiceDraft: INVOICE_ADDRESS
    | {
        "invoice_type": "AR",
        "time_to_pay": 14,
        "delivery_date": date(2026, 9, 1),
        "delivery_date_until": date(2026, 9, 30),
        "head_text": "Sehr geehrte Damen und Herren",
        "foot_text": "Vielen Dank",
        "discount": Decimal("2.5"),
        "discount_time": 10,
        "address_country": "Österreich",
        "payment_method_id": "21919",
        "is_e_invoice": True,
    },
}
# The rules that may be chosen since the 2024 update, and the kinds of invoice that are not made from others (official).
TAX_RULES = (1, 2, 3, 4, 5, 11, 17, 18, 19, 20, 21)
INVOICE_TYPES = ("RE", "AR", "ER", "TR")


def variants(least: D) -> Iterator[D]:
    """The draft as it is, with each of its options alone, and with all of them."""
    options = OPTIONS[type(least)]
    yield least
    yield from (replace(least, **{name: value}) for name, value in options.items())
    yield replace(least, **options)


def optional_fields(draft: type) -> set[str]:
    """What may be left out when making a draft of this kind."""
    return {each.name for each in fields(draft) if _has_default(each)}


def _has_default(field: "Field[Any]") -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def invoice_drafts() -> Iterator[InvoiceDraft]:
    """Every form of an invoice."""
    yield from variants(INVOICE)
    yield from (replace(INVOICE, positions=(position, POSITION)) for position in variants(POSITION))
    yield from (replace(INVOICE, tax_rule=rule, **INVOICE_ADDRESS) for rule in TAX_RULES)
    yield from (replace(INVOICE, invoice_type=kind, **INVOICE_ADDRESS) for kind in INVOICE_TYPES)
    yield replace(INVOICE, positions=(replace(POSITION, quantity=Decimal("-1"), price=Decimal("0.01")),))


def contact_drafts() -> Iterator[ContactDraft]:
    """Organisations, persons, and persons of whom one name is known."""
    yield from variants(COMPANY)
    yield from variants(PERSON)
    yield from (replace(PERSON, **{name: None}) for name in ("surename", "familyname"))


def address_drafts() -> Iterator[AddressDraft]:
    """Complete ones, and with each part unknown."""
    yield from variants(ADDRESS)
    yield from (replace(ADDRESS, **{name: None}) for name in ("street", "zip", "city"))


def calls() -> Iterator[Call]:
    """Every method with every optional argument, given and not given; every draft in every form."""
    for method in ("bookkeeping_system_version", "list_users", "list_templates", "list_units", "list_tax_rules"):
        yield Call(method)
    yield Call("list_payment_methods")
    yield Call("list_users", (), {"with_account": True})
    yield Call("find_country", ("DE",))
    yield Call("find_contacts", ("R1-C-1",))
    yield Call("list_contacts")
    yield Call("list_contacts", (), {"offset": 1000, "limit": 100})
    yield Call("find_invoices", ("INV-1",))
    for method in ("get_contact", "list_contact_addresses", "get_invoice", "list_positions", "delete_draft"):
        yield Call(method, ("7",))
    for method in ("get_pdf", "get_xml", "cancel_invoice", "find_credit_notes", "get_credit_note"):
        yield Call(method, ("7",))
    for contact in contact_drafts():
        yield Call("create_contact", (contact,))
        yield Call("update_contact", ("7", contact))
        names = ("surename", "familyname") if contact.name else ("name",)
        yield Call("update_contact", ("7", contact), {"clears": (*names, "vat_number", "buyer_reference")})
    for address in address_drafts():
        yield Call("create_contact_address", ("7", address))
        yield Call("update_contact_address", ("7", address))
    yield from _way_calls()
    yield from _list_calls()
    yield from (Call("save_invoice", (draft,)) for draft in invoice_drafts())
    yield from (Call("send_via_email", ("7", draft)) for draft in variants(MAIL))
    yield from (Call("change_parameter", ("7", key, "x")) for key in ("template", "letterpaper", "language", "payPal"))
    yield Call("send_by", ("7",))
    yield from (Call("send_by", ("7",), {"send_type": kind}) for kind in ("VPR", "VP", "VM", "VPDF"))
    yield from _credit_note_calls()
    yield from _export_calls()


def _credit_note_calls() -> Iterator[Call]:
    for method in ("credit_note_from_invoice", "delete_credit_note", "send_credit_note_by", "get_credit_note_pdf"):
        yield Call(method, ("7",))
    yield Call("credit_note_sequence")
    yield Call("list_credit_notes")
    options = {"contact_id": "7", "number": "GU-1000", "offset": 1000, "limit": 100}
    yield from (Call("list_credit_notes", (), {name: value}) for name, value in options.items())
    yield from (Call("save_credit_note", (draft,)) for draft in variants(CREDIT_NOTE))
    yield from (Call("send_credit_note_via_email", ("7", draft)) for draft in variants(MAIL) if not draft.send_xml)
    yield from (Call("send_credit_note_by", ("7",), {"send_type": kind}) for kind in ("VPR", "VP", "VM", "VPDF"))


def _way_calls() -> Iterator[Call]:
    yield Call("list_communication_ways", ("7",))
    yield Call("create_communication_way", ("7", "a@example.com"))
    yield Call("update_communication_way", ("7", "b@example.com"))


def _list_calls() -> Iterator[Call]:
    options = {
        "update_after": datetime(2026, 10, 1, tzinfo=UTC),
        "contact_id": "7",
        "days": (date(2026, 10, 1), date(2026, 10, 31)),
        "offset": 1000,
        "limit": 100,
    }
    yield Call("list_invoices")
    yield from (Call("list_invoices", (), {name: value}) for name, value in options.items())
    yield from (Call("list_invoices", (), {"status": status}) for status in (100, 200, 750, 1000))
    yield Call("list_invoices", (), {**options, "status": 200})


def _export_calls() -> Iterator[Call]:
    month = (date(2026, 9, 1), date(2026, 9, 30))
    for scope in ("E", "EXTCD"):
        for flag in (True, False):
            yield Call("create_datev_export", (*month, scope, flag, not flag, flag))
    yield Call("datev_progress", ("0a0e1eff-9590-1bea-1195-a3cfc04364cc",))
    yield Call("datev_download_info", ("0a0e1eff-9590-1bea-1195-a3cfc04364cc",))
    yield Call("update_export_config", ("1000001", 1001, 1, date(2026, 1, 1)))
