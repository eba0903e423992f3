"""What an export holds depends on its order: right books have no finding, and a fault is found where it is judged."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.datev_scopes import MONEY, Books, books, first_changed, other_day
from tests.unit.extf_writer import Line
from worker.datev.order import Order
from worker.datev.report import Status

SCOPES = ("E", "X", "T", "C", "D", "ET", "EX", "XT", "EC", "ETC", "XTC", "EXTD", "EXTCD", "XCD")
CENT = Decimal("0.01")
Fault = Callable[[Books, list[Line]], list[Line]]


def is_revenue(line: Line) -> bool:
    """A posting of an invoice that was not cancelled; those of cash sales have other numbers."""
    return line.contra in ("8400", "4400") and line.number.startswith("RE") and line.side == "S"


def is_payment(line: Line) -> bool:
    """Money of a customer."""
    return line.account in MONEY.values() and line.number.startswith("RE")


# kind of finding -> the fault, on earnings and on payments
EARNINGS: dict[str, Fault] = {
    "missing": lambda _, lines: [
        x for x in lines if is_payment(x) or x.number != next(y.number for y in lines if is_revenue(y))
    ],
    "doubled": lambda _, lines: [
        *lines,
        *(x for x in lines if not is_payment(x) and x.number == next(y.number for y in lines if is_revenue(y))),
    ],
    "amount": lambda _, lines: first_changed(
        lines, is_revenue, amount=next(x.amount for x in lines if is_revenue(x)) + CENT
    ),
    "extra": lambda made, lines: [*lines, replace(next(filter(is_revenue, lines)), number="FREMD-1")],
    "account": lambda _, lines: first_changed(lines, is_revenue, key="9"),
}  # fmt: skip
PAYMENTS: dict[str, Fault] = {
    "missing": lambda _, lines: [
        x for x in lines if not is_payment(x) or x.number != next(y.number for y in lines if is_payment(y))
    ],
    "amount": lambda _, lines: first_changed(
        lines, is_payment, amount=next(x.amount for x in lines if is_payment(x)) + CENT
    ),
    "date": lambda made, lines: first_changed(
        lines, is_payment, day=other_day(next(filter(is_payment, lines)), made.period.last)
    ),
    "extra": lambda _, lines: [*lines, replace(next(filter(is_payment, lines)), number="FREMD-1", text="")],
}  # fmt: skip


@pytest.mark.parametrize("chart", ["03", "04"])
@pytest.mark.parametrize("by_pay_date", [False, True])
@pytest.mark.parametrize("scope", SCOPES)
def test_right_books_have_no_finding(scope: str, by_pay_date: bool, chart: str) -> None:
    """Whatever was asked for; and what is not judged says why."""
    made = books(chart)
    report = made.report(Order(scope, by_pay_date=by_pay_date, enshrine=scope == "ET"))
    assert (report.findings.found, report.status) == ([], Status.ACCEPTED)
    assert (report.matched, report.matched_payments) == (report.documents, report.payments)
    assert (report.documents > 0, report.payments > 0) == ("E" in scope, "T" in scope)
    judged = report.as_dict()["judged"]
    assert {part for part, about in judged.items() if about["state"] == "judged"} == {
        part for part, letter in (("documents", "E"), ("payments", "T")) if letter in scope
    }
    for part, letter in (("expenditure", "X"), ("cash_register", "C"), ("assets", "D")):
        assert judged[part]["code"] == ("not_our_data" if letter in scope else "not_asked")
    assert all(about["reason"] and about["reason_en"] for about in judged.values() if about["state"] != "judged")


@pytest.mark.parametrize("chart", ["03", "04"])
@pytest.mark.parametrize("by_pay_date", [False, True])
@pytest.mark.parametrize("scope", [scope for scope in SCOPES if {"E", "T"} & {*scope}])
def test_planted_faults_are_found(scope: str, by_pay_date: bool, chart: str) -> None:
    """Each fault in a part that is judged."""
    made, order = books(chart), Order(scope, by_pay_date=by_pay_date)
    faults = [(kind, fault) for letter, table in (("E", EARNINGS), ("T", PAYMENTS)) if letter in scope
              for kind, fault in table.items()]  # fmt: skip
    assert faults
    for kind, fault in faults:
        report = made.report(order, lambda lines, fault=fault: fault(made, lines))  # type: ignore[misc]  # bound now
        assert report.counts.get(kind), (kind, report.counts)
        assert report.status is Status.WITH_FINDINGS


def test_unasked_parts_are_never_missing() -> None:
    """A scope without earnings expects no document, one without transactions no payment."""
    made = books("03")
    for scope, word in (("T", "Belege"), ("E", "Zahlungen")):
        text = made.report(Order(scope)).as_text()
        assert f"{word}:" in text and "nicht geprüft: nicht angefordert" in text and "fehlt" not in text


def test_revenue_nobody_asked_for_is_noted() -> None:
    """A part that was not ordered is in the archive all the same: counted, and nothing is said about it."""
    made = books("03")
    report = made.report(Order("T"), lambda lines: [*lines, *made.lines(Order("E"))])
    assert report.counts == {} and report.matched == report.documents == 0
    assert "revenue_not_asked" in {finding.message.code for finding in report.findings.notes}
    report = made.report(Order("E"), lambda lines: [*lines, *made.lines(Order("T"))])
    assert report.counts == {} and report.payments == 0
    assert "payments_not_compared" in {finding.message.code for finding in report.findings.notes}


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("locked", [False, True])
def test_marks_of_enshrining_are_compared(asked: bool, locked: bool) -> None:
    """A header that says otherwise than was asked is noted; whether sevDesk has enshrined is not judged."""
    report = books("03").report(Order("ET", enshrine=asked), locked=locked)
    assert report.status is Status.ACCEPTED
    noted = {finding.message.code for finding in report.findings.notes if finding.kind == "header"}
    assert noted == (set() if asked is locked else {"header_locked" if locked else "header_not_locked"})
    assert report.as_dict()["judged"]["enshrined"]["code"] == ("enshrined_in_sevdesk" if asked else "not_asked")
