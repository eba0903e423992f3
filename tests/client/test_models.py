"""What sevDesk's words mean once they are read, and what our drafts become."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pydantic import ValidationError

from sevdesk_client import bodies
from sevdesk_client.models import (
    AddressDraft,
    CommunicationWay,
    Contact,
    ContactAddress,
    ContactDraft,
    Invoice,
    MailDraft,
    PositionDraft,
    Ref,
    Template,
)
from tests.client.samples import answer, invoice_draft


def invoice(name: str) -> Invoice:
    objects = json.loads(answer(name), parse_float=Decimal)["objects"]
    return Invoice.model_validate(objects[0] if isinstance(objects, list) else objects)


def test_draft_reads_as_captured() -> None:
    """Strings become numbers, days and times; what is not there yet is None."""
    draft = invoice("invoice_draft")
    assert (draft.id, draft.status, draft.invoice_type, draft.contact_id) == ("135169163", 100, "RE", "138615465")
    assert (draft.sum_net, draft.sum_tax, draft.sum_gross) == (Decimal("29"), Decimal("5.51"), Decimal("34.51"))
    assert (draft.paid_amount, draft.currency) == (Decimal(0), "EUR")
    unset = (draft.invoice_number, draft.pay_date, draft.send_date, draft.enshrined, draft.send_type, draft.origin)
    assert unset == (None,) * 6 and draft.is_e_invoice is False


def test_open_invoice_reads_as_captured() -> None:
    """Sending gives the number, the type, the time, and here the enshrinement one second later."""
    sent = invoice("invoice_open_enshrined")
    assert (sent.status, sent.invoice_number, sent.send_type) == (200, "RE-1000", "VPDF")
    assert sent.send_date == datetime(2026, 9, 28, 17, 39, 18, tzinfo=UTC)
    assert sent.enshrined == datetime(2026, 9, 28, 17, 39, 19, tzinfo=UTC)


@pytest.mark.parametrize("zero", ["0", "0.00", 0, None, ""])
def test_sums_are_the_documents_own(zero: object) -> None:
    """Sums in foreign currency, where there are any, are those of the document; sums of neither kind are refused."""
    assert Invoice.model_validate(captured() | {"sumGrossForeignCurrency": zero}).account_gross is None
    foreign = {"sumNetForeignCurrency": "33.27", "sumTaxForeignCurrency": 6.32, "sumGrossForeignCurrency": "39.59"}
    dollars = Invoice.model_validate(captured() | foreign)
    assert (dollars.sum_net, dollars.sum_tax, dollars.sum_gross) == (
        Decimal("33.27"), Decimal("6.32"), Decimal("39.59")
    )  # fmt: skip
    assert dollars.account_gross == Decimal("34.51")
    with pytest.raises(ValidationError):
        Invoice.model_validate(captured() | foreign | {"sumTaxForeignCurrency": None})


def test_dates_stay_berlin_days() -> None:
    """Midnight in Berlin is the day before in UTC, and must not become it."""
    assert invoice("invoice_draft").invoice_date == date(2026, 9, 1)


def test_cancellation_names_its_origin() -> None:
    """A cancellation is recognised by its type and origin; its contact may come written out in full."""
    made = invoice("invoice_cancelled_contact_expanded")
    assert (made.invoice_type, made.origin) == ("SR", Ref(id="135582398", object_name="Invoice"))
    assert (made.sum_gross, made.contact_id) == (Decimal("-21.9"), "138810529")


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"paidAmount": Decimal("40.5")}, Decimal("40.5")),  # a JSON number, unlike everything else
        ({"paidAmount": "40.50"}, Decimal("40.50")),  # should it ever become a string like the rest
        ({"paidAmount": None}, Decimal(0)),  # the spec's "nothing paid"
        ({"paidAmount": True}, Decimal(1)),  # the way quantity 1 is written
    ],
)
def test_paid_amount_reads_in_every_form(changes: dict[str, object], read: Decimal) -> None:
    """Money is exact, whatever type it travels as."""
    assert Invoice.model_validate(captured() | changes).paid_amount == read


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": ""},
        {"status": "paid"},
        {"sumGross": "1e999999999"},  # cheap to send, ruinous to compute with
        {"sumGross": "NaN"},
        {"sumNet": "12,50"},
        {"paidAmount": "nothing"},
        {"invoiceDate": "01.10.2026"},
        {"update": "yesterday"},
        {"origin": "135582398"},
    ],
)
def test_nonsense_is_not_read(changes: dict[str, object]) -> None:
    """A value that cannot mean what the field says is an error, never a guess."""
    with pytest.raises(ValidationError):
        Invoice.model_validate(captured() | changes)


def test_missing_payment_is_an_error() -> None:
    """Read as zero it would look like a payment taken back."""
    without = {key: value for key, value in captured().items() if key != "paidAmount"}
    with pytest.raises(ValidationError, match="paidAmount"):
        Invoice.model_validate(without)


def test_other_missing_keys_are_none() -> None:
    """sevDesk leaves keys out that are not set, so only what every invoice has must be there."""
    needed = ("id", "status", "invoiceType", "currency", "sumNet", "sumTax", "sumGross", "paidAmount")
    bare = Invoice.model_validate({key: captured()[key] for key in needed})
    assert (bare.contact_id, bare.update, bare.customer_internal_note, bare.origin) == (None,) * 4


def test_time_without_offset_is_berlin() -> None:
    """Times are always aware; the wall clock sevDesk shows is Berlin's."""
    read = Invoice.model_validate(captured() | {"update": "2026-12-24T18:00:00"})
    assert read.update == datetime(2026, 12, 24, 17, 0, tzinfo=UTC)


