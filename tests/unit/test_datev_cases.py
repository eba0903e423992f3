"""Each case of the trade that could be taken for a fault: right it has no finding, wrong it has one."""

import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.unit.extf_writer import BookingStyle, Head, Line, Month, accept, archive, check, table
from worker.datev.documents import Document, Payment, TaxSubtotal
from worker.datev.order import Order
from worker.datev.report import Period, Report, Status

DAY = date(2026, 10, 5)


def share(rate: int, net: str) -> TaxSubtotal:
    """A part of a document at one rate."""
    return TaxSubtotal(Decimal(rate), Decimal(net), (Decimal(net) * rate / 100).quantize(Decimal("0.01")))


def document(*shares: TaxSubtotal, number: str = "RE-1", rule: int = 1, **changes: object) -> Document:
    """An invoice of the fifth of October."""
    gross = sum((each.net + each.tax for each in shares), Decimal(0))
    return replace(Document(number, "invoice", DAY, gross, shares, rule), **changes)  # type: ignore[arg-type]  # by name


def posted(amount: str, contra: str = "8400", side: str = "S", number: str = "RE-1", **changes: object) -> Line:
    """A line of the debtor."""
    return replace(Line(Decimal(amount), side, "10001", contra, DAY, number), **changes)  # type: ignore[arg-type]


def paid(amount: str, number: str = "RE-1", **changes: object) -> Line:
    """Money on the bank account."""
    return replace(Line(Decimal(amount), "S", "1200", "10001", DAY, number, text=""), **changes)  # type: ignore[arg-type]


def judged(documents: list[Document], payments: list[Payment], lines: list[Line]) -> Report:
    """The report on October."""
    return check(Month(Head(), BookingStyle(), documents, payments), lines)


NOTE = document(share(19, "-50"), number="GU-1", kind="credit_note")
# what it is: documents, lines; in SKR03
CASES: dict[str, tuple[list[Document], list[Line]]] = {
    "credit note, sides exchanged": ([NOTE], [posted("59.50", side="H", number="GU-1")]),
    "credit note, negative": ([NOTE], [posted("-59.50", number="GU-1")]),
    "zero final invoice, not posted": ([document()], []),
    "zero final invoice, by position": (
        [document(share(19, "0"))],
        [posted("119.00"), posted("119.00", side="H")],
    ),
    "advance on its own account": ([document(share(19, "100"), advance=True)], [posted("119", "1718")]),
    "final invoice takes its advance back": (
        [document(share(19, "75"))],
        [posted("119.00"), posted("29.75", "1718", "H")],
    ),
    "reverse charge": ([document(share(0, "100"), rule=5)], [posted("100", "8337")]),
    "reverse charge in another EU country": ([document(share(0, "100"), rule=21)], [posted("100", "8336")]),
    "One Stop Shop, goods": ([document(share(20, "100"), rule=19)], [posted("120", "8320")]),
    "One Stop Shop, services": ([document(share(21, "100"), rule=20)], [posted("121", "8331")]),
    "export": ([document(share(0, "100"), rule=2)], [posted("100", "8120")]),
    "small business": ([document(share(0, "100"), rule=11)], [posted("100", "8195")]),
    "e-invoice with a discounted position": ([document(share(19, "90"))], [posted("119"), posted("11.90", side="H")]),
}


@pytest.mark.parametrize("name", CASES)
def test_usual_cases_have_no_finding(name: str) -> None:
    """To the cent, and the figures agree with the sentence."""
    documents, lines = CASES[name]
    report = judged(documents, [], lines)
    assert report.findings.found == []
    assert report.matched == report.documents == sum(each.gross != 0 for each in documents)
    assert ("Alle Belege" in report.as_text()) is (report.documents > 0)


@pytest.mark.parametrize("name", [name for name, (documents, lines) in CASES.items() if lines])
def test_usual_cases_are_judged(name: str) -> None:
    """One cent more in any line is a finding."""
    documents, lines = CASES[name]
    for at, line in enumerate(lines):
        wrong = [*lines[:at], replace(line, amount=line.amount + Decimal("0.01")), *lines[at + 1 :]]
        assert judged(documents, [], wrong).counts == {"amount": 1}


@pytest.mark.parametrize(
    "lines",
    [
        [paid("116.62"), paid("2.38", account="8736")],  # automatic account for discounts
        [paid("116.62"), paid("2.00", account="8730"), paid("0.38", account="1776")],  # its tax posted beside it
        [paid("116.62"), paid("2.00", account="8730"), posted("0.38", "1776", "H")],
    ],
)
@pytest.mark.parametrize("scope", ["ET", "T", "E"])
def test_skonto_is_no_turnover(lines: list[Line], scope: str) -> None:
    """What the customer kept back changes neither the invoice's sum nor its payment."""
    invoice, payment = document(share(19, "100")), Payment("RE-1", Decimal("116.62"), DAY)
    wanted = ([posted("119")] if "E" in scope else []) + (lines if "T" in scope else [])
    content = archive({"EXTF_1.csv": table(wanted, Head())})
    payments = [payment] if "T" in scope else None
    period = Period(Head().first, Head().last)
    report = accept(io.BytesIO(content), [invoice], payments, period, "SKR03", Order(scope))
    assert report.findings.found == []
    assert (report.matched, report.matched_payments) == (int("E" in scope), int("T" in scope))


