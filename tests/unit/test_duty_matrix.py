"""Who has to issue e-invoices, and since when: each exemption, in each year."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from worker.domain.e_invoice_duty import FIRST_DAY, Exemption, duty_since, exemption
from worker.domain.e_invoice_readiness import lacking, seller_fields
from worker.domain.invoice import Invoice, Item, Party, PartyKind

COMPANY = Party(PartyKind.COMPANY, UUID(int=2), "Muster GmbH", None, "a@example.com", "Weg 1", "10115", "Berlin", "DE")
PERSON = replace(COMPANY, kind=PartyKind.CONTACT, first_name="Jörg")
SWISS, NOWHERE = replace(COMPANY, country_code="CH"), replace(COMPANY, country_code=None)


def invoice(gross: str = "1190.00", *, rule: int = 1, kind: str = "SR", day: date = FIRST_DAY, **more: Any) -> Invoice:
    """An ordinary invoice."""
    total = Decimal(gross)
    items = (Item(1, "Dachziegel", None, Decimal(1), "Stück", round(total / Decimal("1.19"), 2), Decimal(19)),)
    given: dict[str, Any] = {"currency": "EUR", "items": items} | more
    return Invoice(
        id=UUID(int=1), number="R1", document_kind=kind, deal_id=None, deal_type="EB", contact_id=None,
        net_amount=total, tax_amount=Decimal(0), gross_amount=total, tax_rule=rule, issue_date=day, service_from=None,
        service_to=None, payment_term_days=14, head_text=None, foot_text=None, is_e_invoice=False, **given,
    )  # fmt: skip


# Why an invoice is exempt; None: it is not.
MATRIX: list[tuple[Exemption | None, Invoice, Party]] = [
    (None, invoice(), COMPANY),
    (None, invoice(kind="AR"), COMPANY),
    (None, invoice(), NOWHERE),  # its address is asked for first
    (None, invoice("250.01"), COMPANY),
    (None, invoice("200.00", currency="USD"), COMPANY),
    (None, invoice(rule=2), COMPANY),
    (None, invoice(rule=3), COMPANY),
    (None, invoice(rule=5), COMPANY),
    (None, invoice("119.00", rule=3), COMPANY),  # § 33 Satz 3 UStDV
    (None, invoice("250.00", rule=5), COMPANY),
    (None, invoice("NaN", items=()), COMPANY),  # parked anyway (totals_invalid)
    (Exemption.SMALL_AMOUNT, invoice("250.00"), COMPANY),
    (Exemption.SMALL_AMOUNT, invoice("0.00", kind="AR"), COMPANY),
    (Exemption.SMALL_BUSINESS, invoice(rule=11), COMPANY),
    (Exemption.TAX_FREE, invoice(rule=4), COMPANY),
    *((Exemption.NOT_TAXABLE, invoice(rule=rule), COMPANY) for rule in (17, 18, 19, 20, 21)),
    (Exemption.PERSON, invoice(), PERSON),
    (Exemption.ABROAD, invoice(), SWISS),
    (Exemption.ABROAD, invoice(), replace(COMPANY, zip="78266", city="Büsingen")),
    (Exemption.ABROAD, invoice(), replace(COMPANY, zip="27498", city="Helgoland")),
    (Exemption.SMALL_AMOUNT, invoice("250.00", rule=2), COMPANY),
]
# E_INVOICE_FROM as it is, for sellers up to 800,000 EUR, and off.
DAYS = (FIRST_DAY, date(2028, 1, 1), None)
CLOCKS = tuple(date(year, month, day) for year, (month, day) in product((2026, 2027, 2028), ((1, 1), (12, 31))))


@pytest.mark.parametrize(("expected", "given", "party"), MATRIX)
def test_each_exemption_has_its_reason(expected: Exemption | None, given: Invoice, party: Party) -> None:
    """Whatever the day."""
    assert exemption(given, party, deducts=False) is expected


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("since", DAYS)
def test_duty_begins_with_its_day(clock: date, since: date | None) -> None:
    """Of each case of the matrix, dated on that day, the year before and, published later, with an older date."""
    for expected, given, party in MATRIX:
        for dated in (clock, clock.replace(year=clock.year - 1)):
            in_force = since is not None and clock >= since and expected is None
            found = duty_since(replace(given, issue_date=dated), party, since, clock)
            assert found == (since if in_force else None), (given, dated)


def test_date_of_tomorrow_counts() -> None:
    """An invoice that is dated after the clock is issued then."""
    assert duty_since(invoice(day=FIRST_DAY), COMPANY, FIRST_DAY, date(2026, 12, 31)) == FIRST_DAY


def test_deductions_make_no_small_amount() -> None:
    """A final invoice is measured by what was supplied; a Restrechnung bills its rest."""
    supplied = Item(1, "Dach", None, Decimal(1), "Stück", Decimal(1000), Decimal(19))
    rest = invoice("119.00", items=(supplied, replace(supplied, unit_price=Decimal(-900))))
    assert exemption(rest, COMPANY, deducts=True) is None
    assert exemption(rest, COMPANY, deducts=False) is Exemption.SMALL_AMOUNT


@pytest.mark.parametrize(
    ("columns", "rules", "expected"),
    [
        ({}, {1}, ()),
        ({"email": " "}, {1}, ("e-mail",)),
        ({"email": "a@example.com, b@example.com"}, {1}, ("e-mail (not one plain address)",)),
        ({"street": None, "country_code": None}, {1}, ("address: street, country_code",)),
        ({"buyer_reference": "04011000-12345-35"}, {1}, ("Leitweg-ID (wrong check digits)",)),
        ({"name": "Stadt Musterhausen"}, {1}, ("Leitweg-ID",)),
        ({}, {1, 5}, ("VAT id",)),
        ({"vat_id": "DE136695976"}, {1, 5}, ()),
        ({"email": None, "zip": ""}, {3}, ("address: zip", "e-mail", "VAT id")),
    ],
)
def test_missing_fields_are_named(columns: dict[str, Any], rules: set[int], expected: tuple[str, ...]) -> None:
    """All of a company at once, so that nobody is asked twice."""
    assert lacking(replace(COMPANY, **columns), rules) == expected


def test_seller_is_told_from_untold() -> None:
    """What sevDesk's answer does not have is not called missing."""
    told = {"id": True, "bankIban": True, "bankBic": False, "taxNumber": False, "vatNumber": True}
    states = {each.field: each.state for each in seller_fields(told)}
    assert states == {
        "IBAN": "filled", "BIC": "missing", "tax number or VAT id": "filled", "phone": "not told by the API",
        "e-mail": "not told by the API", "address": "not told by the API",
    }  # fmt: skip
