"""The oracle agrees with what was measured, with an integer computation of its own kind, and refuses in plain words."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.invoice import Invoice, Item
from worker.domain.money import Sums, e_invoice_rounding, first_problem, predict
from worker.domain.tax_rules import tax_text


def item(price: str, rate: str = "19", quantity: str = "1", position: int = 1, name: str = "Dachziegel") -> Item:
    return Item(position, name, None, Decimal(quantity), "Stück", Decimal(price), Decimal(rate))


def invoice(*items: Item, currency: str = "EUR", tax_rule: int = 1, is_e_invoice: bool = False) -> Invoice:
    """An invoice whose totals are right, so that a test can spoil one thing."""
    finite = all(each.unit_price.is_finite() and abs(each.unit_price) < 10**9 for each in items)
    sums = predict(items, currency) if finite else Sums(Decimal(0), Decimal(0), Decimal(0))
    return Invoice(
        id=UUID(int=1),
        number="R1-2026-0001",
        document_kind="AR",
        deal_id=None,
        deal_type="EB",
        contact_id=None,
        currency=currency,
        net_amount=sums.net,
        tax_amount=sums.tax,
        gross_amount=sums.gross,
        tax_rule=tax_rule,
        issue_date=date(2026, 10, 1),
        service_from=None,
        service_to=None,
        payment_term_days=14,
        head_text=None,
        foot_text=None,
        is_e_invoice=is_e_invoice,
        items=items,
    )


def sums(net: str, tax: str, gross: str) -> Sums:
    return Sums(Decimal(net), Decimal(tax), Decimal(gross))


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        # Measured by one report: four decimals in the price, reduced rate.
        ([item("355.9626", "7")], sums("355.96", "24.92", "380.88")),
        # Captured from a live account: the saved invoice of the recorded write.
        ([item("10", quantity="3"), item("25")], sums("55.00", "10.45", "65.45")),
        # Captured: a draft of one position.
        ([item("29")], sums("29.00", "5.51", "34.51")),
        # Captured: an invoice and the document that cancels it, whose signs are all turned.
        ([item("39.2")], sums("39.20", "7.45", "46.65")),
        ([item("-39.2")], sums("-39.20", "-7.45", "-46.65")),
        # Captured from an order: a unit tax of 0.247 is not rounded before it is multiplied.
        ([item("1.3", quantity="200")], sums("260.00", "49.40", "309.40")),
        # Per position, not on the total: three times 0.03 net carry 0.01 each; on 0.09 it would be 0.02.
        ([item("0.03")] * 3, sums("0.09", "0.03", "0.12")),
        # Half a cent goes up, and below zero away from zero.
        ([item("0.01", quantity="0.5")], sums("0.01", "0.00", "0.01")),
        ([item("0.01", quantity="-0.5")], sums("-0.01", "0.00", "-0.01")),
        # Three thirds are 0.999, which is 1.00.
        ([item("0.333", quantity="3")], sums("1.00", "0.19", "1.19")),
        # The tax comes from the rounded net: 0.13 x 19 % = 0.0247; from 0.1347 it would be 0.03.
        ([item("0.1347")], sums("0.13", "0.02", "0.15")),
        # No positions, nothing to pay.
        ([], sums("0.00", "0.00", "0.00")),
    ],
)
def test_measured_sums_come_out_again(items: list[Item], expected: Sums) -> None:
    """Sums that a live account showed, and the edges of the rounding rule, are predicted to the cent."""
    assert predict(items, "EUR") == expected


def test_money_without_cents_stays_whole() -> None:
    """A currency that has no cents is rounded to whole units."""
    assert predict([item("100.5")], "JPY") == sums("101", "19", "120")


amounts = st.decimals(Decimal("-99999"), Decimal("99999"), places=4)
quantities = st.decimals(Decimal("-999"), Decimal("999"), places=3)
positions = st.lists(
    st.builds(Item, st.integers(1, 99), st.just("x"), st.none(), quantities, st.none(), amounts,
              st.sampled_from([Decimal(0), Decimal(7), Decimal(19), Decimal("5.5"), Decimal("19.00")])),
    max_size=12,
)  # fmt: skip


@given(positions)
def test_net_and_tax_make_gross(items: list[Item]) -> None:
    """Whatever the positions, net and tax add up to gross, and all three are whole cents."""
    found = predict(items, "EUR")
    assert found.net + found.tax == found.gross
    assert all(amount == round(amount, 2) for amount in (found.net, found.tax, found.gross))


@given(positions, st.randoms(use_true_random=False))
def test_order_of_positions_is_irrelevant(items: list[Item], chance: object) -> None:
    """Shuffled positions give the same sums."""
    shuffled = list(items)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random as object
    assert predict(shuffled, "EUR") == predict(items, "EUR")


@given(positions)
def test_opposite_prices_give_opposite_sums(items: list[Item]) -> None:
    """A cancellation, every price turned round, is the exact negative of the invoice."""
    turned = predict([replace(each, unit_price=-each.unit_price) for each in items], "EUR")
    found = predict(items, "EUR")
    assert (turned.net, turned.tax, turned.gross) == (-found.net, -found.tax, -found.gross)


def halves_away(numerator: int, denominator: int) -> int:
    whole, rest = divmod(abs(numerator), denominator)
    whole += rest * 2 >= denominator
    return whole if numerator >= 0 else -whole


@given(positions)
def test_integer_cents_give_the_same(items: list[Item]) -> None:
    """A computation without Decimal arithmetic, in integers of the smallest place, reaches the same cents."""
    net = tax = 0
    for each in items:
        thousandths, ten_thousandths = int(each.quantity.scaleb(3)), int(each.unit_price.scaleb(4))
        cents = halves_away(thousandths * ten_thousandths, 10**5)
        net += cents
        tax += halves_away(cents * int(each.tax_rate * 10), 1000)
    found = predict(items, "EUR")
    assert (int(found.net * 100), int(found.tax * 100), int(found.gross * 100)) == (net, tax, net + tax)


@pytest.mark.parametrize(
    ("good", "type_"),
    [
        # The three rates that German invoices carry, together.
        (invoice(item("100"), item("10", "7", position=2), item("1", "0", position=3)), "RE"),
        # `numeric(5, 2)` writes the rate as 19.00.
        (invoice(item("100", "19.00")), "RE"),
        # A discount as a negative position.
        (invoice(item("100"), item("-10", position=2)), "RE"),
        # Four decimals are the limit; zeros behind them do not count.
        (invoice(item("1.234500")), "RE"),
        # Each rule without tax.
        *[(invoice(item("100", "0"), tax_rule=rule), "RE") for rule in (2, 3, 4, 5, 11, 17, 21)],
        # One Stop Shop: the rate of another member state.
        *[(invoice(item("100", "25.5"), tax_rule=rule), "RE") for rule in (18, 19, 20)],
        # Another currency than the account's is fine for an ordinary invoice.
        (invoice(item("100"), currency="CHF"), "RE"),
        # Advance and final invoices under the two rules that know them.
        (invoice(item("100")), "AR"),
        (invoice(item("100", "0"), tax_rule=11), "ER"),
        # An e-invoice under a German rule.
        (invoice(item("100"), is_e_invoice=True), "RE"),
    ],
)
def test_good_invoices_are_let_through(good: Invoice, type_: str) -> None:
    """What sevDesk accepts is not refused here."""
    assert first_problem(good, type_) is None


ISO_4217 = " (ISO 4217: three capital letters)."
BAD = [
    # Nothing to invoice.
    (invoice(), "The invoice has no positions."),
    # Lower case, too long, unknown, gold, no longer in use, empty.
    (
        invoice(item("1"), currency="eur"),
        "'eur' is not the code of a currency in use (ISO 4217: three capital letters).",
    ),
    (
        invoice(item("1"), currency="EURO"),
        "'EURO' is not the code of a currency in use (ISO 4217: three capital letters).",
    ),
    (
        invoice(item("1"), currency="XYZ"),
        "'XYZ' is not the code of a currency in use (ISO 4217: three capital letters).",
    ),
    (
        invoice(item("1"), currency="XAU"),
        "'XAU' is not the code of a currency in use (ISO 4217: three capital letters).",
    ),
    (
        invoice(item("1"), currency="DEM"),
        "'DEM' is not the code of a currency in use (ISO 4217: three capital letters).",
    ),
    (invoice(item("1"), currency=""), "'' is not the code of a currency in use" + ISO_4217),
    # A rule for expenses, and one that does not exist.
    (invoice(item("1"), tax_rule=9), "Tax rule 9 is not one of sevDesk's rules for revenue."),
    (invoice(item("1"), tax_rule=0), "Tax rule 0 is not one of sevDesk's rules for revenue."),
    # The German rate of the second half of 2020.
    (
        invoice(item("1", "16")),
        "Position 1 carries 16% tax, but sevDesk's tax rule 1 allows only 0% / 7% / 19%.",
    ),
    # Every rule that allows no tax; the position at fault is the second.
    *[
        (
            invoice(item("1", "0"), item("1", position=2), tax_rule=rule),
            f"Position 2 carries 19% tax, but sevDesk's tax rule {rule} allows only 0%.",
        )
        for rule in (2, 4, 5, 11, 17, 21)
    ],
    # Intra-EU deliveries know German rates only.
    (
        invoice(item("1", "5.5"), tax_rule=3),
        "Position 1 carries 5.5% tax, but sevDesk's tax rule 3 allows only 0% / 7% / 19%.",
    ),
    # One Stop Shop: above the highest rate of the Union; below zero; no e-invoices.
    (
        invoice(item("1", "27.5"), tax_rule=18),
        "Position 1 carries 27.5% tax, but sevDesk's tax rule 18 allows only 0% - 27%.",
    ),
    (
        invoice(item("1", "-1"), tax_rule=19),
        "Position 1 carries -1% tax, but sevDesk's tax rule 19 allows only 0% - 27%.",
    ),
    (
        invoice(item("1", "20"), tax_rule=20, is_e_invoice=True),
        "sevDesk makes no e-invoice under tax rule 20 (One Stop Shop).",
    ),
    # A price that sevDesk was never seen to accept.
    (invoice(item("0.12345")), "Position 1 has the unit price 0.12345, with more than four decimals."),
    # A quantity that e-invoices cannot hold.
    (invoice(item("1", quantity="0.33333")), "Position 1 has the quantity 0.33333, with more than four decimals."),
    # Totals that cannot be compared.
    *[
        (
            replace(invoice(item("1")), net_amount=Decimal(figure)),
            f"Totals of the invoice are no numbers or beyond a trillion: net_amount {figure}.",
        )
        for figure in ("NaN", "-Infinity", "1E+12")
    ],
    # A position that means nothing.
    (invoice(item("1", quantity="0")), "Position 1 has the quantity 0."),
    (invoice(item("1", name=" ")), "Position 1 has no name."),
    # What `numeric` can hold and arithmetic cannot.
    *[
        (invoice(item(figure)), "Position 1 holds a figure that is no number or beyond a billion.")
        for figure in ("NaN", "Infinity", "1E+9999")
    ],
    # More discount than invoice.
    (invoice(item("10"), item("-11", position=2)), "The gross total is negative: -1.19 EUR."),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_bad_invoices_are_refused_plainly(bad: Invoice, reason: str) -> None:
    """What sevDesk would refuse is refused with one sentence of cause and one of remedy."""
    found = first_problem(bad, "RE")
    assert found is not None
    assert found.cause() == reason
    assert found.next_step().endswith(".")


@pytest.mark.parametrize(
    ("bad", "type_", "limit"),
    [
        # Rules without German tax, for each of the chained types.
        (invoice(item("1", "0"), tax_rule=5), "AR", "under tax rules 1 and 11, and the invoice has rule 5"),
        (invoice(item("1", "0"), tax_rule=17), "TR", "under tax rules 1 and 11, and the invoice has rule 17"),
        (invoice(item("1", "0"), tax_rule=3), "ER", "under tax rules 1 and 11, and the invoice has rule 3"),
        # Another currency than the account's.
        (invoice(item("1"), currency="CHF"), "AR", "in EUR, and the invoice is in CHF"),
    ],
)
def test_chained_types_have_narrower_limits(bad: Invoice, type_: str, limit: str) -> None:
    """The same invoice passes as RE, and the refusal names the setting that would make it so."""
    found = first_problem(bad, type_)
    assert found is not None
    assert found.cause() == f"sevDesk makes an invoice of type {type_} only {limit}."
    assert "SEVDESK_INVOICE_TYPE_AR" in found.next_step()
    assert first_problem(bad, "RE") is None


@pytest.mark.parametrize(
    ("items", "found"),
    [
        # Three cents each: 0.03 by position, 0.02 of their sum. The schematron takes what is less than 1.00 off.
        ([item("0.03")] * 3, []),
        ([item("0.03")] * 231, []),
        ([item("0.03")] * 232, [("19%", "2.32", "1.32")]),
        # Each rate by itself; a single position always agrees.
        ([item("0.03")] * 250 + [item("0.07", "7")] * 250, [("7%", "0.00", "1.23"), ("19%", "2.50", "1.43")]),
        ([item("10.03"), item("10.03", "7")], []),
        # Nothing to round.
        ([item("100")] * 3, []),
        ([item("0.03", "0")] * 3, []),
    ],
)
def test_e_invoice_rounding_is_found(items: list[Item], found: list[tuple[str, str, str]]) -> None:
    """Both figures are told for each rate at which they differ; ordinary invoices may differ."""
    problems = [each.parameters for each in e_invoice_rounding(invoice(*items, is_e_invoice=True))]
    assert [(each["rate"], each["by_position"], each["from_total"]) for each in problems] == found
    assert e_invoice_rounding(invoice(*items)) == []


def test_wrong_sums_name_all_figures() -> None:
    """A total that is off by one cent is refused with both sets of numbers."""
    good = invoice(item("100"))
    found = first_problem(replace(good, gross_amount=Decimal("119.01")), "RE")
    assert found is not None
    assert found.cause() == (
        "The positions add up to net 100.00, tax 19.00, gross 119.00 EUR, "
        "but the invoice says net 100.00, tax 19.00, gross 119.01."
    )


@pytest.mark.parametrize("name", ["net_amount", "tax_amount", "gross_amount"])
@pytest.mark.parametrize("spoilt", ["0.01", "0.001", "NaN"])  # a cent, less than a cent, and what numeric may hold
def test_each_wrong_total_is_caught(name: str, spoilt: str) -> None:
    """Net, tax and gross are each compared exactly, and the message shows the difference."""
    good = invoice(item("100"))
    wrong: Decimal = getattr(good, name) + Decimal(spoilt)
    found = first_problem(replace(good, **{name: wrong}), "RE")  # type: ignore[arg-type]  # one amount by its name
    assert found is not None
    assert str(wrong) in found.cause()


def test_refusals_hold_no_personal_data() -> None:
    """A position's name, which may be a person's, never stands in a refusal."""
    secret = "Beratung Jörg Süß"
    for bad in (item("1", "16", name=secret), item("0.12345", name=secret), item("1", quantity="0", name=secret)):
        found = first_problem(invoice(bad), "RE")
        assert found is not None
        assert secret not in found.cause() + found.next_step()


@pytest.mark.parametrize(
    ("rule", "rates", "text"),
    [
        # The wording of sevDesk's own example.
        (1, ["19"], "Umsatzsteuer 19%"),
        (1, ["19.00"], "Umsatzsteuer 19%"),
        (1, ["0"], "Umsatzsteuer 0%"),
        # Several rates, ascending, each once.
        (1, ["19", "7", "19"], "Umsatzsteuer 7% und 19%"),
        (1, ["19", "7", "0"], "Umsatzsteuer 0%, 7% und 19%"),
        # The notices that the law wants where no German tax is shown.
        (2, ["0"], "Steuerfreie Ausfuhrlieferung (§ 4 Nr. 1a UStG)"),
        (3, ["0"], "Steuerfreie innergemeinschaftliche Lieferung (§ 4 Nr. 1b UStG)"),
        (4, ["0"], "Steuerfreier Umsatz (§ 4 UStG)"),
        (5, ["0"], "Steuerschuldnerschaft des Leistungsempfängers (§ 13b UStG)"),
        (11, ["0"], "Steuerbefreiung für Kleinunternehmer (§ 19 UStG)"),
        (17, ["0"], "Nicht im Inland steuerbare Leistung"),
        (21, ["0"], "Steuerschuldnerschaft des Leistungsempfängers (§ 18b UStG)"),
        # Intra-EU with tax (no VAT id), and with both.
        (3, ["19"], "Umsatzsteuer 19%"),
        (3, ["19", "0"], "Umsatzsteuer 19%; 0%: Steuerfreie innergemeinschaftliche Lieferung (§ 4 Nr. 1b UStG)"),
        # One Stop Shop, with a decimal comma.
        (19, ["25.5"], "Umsatzsteuer 25,5% (One-Stop-Shop)"),
    ],
)
def test_tax_text_says_what_applies(rule: int, rates: list[str], text: str) -> None:
    """The German line beside the tax names the rates, or the legal ground for showing none."""
    assert tax_text(invoice(*[item("1", rate) for rate in rates], tax_rule=rule)) == text
