"""Line 1 of an EXTF file: what it says, and what is wrong with it. Pure; field numbers are official, from 1."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

BOOKINGS, DEBTORS = 21, 16  # field 3 (official): postings; debtors and creditors; 20 is labels of accounts, ...
FIELDS = 31

# Bookings 12 and 13 are what DATEV asks for since 2022 (official: "mindestens 12").
_CURRENT_VERSIONS = (12, 13)

# Told with a kind and a German sentence.
Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Header:
    """Line 1. What could not be read is None and has its finding."""

    category: int
    version: int | None
    adviser: str  # Beraternummer
    client: str  # Mandantennummer
    year_begin: date | None  # of the fiscal year
    account_length: int  # digits of a general ledger account; debtors have one more
    first: date | None
    last: date | None
    currency: str
    chart: str  # `03`, `04`, or empty


class Unreadable(Exception):
    """The header says nothing that could be read; the message says why, in German."""


def read_header(fields: list[str], find: Tell, note: Tell) -> Header:
    """The header; `find` is told what is wrong, `note` what is odd. Raises `Unreadable`."""
    return _Head(fields, find, note).read()


def dated(ddmm: str, year: int) -> date | None:
    """The day DDMM of a year, if there is one."""
    try:
        return date(year, int(ddmm[2:]), int(ddmm[:2]))
    except ValueError:
        return None


class _Head:
    def __init__(self, fields: list[str], find: Tell, note: Tell) -> None:
        self._fields, self._find, self._note = fields, find, note

    def read(self) -> Header:
        if self._at(2) != "700" or not self._at(3).isdecimal():
            raise Unreadable(
                f"Nur Hauptversion 700 wird gelesen; die Datei nennt Version {self._at(2)[:6]!r}, "
                f"Kategorie {self._at(3)[:6]!r}."
            )
        category = int(self._at(3)[:6])
        header = Header(
            category=category,
            version=int(self._at(5)[:6]) if self._at(5).isdecimal() else None,
            adviser=self._at(11),
            client=self._at(12),
            year_begin=self._day(13, "Beginn des Wirtschaftsjahres", needed=category == BOOKINGS),
            account_length=int(self._at(14)) if re.fullmatch("[4-8]", self._at(14)) else 4,
            first=self._day(15, "Anfang des Zeitraums", needed=category == BOOKINGS),
            last=self._day(16, "Ende des Zeitraums", needed=category == BOOKINGS),
            currency=self._at(22) or "EUR",
            chart=self._at(27),
        )
        if category == BOOKINGS:
            self._judge(header)
        return header

    def _at(self, number: int) -> str:
        return self._fields[number - 1].strip() if number <= len(self._fields) else ""

    def _day(self, number: int, name: str, *, needed: bool) -> date | None:
        written = self._at(number)
        if re.fullmatch(r"[0-9]{8}", written):
            day = dated(written[6:] + written[4:6], int(written[:4]) or 1)
            if day is not None:
                return day
        if needed:
            self._find("header", f"{name} (Feld {number}) ist kein Tag der Form JJJJMMTT.")
        return None

    def _judge(self, header: Header) -> None:
        find, note = self._find, self._note
        if self._at(1) != "EXTF":
            note("header", "Das Kennzeichen DTVF ist DATEV vorbehalten; fremde Programme schreiben EXTF.")
        if len(self._fields) != FIELDS:
            note("header", f"Der Kopf hat {len(self._fields)} statt {FIELDS} Felder.")
        if header.version is None:
            find("header", "Die Formatversion (Feld 5) ist keine Zahl.")
        elif header.version not in _CURRENT_VERSIONS:
            note("header", f"Formatversion {header.version}; DATEV nennt 12 als Mindestversion, 13 als neueste.")
        # Official: 1001 to 9999999 and 1 to 99999.
        if not re.fullmatch(r"[0-9]{4,7}", header.adviser) or int(header.adviser) < 1001:
            find("header", "Die Beraternummer (Feld 11) fehlt oder ist ungültig.")
        if not re.fullmatch(r"[0-9]{1,5}", header.client) or int(header.client) < 1:
            find("header", "Die Mandantennummer (Feld 12) fehlt oder ist ungültig.")
        if not re.fullmatch("[4-8]", self._at(14)):
            find("header", "Die Sachkontenlänge (Feld 14) ist keine Zahl von 4 bis 8.")
        self._judge_days(header)

    def _judge_days(self, header: Header) -> None:
        first, last, begin = header.first, header.last, header.year_begin
        if first and last and first > last:
            self._find("header", "Der Zeitraum des Stapels endet vor seinem Anfang.")
        elif first and last and begin and not (begin <= first and (last - begin).days < 366):
            self._find("header", "Der Zeitraum des Stapels liegt nicht in seinem Wirtschaftsjahr.")
