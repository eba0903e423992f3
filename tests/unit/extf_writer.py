"""Writes EXTF files, archives and whole months as an exporter might: independent of the reader, for tests only.

The titles and the header's 31 fields follow DATEV's published sample (developer.datev.de, "DATEV-Format").
"""

import io
import random
import zipfile
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from worker.datev.acceptance import Document, Payment, Share

CENT = Decimal("0.01")

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
    """A posting to be written; amounts as they shall stand there."""

    amount: Decimal
    side: str
    account: str
    contra: str
    day: date
    number: str
    key: str = ""
    second: str = ""
    text: str = "Erlöse Größer & Söhne"
    currency: str = "EUR"
    base: Decimal | None = None
    reversal: bool = False

    def fields(self) -> dict[str, str]:
        """By title, already quoted where the format wants quotes."""
        return {
            "Umsatz (ohne Soll/Haben-Kz)": german(self.amount),
            "Soll/Haben-Kennzeichen": f'"{self.side}"',
            "WKZ Umsatz": f'"{self.currency}"',
            "Basis-Umsatz": "" if self.base is None else german(self.base),
            "WKZ Basis-Umsatz": "" if self.base is None else '"EUR"',
            "Konto": self.account,
            "Gegenkonto (ohne BU-Schlüssel)": self.contra,
            "BU-Schlüssel": f'"{self.key}"' if self.key else "",
            "Belegdatum": self.day.strftime("%d%m"),
            "Belegfeld 1": quoted(self.number),
            "Belegfeld 2": quoted(self.second),
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
    """What varies in line 1."""

    first: date = date(2026, 10, 1)
    last: date = date(2026, 10, 31)
    chart: str = "03"
    main: str = "700"
    category: str = "21"
    name: str = "Buchungsstapel"
    version: str = "13"
    adviser: str = "29098"
    client: str = "55003"
    year: date = date(2026, 1, 1)
    length: int = 4

    def written(self) -> str:
        """31 fields."""
        days = [f"{day:%Y%m%d}" for day in (self.year, self.first, self.last)]
        return (
            f'"EXTF";{self.main};{self.category};"{self.name}";{self.version};20261101120000000;;"SV";"";"";'
            f'{self.adviser};{self.client};{days[0]};{self.length};{days[1]};{days[2]};"Rechnungen";"";1;0;0;"EUR";;"";;;'
            f'"{self.chart}";;;"";""'
        )


def table(lines: Iterable[Line], head: Head = Head(), titles: Iterable[str] = TITLES) -> bytes:
    """An EXTF file as the format wants it: Windows-1252, CR LF."""
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


# Revenue accounts by tax rate and sevDesk tax rule; last three digits, the same in both charts but for rule 11.
SUFFIX = {2: "120", 3: "125", 4: "100", 5: "337", 17: "338", 21: "336"}


def revenue(rate: int, rule: int, chart: str) -> str:
    """The account an ordinary export takes."""
    if rule == 11:
        return "8195" if chart == "03" else "4185"
    suffix = {19: "400", 7: "300"}.get(rate) or SUFFIX.get(rule, "290")
    return ("8" if chart == "03" else "4") + suffix


@dataclass
class Habits:
    """How one exporter books."""

    chart: str = "03"
    debtor_first: bool = True
    split: str = "rate"  # or `position`, `net` (tax posted beside)
    storno: str = "swapped"  # or `negative`, `reversal`, `origin` (under the cancelled number)
    collective: bool = False
    length: int = 4
    keyed: bool = False  # general revenue accounts, the tax by BU-Schlüssel


@dataclass
class Month:
    """Documents and payments of a month, and the lines that book them without a fault."""

    head: Head
    habits: Habits
    documents: list[Document] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def replaced(self, at: int, **changes: object) -> list[Line]:
        """The lines with one changed."""
        return [replace(line, **changes) if i == at else line for i, line in enumerate(self.lines)]  # type: ignore[arg-type]


def month(seed: int, invoices: int = 30, habits: Habits | None = None) -> Month:
    """A month of invented business; the same seed gives the same month."""
    chance = random.Random(seed)
    habits = habits or Habits(
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
    made = Month(Head(first, last, habits.chart, year=date(year, 1, 1), length=habits.length), habits)
    for index in range(invoices):
        _add_invoice(made, chance, index)
    made.lines += [  # somebody else's business in the same file
        Line(Decimal("35.70"), "H", "70001", "4930" if habits.chart == "03" else "6815", first, "ER-77", key="9"),
        Line(Decimal("9.90"), "S", "4970" if habits.chart == "03" else "6855", _bank(habits), last, "", text="Gebühr"),
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
    document = _document(f"RE-{1000 + index}", "invoice", day, taxed, rule, customer)
    debtor = _debtor(made.habits, customer)
    made.documents.append(document)
    made.lines += _claim(made.habits, document, taxed, debtor, 1)
    if chance.random() < 0.15:
        _add_cancellation(made, chance, document, taxed, debtor)
    elif chance.random() < 0.6:
        for part in _parts(document.gross, chance):
            paid = day + timedelta(days=chance.randrange((made.head.last - day).days + 1))
            made.payments.append(Payment(document.number, part, paid))
            made.lines.append(Line(part, "S", _bank(made.habits), debtor, paid, document.number, text="Zahlung"))


def _add_cancellation(
    made: Month, chance: random.Random, document: Document, taxed: list[tuple[int, Decimal, Decimal]], debtor: str
) -> None:
    day = document.day + timedelta(days=chance.randrange((made.head.last - document.day).days + 1))
    number = f"SR-{document.number}"
    negative = [(rate, -net, -tax) for rate, net, tax in taxed]
    against = _document(number, "cancellation", day, negative, document.tax_rule, document.party, document.number)
    made.documents.append(against)
    made.lines += _claim(made.habits, against, taxed, debtor, -1)


def _document(
    number: str,
    kind: str,
    day: date,
    taxed: list[tuple[int, Decimal, Decimal]],
    rule: int,
    party: Hashable,
    cancels: str | None = None,
) -> Document:
    none = Decimal(0)
    sums: dict[int, tuple[Decimal, Decimal]] = {}
    for rate, net, tax in taxed:
        sums[rate] = sums.get(rate, (none, none))[0] + net, sums.get(rate, (none, none))[1] + tax
    shares = tuple(Share(Decimal(rate), *sums[rate]) for rate in sorted(sums))
    return Document(number, kind, day, sum((s.net + s.tax for s in shares), none), shares, rule, "EUR", cancels, party)


def _parts(gross: Decimal, chance: random.Random) -> list[Decimal]:
    if gross < 2 or chance.random() < 0.7:
        return [gross]
    part = (gross * chance.randint(10, 90) / 100).quantize(CENT)
    return [part, gross - part] if chance.random() < 0.5 else [part]


def _claim(
    habits: Habits, document: Document, taxed: list[tuple[int, Decimal, Decimal]], debtor: str, sign: int
) -> Iterator[Line]:
    """Debtor against revenue. `taxed` is positive; `sign` below zero makes it a cancellation."""
    for amount, account, key in _amounts(habits, document, taxed):
        ledger = account.ljust(habits.length, "0")
        line = Line(amount, "S", debtor, ledger, document.day, document.number, key)
        if not habits.debtor_first:
            line = replace(line, side="H", account=ledger, contra=debtor)
        yield line if sign > 0 else _turned(habits, line, document)


def _turned(habits: Habits, line: Line, document: Document) -> Line:
    if habits.storno == "negative":
        return replace(line, amount=-line.amount)
    if habits.storno == "reversal":
        return replace(line, reversal=True)
    line = replace(line, side="H" if line.side == "S" else "S")
    if habits.storno == "origin":
        return replace(line, number=document.cancels or "", second=document.number)
    return line


def _amounts(
    habits: Habits, document: Document, taxed: list[tuple[int, Decimal, Decimal]]
) -> Iterator[tuple[Decimal, str, str]]:
    """(amount, account, tax key) of each line."""
    by_rate = [(int(share.rate), abs(share.net), abs(share.tax)) for share in document.shares]
    parts = taxed if habits.split == "position" else by_rate
    for rate, net, tax in parts:
        account = revenue(rate, document.tax_rule, habits.chart)
        general = habits.keyed and bool(tax) and document.tax_rule == 1
        if general:
            account = ("8" if habits.chart == "03" else "4") + "200"
        if habits.split == "net" and tax:
            yield net, account, "" if general else "40"
            tail = {19: ("1776", "3806"), 7: ("1771", "3801")}[rate]
            yield tax, tail[habits.chart == "04"], ""
        else:
            yield net + tax, account, {19: "3", 7: "2"}[rate] if general else ""


def _debtor(habits: Habits, index: int) -> str:
    if habits.collective:
        return ("1400" if habits.chart == "03" else "1200").ljust(habits.length, "0")
    return f"{10000 + index}".ljust(habits.length + 1, "0")


def _bank(habits: Habits) -> str:
    return ("1200" if habits.chart == "03" else "1800").ljust(habits.length, "0")
