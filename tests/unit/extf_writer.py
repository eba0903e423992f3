"""Writes EXTF files, archives and whole months as an exporter might, without any code of the reader; and checks them.

The titles and the header's 31 fields follow DATEV's published sample (developer.datev.de, "DATEV-Format").
"""

import io
import random
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import BinaryIO

from worker.datev import acceptance
from worker.datev.book import Book
from worker.datev.documents import Document, Payment, subtotals_by_rate
from worker.datev.order import ORDINARY, Order
from worker.datev.report import Period, Report

CENT = Decimal("0.01")
CHARTS = {"03": "SKR03", "04": "SKR04"}

TITLES = (
    "Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Kurs;Basis-Umsatz;WKZ Basis-Umsatz;Konto;"
    "Gegenkonto (ohne BU-Schlüssel);BU-Schlüssel;Belegdatum;Belegfeld 1;Belegfeld 2;Skonto;Buchungstext;Postensperre;"
    "Diverse Adressnummer;Geschäftspartnerbank;Sachverhalt;Zinssperre;Beleglink;"
    + "".join(f"Beleginfo - Art {n};Beleginfo - Inhalt {n};" for n in range(1, 9))
    + "KOST1 - Kostenstelle;KOST2 - Kostenstelle;Kost-Menge;EU-Land u. UStID (Bestimmung);"
    "EU-Steuersatz (Bestimmung);Abw. Versteuerungsart;Sachverhalt L+L;Funktionsergänzung L+L;BU 49 Hauptfunktionstyp;"
    "BU 49 Hauptfunktionsnummer;BU 49 Funktionsergänzung;"
    + "".join(f"Zusatzinformation - Art {n};Zusatzinformation- Inhalt {n};" for n in range(1, 21))
    + "Stück;Gewicht;Zahlweise;Forderungsart;Veranlagungsjahr;Zugeordnete Fälligkeit;Skontotyp;Auftragsnummer;"
    "Buchungstyp;USt-Schlüssel (Anzahlungen);EU-Land (Anzahlungen);Sachverhalt L+L (Anzahlungen);"
    "EU-Steuersatz (Anzahlungen);Erlöskonto (Anzahlungen);Herkunft-Kz;Buchungs GUID;KOST-Datum;SEPA-Mandatsreferenz;"
    "Skontosperre;Gesellschaftername;Beteiligtennummer;Identifikationsnummer;Zeichnernummer;Postensperre bis;"
    "Bezeichnung SoBil-Sachverhalt;Kennzeichen SoBil-Buchung;Festschreibung;Leistungsdatum;Datum Zuord. Steuerperiode;"
    "Fälligkeit;Generalumkehr (GU);Steuersatz;Land;Abrechnungsreferenz;BVV-Position;EU-Land u. UStID (Ursprung);"
    "EU-Steuersatz (Ursprung);Abw. Skontokonto"
).split(";")


@dataclass(frozen=True)
class Line:
    """A posting to be written, with the amount exactly as it is to appear."""

    amount: Decimal
    side: str
    account: str
    contra: str
    day: date
    number: str
    key: str = ""
    reference: str = ""
    text: str = "Erlöse Größer & Söhne"
    currency: str = "EUR"
    base_amount: Decimal | None = None
    reversal: bool = False

    def fields(self) -> dict[str, str]:
        """Fields by title, quoted where the format asks for quotes."""
        return {
            "Umsatz (ohne Soll/Haben-Kz)": german(self.amount),
            "Soll/Haben-Kennzeichen": f'"{self.side}"',
            "WKZ Umsatz": f'"{self.currency}"',
            "Basis-Umsatz": "" if self.base_amount is None else german(self.base_amount),
            "WKZ Basis-Umsatz": "" if self.base_amount is None else '"EUR"',
            "Konto": self.account,
            "Gegenkonto (ohne BU-Schlüssel)": self.contra,
            "BU-Schlüssel": f'"{self.key}"' if self.key else "",
            "Belegdatum": self.day.strftime("%d%m"),
            "Belegfeld 1": quoted(self.number),
            "Belegfeld 2": quoted(self.reference),
            "Buchungstext": quoted(self.text),
            "Generalumkehr (GU)": '"1"' if self.reversal else "",
        }

    def written(self, titles: Iterable[str] = TITLES) -> str:
        """The whole line without its end."""
        fields = self.fields()
        return ";".join(fields.get(title, "") for title in titles)


def german(amount: Decimal) -> str:
    """1234,56"""
    return f"{amount:.2f}".replace(".", ",")


def quoted(text: str) -> str:
    """Text in double quotes, those inside doubled."""
    return '"' + text.replace('"', '""') + '"'