def test_payments_of_one_sync_keep_their_days() -> None:
    """Two payments that one sync saw at once are known by the day of the last."""
    invoice, both = document(share(19, "100")), [Payment("RE-1", Decimal(119), date(2026, 10, 20))]
    lines = [posted("119"), paid("50", day=date(2026, 10, 12)), paid("69", day=date(2026, 10, 20))]
    assert judged([invoice], both, lines).counts == {}
    later = [*lines[:2], replace(lines[2], day=date(2026, 10, 21))]
    assert set(judged([invoice], both, later).counts) == {"date"}
    assert judged([invoice], both, [*lines[:2], replace(lines[2], amount=Decimal("69.01"))]).counts == {"amount": 1}


def test_payments_without_a_day_may_be_elsewhere() -> None:
    """The worker learned of it near the period: posted in it or not, it is no finding; another sum is one."""
    invoice = document(share(19, "100"))
    known = [Payment("RE-1", Decimal(50), None), Payment("RE-1", Decimal(69), date(2026, 10, 20))]
    rest = paid("69", day=date(2026, 10, 20))
    assert judged([invoice], known, [posted("119"), rest]).counts == {}
    assert judged([invoice], known, [posted("119"), rest, paid("50")]).counts == {}
    assert judged([invoice], known, [posted("119"), rest, paid("49.99")]).counts == {"amount": 1}
    report = judged([invoice], known[:1], [posted("119")])
    assert (report.counts, report.payments, report.matched_payments) == ({}, 0, 0)
    assert "Nicht abgeglichen: 1 Zahlungen, deren Tag sevDesk nicht nennt" in report.as_text()


def test_taken_back_payments_are_not_missing() -> None:
    """A payment that was unlinked again is in no export."""
    invoice, back = document(share(19, "100")), Payment("RE-1", Decimal(-119), None)
    report = judged([invoice], [Payment("RE-1", Decimal(119), DAY), back], [posted("119")])
    assert (report.counts, report.payments) == ({}, 0)


def test_post_dated_payments_count_by_their_day() -> None:
    """A value date after the period is not expected in it; posted in it all the same, it is a finding."""
    invoice = document(share(19, "100"))
    assert judged([invoice], [], [posted("119")]).counts == {}
    assert judged([invoice], [], [posted("119"), paid("119")]).counts == {"extra": 1}


def test_years_end_is_two_files() -> None:
    """A period across New Year has a file for each fiscal year, and days without a year in both."""
    first, last = date(2026, 12, 1), date(2027, 1, 31)
    documents = [
        document(share(19, "100"), number=f"RE-{day:%m}", day=day) for day in (date(2026, 12, 31), date(2027, 1, 1))
    ]
    files = {}
    for each in documents:
        year, line = date(each.day.year, 1, 1), posted("119", number=each.number, day=each.day)
        head = Head(max(first, year), min(last, date(each.day.year, 12, 31)), year=year)
        files[f"EXTF_{year:%Y}.csv"] = table([line], head)
    report = accept(io.BytesIO(archive(files)), documents, [], Period(first, last), "SKR03")
    assert (report.findings.found, report.matched, report.documents) == ([], 2, 2)


def test_empty_periods_say_so() -> None:
    """Without documents and postings nothing is claimed to be posted, whether a file is there or not."""
    for files in ({"EXTF_1.csv": table([], Head())}, {}):
        content = io.BytesIO(archive(files))
        report = accept(content, [], [], Period(Head().first, Head().last), "SKR03")
        assert (report.status, report.counts, report.documents) == (Status.ACCEPTED, {}, 0)
        assert "keine Belege und Zahlungen" in report.as_text() and "Alle" not in report.as_text()
    content = io.BytesIO(archive({}))
    missing = accept(content, [document(share(19, "100"))], [], Period(Head().first, Head().last), "SKR03")
    assert missing.status is Status.REFUSED


def test_sentence_says_no_more_than_figures() -> None:
    """A document that could not be compared is not said to be posted to the cent."""
    francs = document(share(19, "100"), currency="CHF")
    euros = document(share(19, "100"), number="RE-2")
    lines = [posted("125", base_amount=None), posted("119", number="RE-2")]
    report = judged([francs, euros], [], lines)
    assert (report.status, report.matched, report.documents) == (Status.ACCEPTED, 1, 2)
    text = report.as_text()
    assert "1 von 2 stimmen" in text and "Nicht verglichen: 1 Belege" in text and "Alle Belege" not in text


def test_many_findings_stay_readable() -> None:
    """The text lists a hundred of a kind and counts the rest; the data hold a thousand."""
    documents = [document(share(19, "100"), number=f"RE-{at}") for at in range(1, 1501)]
    report = judged(documents, [], [])
    lines = report.as_text().splitlines()
    assert report.counts == {"missing": 1500} and len(lines) < 150
    assert "  ... und 1400 weitere" in lines
    data = json.loads(json.dumps(report.as_dict()))
    assert len(data["findings"]) == 1000
    assert data["findings"][0] == {
        "kind": "missing", "code": "posting_missing", "file": None, "line": None, "number": "RE-1", "note": False,
        "text": "Die Buchung fehlt: 119,00 vom 05.10.2026.",
        "text_en": "The posting is missing: 119.00 of 2026-10-05.",
    }  # fmt: skip