def test_validation_errors_hide_values() -> None:
    """A customer's data in a bad answer does not end up in a log."""
    with pytest.raises(ValidationError) as caught:
        Invoice.model_validate(captured() | {"sumGross": "anna@kunde.de"})
    assert "anna" not in str(caught.value)


def test_contact_parts_read_as_captured() -> None:
    """References give their ids, "1" is true, and an expanded contact is still one id."""
    contact = Contact.model_validate(json.loads(answer("contact_created"))["objects"])
    assert (contact.name, contact.category_id, contact.buyer_reference) == ("SDRS-LIVE Testkunde GmbH", "3", "-")
    address = ContactAddress.model_validate(json.loads(answer("contact_address_created_contact_expanded"))["objects"])
    assert (address.contact_id, address.country_id, address.category_id) == ("138810376", "1", "47")
    way = CommunicationWay.model_validate(json.loads(answer("communication_way_created"))["objects"])
    assert (way.contact_id, way.key_id, way.main) == ("138810376", "2", True)


def test_template_default_is_a_flag() -> None:
    """The one integer among sevDesk's booleans."""
    template = Template.model_validate(json.loads(answer("templates_as_in_the_spec"))["templates"][0])
    assert template.default is True


def captured() -> dict[str, object]:
    found: dict[str, object] = json.loads(answer("invoice_draft"), parse_float=Decimal)["objects"][0]
    return found


def test_saving_sends_what_sevdesk_needs() -> None:
    """The whole head of an invoice, as it goes over the wire."""
    assert bodies.save_invoice(invoice_draft())["invoice"] == {
        "objectName": "Invoice",
        "mapAll": True,
        "contact": {"id": 138615465, "objectName": "Contact"},
        "contactPerson": {"id": 2000001, "objectName": "SevUser"},
        "invoiceDate": "01.10.2026",
        "deliveryDate": 1790805600,  # 2026-10-01T00:00+02:00
        "deliveryDateUntil": 1793401200,  # 2026-10-31T00:00+01:00, winter time
        "header": "Rechnung INV-123",
        "timeToPay": 14,
        "discount": 0,
        "status": 100,
        "invoiceType": "RE",
        "currency": "EUR",
        "showNet": True,
        "taxRule": {"id": "1", "objectName": "TaxRule"},
        "taxRate": 0,
        "taxText": "Umsatzsteuer 19%",
        "customerInternalNote": "INV-123",
        "address": "Testkunde GmbH\nTeststrasse 1\n10115 Berlin",
        "addressName": "Testkunde GmbH",
        "addressStreet": "Teststrasse 1",
        "addressZip": "10115",
        "addressCity": "Berlin",
        "addressCountry": {"id": 1, "objectName": "StaticCountry"},
    }


