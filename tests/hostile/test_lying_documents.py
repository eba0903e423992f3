"""PDFs that are not the document asked for; what cannot be read is said once."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from fpdf import FPDF

from worker.einvoice import pdf_text
from worker.einvoice.pdf_text import not_shown
from worker.einvoice.validation import ChildProcess

NUMBER, GROSS = "RE-2026-11-1000", Decimal("1234.50")


@pytest.fixture(autouse=True)
def said_anew() -> Iterator[None]:
    """What is said once per process is said once per test, and no child outlives it."""
    yield
    pdf_text._say_unreadable.cache_clear()
    if process := pdf_text._process():
        process.close()


def pdf(*lines: str) -> bytes:
    """A PDF with these lines."""
    made = FPDF()
    made.add_page()
    made.set_font("Helvetica", size=10)
    for line in lines:
        made.cell(0, 5, line, new_x="LMARGIN", new_y="NEXT")
    return bytes(made.output())


@pytest.mark.parametrize(
    "total", ["1234,50", "1.234,50 EUR", "1,234.50", "EUR 1234.50", "1 234,50", "-1.234,50", "1'234.50"]
)
def test_right_document_is_recognized(total: str) -> None:
    """However the total is written."""
    assert not_shown(pdf(f"Rechnung {NUMBER}", f"Gesamt {total}"), NUMBER, GROSS) == []


@pytest.mark.parametrize(("lines", "missing"), [
    ((f"Rechnung {NUMBER}", "Gesamt 1.234,51"), ["gross_total"]),
    ((f"Rechnung {NUMBER}", "Gesamt 11.234,50"), ["gross_total"]),
    ((f"Rechnung {NUMBER}", "Netto 5,00", "Gesamt 1.234,505"), ["gross_total"]),
    (("Rechnung RE-2026-11-1001", "Gesamt 1.234,50"), ["document_number"]),
    (("Mahnung", "Gesamt 5,00"), ["document_number", "gross_total"]),
])  # fmt: skip
def test_other_document_is_told(lines: tuple[str, ...], missing: list[str]) -> None:
    """By what it does not show."""
    assert not_shown(pdf(*lines), NUMBER, GROSS) == missing


def test_unreadable_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    """What nobody can read is let pass, and the log says so; the next readable one is judged."""
    for unreadable in (b"%PDF-1.4 nothing", pdf("picture"), pdf("x") + bytes(10**6)):
        assert not_shown(unreadable, NUMBER, GROSS) == []
    assert not_shown(pdf("Gesamt 1,00"), NUMBER, GROSS) != []
    out = capfd.readouterr()
    said = [json.loads(line) for line in (out.out + out.err).splitlines() if "pdf.not_compared" in line]
    assert len(said) == 1


def test_crashed_child_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the child ends without an answer the document passes unread."""
    crashing = ChildProcess("no_such_module", 5.0)
    monkeypatch.setattr(pdf_text, "_process", lambda: crashing)
    assert not_shown(pdf("Gesamt 1,00"), NUMBER, GROSS) == []
