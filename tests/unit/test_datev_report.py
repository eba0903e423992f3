"""A whole archive and its report: what is in it, what is refused, and how the result reads."""

import io
import json
import tracemalloc
from dataclasses import replace
from time import monotonic

import pytest

from tests.unit.extf_writer import Habits, Head, Line, Month, archive, month, table
from worker.datev.acceptance import Period, Report, Status, accept, check
from worker.datev.accounts import CHARTS
from worker.datev.extf import Stack


def ordinary(seed: int = 7) -> Month:
    """A month of one debtor line for each tax rate, by SKR03."""
    return month(seed, habits=Habits())


def judged(made: Month, lines: list[Line]) -> Report:
    """The report on the month with other lines."""
    stack = Stack(io.BytesIO(table(lines, made.head)), "EXTF_Buchungsstapel.csv")
    return check([stack], made.documents, made.payments, Period(made.head.first, made.head.last), "SKR03")


def whole(made: Month, **members: bytes) -> Report:
    """The report on an archive of the month and more members."""
    content = archive({"EXTF_Buchungsstapel.csv": table(made.lines, made.head), **members})
    period = Period(made.head.first, made.head.last)
    return accept(io.BytesIO(content), made.documents, made.payments, period, "SKR03")


def test_usual_archive_is_accepted() -> None:
    """Postings, master data, images and their index."""
    debtors = Head(category="16", name="Debitoren/Kreditoren").written().encode() + b"\r\nKonto\r\n10001\r\n"
    images = {"Belege/RE-1000.pdf": b"%PDF-1.7 ...", "document.xml": b"<archive/>"}
    report = whole(ordinary(), **{"EXTF_Debitoren.csv": debtors}, **images)
    assert report.findings.found == []
    assert [file.kind for file in report.files] == ["bookings", "category 16", "image", "index"]
    told = report.as_dict()
    assert ([file["name"] for file in told["files"]], told["images"]) == (
        ["EXTF_Buchungsstapel.csv", "EXTF_Debitoren.csv", "document.xml"],
        1,
    )
    assert "RE-1000.pdf" not in report.as_text()


def test_unknown_file_is_a_finding() -> None:
    """A stranger in the archive is named; so is a PDF that is none, and a table that is not EXTF."""
    made = ordinary()
    assert whole(made, **{"setup.exe": b"MZ"}).kinds == {"file": 1}
    assert whole(made, **{"beleg.pdf": b"MZ"}).kinds == {"file": 1}
    assert whole(made, **{"liste.csv": b"a;b\r\n"}).kinds == {"file": 1}


def test_unreadable_archives_are_refused() -> None:
    """A ZIP cut off, a bomb, or no postings at all: refused with a reason, nothing compared."""
    made = ordinary()
    period = Period(made.head.first, made.head.last)
    good = archive({"EXTF_Buchungsstapel.csv": table(made.lines, made.head)})
    bomb = archive({"EXTF_a.csv": b"0" * (40 << 20)})
    for content in (good[:-30], good[: len(good) // 2], b"", bomb, archive({"a.pdf": b"%PDF"})):
        report = accept(io.BytesIO(content), made.documents, made.payments, period, "SKR03")
        assert report.status is Status.REFUSED
        assert report.matched == 0
        assert "Abgelehnt" in report.as_text()


def test_postings_are_joined_across_files() -> None:
    """Two stacks of one month are one set of books."""
    made = month(5, habits=Habits())
    half = len(made.lines) // 2
    parts = {"EXTF_1.csv": table(made.lines[:half], made.head), "EXTF_2.csv": table(made.lines[half:], made.head)}
    period = Period(made.head.first, made.head.last)
    report = accept(io.BytesIO(archive(parts)), made.documents, made.payments, period, "SKR03")
    assert report.status is Status.ACCEPTED
    assert report.matched == report.documents > 0


def test_report_reads_in_json_and_german() -> None:
    """The dictionary is JSON as it stands; the text names status, sums and each finding with its place."""
    made = ordinary()
    at = next(i for i, line in enumerate(made.lines) if line.contra == "8400")
    report = judged(made, made.replaced(at, amount=made.lines[at].amount + 1))
    read = json.loads(json.dumps(report.as_dict()))
    assert read["status"] == "accepted_with_findings"
    assert read["counts"] == {"amount": 1}
    assert read["findings"][0]["number"] == made.lines[at].number
    text = report.as_text()
    assert "Angenommen mit Feststellungen" in text
    assert f"{made.lines[at].number}: Falscher Betrag" in text
    assert "      8400     -" in text


def test_texts_never_reach_the_report() -> None:
    """The posting text may name a customer; the report repeats none of it."""
    made = ordinary()
    report = judged(made, [replace(made.lines[0], number="X-1", account="10001", contra="8400"), *made.lines[5:]])
    assert report.findings.found
    assert "Größer" not in json.dumps(report.as_dict(), ensure_ascii=False) + report.as_text()


@pytest.mark.long
def test_fifty_thousand_postings_stay_small() -> None:
    """Accepted without a finding; what the check itself takes beside the documents it is given is bounded by them."""
    made = month(1, 25_000)
    content = archive({"EXTF_Buchungsstapel.csv": table(made.lines, made.head)})
    postings, documents = len(made.lines), len(made.documents)
    made.lines.clear()
    period = Period(made.head.first, made.head.last)
    tracemalloc.start()
    try:
        began = monotonic()
        report = accept(io.BytesIO(content), made.documents, made.payments, period, CHARTS[made.head.chart])
        seconds, peak = monotonic() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{postings} postings of {documents} documents: {peak / 2**20:.0f} MB, {seconds:.0f} s while traced")
    assert (report.status, report.postings) == (Status.ACCEPTED, postings)
    assert postings >= 50_000 and peak < 150 * 2**20
