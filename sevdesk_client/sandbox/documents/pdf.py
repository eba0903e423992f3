"""A German invoice as a real PDF: every position, tax line and sum, in core Helvetica (cp1252 has the euro sign)."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from fpdf import FPDF

from sevdesk_client.sandbox.account.formats import berlin_day
from sevdesk_client.sandbox.account.master_data import TEMPLATES, UNITIES
from sevdesk_client.sandbox.account.records import Invoice, Letter, Position

WIDTHS = (12.0, 78.0, 24.0, 28.0, 28.0)  # millimetres: Pos., Bezeichnung, Menge, Einzelpreis, Gesamt
LINE = 5.0  # millimetres
TITLES = {"SR": "Stornorechnung", "AR": "Abschlagsrechnung", "TR": "Teilrechnung", "ER": "Schlussrechnung"}


def invoice_pdf(invoice: Invoice, xml: str | None = None) -> bytes:
    """The document, rendered again only when something printed on it has changed; `xml` is attached (ZUGFeRD)."""
    look = (invoice.layout["template"], invoice.layout["language"])
    return _render(invoice.letter, invoice.number, invoice.type, look, invoice.create, xml)


@lru_cache(maxsize=128)
def _render(
    letter: Letter, number: str | None, kind: str, look: tuple[str, str], created: datetime, xml: str | None
) -> bytes:
    paper = _Paper(f"{TITLES.get(kind, 'Rechnung')} {number or '(Entwurf)'}", created)
    paper.head(letter, *look)
    paper.positions(letter)
    paper.totals(letter)
    paper.end(letter)
    if xml is not None:
        about = {"desc": "Factur-X", "mime_type": "text/xml", "associated_file_relationship": "Alternative"}
        paper.embed_file(bytes=xml.encode(), basename="factur-x.xml", modification_date=created, **about)
    return bytes(paper.output())


class _Paper(FPDF):
    def __init__(self, title: str, created: datetime) -> None:
        super().__init__()
        self.core_fonts_encoding = "cp1252"
        self.title_line = title
        self.set_title(title)
        self.set_creation_date(created)
        self.set_auto_page_break(True, 25)
        self.alias_nb_pages()
        self.add_page()

    def header(self) -> None:
        """On every page: sender, number and page count."""
        self.set_font("Helvetica", size=8)
        self.cell(95, LINE, "Sandbox GmbH - Musterweg 1 - 10115 Berlin")
        self.cell(0, LINE, f"{_plain(self.title_line)} - Seite {self.page_no()} von {{nb}}", align="R")
        self.ln(12)
        self.set_font("Helvetica", size=10)

    def lines(self, *texts: str | None) -> None:
        for text in texts:
            if text:
                self.multi_cell(0, LINE, _plain(text), new_x="LMARGIN", new_y="NEXT")

    def head(self, letter: Letter, template: str, language: str) -> None:
        place = f"{letter.address_zip or ''} {letter.address_city or ''}".strip()
        own = "\n".join(each for each in (letter.address_name, letter.address_street, place) if each)
        self.lines(letter.address or own)
        self.ln(10)
        self.set_font("Helvetica", "B", 14)
        self.lines(self.title_line)
        self.set_font("Helvetica", size=10)
        self.lines(f"Rechnungsdatum: {_day(letter.invoice_date)}")
        if letter.delivery_date is not None:
            until = f" - {_day(letter.delivery_date_until)}" if letter.delivery_date_until is not None else ""
            self.lines(f"Leistungszeitraum: {_day(letter.delivery_date)}{until}")
        name = TEMPLATES.get(template, (template, ""))[0]
        self.lines(f"Vorlage: {name} / {language}", letter.header, letter.head_text)
        self.ln(4)

    def positions(self, letter: Letter) -> None:
        self.row("B", "Pos.", "Bezeichnung", "Menge", "Einzelpreis", "Gesamt")
        for count, each in enumerate(letter.positions, 1):
            self.position(count, each, letter)

    def position(self, count: int, each: Position, letter: Letter) -> None:
        unit = UNITIES[each.unity_id][0]
        total = each.sums.net if letter.show_net else each.sums.gross
        quantity = f"{_number(each.quantity)} {unit}"
        name = each.name if len(each.name) <= 42 else f"{each.name[:41]}…"
        self.row("", str(count), name, quantity, _money(each.price, letter.currency), _money(total, letter.currency))
        if each.text:
            self.set_x(self.l_margin + WIDTHS[0])
            self.multi_cell(WIDTHS[1], LINE, _plain(each.text), new_x="LMARGIN", new_y="NEXT")

    def row(self, style: str, *cells: str) -> None:
        self.set_font("Helvetica", style, 10)
        for column, (text, width) in enumerate(zip(cells, WIDTHS, strict=True)):
            self.cell(width, LINE, _plain(text), align="R" if column > 1 else "L")
        self.ln()

    def totals(self, letter: Letter) -> None:
        self.ln(3)
        self.total("Summe netto", letter.sums.net, letter.currency)
        for rate, sums in sorted(letter.rates, key=lambda each: each[0]):
            self.total(f"Umsatzsteuer {_number(rate)} %", sums.tax, letter.currency)
        self.set_font("Helvetica", "B", 10)
        self.total("Gesamtbetrag", letter.sums.gross, letter.currency)
        self.set_font("Helvetica", size=10)

    def total(self, label: str, amount: Decimal, currency: str) -> None:
        self.cell(sum(WIDTHS[:4]), LINE, _plain(label), align="R")
        self.cell(WIDTHS[4], LINE, _plain(_money(amount, currency)), align="R")
        self.ln()

    def end(self, letter: Letter) -> None:
        self.ln(4)
        self.lines(letter.tax_text)
        if letter.time_to_pay is not None:
            due = berlin_day(letter.invoice_date) + timedelta(days=min(letter.time_to_pay, 3650))
            self.lines(f"Zahlbar bis {due:%d.%m.%Y} ohne Abzug.")
        self.lines(letter.foot_text)


def _plain(text: str) -> str:
    """Without tags, and with what cp1252 lacks as a question mark."""
    text = re.sub(r"<br\s*/?>", "\n", text)
    return re.sub(r"<[^>]*>", "", text).encode("cp1252", "replace").decode("cp1252")


def _number(value: Decimal) -> str:
    """German: 1.234,5"""
    text = f"{value.normalize():,f}"
    return text.translate(str.maketrans(",.", ".,"))


def _money(value: Decimal, currency: str) -> str:
    """German, at least two decimals, with the euro sign where it is euro."""
    value = value if value.as_tuple().exponent not in (0, -1, 1, 2, 3) else value.quantize(Decimal("0.01"))
    text = f"{value:,f}".translate(str.maketrans(",.", ".,"))
    return f"{text} {'€' if currency == 'EUR' else currency}"


def _day(day: datetime | date | None) -> str:
    return "" if day is None else f"{berlin_day(day):%d.%m.%Y}"
