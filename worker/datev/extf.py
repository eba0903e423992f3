"""Reads a DATEV-Format file (EXTF, main version 700): header, titles, then one posting a line. Pure and streaming.

Nothing in the file makes this module raise: what is wrong becomes a `Finding` with its line, and reading goes on. Only
a file whose header or titles cannot be understood has no postings at all (`Stack.refused`).

The format is *official* (developer.datev.de, "DATEV-Format", read 2026-11): `;` between fields, CRLF, texts in double
quotes, decimal comma, Windows-1252, line 1 with 31 fields, line 2 with the titles. What sevDesk's export really holds
was never captured, so titles are found by name and every deviation that does not change a posting is only noted.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from worker.datev.findings import Finding, Findings
from worker.datev.header import BOOKINGS, DEBTORS, Header, Unreadable, dated, read_header

# A full line of 125 columns at their longest is below 10,000 characters; this bounds what one line may cost us.
MAX_LINE = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_TITLES = {
    "amount": ("umsatz(ohnesoll/habenkz)", "umsatz"),
    "side": ("soll/habenkennzeichen",),
    "currency": ("wkzumsatz",),
    "base": ("basisumsatz",),
    "base_currency": ("wkzbasisumsatz",),
    "account": ("konto",),
    "contra": ("gegenkonto(ohnebuschlüssel)", "gegenkonto"),
    "key": ("buschlüssel",),
    "day": ("belegdatum",),
    "number": ("belegfeld1",),
    "second": ("belegfeld2",),
    "discount": ("skonto",),
    "text": ("buchungstext",),
    "reversal": ("generalumkehr(gu)", "generalumkehr"),
}
_NEEDED = ("amount", "side", "account", "contra", "day", "number")

_AMOUNT = re.compile(r"-?\d{1,10}(,\d{1,2})?")
_ACCOUNT = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Posting:
    """One line. Amounts in `currency`; `account` and `contra` as written, for `account_length` digits."""

    line: int
    amount: Decimal  # as written, so negative with some exporters although DATEV wants it positive
    debit: bool  # S or H, seen from `account`
    reversal: bool  # Generalumkehr: booked on the same side with the opposite effect
    currency: str
    base: Decimal | None  # amount in `base_currency`, for foreign currencies
    base_currency: str
    account: str
    contra: str
    key: str  # BU-Schlüssel
    day: date
    number: str  # Belegfeld 1
    second: str  # Belegfeld 2
    discount: Decimal  # Skonto
    text: str

    @property
    def effect(self) -> Decimal:
        """What `account` gains in debit (Soll). A negative amount and a Generalumkehr turn it round, once."""
        return self._signed(self.amount)

    @property
    def base_effect(self) -> Decimal:
        """`effect` in the base currency."""
        return self._signed(self.amount if self.base is None else self.base)

    def _signed(self, amount: Decimal) -> Decimal:
        turned = self.reversal or self.amount < 0
        return abs(amount) if self.debit is not turned else -abs(amount)


class Stack:
    """One EXTF file. Iterate it once for its postings; `findings` is complete after that."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self.name = name
        self.findings = Findings()
        self.header: Header | None = None
        self.refused: str | None = None  # why nothing can be read, in German
        self._lines = _Lines(source, self)
        self._columns: dict[str, int] = {}
        self._width = 0
        self._noted: set[str] = set()
        self._open()

    def __iter__(self) -> Iterator[Posting]:
        if self.refused is not None or self.header is None or self.header.category != BOOKINGS:
            return
        for line, fields in self._lines:
            if fields and any(fields) and (posting := self._posting(line, fields, self.header)):
                yield posting

    def accounts(self) -> Iterator[str]:
        """The accounts of a file of debtors and creditors; nothing of any other file."""
        if self.header is None or self.header.category != DEBTORS:
            return
        _, titles = next(self._lines, (2, []))
        column = next((at for at, title in enumerate(titles) if title.strip().lower() == "konto"), None)
        for _, fields in self._lines:
            if column is not None and column < len(fields) and _ACCOUNT.fullmatch(fields[column].strip()):
                yield fields[column].strip()

    def find(self, kind: str, text: str, line: int | None = None) -> None:
        """Something is wrong here."""
        self.findings.add(Finding(kind, text, self.name, line))

    def note(self, kind: str, text: str, line: int | None = None) -> None:
        """Worth knowing; told once a file."""
        if text not in self._noted:
            self._noted.add(text)
            self.findings.add(Finding(kind, text, self.name, line, note=True))

    def find_once(self, kind: str, text: str, line: int) -> None:
        """Wrong in the same way all over the file: the first place is told."""
        if kind not in self._noted:
            self._noted.add(kind)
            self.find(kind, text, line)

    def _open(self) -> None:
        first = next(self._lines, None)
        fields = first[1] if first else None
        if not fields or fields[0].strip() not in ("EXTF", "DTVF"):
            self.refused = "Keine Datei im DATEV-Format: Zeile 1 beginnt nicht mit EXTF."
            return
        try:
            self.header = read_header(fields, self._find_in_head, self._note_in_head)
        except Unreadable as reason:
            self.refused = str(reason)
            return
        if self.header.category == BOOKINGS:
            self._read_titles()

    def _find_in_head(self, kind: str, text: str) -> None:
        self.find(kind, text, 1)

    def _note_in_head(self, kind: str, text: str) -> None:
        self.note(kind, text, 1)

    def _read_titles(self) -> None:
        _, titles = next(self._lines, (2, None))
        wanted = {alias: name for name, aliases in _TITLES.items() for alias in aliases}
        for index, title in enumerate(titles or ()):
            name = wanted.get(self._plain(title))
            if name is not None:
                self._columns.setdefault(name, index)
        self._width = len(titles or ())
        if missing := [name for name in _NEEDED if name not in self._columns]:
            shown = ", ".join(_TITLES[name][0] for name in missing)
            self.refused = f"Zeile 2 nennt nicht alle nötigen Spalten; es fehlen: {shown}."

    def _plain(self, title: str) -> str:
        """A title without what writers vary: spaces, hyphens, capitals, and how they spell the umlaut."""
        plain = re.sub(r"[\s\-–_]", "", title).lower()
        spelled = re.sub(r"schl.{1,4}ssel", "schlüssel", plain)
        if spelled != plain.replace("schluessel", "schlüssel"):
            self.find_once("encoding", "Die Umlaute der Titelzeile sind nicht in Windows-1252 geschrieben.", 2)
        return spelled

    def _posting(self, line: int, fields: list[str], header: Header) -> Posting | None:
        if len(fields) < self._width:
            if line == self._lines.unended:
                self.find("truncated", "Die Datei bricht mitten in der letzten Zeile ab.", line)
                return None
            if len(fields) <= max(self._columns[name] for name in _NEEDED):
                self.find("line", f"Die Zeile hat nur {len(fields)} von {self._width} Feldern.", line)
                return None
            self.note("fields", "Einzelne Zeilen haben weniger Felder als die Titelzeile.", line)
        elif any(fields[self._width :]):
            self.find("line", f"Die Zeile hat {len(fields)} Felder statt {self._width}.", line)
            return None
        row = {name: fields[at].strip() if at < len(fields) else "" for name, at in self._columns.items()}
        try:
            return self._parsed(line, row, header)
        except _BadField as problem:
            self.find("line", str(problem), line)
            return None

    def _parsed(self, line: int, row: dict[str, str], header: Header) -> Posting:
        amount = _amount(row["amount"], "Umsatz")
        if amount < 0:
            self.note("negative", "Es gibt negative Umsätze; DATEV erwartet positive mit Soll/Haben.", line)
        if row["side"] not in ("S", "H", ""):
            raise _BadField(f"Das Soll/Haben-Kennzeichen {row['side'][:3]!r} ist weder S noch H.")
        if len(row["number"]) > 36:
            self.note("number", "Belegfeld 1 ist länger als 36 Zeichen.", line)
        key = row.get("key", "")
        if key and not re.fullmatch("[0-9]{1,4}", key):
            raise _BadField(f"Der BU-Schlüssel {key[:6]!r} hat nicht ein bis vier Ziffern.")
        base, discount = row.get("base", ""), row.get("discount", "")
        return Posting(
            line=line,
            amount=amount,
            debit=row["side"] != "H",  # official: S is the default
            reversal=row.get("reversal", "") in ("1", "G") or bool(re.fullmatch(r"2\d", key)),
            currency=row.get("currency", "") or header.currency,
            base=_amount(base, "Basis-Umsatz") if base else None,
            base_currency=row.get("base_currency", "") or header.currency,
            account=_account(row["account"], "Konto"),
            contra=_account(row["contra"], "Gegenkonto"),
            key=key,
            day=self._day(row["day"], header, line),
            number=row["number"],
            second=row.get("second", ""),
            discount=_amount(discount, "Skonto") if discount else Decimal(0),
            text=row.get("text", ""),
        )

    def _day(self, written: str, header: Header, line: int) -> date:
        """DDMM; the year is the one that puts the day into the period, else into the fiscal year."""
        if re.fullmatch(r"\d{3}", written):
            self.note("day", "Belegdaten haben ihre führende Null verloren (TMM statt TTMM).", line)
            written = f"0{written}"
        if not re.fullmatch(r"[0-9]{4}", written):
            raise _BadField(f"Das Belegdatum {written[:10]!r} hat nicht die Form TTMM.")
        day = _in_span(written, header.first, header.last)
        begin = header.year_begin or header.first
        if day is None and begin is not None:
            candidates = (dated(written, begin.year), dated(written, begin.year + 1))
            day = next((found for found in candidates if found is not None and found >= begin), None)
        if day is None:
            raise _BadField(f"Das Belegdatum {written} ist kein Tag dieses Wirtschaftsjahres.")
        return day


