"""What must be paid back for credit notes over parts of an invoice."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.credit import Credit, credit_of, exceeded, refund_due, refund_due_of_closed
from worker.domain.invoice import CreditNote, Item
from worker.domain.payloads import CreditPosition

cents = st.integers(0, 20_000).map(lambda n: Decimal(n) / 100)
parts = st.lists(st.integers(1, 9_000).map(lambda n: Decimal(n) / 100), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("left", "kept", "credited", "due"),
    [
        # all was paid, or more
        ("119", "119", "59.50", "59.50"),
        ("119", "120", "59.50", "59.50"),
        # Skonto of 2 %: half, then the other half
        ("119", "116.62", "59.50", "58.31"),
        ("59.50", "58.31", "59.50", "58.31"),
        # a third, to the cent
        ("119", "116.62", "39.67", "38.88"),
        # written off, and more to pay back than there is
        ("119", "0", "59.50", "0"),
        ("119", "-1", "59.50", "0"),
        ("0", "0", "59.50", "0"),
    ],
)
def test_refund_follows_what_was_paid(left: str, kept: str, credited: str, due: str) -> None:
    """Of an invoice that sevDesk closed, in proportion."""
    assert refund_due_of_closed(Decimal(left), Decimal(kept), Decimal(credited)) == Decimal(due)


@given(parts, cents)
def test_refunds_add_up_to_the_payment(credited: list[Decimal], paid: Decimal) -> None:
    """Credit notes over all of it give back what was paid, none more than its own sum; closed or not."""
    gross = sum(credited, Decimal(0))
    paid = min(paid, gross)
    left, kept, before = gross, paid, Decimal(0)
    for part in credited:
        due = refund_due_of_closed(left, kept, part)
        assert 0 <= due <= min(part, kept)
        left, kept = left - part, kept - due
        assert 0 <= refund_due(gross, paid, before, part) <= part
        before += part
    assert (left, kept) == (0, 0)
    assert refund_due(gross, paid, Decimal(0), gross) == paid


def test_net_of_a_rate_is_limited() -> None:
    """Sums so small that they carry no tax: gross there is room for 1.19 at 19 %, but net only for 1.00."""
    invoiced = [Item(1, "A", None, Decimal(1), None, Decimal(1), Decimal(19)),
                Item(2, "B", None, Decimal(1), None, Decimal(9), Decimal(7))]  # fmt: skip
    wanted = CreditPosition(position=1, unit_price=Decimal("0.02"))
    for count, measure in ((50, None), (51, "net"), (60, "gross")):
        credit = credit_of("R-1", [wanted] * count, invoiced, "EUR")
        assert isinstance(credit, Credit)
        found = exceeded("R-1", credit, [], Decimal(0), invoiced, "EUR")
        assert (found and found.parameters["measure"]) == measure
    before = CreditNote(
        "R-1/x", "job", "1", "finalized", "GU-1", Decimal("0.60"), {Decimal(19): (Decimal("0.60"),) * 2}
    )
    credit = credit_of("R-1", [wanted] * 21, invoiced, "EUR")
    assert isinstance(credit, Credit)
    found = exceeded("R-1", credit, [before], Decimal(0), invoiced, "EUR")
    assert found is not None and found.parameters["left"] == "0.40"


@pytest.mark.parametrize(("quantity", "price"), [("-1", "100"), ("1", "-100")])
@pytest.mark.parametrize("part", [{"quantity": Decimal("0.5")}, {"unit_price": Decimal(50)}], ids=["quantity", "price"])
def test_part_of_a_discount_lowers_the_sum(quantity: str, price: str, part: dict[str, Decimal]) -> None:
    """Whether the invoice has the sign at the quantity or at the price, and whichever of them the job names."""
    invoiced = [Item(1, "A", None, Decimal(10), None, Decimal(100), Decimal(19)),
                Item(2, "Rabatt", None, Decimal(quantity), None, Decimal(price), Decimal(19))]  # fmt: skip
    half = [CreditPosition(position=1, quantity=Decimal(5)), CreditPosition(position=2, **part)]
    credit = credit_of("R-1", half, invoiced, "EUR")
    assert isinstance(credit, Credit)
    assert (credit.sums.net, credit.sums.gross) == (Decimal(450), Decimal("535.50"))
