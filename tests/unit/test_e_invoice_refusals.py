"""What the official rules would refuse is refused before an e-invoice is made."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from worker.domain.e_invoice import broken_rules, doubtful_reference
from worker.domain.invoice import Invoice, Item, Party, PartyKind

PARTY = Party(PartyKind.COMPANY, UUID(int=2), "Muster GmbH", None, "a@example.com", "Weg 1", "10115", "Berlin", "DE")
ITEM = Item(1, "Dachziegel", None, Decimal(1), "Stück", Decimal(100), Decimal(0))
INVOICE = Invoice(
    id=UUID(int=1), number="R1", document_kind="AR", deal_id=None, deal_type="EB", contact_id=None, currency="EUR",
    net_amount=Decimal(100), tax_amount=Decimal(0), gross_amount=Decimal(100), tax_rule=1, issue_date=date(2026, 10, 1),
    service_from=None, service_to=None, payment_term_days=14, head_text=None, foot_text=None, is_e_invoice=True,
    items=(ITEM,),
)  # fmt: skip
VAT_ID = {"vat_id": "DE136695976"}


@pytest.mark.parametrize(
    ("invoice", "party", "found"),
    [
        ({}, {}, None),
        ({"service_from": date(2026, 9, 2), "service_to": date(2026, 9, 1)}, {}, "BR-29"),
        ({"service_from": date(2026, 9, 1), "service_to": date(2026, 9, 1)}, {}, None),
        ({"tax_rule": 5}, {}, "BR-AE-02"),
        ({"tax_rule": 5}, VAT_ID, None),
        ({"tax_rule": 21}, {"vat_id": " "}, "BR-AE-02"),
        ({"tax_rule": 3}, {}, "BR-IC-02"),
        ({"tax_rule": 3, "is_e_invoice": False}, {}, None),
    ],
)
def test_broken_rule_is_named(invoice: Any, party: Any, found: str | None) -> None:
    """The rule's id; nothing for ordinary invoices."""
    problem = broken_rules(replace(INVOICE, **invoice), replace(PARTY, **party))
    assert (problem and problem.parameters["rule"]) == found


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("04011000-12345-03", []),
        ("04011000-12345-35", ["leitweg_id_invalid"]),
        ("991-03730-19", []),
        ("991-03730-91", ["leitweg_id_invalid"]),
        ("PO 4711-22", []),
        ("4500012345-10", []),
        (None, []),
    ],
)
def test_check_digits_of_references_count(reference: str | None, found: list[str]) -> None:
    """Only of what looks like a Leitweg-ID; other references are free text."""
    assert [each.code for each in doubtful_reference(INVOICE, replace(PARTY, buyer_reference=reference))] == found


@pytest.mark.parametrize(
    ("name", "reference", "found"),
    [
        ("Stadt Musterhausen", None, True),
        ("Landratsamt Nirgendwo", " ", True),
        ("Stadt Musterhausen", "991-03730-19", False),
        ("Stadtwerke Musterhausen GmbH", None, False),
        ("Marktplatz GmbH", None, False),
        ("Muster GmbH", None, False),
    ],
)
def test_public_buyer_needs_a_reference(name: str, reference: str | None, found: bool) -> None:
    """By the first word of its name, which is why it only warns."""
    party = replace(PARTY, name=name, buyer_reference=reference)
    assert bool(doubtful_reference(INVOICE, party)) is found
    assert not doubtful_reference(replace(INVOICE, is_e_invoice=False), party)