class _BadField(Exception):
    """A field that means nothing; becomes the line's finding."""


def _amount(written: str, title: str) -> Decimal:
    if not _AMOUNT.fullmatch(written) or not written.isascii():
        raise _BadField(f"{title} {written[:20]!r} ist kein Betrag mit Dezimalkomma.")
    return Decimal(written.replace(",", "."))


def _account(written: str, title: str) -> str:
    if not _ACCOUNT.fullmatch(written) or not written.isascii():
        raise _BadField(f"{title} {written[:12]!r} ist keine Kontonummer.")
    return written


def _in_span(ddmm: str, first: date | None, last: date | None) -> date | None:
    if first is None or last is None:
        return None
    days = (dated(ddmm, year) for year in range(first.year, min(last.year, first.year + 2) + 1))
    return next((day for day in days if day is not None and first <= day <= last), None)


class _Lines:
    """The file as (line number, fields), one line in memory at a time. Bad lines are findings and left out."""

    def __init__(self, source: BinaryIO, stack: Stack) -> None:
        self._source, self._stack, self._number = source, stack, 0
        self.unended = 0  # number of a last line without its end

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        while raw := self._source.readline(MAX_LINE):
            self._number += 1
            fields = self._fields(raw)
            if fields is not None:
                return self._number, fields
        raise StopIteration

    def _fields(self, raw: bytes) -> list[str] | None:
        number = self._number
        if not raw.endswith(b"\n") and not self._is_last(raw):
            self._stack.find("line", "Die Zeile ist länger, als das Format erlaubt.", number)
            return None
        if not raw.endswith(b"\r\n") and raw.endswith(b"\n"):
            self._stack.note("line_ends", "Zeilen enden mit LF statt CR LF.", number)
        text = self._decoded(raw.rstrip(b"\r\n\x1a"))
        try:
            rows = list(csv.reader([text], delimiter=";", strict=True))
        except csv.Error:
            kind = "truncated" if self.unended else "line"
            self._stack.find(kind, "Die Anführungszeichen der Zeile gehen nicht auf.", number)
            return None
        return rows[0] if rows else []

    def _is_last(self, raw: bytes) -> bool:
        """Whether a line without end is the file's last; skips the rest of one that is only too long."""
        if len(raw) < MAX_LINE:
            if raw.strip(b"\x1a"):
                self.unended = self._number
                self._stack.note("line_ends", "Der letzten Zeile fehlt ihr Zeilenende.", self._number)
            return True
        while raw and not raw.endswith(b"\n"):
            raw = self._source.readline(MAX_LINE)
        return False

    def _decoded(self, raw: bytes) -> str:
        if self._number == 1 and raw.startswith(_BOM):
            self._stack.find_once("encoding", "Die Datei ist UTF-8 (mit BOM) statt Windows-1252.", 1)
            raw = raw[len(_BOM) :]
        if raw.isascii():
            return raw.decode("ascii")
        try:
            # Umlauts of Windows-1252 are never valid UTF-8 by chance: it takes two fitting bytes in a row.
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return self._from_cp1252(raw)
        self._stack.find_once("encoding", "Die Datei enthält UTF-8 statt Windows-1252.", self._number)
        return text

    def _from_cp1252(self, raw: bytes) -> str:
        try:
            return raw.decode("cp1252")
        except UnicodeDecodeError:
            self._stack.find_once(
                "encoding", "Die Datei enthält Zeichen, die es in Windows-1252 nicht gibt.", self._number
            )
            return raw.decode("cp1252", errors="replace")
