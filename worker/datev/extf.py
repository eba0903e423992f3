"""Reads an EXTF file (DATEV-Format, main version 700): header, titles, then one posting a record. Pure.

Holds one record in memory at a time. No content of the file raises an exception: what is wrong becomes a `Finding` with
its line, and reading goes on. Only a file whose header or titles cannot be understood has no postings at all, and says
why in `ExtfFile.refusal`.

The format is *official* (developer.datev.de, "DATEV-Format", read 2026-11): `;` between fields, CRLF, texts in double
quotes, decimal comma, Windows-1252, line 1 with 31 fields, line 2 with the titles. What sevDesk's export really holds
was never captured, so columns are found by title, or by their official order where the titles are other words;
and a deviation that does not change a posting is only a note. Versions 5 to 13 of the Buchungsstapel differ in how many
columns follow the first 20, which changes nothing here.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from worker.datev.accounts import is_reversal
from worker.datev.findings import Findings
from worker.datev.header import (
    CATEGORY_DEBTORS,
    CATEGORY_POSTINGS,
    Header,
    UnreadableHeader,
    parse_ddmm,
    read_header,
)
from worker.datev.messages import Message, message
from worker.datev.records import FileFindings, Records

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
    "link": ("beleglink",),
    "reversal": ("generalumkehr(gu)", "generalumkehr"),
}
# Field of `Posting` -> number of its column, from 0, the same in all versions since 5 (official).
_POSITIONS = {
    "amount": 0, "side": 1, "currency": 2, "base_amount": 4, "base_currency": 5, "account": 6, "contra_account": 7,
    "key": 8, "day": 9, "number": 10, "reference": 11, "discount": 12, "text": 13, "link": 19, "reversal": 117,
}  # fmt: skip
_REQUIRED = ("amount", "side", "account", "contra_account", "day", "number")

_AMOUNT = re.compile(r"-?\d{1,10}(,\d{1,2})?")
_ACCOUNT = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Posting:
    """One record, which begins in `line`. Amounts in `currency`; account numbers as written.

    Those of general ledger accounts have `Header.account_length` digits.
    """

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
    link: str = ""  # Beleglink, such as `BEDI "<GUID>"`

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


class ExtfFile(FileFindings):
    """One EXTF file: a Buchungsstapel (category 21), or master data. May be iterated once, over its postings.

    What is wrong is added to `findings`.
    """

    def __init__(self, source: BinaryIO, name: str, findings: Findings) -> None:
        """Reads header and titles; `name` is used in findings."""
        super().__init__(name, findings)
        self.header: Header | None = None
        self.refusal: Message | None = None  # why nothing can be read
        self._records = Records(source, self)
        self._lines = iter(self._records)
        self._columns: dict[str, int] = {}
        self._open()

    def __iter__(self) -> Iterator[Posting]:
        if self.refusal is not None or self.header is None or self.header.category != CATEGORY_POSTINGS:
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

    def _open(self) -> None:
        _, fields = next(self._lines, (1, []))
        if not fields or fields[0].strip() not in ("EXTF", "DTVF"):
            self.refusal = message("file_not_extf")
            return
        try:
            self.header = read_header(fields, self.name, self.findings)
        except UnreadableHeader as refused:
            self.refusal = refused.reason
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
        self._records.width = len(titles)
        missing = [name for name in _REQUIRED if name not in self._columns]
        if missing and len(titles) > _POSITIONS["text"] and self._columns.items() <= _POSITIONS.items():
            self._columns = {name: at for name, at in _POSITIONS.items() if at < len(titles)}
            self.add_note(message("fields_by_position"), 2)
        elif missing:
            self.refusal = message("file_titles", titles=", ".join(_TITLES[name][0] for name in missing))

    def _normalized(self, title: str) -> str:
        """A title in lower case, without spaces and hyphens, and with its umlaut however that is spelled."""
        plain = re.sub(r"[\s\-–_]", "", title).lower()
        spelled = re.sub(r"schl.{1,4}ssel", "schlüssel", plain)
        if spelled != plain.replace("schluessel", "schlüssel"):
            self.add_fault_once(message("encoding_titles"), 2)
        return spelled

    def _posting(self, line: int, fields: list[str], header: Header) -> Posting | None:
        width = self._records.width
        if len(fields) < width:
            if line == self._records.unended:
                self.add_fault(message("truncated_line"), line)
                return None
            if len(fields) <= max(self._columns[name] for name in _REQUIRED):
                self.add_fault(message("line_short", count=len(fields), expected=width), line)
                return None
            self.add_note(message("fields_fewer"), line)
        elif any(fields[width:]):
            self.add_fault(message("line_long", count=len(fields), expected=width), line)
            return None
        row = {name: fields[at].strip() if at < len(fields) else "" for name, at in self._columns.items()}
        try:
            return self._parsed(line, row, header)
        except _BadField as bad:
            self.add_fault(bad.reason, line)
            return None

    def _parsed(self, line: int, row: dict[str, str], header: Header) -> Posting:
        amount = _amount(row["amount"], "Umsatz")
        if amount < 0:
            self.add_note(message("negative_amounts"), line)
        if row["side"] not in ("S", "H", ""):
            raise _BadField("line_side", row["side"][:3])
        if len(row["number"]) > 36:
            self.add_note(message("number_long"), line)
        key = row.get("key", "")
        if key and not re.fullmatch("[0-9]{1,4}", key):
            raise _BadField("line_key", key[:6])
        base_amount, discount = row.get("base_amount", ""), row.get("discount", "")
        return Posting(
            line=line,
            amount=amount,
            debit=row["side"] != "H",  # official: S is the default
            reversal=row.get("reversal", "") in ("1", "G") or is_reversal(key),
            currency=row.get("currency", "") or header.currency,
            base_amount=_amount(base_amount, "Basis-Umsatz") if base_amount else None,
            base_currency=row.get("base_currency", "") or header.currency,
            account=_account(row["account"], "Konto"),
            contra_account=_account(row["contra_account"], "Gegenkonto"),
            key=sys.intern(key),
            day=self._day(row["day"], header, line),
            number=row["number"],
            reference=row.get("reference", ""),
            discount=_amount(discount, "Skonto") if discount else Decimal(0),
            text=row.get("text", ""),
            link=row.get("link", ""),
        )

    def _day(self, written: str, header: Header, line: int) -> date:
        """The day written as DDMM, in the year that puts it into the period, else into the fiscal year."""
        if re.fullmatch(r"\d{3}", written):
            self.add_note(message("day_without_zero"), line)
            written = f"0{written}"
        if not re.fullmatch(r"[0-9]{4}", written):
            raise _BadField("line_day", written[:10])
        day = _in_period(written, header.first, header.last)
        begin = header.fiscal_year_start or header.first
        if day is None and begin is not None:
            candidates = (parse_ddmm(written, begin.year), parse_ddmm(written, begin.year + 1))
            day = next((found for found in candidates if found is not None and found >= begin), None)
        if day is None:
            raise _BadField("line_year", written)
        return day


class _BadField(Exception):
    """A field that cannot be read, which becomes a finding at its line."""

    def __init__(self, code: str, written: str, **values: str) -> None:
        super().__init__(code)
        self.reason = message(code, written=written, **values)


def _amount(written: str, title: str) -> Decimal:
    if not _AMOUNT.fullmatch(written) or not written.isascii():
        raise _BadField("line_amount", written[:20], title=title)
    return Decimal(written.replace(",", "."))


def _account(written: str, title: str) -> str:
    if not _ACCOUNT.fullmatch(written) or not written.isascii():
        raise _BadField("line_account", written[:12], title=title)
    return sys.intern(written)  # few accounts, many postings


def _in_period(ddmm: str, first: date | None, last: date | None) -> date | None:
    if first is None or last is None:
        return None
    days = (parse_ddmm(ddmm, year) for year in range(first.year, min(last.year, first.year + 2) + 1))
    return next((day for day in days if day is not None and first <= day <= last), None)
