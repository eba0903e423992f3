"""Splits an EXTF file into records: decoded fields, with the line breaks that quoted texts contain. Pure.

Holds one record in memory at a time, and the lines that were read ahead to find its end. What is wrong becomes a
finding with its line, and reading goes on with the next line.
"""

import csv
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from worker.datev.findings import Finding, Findings
from worker.datev.messages import Message, message

# Bytes of a line, and of a record, that are read at once. A line of 125 columns at their longest has less than 10,000.
MAX_LINE = 64 * 1024


class FileFindings:
    """Adds findings about one file."""

    def __init__(self, name: str, findings: Findings) -> None:
        self.name, self.findings = name, findings
        self._reported: set[Message | str] = set()

    def add_fault(self, what: Message, line: int) -> None:
        self.findings.add(Finding(what, self.name, line))

    def add_fault_once(self, what: Message, line: int) -> None:
        """Adds a finding unless the file has one of this kind that was added this way."""
        if what.kind not in self._reported:
            self._reported.add(what.kind)
            self.add_fault(what, line)

    def add_note(self, what: Message, line: int) -> None:
        """Adds a note unless the file has this one already."""
        if what not in self._reported:
            self._reported.add(what)
            self.findings.add(Finding(what, self.name, line, note=True))


class Records:
    """The records of one file, to be iterated once: (number of the first line, fields).

    `width` is to be set once the titles are known. `unended` is the number of the last record's line if its line end is
    missing, else 0.
    """

    def __init__(self, source: BinaryIO, findings: FileFindings) -> None:
        self.width = self.unended = 0
        self._source, self._findings = source, findings
        self._number = 0
        self._read_ahead: deque[tuple[int, bytes]] = deque()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        while (line := self._next_line()) is not None:
            fields = self._fields(*line)
            if fields is not None:
                yield line[0], fields

    def _next_line(self) -> tuple[int, bytes] | None:
        if self._read_ahead:
            return self._read_ahead.popleft()
        self._number += 1
        raw = self._source.readline(MAX_LINE)
        return (self._number, raw) if raw else None

    def _fields(self, number: int, raw: bytes) -> list[str] | None:
        """None for a line that cannot be read, which becomes a finding."""
        if not raw.endswith(b"\n") and not self._is_last(raw, number):
            self._findings.add_fault(message("line_too_long"), number)
            return None
        if raw.count(b'"') % 2 and (fields := self._continued(number, raw)) is not None:
            return fields
        self._note_line_end(raw, number)
        if (fields := self._parsed(raw, number)) is None:
            self._findings.add_fault(message("truncated_quotes" if self.unended else "line_quotes"), number)
        return fields

    def _continued(self, number: int, raw: bytes) -> list[str] | None:
        """The fields of a record that goes on in the next lines, because a quoted text contains line breaks.

        None if no record ends in the lines that follow; they are then read as lines of their own.
        """
        lines, open_quote = [(number, raw)], True
        while open_quote and lines[-1][1].endswith(b"\n") and sum(len(each) for _, each in lines) < MAX_LINE:
            if (following := self._next_line()) is None:
                break
            lines.append(following)
            open_quote ^= following[1].count(b'"') % 2 == 1
        whole = b"".join(each for _, each in lines)
        fields = None if open_quote else self._parsed(whole, number)
        if fields is None or (self.width and any(fields[self.width :])):
            self._read_ahead.extendleft(reversed(lines[1:]))
            return None
        if not whole.endswith(b"\n"):
            self._is_last(lines[-1][1], number)
        self._note_line_end(whole, number)
        self._findings.add_note(message("line_breaks"), number)
        return fields

    def _note_line_end(self, raw: bytes, number: int) -> None:
        if raw.endswith(b"\n") and not raw.endswith(b"\r\n"):
            self._findings.add_note(message("line_ends_lf"), number)

    def _parsed(self, raw: bytes, number: int) -> list[str] | None:
        try:
            text = self._decoded(raw.rstrip(b"\r\n\x1a"), number)
            return next(csv.reader([text], delimiter=";", strict=True), [])
        except csv.Error:
            return None

    def _is_last(self, raw: bytes, number: int) -> bool:
        """True if a line without line end is the last of the file. If it is only too long, the rest is skipped."""
        if len(raw) < MAX_LINE:
            if raw.strip(b"\x1a"):
                self.unended = number
                self._findings.add_note(message("line_end_missing"), number)
            return True
        while raw and not raw.endswith(b"\n"):
            raw = self._source.readline(MAX_LINE)
        return False

    def _decoded(self, raw: bytes, number: int) -> str:
        if number == 1 and raw.startswith(BOM_UTF8):
            self._findings.add_fault_once(message("encoding_bom"), 1)
            raw = raw.removeprefix(BOM_UTF8)
        # Text in Windows-1252 is hardly ever valid UTF-8: each non-ASCII letter would need a fitting one behind it.
        for encoding, fault in (("utf-8", message("encoding_utf8")), ("cp1252", None)):
            with suppress(UnicodeDecodeError):
                text = raw.decode(encoding)
                if fault and not raw.isascii():
                    self._findings.add_fault_once(fault, number)
                return text
        self._findings.add_fault_once(message("encoding_unknown"), number)
        return raw.decode("cp1252", errors="replace")
