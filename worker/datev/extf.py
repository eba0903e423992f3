"""Reads an EXTF file (DATEV-Format, main version 700): header, titles, then one posting a line. Pure.

Holds one line in memory at a time. No content of the file raises an exception: what is wrong becomes a `Finding` with
its line, and reading goes on. Only a file whose header or titles cannot be understood has no postings at all, and says
why in `ExtfFile.refused`.

The format is *official* (developer.datev.de, "DATEV-Format", read 2026-11): `;` between fields, CRLF, texts in double
quotes, decimal comma, Windows-1252, line 1 with 31 fields, line 2 with the titles. What sevDesk's export really holds
was never captured, so columns are found by title, and a deviation that does not change a posting is only a note.
"""

import csv
import itertools
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from worker.datev.findings import Finding, Findings
from worker.datev.header import (
    CATEGORY_DEBTORS,
    CATEGORY_POSTINGS,
    Header,
    UnreadableHeader,
    parse_ddmm,
    read_header,
)

# Bytes of a line that are read at once. A line of 125 columns at their longest has less than 10,000.
MAX_LINE = 64 * 1024
# Field of `Posting` -> titles of its column, as `_normalized` writes them.
_TITLES = {
    "amount": ("umsatz(ohnesoll/habenkz)", "umsatz"),
    "side": ("soll/habenkennzeichen",),
    "currency": ("wkzumsatz",),
    "base_amount": ("basisumsatz",),
    "base_currency": ("wkzbasisumsatz",),
    "account": ("konto",),
    "contra_account": ("gegenkonto(ohnebuschlüssel)", "gegenkonto"),
    "key": ("buschlüssel",),
    "day": ("belegdatum",),
    "number": ("belegfeld1",),
    "reference": ("belegfeld2",),
    "discount": ("skonto",),
    "text": ("buchungstext",),
    "reversal": ("generalumkehr(gu)", "generalumkehr"),
}
_REQUIRED = ("amount", "side", "account", "contra_account", "day", "number")

_AMOUNT = re.compile(r"-?\d{1,10}(,\d{1,2})?")
_ACCOUNT = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Posting:
    """One line. Amounts in `currency`; account numbers as written, for `Header.account_length` digits."""

    line: int
    amount: Decimal  # as written; some exporters write negative ones although DATEV expects positive
    debit: bool  # Soll, seen from `account`; False: Haben
    reversal: bool  # Generalumkehr: stands on the same side, with the opposite effect
    currency: str
    base_amount: Decimal | None  # the amount in `base_currency`, for foreign currencies
    base_currency: str
    account: str  # Konto
    contra_account: str  # Gegenkonto
    key: str  # BU-Schlüssel
    day: date  # Belegdatum
    number: str  # Belegfeld 1
    reference: str  # Belegfeld 2
    discount: Decimal  # Skonto
    text: str

    @property
    def debited(self) -> Decimal:
        """What `account` is debited with; negative if it is credited."""
        return self._signed(self.amount)

    @property
    def base_debited(self) -> Decimal:
        """`debited` in the base currency."""
        return self._signed(self.amount if self.base_amount is None else self.base_amount)

    def _signed(self, amount: Decimal) -> Decimal:
        """A negative amount and a Generalumkehr both mean a reversal; together they still mean one."""
        reversed_ = self.reversal or self.amount < 0
        return abs(amount) if self.debit is not reversed_ else -abs(amount)