@dataclass(frozen=True)
class Head:
    """The fields of line 1 that tests change."""

    first: date = date(2026, 10, 1)
    last: date = date(2026, 10, 31)
    chart: str = "03"
    main_version: str = "700"
    category: str = "21"
    name: str = "Buchungsstapel"
    version: str = "13"
    consultant: str = "29098"
    client: str = "55003"
    year: date = date(2026, 1, 1)
    length: int = 4
    locked: int = 0

    def written(self) -> str:
        """31 fields."""
        days = [f"{day:%Y%m%d}" for day in (self.year, self.first, self.last)]
        return (
            f'"EXTF";{self.main_version};{self.category};"{self.name}";{self.version};20261101120000000;;"SV";"";"";'
            f'{self.consultant};{self.client};{days[0]};{self.length};{days[1]};{days[2]};"Rechnungen";"";1;0;'
            f'{self.locked};"EUR";;"";;;"{self.chart}";;;"";""'
        )


def table(lines: Iterable[Line], head: Head = Head(), titles: Iterable[str] = TITLES) -> bytes:
    """An EXTF file as DATEV describes it: Windows-1252, CR LF."""
    titles = list(titles)
    rows = [head.written(), ";".join(titles), *(line.written(titles) for line in lines)]
    return "".join(f"{row}\r\n" for row in rows).encode("cp1252")


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return out.getvalue()


# Last three digits of the revenue account by sevDesk tax rule; the same in both charts except for rule 11.
SUFFIX = {2: "120", 3: "125", 4: "100", 5: "337", 17: "338", 21: "336"}


def revenue(rate: int, rule: int, chart: str) -> str:
    """The usual revenue account of a tax rate and a sevDesk tax rule."""
    if rule == 11:
        return "8195" if chart == "03" else "4185"
    suffix = {19: "400", 7: "300"}.get(rate) or SUFFIX.get(rule, "290")
    return ("8" if chart == "03" else "4") + suffix


@dataclass
class BookingStyle:
    """How an exporter books."""

    chart: str = "03"
    debtor_first: bool = True
    split: str = "rate"  # or `position`, or `net` (tax in postings of its own)
    storno: str = "swapped"  # or `negative`, `reversal`, or `origin` (under the cancelled number)
    collective: bool = False  # one account for all receivables instead of debtors
    length: int = 4
    keyed: bool = False  # general revenue accounts, the tax by BU-Schlüssel


@dataclass
class Month:
    """Documents and payments of a month, and the lines that book all of them correctly."""

    head: Head
    style: BookingStyle
    documents: list[Document] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def replaced(self, at: int, **changes: object) -> list[Line]:
        """The lines, one of them changed."""
        return [replace(line, **changes) if i == at else line for i, line in enumerate(self.lines)]  # type: ignore[arg-type]


