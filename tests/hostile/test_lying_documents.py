"""PDFs that are not the document asked for; what cannot be read is said once."""

from base64 import b64encode
from collections.abc import Iterator
from decimal import Decimal

import pytest
from flow.books import order_fault
from flow.stage import Stage
from fpdf import FPDF
from structlog.testing import capture_logs

from worker.einvoice import pdf_text
from worker.einvoice.pdf_text import shown
from worker.einvoice.validation import ChildProcess

NUMBER, GROSS = "RE-2026-11-1000", Decimal("1234.50")


@pytest.fixture(autouse=True)
def said_anew() -> Iterator[None]:
    """What is said once per process is said once per test, and no child outlives it."""
    pdf_text._say_unreadable.cache_clear()
    yield
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


def looked_at(*lines: str, filename: str = "", mentioned: tuple[str, ...] = ()) -> tuple[str | None, tuple[str, ...]]:
    """The number of another document, if it is certain, and what was not seen."""
    found = shown(pdf(*lines), filename, NUMBER, GROSS, mentioned)
    return found.other, found.missing


@pytest.mark.parametrize("total", ["1234,50", "1.234,50 EUR", "1,234.50", "EUR 1234.50", "1 234,50", "-1.234,50",
                                   "1'234.50", "1 . 2 3 4 , 5 0", "1\u00a0234,50"])  # fmt: skip
def test_right_total_is_recognized(total: str) -> None:
    """However it is written, and beside other columns."""
    assert looked_at(f"Rechnung {NUMBER}", "1 1.234,51 19", f"Gesamt {total}") == (None, ())


@pytest.mark.parametrize("number", [NUMBER, "R E - 2 0 2 6 - 1 1 - 1 0 0 0", "RE-2026-11-\n1000", f"Nr.{NUMBER}.",
                                    NUMBER.lower()])  # fmt: skip
def test_right_number_is_recognized(number: str) -> None:
    """Also if kerning has put blanks into it, or a line ends in it."""
    assert looked_at(*number.split("\n"), "Gesamt 1.234,50") == (None, ())


@pytest.mark.parametrize(
    "line", ["Gesamt 1.234,51", "Gesamt 11.234,50", "Netto 5,00", "Gesamt 1.234,505", "Summe: siehe unten"]
)
def test_other_total_is_only_said(line: str) -> None:
    """sevDesk's answer about the document has the sum that was asked for, and how a PDF writes sums is not known."""
    assert looked_at(f"Rechnung {NUMBER}", line) == (None, ("gross_total",))


@pytest.mark.parametrize(("lines", "filename", "other"), [
    (("Rechnung RE-2026-11-1001", "Gesamt 1.234,50"), "", "RE-2026-11-1001"),
    (("Rechnung RE-2026-11-10001",), "Rechnung.pdf", "RE-2026-11-10001"),
    (("Gesamt 1.234,50",), "RE-2026-11-1001.pdf", "RE-2026-11-1001"),
    ((), "RE-2026-11-999.pdf", "RE-2026-11-999"),
])  # fmt: skip
def test_other_document_is_told(lines: tuple[str, ...], filename: str, other: str) -> None:
    """By a number like ours in the place of ours: in the text, or as the file's name."""
    assert looked_at(*lines, filename=filename)[0] == other


@pytest.mark.parametrize(("lines", "filename", "mentioned"), [
    (("Gesamt 1.234,50", "USt-IdNr. DE123456789", "HRB 12345"), f"{NUMBER}.pdf", ()),
    (("abzüglich RE-2026-10-0998",), "", ("Abschlag RE-2026-10-0998 vom 1.10.2026",)),
    (("Kunde XRE-2026-11-1001", "RE-2026-11-1001-2"), "Rechnung.pdf", ()),
    (("Mahnung", "Gesamt 5,00"), ".pdf", ()),
    ((f"Rechnung {NUMBER}",), "RE-2026-11-1001.pdf", ()),
    ((f"Rechnung {NUMBER}", "zu RE-2026-11-1001"), f"{NUMBER}.pdf", ()),
    ((f"Rechnung {NUMBER}", "2026"), "2026.pdf", ()),
    ((f"Rechnung {NUMBER}",), f"Rechnung {NUMBER}.pdf", ()),
    ((f"Rechnung {NUMBER}", "statt Gutschrift GU-2026-7"), "", ("Statt Gutschrift GU-2026-7 vom 1.10.",)),
    ((f"Rechnung {NUMBER}", "Storno bis 14 Tage vorher", "Gutschrift auf Konto DE89370400440532013000"), "", ()),
    ((f"Stornorechnung {NUMBER}", "Stornorechnung Nr. RE-2026-11-1000 zur Rechnung Nr. RE-2026-10-0998"), "", ()),
])  # fmt: skip
def test_nothing_else_proves_another(lines: tuple[str, ...], filename: str, mentioned: tuple[str, ...]) -> None:
    """A number that was not found may be one that cannot be read: no good invoice waits for that."""
    assert looked_at(*lines, filename=filename, mentioned=mentioned)[0] is None


