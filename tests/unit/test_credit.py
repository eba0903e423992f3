"""What must be paid back for credit notes over parts of an invoice."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.domain.credit import (
    Credit,
    credit_of,
    credited_before,
    exceeded,
    refund_due,
    refund_due_of_closed,
)
from worker.domain.invoice import CreditNote, Item
from worker.domain.money import predict
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


def test_tax_and_net_of_a_rate_are_limited() -> None:
    """Sums so small that they carry no tax: gross there is room for 1.19 at 19 %, but net only for 1.00, and no tax."""
    one, small = (
        [Item(place, "A", None, Decimal(1), None, Decimal(price), Decimal(19)) for place in range(1, count + 1)]
        for price, count in (("1", 1), ("0.02", 60))
    )
    other = Item(99, "B", None, Decimal(1), None, Decimal(9), Decimal(7))

    def measure(wanted: list[CreditPosition], invoiced: list[Item], before: list[CreditNote]) -> str | None:
        credit = credit_of("R-1", wanted, invoiced, "EUR")
        assert isinstance(credit, Credit)
        found = exceeded("R-1", credit, before, Decimal(0), invoiced, "EUR")
        return found and str(found.parameters["measure"])

    lump = [CreditPosition(position=1, unit_price=Decimal(1))]
    assert measure(lump, [*one, other], []) is None
    assert measure(lump * 2, [*one, other], []) == "gross"
    assert measure(lump, [*small, other], []) == "tax"
    untaxed = CreditNote("R-1/x", "job", "1", "finalized", "GU-1", Decimal("0.60"),
                         {Decimal(19): (Decimal("0.60"),) * 2}, {})  # fmt: skip
    assert measure([CreditPosition(position=1, unit_price=Decimal("0.41"))], [*one, other], [untaxed]) == "net"


rates = st.sampled_from([Decimal(rate) for rate in ("0", "7", "19", "20", "25.5", "13.5", "2.1")])
signs = st.sampled_from([(1, 1), (-1, 1), (1, -1)])


@settings(max_examples=300)
@given(st.integers(1, 10**8), st.integers(0, 4), st.integers(1, 10**6), st.integers(0, 4), rates, signs,
       st.lists(st.floats(0.05, 0.95), min_size=1, max_size=5), st.sampled_from(["EUR", "JPY"]))  # fmt: skip
def test_parts_of_a_position_make_the_whole(
    price: int, price_decimals: int, quantity: int, decimals: int, rate: Decimal, sign: tuple[int, int],
    cuts: list[float], currency: str,
) -> None:  # fmt: skip
    """However a position is credited in parts, one note each: never more than it, and in the end net and tax of it."""
    amount, each = Decimal(quantity).scaleb(-decimals), Decimal(price).scaleb(-price_decimals)
    item = Item(1, "A", None, amount * sign[0], "1", each * sign[1], rate)
    whole = Item(2, "B", None, Decimal(1), "1", Decimal(10**10), rate)  # so that a discount leaves something
    left, parts = amount, []
    for cut in cuts:
        if part := (left * Decimal(cut)).quantize(Decimal("0.0001")):
            parts.append(part)
            left -= part
    notes: list[CreditNote] = []
    for part in (*parts, left) if left else parts:
        wanted = [CreditPosition(position=1, quantity=part)]
        if sign != (1, 1):
            wanted.append(CreditPosition(position=2, quantity=Decimal("0.1")))
        before = credited_before(notes, f"job {len(notes)}")
        credit = credit_of("R-1", wanted, [item, whole], currency, before)
        if isinstance(credit, Credit):
            sums = {rate: (of.net, of.gross) for rate, of in credit.by_rate.items()}
            only = [each for each in credit.items if each.name != "B"] if sign != (1, 1) else credit.items
            if sign == (1, 1):
                assert exceeded("R-1", credit, notes, Decimal(0), [item], currency) is None
            assert all(each.unit_price >= 0 or sign[1] < 0 for each in only)
            notes.append(CreditNote("", f"job {len(notes)}", "1", "finalized", None, credit.sums.gross, sums,
                                    credit.amounts))  # fmt: skip
    positions = [item] if sign == (1, 1) else [item, replace(whole, quantity=Decimal("0.1") * len(notes))]
    credited = [sum((note.by_rate[rate][of] for note in notes), Decimal(0)) for of in (0, 1)]
    wanted_sums = predict(positions, currency)
    if sum((note.amounts[1][1] for note in notes), Decimal(0)) == item.quantity * item.unit_price:
        assert credited == [wanted_sums.net, wanted_sums.gross]


@pytest.mark.parametrize(
    ("price", "lines"),
    [
        # 0.17 and 0.16
        ("0.33", [["0.5 x 0.33"], ["0.5 x 0.3200"]]),
        # 19.01 tax: 9.51 and 9.50
        ("100.06", [["0.5 x 100.06"], ["0.5 x 100.0400", "1 x 0.01"]]),
        # 19.01 tax: 9.50 and 9.51
        ("100.04", [["0.5 x 100.04"], ["0.5 x 99.9800", "1 x 0.03"]]),
    ],
)
def test_second_half_takes_the_rest(price: str, lines: list[list[str]]) -> None:
    """The first half is as it would be alone; the second says so with as few positions as it can."""
    invoiced = [Item(1, "A", None, Decimal(1), None, Decimal(price), Decimal(19))]
    half, before = [CreditPosition(position=1, quantity=Decimal("0.5"))], {}
    for expected in lines:
        credit = credit_of("R-1", half, invoiced, "EUR", before)
        assert isinstance(credit, Credit)
        assert [f"{each.quantity} x {each.unit_price}" for each in credit.items] == expected
        before = {1: Decimal(price) / 2}


def test_what_was_credited_before_is_kept() -> None:
    """A note on record counts what came before it then, not what came since; one that was deleted counts nothing."""
    before = {1: (Decimal(0), Decimal(3)), 2: (Decimal(0), Decimal(1))}
    first, second, gone = (
        CreditNote("", job, "1", status, None, Decimal(1), {}, amounts)
        for job, status, amounts in (
            ("first", "finalized", before), ("second", "drafted", {1: (Decimal(3), Decimal(4))}),
            ("gone", "deleted", {1: (Decimal(0), Decimal(9))}),
        )
    )  # fmt: skip
    assert credited_before([first, second, gone], "third") == {1: 7, 2: 1}
    assert credited_before([second, first, gone], "second") == {1: 3}
    assert credited_before([first, second, gone], "gone") == {1: 7, 2: 1}


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


def test_part_of_a_deduction_at_a_rate_of_its_own() -> None:
    """A final invoice at 7 % that deducts an advance at 19 %: half of both is credited, twice, and no more."""
    invoiced = [Item(1, "A", None, Decimal(1), None, Decimal(200), Decimal(7)),
                Item(2, "Abschlag", None, Decimal(-1), None, Decimal(50), Decimal(19))]  # fmt: skip
    half = [CreditPosition(position=place, quantity=Decimal("0.5")) for place in (1, 2)]
    notes: list[CreditNote] = []
    for allowed in (True, True, False):
        credit = credit_of("R-1", half, invoiced, "EUR", credited_before(notes, "new"))
        assert isinstance(credit, Credit) and credit.sums.gross == Decimal("77.25")
        assert (exceeded("R-1", credit, notes, Decimal(0), invoiced, "EUR") is None) is allowed
        sums = {rate: (of.net, of.gross) for rate, of in credit.by_rate.items()}
        notes.append(CreditNote("", str(len(notes)), "1", "finalized", None, credit.sums.gross, sums, credit.amounts))