def month(seed: int, invoices: int = 30, style: BookingStyle | None = None) -> Month:
    """A month of invented business; the same seed gives the same month."""
    chance = random.Random(seed)
    style = style or BookingStyle(
        chart=chance.choice(["03", "04"]),
        debtor_first=chance.random() < 0.5,
        split=chance.choice(["rate", "position", "net"]),
        storno=chance.choice(["swapped", "negative", "reversal", "origin"]),
        collective=chance.random() < 0.3,
        length=chance.choice([4, 4, 5, 6]),
        keyed=chance.random() < 0.3,
    )
    year, number = chance.choice([2025, 2026]), chance.randint(1, 12)
    first = date(year, number, 1)
    last = date(year + number // 12, number % 12 + 1, 1) - timedelta(days=1)
    made = Month(Head(first, last, style.chart, year=date(year, 1, 1), length=style.length), style)
    for index in range(invoices):
        _add_invoice(made, chance, index)
    made.lines += [  # a purchase and a bank fee, which are no business of ours
        Line(Decimal("35.70"), "H", "70001", "4930" if style.chart == "03" else "6815", first, "ER-77", key="9"),
        Line(Decimal("9.90"), "S", "4970" if style.chart == "03" else "6855", _bank(style), last, "", text="Gebühr"),
    ]
    chance.shuffle(made.lines)
    return made


def _add_invoice(made: Month, chance: random.Random, index: int) -> None:
    rule = chance.choice([1, 1, 1, 1, 2, 3, 4, 5, 11, 17, 21])
    positions = [
        (chance.choice([19, 19, 7, 0]) if rule == 1 else 0, Decimal(chance.randint(1, 500000)) / 100)
        for _ in range(chance.randint(1, 4))
    ]
    day = made.head.first + timedelta(days=chance.randrange(made.head.last.day))
    taxed = [(rate, net, (net * rate / 100).quantize(CENT, ROUND_HALF_UP)) for rate, net in positions]
    customer = chance.randrange(2 * index + 2) // 2  # some come again
    gross = sum((net + tax for _, net, tax in taxed), Decimal(0))
    subtotals = subtotals_by_rate((Decimal(rate), net, tax) for rate, net, tax in taxed)
    document = Document(f"RE-{1000 + index}", "invoice", day, gross, subtotals, rule, customer=customer)
    debtor = _debtor(made.style, customer)
    made.documents.append(document)
    made.lines += _claim(made.style, document, taxed, debtor, 1)
    if chance.random() < 0.15:
        _add_cancellation(made, chance, document, taxed, debtor)
    elif chance.random() < 0.6:
        for part in _parts(document.gross, chance):
            paid = day + timedelta(days=chance.randrange((made.head.last - day).days + 1))
            made.payments.append(Payment(document.number, part, paid))
            made.lines.append(Line(part, "S", _bank(made.style), debtor, paid, document.number, text="Zahlung"))


def _add_cancellation(
    made: Month, chance: random.Random, document: Document, taxed: list[tuple[int, Decimal, Decimal]], debtor: str
) -> None:
    day = document.day + timedelta(days=chance.randrange((made.head.last - document.day).days + 1))
    against = replace(
        document,
        number=f"SR-{document.number}",
        kind="cancellation",
        day=day,
        gross=-document.gross,
        subtotals=tuple(replace(each, net=-each.net, tax=-each.tax) for each in document.subtotals),
        cancels=document.number,
    )
    made.documents.append(against)
    made.lines += _claim(made.style, against, taxed, debtor, -1)


def _parts(gross: Decimal, chance: random.Random) -> list[Decimal]:
    if gross < 2 or chance.random() < 0.7:
        return [gross]
    part = (gross * chance.randint(10, 90) / 100).quantize(CENT)
    return [part, gross - part] if chance.random() < 0.5 else [part]


def _claim(
    style: BookingStyle, document: Document, taxed: list[tuple[int, Decimal, Decimal]], debtor: str, sign: int
) -> Iterator[Line]:
    """Debtor against revenue. `taxed` is positive; `sign` below zero makes it a cancellation."""
    for amount, account, key in _amounts(style, document, taxed):
        ledger = account.ljust(style.length, "0")
        line = Line(amount, "S", debtor, ledger, document.day, document.number, key)
        if not style.debtor_first:
            line = replace(line, side="H", account=ledger, contra=debtor)
        yield line if sign > 0 else _reversed(style, line, document)


def _reversed(style: BookingStyle, line: Line, document: Document) -> Line:
    if style.storno == "negative":
        return replace(line, amount=-line.amount)
    if style.storno == "reversal":
        return replace(line, reversal=True)
    line = replace(line, side="H" if line.side == "S" else "S")
    if style.storno == "origin":
        return replace(line, number=document.cancels or "", reference=document.number)
    return line


def _amounts(
    style: BookingStyle, document: Document, taxed: list[tuple[int, Decimal, Decimal]]
) -> Iterator[tuple[Decimal, str, str]]:
    """(amount, account, tax key) of each line."""
    by_rate = [(int(each.rate), abs(each.net), abs(each.tax)) for each in document.subtotals]
    parts = taxed if style.split == "position" else by_rate
    for rate, net, tax in parts:
        account = revenue(rate, document.tax_rule, style.chart)
        general = style.keyed and bool(tax) and document.tax_rule == 1
        if general:
            account = ("8" if style.chart == "03" else "4") + "200"
        if style.split == "net" and tax:
            yield net, account, "" if general else "40"
            tail = {19: ("1776", "3806"), 7: ("1771", "3801")}[rate]
            yield tax, tail[style.chart == "04"], ""
        else:
            yield net + tax, account, {19: "3", 7: "2"}[rate] if general else ""


def _debtor(style: BookingStyle, index: int) -> str:
    if style.collective:
        return ("1400" if style.chart == "03" else "1200").ljust(style.length, "0")
    return f"{10000 + index}".ljust(style.length + 1, "0")


def _bank(style: BookingStyle) -> str:
    return ("1200" if style.chart == "03" else "1800").ljust(style.length, "0")


def ordinary(seed: int = 7) -> Month:
    """A month by SKR03 with one debtor line for each tax rate."""
    return month(seed, style=BookingStyle())


def book_of(documents: Iterable[Document], payments: Iterable[Payment] | None = ()) -> Book:
    """Our documents and payments; None: payments that nobody knows."""
    book = Book(payments_known=payments is not None)
    for document in documents:
        book.add_document(document)
    for payment in payments or ():
        book.add_payment(payment)
    return book


def accept(
    source: BinaryIO,
    documents: Iterable[Document],
    payments: Iterable[Payment] | None,
    period: Period,
    chart: str,
    order: Order = ORDINARY,
) -> Report:
    """The report on an archive; `payments` None: nobody knows them, or the order is without them."""
    with book_of(documents, payments) as book:
        return acceptance.accept(book, source, period, chart, order)


def check(
    made: Month,
    lines: Iterable[Line] | None = None,
    *,
    chart: str | None = None,
    head: Head | None = None,
    more: dict[str, bytes] | None = None,
) -> Report:
    """The report on the month with other lines, another chart setting, another header, or more files."""
    content = table(made.lines if lines is None else lines, head or made.head)
    source = io.BytesIO(archive({"EXTF_Buchungsstapel.csv": content, **(more or {})}))
    return accept(source, made.documents, made.payments, period_of(made), chart or CHARTS[made.head.chart])


def period_of(made: Month) -> Period:
    """The calendar month."""
    return Period(made.head.first, made.head.last)
