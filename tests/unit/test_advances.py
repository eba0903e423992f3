"""Final invoices and the advances of their deal, case by case: § 14 Abs. 5 Satz 2 and § 14c Abs. 1 UStG."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from worker.domain.advances import DealInvoice, awaited, findings, reckoning
from worker.domain.check_levels import DEFAULTS, Level
from worker.domain.invoice import FinalInvoiceForm, Invoice, Item
from worker.domain.problems import CATALOGUE, advances

DAY = date(2026, 10, 15)
DEDUCT, REMAINDER = FinalInvoiceForm
Positions = tuple[tuple[str, str, str], ...]  # quantity, net unit price, tax rate


def items(positions: Positions) -> tuple[Item, ...]:
    return tuple(
        Item(n, "Leistung", None, Decimal(quantity), None, Decimal(price), Decimal(rate))
        for n, (quantity, price, rate) in enumerate(positions, 1)
    )


def invoice(kind: str, *positions: tuple[str, str, str], **columns: Any) -> Invoice:
    """The one that is to be published; only kind, currency and positions matter here."""
    given: dict[str, Any] = {
        "id": UUID(int=1), "number": "R-9", "document_kind": kind, "deal_id": UUID(int=3), "deal_type": "EB",
        "contact_id": None, "currency": "EUR", "net_amount": Decimal(0), "tax_amount": Decimal(0),
        "gross_amount": Decimal(0), "tax_rule": 1, "issue_date": DAY, "service_from": DAY, "service_to": None,
        "payment_term_days": 14, "head_text": None, "foot_text": None, "is_e_invoice": False,
        "items": items(positions),
    }  # fmt: skip
    return Invoice(**given | columns)


def other(kind: str, number: str, *positions: tuple[str, str, str], **columns: Any) -> DealInvoice:
    """Another invoice of the deal; published, unless `columns` say otherwise."""
    given = {"currency": "EUR", "published": True, "asked_before": False, "begun_before": False} | columns
    return DealInvoice(number, kind, DAY, items=items(positions), **given)


def under_way(kind: str, number: str, *positions: tuple[str, str, str], **columns: Any) -> DealInvoice:
    """One that another job is publishing."""
    return other(kind, number, *positions, published=False, **columns)


A1, A2 = other("AR", "A-1", ("4", "25", "19")), other("AR", "A-2", ("1", "50.55", "19"), ("2", "7.30", "7"))
WORK = ("1", "1000", "19")
CREDIT, ALL_CREDITED = {1: Decimal(20)}, {1: Decimal(1000), 2: Decimal(-100)}


@dataclass(frozen=True)
class Row:
    """A final invoice's positions, the other invoices of its deal, and the codes of what is `found`."""

    positions: Positions
    others: tuple[DealInvoice, ...]
    found: tuple[str, ...] = ()
    form: FinalInvoiceForm = DEDUCT