@pytest.mark.parametrize("named", [True, False], ids=["under its name", "under no name"])
async def test_cancellation_is_not_stored_as_invoice(stage: Stage, named: bool) -> None:
    """sevDesk answers with the PDF of what cancelled the invoice, which has its number and total."""
    billing = stage.billing
    async with stage.working():
        invoice = await stage.published()
        assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="Irrtum"))["state"] == "done"
        statement = "SELECT filename, content FROM sevdesk_documents WHERE kind = 'cancellation_pdf'"
        filename, content = await billing.db.fetchrow(statement)
        name = filename if named else "x.pdf"
        body = {"objects": {"filename": name, "content": b64encode(content).decode(), "base64Encoded": True}}
        await order_fault(stage.sevdesk, "body", "GET /Invoice/*/getPdf", body=body, times=None)
        await billing.db.execute(NOT_KNOWN, invoice)
        asked = await billing.do("fetch_invoice_pdf", invoice_id=invoice)
        assert (asked["state"], asked["problem"]) == ("parked", "pdf_differs"), asked["error"]


# As if somebody had cancelled it in sevDesk.
NOT_KNOWN = """
UPDATE billing_invoices SET accounting_sync_status = 'synced', document_status = 'approved', claim_status = 'open',
    cancelled_at = NULL WHERE id = $1"""
TOTAL = "Gesamt -1.234,50 EUR"
TITLE = f"zur Rechnung Nr. {NUMBER} vom 2.11.2026"


@pytest.mark.parametrize(("lines", "filename", "other"), [
    (("Stornorechnung RE-2026-11-1001", f"Stornorechnung Nr. RE-2026-11-1001 {TITLE}", TOTAL), "", "RE-2026-11-1001"),
    ((f"Stornorechnung Nr. SR-1001 {TITLE}", TOTAL), "", "SR-1001"),
    (("Gutschrift GU-2026-0007", TITLE, TOTAL), "", "GU-2026-0007"),
    ((f"Cancellation invoice no. CR-1001 for invoice no. {NUMBER}", TOTAL), "", "CR-1001"),
    (("Korrektur SR-1001", TITLE, TOTAL), "SR-1001.pdf", "SR-1001"),
    ((TITLE, "Nr. RE-2026-11-1001", TOTAL), "RE-2026-11-1001.pdf", "RE-2026-11-1001"),
])  # fmt: skip
def test_document_about_ours_is_told(lines: tuple[str, ...], filename: str, other: str) -> None:
    """What cancels or corrects the invoice shows the invoice's number and total as well."""
    assert looked_at(*lines, filename=filename) == (other, ())


def test_number_without_letters() -> None:
    """In a text it might be anything, as a file's name it is the number."""
    text = pdf("2026", "10115 Berlin", "1001")
    assert shown(text, "", "1000", GROSS, ()).other is None
    assert shown(text, "1001.pdf", "1000", GROSS, ()).other == "1001"
    assert shown(text, "12.pdf", "10", GROSS, ()).other is None


def test_unreadable_is_said_once() -> None:
    """What nobody can read is let pass, and the log says so once; the next readable one is judged."""
    with capture_logs() as lines:
        for unreadable in (b"%PDF-1.4 nothing", pdf(), bytes(10**6)):
            found = shown(unreadable, "", NUMBER, GROSS, ())
            assert (found.other, found.missing) == (None, ("document_number", "gross_total"))
        assert looked_at("RE-2026-11-1001")[0] is not None
    assert [line["event"] for line in lines] == ["pdf.not_compared"]


def test_crashed_child_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the child ends without an answer the document passes unread."""
    crashing = ChildProcess("no_such_module", 5.0)
    monkeypatch.setattr(pdf_text, "_process", lambda: crashing)
    assert looked_at("RE-2026-11-1001")[0] is None