def test_saving_ends_with_four_keys() -> None:
    """sevDesk wants all of them, last and in this order."""
    body = bodies.save_invoice(invoice_draft())
    assert list(body.items())[2:] == [
        ("invoicePosDelete", None),
        ("discountSave", None),
        ("discountDelete", None),
        ("takeDefaultAddress", False),
    ]


def test_positions_keep_every_digit() -> None:
    """Quantity and price travel as text, so no float can round them."""
    positions = bodies.save_invoice(invoice_draft())["invoicePosSave"]
    assert positions == [
        {
            "objectName": "InvoicePos",
            "mapAll": True,
            "positionNumber": 1,
            "name": "Beratung",
            "text": "Zweite Zeile",
            "quantity": "0.1",
            "price": "355.9626",
            "unity": {"id": 1, "objectName": "Unity"},
            "taxRate": "19",
        }
    ]


@pytest.mark.parametrize(("amount", "text"), [("1E+2", "100"), ("-0.10", "-0.10"), ("1E-4", "0.0001")])
def test_amounts_never_show_exponents(amount: str, text: str) -> None:
    """Decimal writes some numbers with an exponent, sevDesk never gets to see one."""
    assert bodies.decimal_text(Decimal(amount)) == text


def test_contact_bodies_leave_out_nothing_set() -> None:
    """An organisation and a person, each without the other's keys."""
    company = bodies.contact(ContactDraft(customer_number="R1-C-1", name="Testkunde GmbH", buyer_reference="-"))
    assert company == {
        "customerNumber": "R1-C-1",
        "name": "Testkunde GmbH",
        "category": {"id": 3, "objectName": "Category"},
        "buyerReference": "-",
    }
    person = bodies.contact(ContactDraft(customer_number="R1-P-1", surename="Anna", familyname="Muster"))
    assert person.keys() == {"customerNumber", "surename", "familyname", "category"}


@pytest.mark.parametrize("names", [{}, {"name": "GmbH", "surename": "Anna"}, {"name": "GmbH", "familyname": "Muster"}])
def test_contact_is_company_or_person(names: dict[str, str]) -> None:
    """sevDesk decides by the keys, so both or none would make something nobody meant."""
    with pytest.raises(ValueError, match="organisation"):
        ContactDraft(customer_number="R1-X-1", **names)  # type: ignore[arg-type]


def test_address_body_names_its_contact() -> None:
    """Creating needs the contact, changing must not move the address to another."""
    draft = AddressDraft(street="Teststrasse 1", zip="10115", city="Berlin", country_id="1")
    created = bodies.contact_address(draft, "138810376")
    assert created["contact"] == {"id": 138810376, "objectName": "Contact"}
    assert created["category"] == {"id": 47, "objectName": "Category"}
    assert bodies.contact_address(draft) == {key: value for key, value in created.items() if key != "contact"}


def test_mail_body_uses_sevdesks_words() -> None:
    """Copies are named only where there are any."""
    mail = MailDraft(to="kunde@example.com", subject="Ihre Rechnung", text="...", cc="chef@example.com")
    assert bodies.mail(mail) == {
        "toEmail": "kunde@example.com",
        "subject": "Ihre Rechnung",
        "text": "...",
        "copy": False,
        "ccEmail": "chef@example.com",
    }


def test_e_invoice_needs_flag_and_method() -> None:
    """Both are sent only when they are meant."""
    head = bodies.save_invoice(replace(invoice_draft(), is_e_invoice=True, payment_method_id="21919"))["invoice"]
    assert isinstance(head, dict)
    assert head["propertyIsEInvoice"] is True
    assert head["paymentMethod"] == {"id": 21919, "objectName": "PaymentMethod"}


def test_position_defaults_to_pieces() -> None:
    """Unit 1 is the piece; hours are asked for by their own number."""
    position = PositionDraft(
        name="Paket", quantity=Decimal(1), price=Decimal(25), tax_rate=Decimal(19), position_number=1
    )
    assert position.unity_id == 1
