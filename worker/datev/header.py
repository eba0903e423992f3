"""Line 1 of an EXTF file: reads and checks its fields. Pure. Field numbers count from 1, as in DATEV's description."""

import re
from dataclasses import dataclass
from datetime import date

from worker.datev.findings import Finding, Findings
from worker.datev.messages import Message, message

# Format category, field 3 (official): Buchungsstapel; Debitoren/Kreditoren. There are others.
CATEGORY_POSTINGS, CATEGORY_DEBTORS = 21, 16
FIELDS = 31

# Versions of the Buchungsstapel format. Official: "mindestens 12" since 2022; 13 is the newest.
_CURRENT_VERSIONS = (12, 13)


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of line 1 that we use. None where a field could not be read; a finding then says so."""

    category: int
    version: int | None
    consultant: str  # Beraternummer
    client: str  # Mandantennummer
    fiscal_year_start: date | None
    account_length: int  # digits of a general ledger account (Sachkontenlänge); debtors have one more
    first: date | None
    last: date | None
    currency: str
    chart_code: str  # `03`, `04`, or empty
    locked: bool | None  # Festschreibung (field 21); None where it is not said


class UnreadableHeader(Exception):
    """The header does not say which format follows, for this `reason`."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.german)
        self.reason = reason


def read_header(fields: list[str], file: str, findings: Findings) -> Header:
    """Reads the header and adds what is wrong or unusual to `findings`. Raises `UnreadableHeader`."""
    return _HeaderReader(fields, file, findings).read()


def parse_ddmm(ddmm: str, year: int) -> date | None:
    """The day of a year written as four digits DDMM; None if there is no such day."""
    try:
        return date(year, int(ddmm[2:]), int(ddmm[:2]))
    except ValueError:
        return None


class _HeaderReader:
    def __init__(self, fields: list[str], file: str, findings: Findings) -> None:
        self._fields, self._file, self._findings = fields, file, findings

    def read(self) -> Header:
        if self._field(2) != "700" or not self._field(3).isdecimal():
            version, category = self._field(2)[:6], self._field(3)[:6]
            raise UnreadableHeader(message("file_version", version=version, category=category))
        number = int(self._field(3)[:6])
        required = number == CATEGORY_POSTINGS
        header = Header(
            category=number,
            version=int(self._field(5)[:6]) if self._field(5).isdecimal() else None,
            consultant=self._field(11),
            client=self._field(12),
            fiscal_year_start=self._day(13, "Beginn des Wirtschaftsjahres", required=required),
            account_length=int(self._field(14)) if re.fullmatch("[4-8]", self._field(14)) else 4,
            first=self._day(15, "Anfang des Zeitraums", required=required),
            last=self._day(16, "Ende des Zeitraums", required=required),
            currency=self._field(22) or "EUR",
            chart_code=self._field(27),
            locked={"0": False, "1": True}.get(self._field(21)),
        )
        if required:
            self._check(header)
        return header

    def _field(self, number: int) -> str:
        return self._fields[number - 1].strip() if number <= len(self._fields) else ""

    def _day(self, number: int, name: str, *, required: bool) -> date | None:
        written = self._field(number)
        if re.fullmatch(r"[0-9]{8}", written):
            day = parse_ddmm(written[6:] + written[4:6], int(written[:4]) or 1)
            if day is not None:
                return day
        if required:
            self._add(message("header_day", name=name, field=number))
        return None

    def _check(self, header: Header) -> None:
        if self._field(1) != "EXTF":
            self._add(message("header_dtvf"), note=True)
        if len(self._fields) != FIELDS:
            self._add(message("header_fields", count=len(self._fields), expected=FIELDS), note=True)
        if header.version is None:
            self._add(message("header_version_unknown"))
        elif header.version not in _CURRENT_VERSIONS:
            self._add(message("header_version", version=header.version), note=True)
        # Official: 1001 to 9999999 and 1 to 99999.
        if not re.fullmatch(r"[0-9]{4,7}", header.consultant) or int(header.consultant) < 1001:
            self._add(message("header_consultant"))
        if not re.fullmatch(r"[0-9]{1,5}", header.client) or int(header.client) < 1:
            self._add(message("header_client"))
        if not re.fullmatch("[4-8]", self._field(14)):
            self._add(message("header_account_length"))
        first, last, begin = header.first, header.last, header.fiscal_year_start
        if first and last and first > last:
            self._add(message("header_period_reversed"))
        elif first and last and begin and not (begin <= first and (last - begin).days < 366):
            self._add(message("header_fiscal_year"))

    def _add(self, what: Message, *, note: bool = False) -> None:
        self._findings.add(Finding(what, self._file, line=1, note=note))
