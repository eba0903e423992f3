"""A discount for early payment: which terms are possible, what is then to be paid, and until when."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from worker.domain.invoice import Invoice
from worker.domain.skonto import skonto, skonto_days, skonto_percent, with_skonto, wrong_skonto

ISSUED = date(2026, 11, 20)
INVOICE = Invoice(
    id=UUID(int=1), number="INV-1", document_kind="SR", deal_id=None, deal_type=None, contact_id=None, currency="EUR",
    net_amount=Decimal(100), tax_amount=Decimal(19), gross_amount=Decimal(119), tax_rule=1, issue_date=ISSUED,
    service_from=ISSUED, service_to=None, payment_term_days=30, head_text=None, foot_text=None, is_e_invoice=False,
    items=(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("percent", "days", "term", "possible"),
    [
        (None, None, 30, True),
        ("2", 10, 30, True),
        ("2.25", 0, 0, True),
        ("0.01", 30, 30, True),
        ("99.99", 365, None, True),
        ("2", None, 30, False),
        (None, 10, 30, False),
        ("0", 10, 30, False),
        ("-2", 10, 30, False),
        ("100", 10, 30, False),
        ("2.125", 10, 30, False),
        ("NaN", 10, 30, False),
        ("Infinity", 10, 30, False),
        ("2", -1, 30, False),
        ("2", 31, 30, False),
        ("2", 366, None, False),
    ],
)
def test_terms_have_their_bounds(percent: str | None, days: int | None, term: int | None, possible: bool) -> None:
    """Both or neither; above 0 and below 100 with two decimals; within the payment term."""
    given = replace(INVOICE, skonto_percent=percent and Decimal(percent), skonto_days=days, payment_term_days=term)
    found = wrong_skonto(given)
    assert (found is None) is possible
    assert found is None or found.code == "skonto_invalid"


def test_impossible_terms_are_not_sent() -> None:
    """What parks the job is no discount in a preview either."""
    for percent, days in ((None, 10), (Decimal(2), None), (Decimal("Infinity"), 10), (Decimal("NaN"), 10)):
        assert (skonto_percent(percent, days), skonto_days(percent, days)) == (0, None)
        assert with_skonto("Danke.", percent, days, ISSUED) == "Danke."
    assert skonto(Decimal(2), 10, date.max) is None


@pytest.mark.parametrize(
    ("gross", "percent", "expected"), [("119", "2", "116.62"), ("0.25", "2", "0.24"), ("0.24", "2", "0.24")]
)
def test_discount_is_rounded_to_the_cent(gross: str, percent: str, expected: str) -> None:
    """Half a cent of discount goes up."""
    terms = skonto(Decimal(percent), 10, ISSUED)
    assert terms is not None and terms.expected(Decimal(gross)) == Decimal(expected)


def test_sentence_follows_the_closing_text() -> None:
    """With the last day and a decimal comma."""
    sentence = "Bei Zahlung bis zum 30.11.2026 gewähren wir 2,5% Skonto."
    assert with_skonto("Danke.", Decimal("2.50"), 10, ISSUED) == f"Danke.\n{sentence}"
    assert with_skonto(None, Decimal("2.5"), 10, ISSUED) == sentence