class ExtfFile:
    """One EXTF file: a Buchungsstapel (category 21), or master data. May be iterated once, over its postings.

    What is wrong is added to `findings`.
    """

    def __init__(self, source: BinaryIO, name: str, findings: Findings) -> None:
        """Reads header and titles; `name` is used in findings."""
        self.name, self.findings = name, findings
        self.header: Header | None = None
        self.refused: str | None = None  # why nothing can be read, in German
        self._lines = self._read_lines(source)
        self._columns: dict[str, int] = {}
        self._width = 0
        self._unended = 0  # number of the last line, if its line end is missing
        self._reported: set[str] = set()
        self._open()

    def __iter__(self) -> Iterator[Posting]:
        if self.refused is not None or self.header is None or self.header.category != CATEGORY_POSTINGS:
            return
        for line, fields in self._lines:
            if any(fields) and (posting := self._posting(line, fields, self.header)):
                yield posting

    def debtors(self) -> Iterator[str]:
        """The account numbers in a file of debtors and creditors; none in any other file."""
        if self.header is None or self.header.category != CATEGORY_DEBTORS:
            return
        _, titles = next(self._lines, (2, []))
        column = next((at for at, title in enumerate(titles) if title.strip().lower() == "konto"), None)
        for _, fields in self._lines:
            if column is not None and column < len(fields) and _ACCOUNT.fullmatch(fields[column].strip()):
                yield fields[column].strip()

    def add_fault(self, kind: str, text: str, line: int | None = None) -> None:
        self.findings.add(Finding(kind, text, self.name, line))

    def add_fault_once(self, kind: str, text: str, line: int) -> None:
        """Adds a finding unless the file has one of this kind that was added this way."""
        if kind not in self._reported:
            self._reported.add(kind)
            self.add_fault(kind, text, line)

    def add_note(self, kind: str, text: str, line: int | None = None) -> None:
        """Adds a note unless the file has this one already."""
        if text not in self._reported:
            self._reported.add(text)
            self.findings.add(Finding(kind, text, self.name, line, note=True))

    def _open(self) -> None:
        _, fields = next(self._lines, (1, []))
        if not fields or fields[0].strip() not in ("EXTF", "DTVF"):
            self.refused = "Keine Datei im DATEV-Format: Zeile 1 beginnt nicht mit EXTF."
            return
        try:
            self.header = read_header(fields, self.name, self.findings)
        except UnreadableHeader as reason:
            self.refused = str(reason)
            return
        if self.header.category == CATEGORY_POSTINGS:
            self._read_titles()

    def _read_titles(self) -> None:
        _, titles = next(self._lines, (2, []))
        fields = {alias: name for name, aliases in _TITLES.items() for alias in aliases}
        for index, title in enumerate(titles):
            name = fields.get(self._normalized(title))
            if name is not None:
                self._columns.setdefault(name, index)
        self._width = len(titles)
        if missing := [name for name in _REQUIRED if name not in self._columns]:
            listed = ", ".join(_TITLES[name][0] for name in missing)
            self.refused = f"Zeile 2 nennt nicht alle nötigen Spalten; es fehlen: {listed}."

    def _normalized(self, title: str) -> str:
        """A title in lower case, without spaces and hyphens, and with its umlaut however that is spelled."""
        plain = re.sub(r"[\s\-–_]", "", title).lower()
        spelled = re.sub(r"schl.{1,4}ssel", "schlüssel", plain)
        if spelled != plain.replace("schluessel", "schlüssel"):
            self.add_fault_once("encoding", "Die Umlaute der Titelzeile sind nicht in Windows-1252 geschrieben.", 2)
        return spelled

    def _posting(self, line: int, fields: list[str], header: Header) -> Posting | None:
        if len(fields) < self._width:
            if line == self._unended:
                self.add_fault("truncated", "Die Datei bricht mitten in der letzten Zeile ab.", line)
                return None
            if len(fields) <= max(self._columns[name] for name in _REQUIRED):
                self.add_fault("line", f"Die Zeile hat nur {len(fields)} von {self._width} Feldern.", line)
                return None
            self.add_note("fields", "Einzelne Zeilen haben weniger Felder als die Titelzeile.", line)
        elif any(fields[self._width :]):
            self.add_fault("line", f"Die Zeile hat {len(fields)} Felder statt {self._width}.", line)
            return None
        row = {name: fields[at].strip() if at < len(fields) else "" for name, at in self._columns.items()}
        try:
            return self._parsed(line, row, header)
        except _BadField as problem:
            self.add_fault("line", str(problem), line)
            return None

    def _parsed(self, line: int, row: dict[str, str], header: Header) -> Posting:
        amount = _amount(row["amount"], "Umsatz")
        if amount < 0:
            self.add_note("negative", "Es gibt negative Umsätze; DATEV erwartet positive mit Soll/Haben.", line)
        if row["side"] not in ("S", "H", ""):
            raise _BadField(f"Das Soll/Haben-Kennzeichen {row['side'][:3]!r} ist weder S noch H.")
        if len(row["number"]) > 36:
            self.add_note("number", "Belegfeld 1 ist länger als 36 Zeichen.", line)
        key = row.get("key", "")
        if key and not re.fullmatch("[0-9]{1,4}", key):
            raise _BadField(f"Der BU-Schlüssel {key[:6]!r} hat nicht ein bis vier Ziffern.")
        base_amount, discount = row.get("base_amount", ""), row.get("discount", "")
        return Posting(
            line=line,
            amount=amount,
            debit=row["side"] != "H",  # official: S is the default
            reversal=row.get("reversal", "") in ("1", "G") or bool(re.fullmatch(r"2\d", key)),
            currency=row.get("currency", "") or header.currency,
            base_amount=_amount(base_amount, "Basis-Umsatz") if base_amount else None,
            base_currency=row.get("base_currency", "") or header.currency,
            account=_account(row["account"], "Konto"),
            contra_account=_account(row["contra_account"], "Gegenkonto"),
            key=key,
            day=self._day(row["day"], header, line),
            number=row["number"],
            reference=row.get("reference", ""),
            discount=_amount(discount, "Skonto") if discount else Decimal(0),
            text=row.get("text", ""),
        )

    def _day(self, written: str, header: Header, line: int) -> date:
        """The day written as DDMM, in the year that puts it into the period, else into the fiscal year."""
        if re.fullmatch(r"\d{3}", written):
            self.add_note("day", "Belegdaten haben ihre führende Null verloren (TMM statt TTMM).", line)
            written = f"0{written}"
        if not re.fullmatch(r"[0-9]{4}", written):
            raise _BadField(f"Das Belegdatum {written[:10]!r} hat nicht die Form TTMM.")
        day = _in_period(written, header.first, header.last)
        begin = header.fiscal_year_start or header.first
        if day is None and begin is not None:
            candidates = (parse_ddmm(written, begin.year), parse_ddmm(written, begin.year + 1))
            day = next((found for found in candidates if found is not None and found >= begin), None)
        if day is None:
            raise _BadField(f"Das Belegdatum {written} ist kein Tag dieses Wirtschaftsjahres.")
        return day

    def _read_lines(self, source: BinaryIO) -> Iterator[tuple[int, list[str]]]:
        """Yields (line number, fields). A line that cannot be read is left out and becomes a finding."""
        for number in itertools.count(1):
            if not (raw := source.readline(MAX_LINE)):
                return
            fields = self._fields(source, raw, number)
            if fields is not None:
                yield number, fields

    def _fields(self, source: BinaryIO, raw: bytes, number: int) -> list[str] | None:
        if not raw.endswith(b"\n") and not self._is_last(source, raw, number):
            self.add_fault("line", "Die Zeile ist länger, als das Format erlaubt.", number)
            return None
        if not raw.endswith(b"\r\n") and raw.endswith(b"\n"):
            self.add_note("line_ends", "Zeilen enden mit LF statt CR LF.", number)
        text = self._decoded(raw.rstrip(b"\r\n\x1a"), number)
        try:
            return next(csv.reader([text], delimiter=";", strict=True), [])
        except csv.Error:
            kind = "truncated" if self._unended else "line"
            self.add_fault(kind, "Die Anführungszeichen der Zeile gehen nicht auf.", number)
            return None

    def _is_last(self, source: BinaryIO, raw: bytes, number: int) -> bool:
        """True if a line without line end is the last of the file. If it is only too long, the rest is skipped."""
        if len(raw) < MAX_LINE:
            if raw.strip(b"\x1a"):
                self._unended = number
                self.add_note("line_ends", "Der letzten Zeile fehlt ihr Zeilenende.", number)
            return True
        while raw and not raw.endswith(b"\n"):
            raw = source.readline(MAX_LINE)
        return False

    def _decoded(self, raw: bytes, number: int) -> str:
        if number == 1 and raw.startswith(BOM_UTF8):
            self.add_fault_once("encoding", "Die Datei ist UTF-8 (mit BOM) statt Windows-1252.", 1)
            raw = raw.removeprefix(BOM_UTF8)
        # Text in Windows-1252 is hardly ever valid UTF-8: each non-ASCII letter would need a fitting one behind it.
        for encoding, fault in (("utf-8", "Die Datei enthält UTF-8 statt Windows-1252."), ("cp1252", None)):
            with suppress(UnicodeDecodeError):
                text = raw.decode(encoding)
                if fault and not raw.isascii():
                    self.add_fault_once("encoding", fault, number)
                return text
        self.add_fault_once("encoding", "Die Datei enthält Zeichen, die es in Windows-1252 nicht gibt.", number)
        return raw.decode("cp1252", errors="replace")


class _BadField(Exception):
    """A field that cannot be read; the message, in German, becomes a finding at its line."""


def _amount(written: str, title: str) -> Decimal:
    if not _AMOUNT.fullmatch(written) or not written.isascii():
        raise _BadField(f"{title} {written[:20]!r} ist kein Betrag mit Dezimalkomma.")
    return Decimal(written.replace(",", "."))


def _account(written: str, title: str) -> str:
    if not _ACCOUNT.fullmatch(written) or not written.isascii():
        raise _BadField(f"{title} {written[:12]!r} ist keine Kontonummer.")
    return written


def _in_period(ddmm: str, first: date | None, last: date | None) -> date | None:
    if first is None or last is None:
        return None
    days = (parse_ddmm(ddmm, year) for year in range(first.year, min(last.year, first.year + 2) + 1))
    return next((day for day in days if day is not None and first <= day <= last), None)
