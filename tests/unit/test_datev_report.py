"""A whole archive and its report: what is in it, what is refused, and how the result reads."""

import io
import json
import tracemalloc
from dataclasses import replace

import pytest

from tests.unit.extf_writer import CHARTS, Head, accept, archive, check, month, ordinary, period_of, table
from worker.datev.report import Status


def test_usual_archive_is_accepted() -> None:
    """Postings, master data, images and their index."""
    debtors = Head(category="16", name="Debitoren/Kreditoren").written().encode() + b"\r\nKonto\r\n10001\r\n"
    images = {"Belege/RE-1000.pdf": b"%PDF-1.7 ...", "document.xml": b"<archive/>"}
    report = check(ordinary(), more={"EXTF_Debitoren.csv": debtors, **images})
    assert report.findings.found == []
    assert [file.kind for file in report.files] == ["bookings", "category 16", "image", "index"]
    as_json = report.as_dict()
    assert ([file["name"] for file in as_json["files"]], as_json["images"]) == (
        ["EXTF_Buchungsstapel.csv", "EXTF_Debitoren.csv", "document.xml"],
        1,
    )
    assert "RE-1000.pdf" not in report.as_text()


def test_unknown_file_is_a_finding() -> None:
    """An unknown file is named; so is a PDF that is none, and a table that is not EXTF."""
    made = ordinary()
    assert check(made, more={"setup.exe": b"MZ"}).counts == {"file": 1}
    assert check(made, more={"beleg.pdf": b"MZ"}).counts == {"file": 1}
    assert check(made, more={"liste.csv": b"a;b\r\n"}).counts == {"file": 1}


def test_unreadable_archives_are_refused() -> None:
    """A ZIP cut off, a bomb, or no postings at all: refused with a reason, nothing compared."""
    made = ordinary()
    good = archive({"EXTF_Buchungsstapel.csv": table(made.lines, made.head)})
    bomb = archive({"EXTF_a.csv": b"0" * (40 << 20)})
    for content in (good[:-30], good[: len(good) // 2], b"", bomb, archive({"a.pdf": b"%PDF"})):
        report = accept(io.BytesIO(content), made.documents, made.payments, period_of(made), "SKR03")
        assert report.status is Status.REFUSED
        assert report.matched == 0
        assert "Abgelehnt" in report.as_text()


def test_postings_are_joined_across_files() -> None:
    """The Buchungsstapel of a month may be split into two files."""
    made = ordinary()
    half = len(made.lines) // 2
    report = check(made, made.lines[:half], more={"EXTF_2.csv": table(made.lines[half:], made.head)})
    assert report.status is Status.ACCEPTED
    assert report.matched == report.documents > 0


def test_report_reads_in_json_and_german() -> None:
    """The dictionary is JSON as it stands; the text names status, sums and each finding with its place."""
    made = ordinary()
    at = next(i for i, line in enumerate(made.lines) if line.contra == "8400")
    report = check(made, made.replaced(at, amount=made.lines[at].amount + 1))
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
    report = check(made, [replace(made.lines[0], number="X-1", account="10001", contra="8400"), *made.lines[5:]])
    assert report.findings.found
    assert "Größer" not in json.dumps(report.as_dict(), ensure_ascii=False) + report.as_text()


@pytest.mark.parametrize("invoices", [500, pytest.param(25_000, marks=pytest.mark.long)])
def test_memory_grows_with_documents_only(invoices: int) -> None:
    """Beside the documents it is given, the check needs at most 2 MB and 5 KB for each of them."""
    made = month(1, invoices)
    content = archive({"EXTF_Buchungsstapel.csv": table(made.lines, made.head)})
    postings, documents = len(made.lines), len(made.documents)
    made.lines.clear()
    tracemalloc.start()
    try:
        report = accept(io.BytesIO(content), made.documents, made.payments, period_of(made), CHARTS[made.head.chart])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"{postings} postings of {documents} documents: {peak / 2**20:.0f} MB")
    assert (report.status, report.postings) == (Status.ACCEPTED, postings)
    assert postings >= 2 * invoices and peak < 2 * 2**20 + 5_000 * documents
