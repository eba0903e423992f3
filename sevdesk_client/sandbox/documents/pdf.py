"""The PDF of an invoice in German: positions, taxes and sums, in core Helvetica with cp1252 (for the euro sign)."""

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from fpdf import FPDF

from sevdesk_client.sandbox.account.formats import berlin_day
from sevdesk_client.sandbox.account.master_data import TEMPLATES, UNITIES
from sevdesk_client.sandbox.account.records import DocumentFields, Invoice, Position

WIDTHS = (12.0, 78.0, 24.0, 28.0, 28.0)  # millimetres: Pos., Bezeichnung, Menge, Einzelpreis, Gesamt
LINE = 5.0  # millimetres
TITLES = {
    "SR": "Stornorechnung",
    "AR": "Abschlagsrechnung",
    "TR": "Teilrechnung",
    "ER": "Schlussrechnung",
    "CN": "Gutschrift",
}


def invoice_pdf(invoice: Invoice, xml: str | None = None) -> bytes:
    """The PDF, cached until something printed on it changes; `xml` is attached (ZUGFeRD)."""
    look = (invoice.layout["template"], invoice.layout["language"])
    return _render(invoice.fields, invoice.number, invoice.type, look, invoice.create, xml)


@lru_cache(maxsize=128)
def _render(
    fields: DocumentFields, number: str | None, kind: str, look: tuple[str, str], created: datetime, xml: str | None
) -> bytes:
    pdf = _InvoicePdf(f"{TITLES.get(kind, 'Rechnung')} {number or '(Entwurf)'}", created)
    _print_head(pdf, fields, *look)
    pdf.row("Pos.", "Bezeichnung", "Menge", "Einzelpreis", "Gesamt", style="B")
    for count, each in enumerate(fields.positions, 1):
        _print_position(pdf, count, each, fields)
    _print_totals(pdf, fields)
    pdf.lines(fields.tax_text)
    if fields.time_to_pay is not None:
        pdf.lines(f"Zahlbar bis {fields.due_date:%d.%m.%Y} ohne Abzug.")
    pdf.lines(fields.foot_text)
    if xml is not None:
        about = {"desc": "Factur-X", "mime_type": "text/xml", "associated_file_relationship": "Alternative"}
        pdf.embed_file(bytes=xml.encode(), basename="factur-x.xml", modification_date=created, **about)
    return bytes(pdf.output())


class _InvoicePdf(FPDF):
    def __init__(self, title: str, created: datetime) -> None:
        super().__init__()
        self.core_fonts_encoding = "cp1252"
        self.set_title(title)
        self.set_creation_date(created)
        self.set_auto_page_break(True, 25)
        self.alias_nb_pages()
        self.add_page()

    def header(self) -> None:
        """The page header: sender, number and page count."""
        self.set_font("Helvetica", size=8)
        self.cell(95, LINE, "Sandbox GmbH - Musterweg 1 - 10115 Berlin")
        self.cell(0, LINE, f"{_printable(str(self.title))} - Seite {self.page_no()} von {{nb}}", align="R")
        self.ln(12)
        self.set_font("Helvetica", size=10)

    def lines(self, *texts: str | None, width: float = 0) -> None:
        for each in map(_printable, filter(None, texts)):
            if width or "\n" in each or self.get_string_width(each) > self.epw - 2 * self.c_margin:
                self.multi_cell(width, LINE, each, new_x="LMARGIN", new_y="NEXT")
            else:  # the same, without looking for places to break the line: half the time of a PDF
                self.cell(0, LINE, each, new_x="LMARGIN", new_y="NEXT")

    def row(self, *cells: str, style: str = "", widths: tuple[float, ...] = WIDTHS, left: int = 2) -> None:
        """One cell per column, the first `left` of them aligned left."""
        self.set_font("Helvetica", style, 10)
        for column, (text, width) in enumerate(zip(cells, widths, strict=True)):
            self.cell(width, LINE, _printable(text), align="L" if column < left else "R")
        self.ln()


def _print_head(pdf: _InvoicePdf, fields: DocumentFields, template: str, language: str) -> None:
    place = f"{fields.address_zip or ''} {fields.address_city or ''}".strip()
    own = "\n".join(each for each in (fields.address_name, fields.address_street, place) if each)
    pdf.lines(fields.address or own)
    pdf.ln(10)
    pdf.set_font("Helvetica", "B", 14)
    pdf.lines(str(pdf.title))
    pdf.set_font("Helvetica", size=10)
    pdf.lines(f"Rechnungsdatum: {_day(fields.invoice_date)}")
    if fields.delivery_date is not None:
        until = f" - {_day(fields.delivery_date_until)}" if fields.delivery_date_until is not None else ""
        pdf.lines(f"Leistungszeitraum: {_day(fields.delivery_date)}{until}")
    name = TEMPLATES.get(template, (template, ""))[0]
    pdf.lines(f"Vorlage: {name} / {language}", fields.header, fields.head_text)
    pdf.ln(4)


def _print_position(pdf: _InvoicePdf, count: int, each: Position, fields: DocumentFields) -> None:
    total = each.sums.net if fields.show_net else each.sums.gross
    quantity = f"{_number(each.quantity)} {UNITIES[each.unity_id][0]}"
    name = each.name if len(each.name) <= 42 else f"{each.name[:41]}…"
    pdf.row(str(count), name, quantity, _money(each.price, fields.currency), _money(total, fields.currency))
    if each.text:
        pdf.set_x(pdf.l_margin + WIDTHS[0])
        pdf.lines(each.text, width=WIDTHS[1])


def _print_totals(pdf: _InvoicePdf, fields: DocumentFields) -> None:
    rates = sorted(fields.rates, key=lambda each: each[0])
    totals = [("Summe netto", fields.sums.net, "")]
    totals += [(f"Umsatzsteuer {_number(rate)} %", sums.tax, "") for rate, sums in rates]
    totals += [("Gesamtbetrag", fields.sums.gross, "B")]
    pdf.ln(3)
    for label, amount, style in totals:
        pdf.row(label, _money(amount, fields.currency), style=style, widths=(sum(WIDTHS[:4]), WIDTHS[4]), left=0)
    pdf.set_font("Helvetica", size=10)
    pdf.ln(4)


def _printable(text: str) -> str:
    """The text without HTML tags; characters not in cp1252 become question marks."""
    text = re.sub(r"<br\s*/?>", "\n", text)
    return re.sub(r"<[^>]*>", "", text).encode("cp1252", "replace").decode("cp1252")


def _number(value: Decimal) -> str:
    """German notation: 1.234,5."""
    text = f"{value.normalize():,f}"
    return text.translate(str.maketrans(",.", ".,"))


def _money(value: Decimal, currency: str) -> str:
    """German notation with at least two decimals, and the currency (€ for EUR)."""
    value = value if value.as_tuple().exponent not in (0, -1, 1, 2, 3) else value.quantize(Decimal("0.01"))
    text = f"{value:,f}".translate(str.maketrans(",.", ".,"))
    return f"{text} {'€' if currency == 'EUR' else currency}"


def _day(day: datetime | date) -> str:
    return f"{berlin_day(day):%d.%m.%Y}"
