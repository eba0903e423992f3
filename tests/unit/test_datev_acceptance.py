"""Accepting an export: correct months give no finding, and every planted fault is named at its document."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.extf_writer import BookingStyle, Head, Line, Month, check, month, ordinary, table
from worker.datev.documents import Document, Payment, TaxSubtotal, subtotals_by_rate
from worker.datev.report import Report, Status


def first_claim(made: Month) -> int:
    """Index of a line that books 19 % on its revenue account, of an invoice that was not cancelled."""
    cancelled = {d.cancels for d in made.documents}
    return next(
        i
        for i, line in enumerate(made.lines)
        if line.contra == "8400" and line.number not in cancelled and line.number.startswith("RE")
    )


def payment_line(made: Month) -> int:
    """Index of the only payment line of its invoice."""
    numbers = [line.number for line in made.lines if line.account == "1200"]
    return next(i for i, line in enumerate(made.lines) if line.account == "1200" and numbers.count(line.number) == 1)


def kinds_at(report: Report, number: str) -> set[str]:
    """Kinds of the findings at one document."""
    return {finding.kind for finding in report.findings.found if finding.number == number}


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_correct_months_have_no_findings(seed: int, invoices: int) -> None:
    """However the exporter books, a correct month has no finding, and everything is matched."""
    made = month(seed, invoices)
    report = check(made)
    assert report.findings.found == []
    assert report.status is Status.ACCEPTED
    assert report.matched == report.documents == sum(d.gross != 0 for d in made.documents)
    assert report.matched_payments == report.payments == len({p.number for p in made.payments})


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_any_missing_line_is_found(seed: int, chance: Random) -> None:
    """Any one line of ours taken out of any month makes a finding at its document."""
    made = month(seed, 10)
    ours = [i for i, line in enumerate(made.lines) if line.number.startswith(("RE", "SR"))]
    gone = chance.choice(ours)
    report = check(made, [line for i, line in enumerate(made.lines) if i != gone])
    number = made.lines[gone].number
    assert any(number in (f.number, f"{f.number}".removeprefix("SR-")) for f in report.findings.found)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False), st.sampled_from([1, -1, 100, 12345]))
def test_any_wrong_cent_is_found(seed: int, chance: Random, cents: int) -> None:
    """Any line of ours that is off by a cent or more makes a finding at its document."""
    made = month(seed, 10)
    ours = [i for i, line in enumerate(made.lines) if line.number.startswith(("RE", "SR"))]
    at = chance.choice(ours)
    report = check(made, made.replaced(at, amount=made.lines[at].amount + Decimal(cents) / 100))
    number = made.lines[at].number
    assert any(number in (f.number, f"{f.number}".removeprefix("SR-")) for f in report.findings.found)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_any_wrong_day_is_found(seed: int, chance: Random) -> None:
    """Any line of ours on the day before or after makes a finding at its document."""
    made = month(seed, 10)
    at = chance.choice([i for i, line in enumerate(made.lines) if line.number.startswith(("RE", "SR"))])
    line = made.lines[at]
    shifted = line.day + timedelta(days=1 if line.day < made.head.last else -1)
    report = check(made, made.replaced(at, day=shifted))
    assert report.counts.keys() == {"date"}
    assert {finding.number for finding in report.findings.found} <= {line.number, line.number.removeprefix("SR-")}


def test_missing_invoice_is_named() -> None:
    """An invoice without any posting is missing, with its sum and day."""
    made = ordinary()
    number = made.lines[first_claim(made)].number
    report = check(made, [line for line in made.lines if line.number != number or line.account == "1200"])
    assert kinds_at(report, number) == {"missing"}
    assert report.counts == {"missing": 1}
    assert report.matched == report.documents - 1


def test_doubled_invoice_is_named() -> None:
    """All postings of an invoice twice are one finding."""
    made = ordinary()
    number = made.lines[first_claim(made)].number
    again = [line for line in made.lines if line.number == number and line.account != "1200"]
    report = check(made, made.lines + again)
    assert kinds_at(report, number) == {"doubled"}
    assert report.counts == {"doubled": 1}


def test_one_missing_rate_is_named() -> None:
    """Of an invoice with two rates one part is missing, or doubled."""
    day = date(2026, 10, 5)
    shares = (TaxSubtotal(Decimal(7), Decimal(100), Decimal(7)), TaxSubtotal(Decimal(19), Decimal(100), Decimal(19)))
    document = Document("RE-1", "invoice", day, Decimal(226), shares, 1)
    high = Line(Decimal(119), "S", "10001", "8400", day, "RE-1")
    low = replace(high, amount=Decimal(107), contra="8300")
    made = Month(Head(), BookingStyle(), [document])
    assert check(made, [high, low]).findings.found == []
    assert check(made, [high]).findings.found[0].text.startswith("Der Teil zum Satz 7 % fehlt")
    assert check(made, [high]).counts == {"missing": 1}
    assert check(made, [high, low, low]).counts == {"doubled": 1}


def test_swapped_sides_are_named() -> None:
    """Soll and Haben exchanged is a wrong amount, and the text says which."""
    made = ordinary()
    number = made.lines[first_claim(made)].number
    turned = [replace(x, side="H") if x.number == number and x.account != "1200" else x for x in made.lines]
    report = check(made, turned)
    assert kinds_at(report, number) == {"amount"}
    assert "Soll und Haben sind vertauscht" in report.findings.found[0].text


@pytest.mark.parametrize(("days", "words"), [(1, "richtig ist"), (40, "außerhalb des Zeitraums")])
def test_wrong_date_is_named(days: int, words: str) -> None:
    """Another day of the month, and a day outside the period."""
    made = ordinary()
    at = next(i for i in range(first_claim(made), len(made.lines)) if made.lines[i].contra == "8400")
    line = made.lines[at]
    shifted = line.day + timedelta(days=days if line.day < made.head.last or days > 1 else -1)
    report = check(made, made.replaced(at, day=shifted))
    assert kinds_at(report, line.number) == {"date"}
    assert words in report.findings.found[0].text


def test_wrong_chart_is_one_finding() -> None:
    """The header of the other chart is reported once; its accounts are read by that chart."""
    made = month(3, style=BookingStyle(chart="04"))
    report = check(made, chart="SKR03")
    assert report.counts == {"chart": 1}
    assert report.matched == report.documents


def test_wrong_chart_number_is_one_finding() -> None:
    """The header names the other chart, but the accounts are those of the chart that is set: one finding, too."""
    for accounts, head, chart in [("03", "04", "SKR03"), ("04", "03", "SKR04")]:
        made = month(3, style=BookingStyle(chart=accounts))
        report = check(made, head=replace(made.head, chart=head), chart=chart)
        assert report.counts == {"chart": 1}
        assert report.matched == report.documents


def test_contents_of_other_chart_are_found() -> None:
    """SKR04 accounts under a header that says SKR03 do not pass as revenue."""
    made = month(3, style=BookingStyle(chart="04"))
    report = check(made, head=replace(made.head, chart="03"), chart="SKR03")
    assert report.counts["account"] >= len(made.documents) / 2


def test_other_period_is_reported() -> None:
    """A header that does not touch the period is a finding; one that reaches beyond it is noted."""
    made = ordinary()
    other = replace(made.head, first=date(made.head.year.year, 1, 1), last=date(made.head.year.year, 1, 2))
    assert made.head.first > other.last
    assert check(made, [], head=other).counts["period"] == 1
    wide = check(made, head=replace(made.head, first=made.head.year))
    assert (wide.counts, wide.findings.note_counts["period"]) == ({}, 1)


def test_two_clients_are_reported() -> None:
    """Files of different advisers or clients do not belong into one export."""
    made = ordinary()
    others = [replace(made.head, client="55004"), replace(made.head, consultant="29099")]
    more = {f"EXTF_{number}.csv": table([], head) for number, head in enumerate(others)}
    assert check(made, more=more).counts == {"header": 1}


def test_own_number_outranks_the_text() -> None:
    """Revenue under an unknown number is extra, even if its text names our invoice; a payment may do so."""
    made = ordinary()
    at = payment_line(made)
    number = made.lines[at].number
    assert check(made, made.replaced(at, number="4711", text=f"Zahlung {number}, danke")).counts == {}
    stranger = replace(made.lines[first_claim(made)], number="X-1", text=f"zu {number}")
    assert kinds_at(check(made, [*made.lines, stranger]), "X-1") == {"extra"}


def test_extra_postings_are_named() -> None:
    """Revenue and payments under numbers we do not know, and an invoice of another period."""
    made = ordinary()
    day = made.head.first
    foreign = Line(Decimal("11.90"), "S", "10001", "8400", day, "RE-9999")
    report = check(made, [*made.lines, foreign, replace(foreign, account="1200", contra="10001")])
    assert report.counts == {"extra": 2}
    assert kinds_at(report, "RE-9999") == {"extra"}
    old = Document("RE-5", "invoice", day - timedelta(days=3), Decimal("11.90"), (), 1)
    made.documents.append(old)
    assert kinds_at(check(made, [*made.lines, replace(foreign, number="RE-5")]), "RE-5") == {"date"}


def test_payments_are_compared_too() -> None:
    """Missing, doubled, wrong amount, wrong day; and nothing at all where payments are not known."""
    made = ordinary()
    at = payment_line(made)
    line = made.lines[at]
    cases = {
        "missing": [x for i, x in enumerate(made.lines) if i != at],
        "doubled": [*made.lines, line],
        "amount": made.replaced(at, amount=line.amount + Decimal("0.01")),
        "date": made.replaced(at, day=made.head.first if line.day > made.head.first else made.head.last),
    }
    for kind, lines in cases.items():
        assert check(made, lines).counts == {kind: 1}
    made.payments = None  # type: ignore[assignment]
    assert check(made, cases["missing"]).counts == {}


def test_deductions_complete_a_payment() -> None:
    """Skonto and fees beside the money: both the money alone and the whole count as the payment."""
    day = date(2026, 10, 5)
    money = Line(Decimal("116.62"), "S", "1200", "10001", day, "RE-1")
    skonto = Line(Decimal("2.38"), "S", "8736", "10001", day, "RE-1")
    for paid in ("116.62", "119.00"):
        made = Month(Head(), BookingStyle(), [], [Payment("RE-1", Decimal(paid), day)])
        assert check(made, [money, skonto]).counts == {}
    made = Month(Head(), BookingStyle(), [], [Payment("RE-1", Decimal("118.00"), day)])
    assert check(made, [money, skonto]).counts == {"amount": 1}


def test_cancellation_of_earlier_month_matches() -> None:
    """A cancellation posted under the number of an invoice that we were not given."""
    day = date(2026, 10, 5)
    shares = (TaxSubtotal(Decimal(19), Decimal(-100), Decimal(-19)),)
    document = Document("SR-1", "cancellation", day, Decimal(-119), shares, 1, cancels="RE-1")
    made = Month(Head(), BookingStyle(), [document])
    line = Line(Decimal(119), "H", "10001", "8400", day, "RE-1", reference="SR-1")
    assert check(made, [line]).counts == {}
    assert check(made, [replace(line, side="S")]).counts == {"amount": 1}


def test_foreign_currency_uses_the_base() -> None:
    """A document in francs agrees by its own amount; one in euros by the base amount."""
    day = date(2026, 10, 5)
    line = Line(Decimal(119), "S", "10001", "8400", day, "RE-1", currency="CHF", base_amount=Decimal("125.00"))
    share = TaxSubtotal(Decimal(19), Decimal(100), Decimal(19))
    francs = Document("RE-1", "invoice", day, Decimal(119), (share,), 1, currency="CHF")
    agreed = check(Month(Head(), BookingStyle(), [francs]), [line])
    assert (agreed.findings.found, agreed.findings.notes, agreed.matched) == ([], [], 1)
    euros = Document(
        "RE-1", "invoice", day, Decimal(125), (TaxSubtotal(Decimal(19), Decimal("105.04"), Decimal("19.96")),), 1
    )
    assert check(Month(Head(), BookingStyle(), [euros]), [line]).counts == {}
    assert check(Month(Head(), BookingStyle(), [euros]), [replace(line, base_amount=Decimal(119))]).counts == {
        "amount": 1
    }


def test_numbers_survive_what_datev_forbids() -> None:
    """Belegfeld 1 may have lost spaces and signs, or everything after 36 characters."""
    day = date(2026, 10, 5)
    share = (TaxSubtotal(Decimal(19), Decimal(100), Decimal(19)),)
    for number, written in [("RE 2026#1", "RE20261"), ("R" * 40, "R" * 36)]:
        document = Document(number, "invoice", day, Decimal(119), share, 1)
        line = Line(Decimal(119), "S", "10001", "8400", day, written)
        assert check(Month(Head(), BookingStyle(), [document]), [line]).counts == {}


def test_totals_add_up_by_account() -> None:
    """The matched sums by account and tax key are the sums of the documents."""
    made = month(11, style=BookingStyle())
    report = check(made)
    turnover = sum(total.amount for total in report.totals if total.kind == "revenue")
    assert turnover == sum(d.gross for d in made.documents)
    assert sum(t.amount for t in report.totals if t.account == "1200") == sum(p.amount for p in made.payments)


def test_days_carry_their_sums() -> None:
    """Two payments with their days exchanged have the right total on the right days, and are still wrong."""
    days = date(2026, 10, 5), date(2026, 10, 6)
    paid = [Payment("RE-1", Decimal(amount), day) for amount, day in zip((10, 20), days, strict=True)]
    lines = [Line(payment.amount, "S", "1200", "10001", payment.day, "RE-1") for payment in paid if payment.day]
    made = Month(Head(), BookingStyle(), [], paid)
    assert check(made, lines).counts == {}
    assert check(made, [replace(lines[0], day=days[1]), replace(lines[1], day=days[0])]).counts == {"date": 1}
    unknown = Month(Head(), BookingStyle(), [], [replace(payment, day=None) for payment in paid])
    assert check(unknown, [replace(lines[0], day=days[1]), lines[1]]).counts == {}


def test_subtotals_add_positions_by_rate() -> None:
    """Positions of one rate become one subtotal."""
    positions = [(Decimal(19), Decimal(10), Decimal("1.90")), (Decimal(7), Decimal(1), Decimal("0.07"))]
    subtotals = subtotals_by_rate([*positions, positions[0]])
    assert subtotals == (
        TaxSubtotal(Decimal(7), Decimal(1), Decimal("0.07")),
        TaxSubtotal(Decimal(19), Decimal(20), Decimal("3.80")),
    )