NOT_DEDUCTED, DIFFER = ("advances_not_deducted",), ("advances_differ",)
ROWS = [
    # no advances: a negative position is a discount
    Row((WORK,), ()),
    Row((WORK, ("1", "-100", "19")), ()),
    # one advance, deducted in one position, by the quantity, or in parts
    Row((WORK, ("1", "-100", "19")), (A1,)),
    Row((WORK, ("-4", "25", "19")), (A1,)),
    Row((WORK, ("1", "-60", "19"), ("1", "-40", "19")), (A1,)),
    # not at all
    Row((WORK,), (A1,), NOT_DEDUCTED),
    # a cent too little, a cent too much, at another rate, beside a discount
    Row((WORK, ("1", "-99.99", "19")), (A1,), DIFFER),
    Row((WORK, ("1", "-100.01", "19")), (A1,), DIFFER),
    Row((WORK, ("1", "-100", "7")), (A1,), DIFFER),
    Row((WORK, ("1", "-100", "19"), ("1", "-5", "19")), (A1,), DIFFER),
    # two advances at two rates
    Row((WORK, ("1", "-150.55", "19"), ("1", "-14.60", "7")), (A1, A2)),
    Row((WORK, ("1", "-100", "19"), ("1", "-50.55", "19"), ("1", "-14.60", "7")), (A1, A2)),
    Row((WORK, ("1", "-150.55", "19")), (A1, A2), DIFFER),
    Row((WORK, ("1", "-165.15", "19")), (A1, A2), DIFFER),
    Row((WORK, ("1", "-100", "19")), (A1, A2), DIFFER),
    # each position is rounded as on its document: 3 x 0.333 is 1.00, and a discount on the advance counts
    Row((WORK, ("1", "-1.00", "19")), (other("AR", "A-3", ("3", "0.333", "19")),)),
    Row((WORK, ("1", "-90", "19")), (other("AR", "A-3", ("1", "100", "19"), ("1", "-10", "19")),)),
    # a zero final invoice, and an advance over nothing
    Row((("1", "100", "19"), ("1", "-100", "19")), (A1,)),
    Row((WORK,), (other("AR", "A-3", ("1", "5", "19"), ("1", "-5", "19")),)),
    # several final invoices share the deduction
    Row((WORK,), (A1, other("SR", "S-1", WORK, ("1", "-100", "19")))),
    Row((WORK, ("1", "-40", "19")), (A1, other("SR", "S-1", WORK, ("1", "-60", "19")))),
    Row((WORK, ("1", "-100", "19")), (A1, other("SR", "S-1", WORK, ("1", "-100", "19"))), DIFFER),
    Row((WORK,), (A1, other("SR", "S-1", WORK)), NOT_DEDUCTED),
    # what was credited of an advance is not deducted
    Row((WORK, ("1", "-80", "19")), (other("AR", "A-3", ("4", "25", "19"), credited=CREDIT),)),
    Row((WORK, ("1", "-100", "19")), (other("AR", "A-3", ("4", "25", "19"), credited=CREDIT),), DIFFER),
    # a deduction that was credited counts no longer, or only the rest of it
    Row((WORK, ("1", "-100", "19")), (A1, other("SR", "S-1", WORK, ("1", "-100", "19"), credited=ALL_CREDITED))),
    Row((WORK, ("1", "-40", "19")), (A1, other("SR", "S-1", WORK, ("1", "-100", "19"), credited={2: Decimal(-40)}))),
    Row((WORK,), (A1, other("SR", "S-1", WORK, ("1", "-100", "19"), credited=ALL_CREDITED)), NOT_DEDUCTED),
    # an advance that is not published yet counts not
    Row((WORK,), (under_way("AR", "A-3", ("1", "100", "19")),)),
    # another currency is no deduction
    Row((WORK, ("1", "-100", "19")), (other("AR", "A-3", ("4", "25", "19"), currency="USD"),), DIFFER),
    # figures that cannot be computed agree with nothing
    Row((WORK, ("1", "-100", "19")), (A1, other("AR", "A-3", ("1", "NaN", "19"))), DIFFER),
    # a Restrechnung shows no advances
    Row((WORK,), (A1, A2), form=REMAINDER),
    Row((WORK, ("1", "-1", "19")), (A1, A2), form=REMAINDER),
]


def codes(document: Invoice, others: tuple[DealInvoice, ...], form: FinalInvoiceForm = DEDUCT) -> tuple[str, ...]:
    return tuple(found.code for found in findings(document, form, others))


@pytest.mark.parametrize("row", ROWS)
def test_deductions_equal_the_advances(row: Row) -> None:
    """Per tax rate and to the cent, over all final invoices of the deal; otherwise the code says what is wrong."""
    assert codes(invoice("SR", *row.positions), row.others, row.form) == row.found


def test_tax_of_advances_is_told_apart() -> None:
    """Two advances deducted in one position: the net agrees, the rounded tax does not; in two positions both do."""
    advances = (other("AR", "A-1", ("1", "10.03", "19")), other("AR", "A-2", ("1", "10.03", "19")))
    [found] = findings(invoice("SR", WORK, ("-1", "20.06", "19")), DEDUCT, advances)
    assert (found.code, found.parameters["taxes"]) == ("advance_tax_differs", "19%: 3.81 / 3.82 EUR")
    assert codes(invoice("SR", WORK, ("-1", "10.03", "19"), ("-1", "10.03", "19")), advances) == ()


def test_message_lists_every_advance() -> None:
    """Number, date, net and tax of each, and by rate what is deducted of what; in both languages."""
    [found] = findings(invoice("SR", WORK, ("1", "-100", "19")), DEDUCT, (A1, A2))
    assert found.parameters == {
        "number": "R-9",
        "advances": "A-1 (2026-10-15): 100.00 + 19.00 EUR; A-2 (2026-10-15): 65.15 + 10.62 EUR",
        "rates": "7%: 0.00 / 14.60 EUR; 19%: 100.00 / 150.55 EUR",
    }
    for lang in ("en", "de"):
        assert found.parameters["advances"] in found.cause(lang) and "§ 14c Abs. 1 UStG" in found.cause(lang)


def test_reckoning_keeps_earlier_deductions_apart() -> None:
    """What earlier final invoices deduct, and what this one does."""
    final = invoice("SR", WORK, ("1", "-40", "19"))
    found = reckoning(final, (A1, other("SR", "S-1", WORK, ("1", "-60", "19"))))
    assert found is not None and found.agrees
    [rate] = found.rates
    assert (rate.rate, rate.advances, rate.deducted_before, rate.deducted) == (19, 100, 60, 40)
    assert reckoning(invoice("AR", WORK), (A1,)) is None and reckoning(final, ()) is None


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ((), ()),
        ((A1,), ()),
        ((other("SR", "S-1", WORK),), ("advance_after_final",)),
        # one that is not published yet is awaited, or will find this advance
        ((under_way("SR", "S-1", WORK, begun_before=True),), ()),
        ((under_way("SR", "S-1", WORK, asked_before=True),), ()),
    ],
)
def test_advance_after_final_is_told(others: tuple[DealInvoice, ...], found: tuple[str, ...]) -> None:
    """Once a final invoice of the deal is published."""
    assert codes(invoice("AR", WORK), others) == codes(invoice("AR", WORK), others, REMAINDER) == found


def test_e_invoice_that_deducts_warns() -> None:
    """An Endrechnung's structured part cannot show the deduction; a Restrechnung's need not."""
    deducting = invoice("SR", WORK, ("1", "-100", "19"), is_e_invoice=True)
    assert codes(deducting, (A1,)) == ("e_invoice_deducts_advances",)
    assert codes(deducting, ()) == codes(deducting, (A1,), REMAINDER) == ()
    earlier = other("SR", "S-1", WORK, ("1", "-100", "19"))
    assert codes(invoice("SR", WORK, is_e_invoice=True), (A1, earlier)) == ()


@pytest.mark.parametrize(
    ("kind", "form", "others", "number"),
    [
        ("SR", DEDUCT, (A1, other("SR", "S-1", WORK)), None),
        # an advance, whenever its job came in; a final invoice that was asked for before
        ("SR", DEDUCT, (under_way("AR", "A-3", WORK),), "A-3"),
        ("SR", DEDUCT, (A1, under_way("AR", "A-3", WORK, asked_before=True, begun_before=True)), "A-3"),
        ("SR", DEDUCT, (under_way("SR", "S-1", WORK, asked_before=True),), "S-1"),
        ("SR", DEDUCT, (under_way("SR", "S-1", WORK, begun_before=True),), None),
        # who shows no advances waits for nobody
        ("SR", REMAINDER, (under_way("AR", "A-3", WORK),), None),
        # an advance, only for a final invoice that may not have seen it
        ("AR", DEDUCT, (under_way("AR", "A-3", WORK), under_way("SR", "S-1", WORK, asked_before=True)), None),
        ("AR", REMAINDER, (A1, under_way("SR", "S-1", WORK, begun_before=True)), "S-1"),
    ],
)
def test_invoices_of_a_deal_wait(
    kind: str, form: FinalInvoiceForm, others: tuple[DealInvoice, ...], number: str | None
) -> None:
    """The final invoice for its advances, of two final invoices the later one, and an advance for one that runs."""
    found = awaited(invoice(kind, WORK), form, others)
    assert (found and found.number) == number


def test_levels_are_those_of_the_law() -> None:
    """Tax shown twice parks; what may be right warns. Each code has its level, and each parked one a way out."""
    levels = {entry.code: DEFAULTS[entry.code] for entry in advances.ENTRIES}
    assert {code for code, level in levels.items() if level is Level.PARK} == {*NOT_DEDUCTED, *DIFFER}
    assert "final_invoice_form" in CATALOGUE["advances_not_deducted"].next_step["en"]
    assert CATALOGUE["advances_differ"].confirmable
