"""Reading EXTF files: every field of a good one, a finding with its line for a bad one, and never an exception."""

import csv
import io
import itertools
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.extf_writer import TITLES, Head, Line, month, table
from worker.datev.extf import ExtfFile, Posting
from worker.datev.findings import MAX_FINDINGS, Findings

LINE = Line(Decimal("1234.50"), "H", "8400", "10001", date(2026, 10, 5), "RE-1")
# The first lines of DATEV's own sample file, with one posting (developer.datev.de, "DATEV-Format").
SAMPLE = (
    '"EXTF";700;21;"Buchungsstapel";13;20240130140440439;;"RE";"";"";29098;55003;20240101;4;20240101;20240831;'
    '"Buchungsstapel";"WD";1;0;0;"EUR";;"";;;"03";;;"";""\r\n'
)


def read(content: bytes) -> tuple[ExtfFile, list[Posting]]:
    """The file and all its postings."""
    file = ExtfFile(io.BytesIO(content), "EXTF_test.csv", Findings())
    return file, list(file)


def counts(content: bytes) -> dict[str, int]:
    """Findings by kind, notes left out."""
    return dict(read(content)[0].findings.counts)


def test_official_header_is_read() -> None:
    """All 31 fields of the published sample, without a finding."""
    content = (SAMPLE + ";".join(TITLES) + "\r\n").encode("cp1252")
    file, postings = read(content)
    head = file.header
    assert head is not None
    assert (head.category, head.version, head.consultant, head.client) == (21, 13, "29098", "55003")
    assert (head.fiscal_year_start, head.first, head.last) == (date(2024, 1, 1), date(2024, 1, 1), date(2024, 8, 31))
    assert (head.account_length, head.currency, head.chart_code) == (4, "EUR", "03")
    assert postings == []
    assert (file.findings.found, file.findings.notes) == ([], [])


def test_every_field_is_read() -> None:
    """A posting with all that we use, quotes and umlauts in its text."""
    line = replace(
        LINE, key="40", reference="SR-1", text='Größe "L"; Stück', currency="CHF", base_amount=Decimal("1300.00")
    )
    file, (posting,) = read(table([line]))
    assert posting == Posting(
        line=3, amount=Decimal("1234.50"), debit=False, reversal=False, currency="CHF", base_amount=Decimal("1300.00"),
        base_currency="EUR", account="8400", contra_account="10001", key="40", day=date(2026, 10, 5), number="RE-1",
        reference="SR-1", discount=Decimal(0), text='Größe "L"; Stück',
    )  # fmt: skip
    assert (posting.debited, posting.base_debited) == (Decimal("-1234.50"), Decimal("-1300.00"))
    assert file.findings.counts == {}


def test_columns_are_found_by_title() -> None:
    """Another order, fewer columns and other spellings of the titles change nothing."""
    titles = ["Belegfeld 1", "Konto", "Umsatz (ohne Soll/Haben-Kz)", "Belegdatum", "Soll/Haben-Kennzeichen",
              "Gegenkonto (ohne BU-Schlüssel)"]  # fmt: skip
    content = table([LINE], titles=titles)
    for spelled in (content, content.replace("Schlüssel".encode("cp1252"), b"Schluessel")):
        file, (posting,) = read(spelled)
        assert (posting.number, posting.account, posting.amount) == ("RE-1", "8400", Decimal("1234.50"))
        assert file.findings.counts == {}


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        ({}, "-1234.50"),  # Haben
        ({"side": "S"}, "1234.50"),
        ({"side": ""}, "1234.50"),  # Soll is the default
        ({"reversal": True}, "1234.50"),
        ({"amount": Decimal("-1234.50")}, "1234.50"),
        ({"key": "20"}, "1234.50"),  # the old tax key of a Generalumkehr
        ({"reversal": True, "key": "23", "amount": Decimal("-1234.50")}, "1234.50"),  # all marks mean one reversal
        ({"side": "S", "reversal": True}, "-1234.50"),
    ],
)
def test_reversal_swaps_the_side_once(change: dict[str, object], effect: str) -> None:
    """Soll is positive; a Generalumkehr or a negative amount swaps the side, both together once."""
    (posting,) = read(table([replace(LINE, **change)]))[1]  # type: ignore[arg-type]  # fields by name
    assert posting.debited == Decimal(effect)


@pytest.mark.parametrize(
    ("year", "first", "last", "day", "expected"),
    [
        (date(2026, 1, 1), date(2026, 10, 1), date(2026, 10, 31), "0510", date(2026, 10, 5)),
        # A fiscal year from July; the period in the next calendar year, and across New Year.
        (date(2026, 7, 1), date(2027, 2, 1), date(2027, 2, 28), "0502", date(2027, 2, 5)),
        (date(2026, 7, 1), date(2026, 12, 1), date(2027, 1, 31), "0501", date(2027, 1, 5)),
        # Outside the period, the fiscal year says.
        (date(2026, 7, 1), date(2026, 8, 1), date(2026, 8, 31), "0502", date(2027, 2, 5)),
        # A leap day, and a lost zero.
        (date(2028, 1, 1), date(2028, 2, 1), date(2028, 2, 29), "2902", date(2028, 2, 29)),
        (date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 31), "501", date(2026, 1, 5)),
    ],
)
def test_year_comes_from_the_header(year: date, first: date, last: date, day: str, expected: date) -> None:
    """DDMM gets the year that puts it into the period, else into the fiscal year."""
    content = table([LINE], Head(first, last, year=year)).replace(b";0510;", f";{day};".encode())
    file, (posting,) = read(content)
    assert posting.day == expected
    assert file.findings.counts == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1234,50", "1234.50"),  # a decimal point
        ("1234,50", "1.234,50"),  # grouped thousands
        ("1234,50", "1234,505"),
        ("1234,50", ""),
        ("1234,50", "NaN"),
        ("1234,50", "١٢٣"),  # digits to Python, not to DATEV
        ('"H"', '"X"'),
        (";8400;", ";84x0;"),
        (";8400;", ";;"),
        (";10001;", ";1234567890;"),
        (";0510;", ";3110.2026;"),
        (";0510;", ";3113;"),
        (";0510;", ";3002;"),
        (";0510;", ";;"),
        ('"RE-1"', '"RE-1'),  # a quote left open
        ('"RE-1"', '"RE"-1"'),  # a quote not doubled
    ],
)
def test_bad_line_is_a_finding(old: str, new: str) -> None:
    """One bad field costs one line, named by its number, and the lines around it are read."""
    good = table([LINE, LINE, LINE]).decode("cp1252").split("\r\n")
    good[3] = good[3].replace(old, new)
    file, postings = read("\r\n".join(good).encode("utf-8" if "١" in new else "cp1252"))
    assert [posting.line for posting in postings] == [3, 5]
    assert [(finding.kind, finding.line) for finding in file.findings.found if finding.kind == "line"] == [("line", 4)]


def test_shifted_fields_are_no_posting() -> None:
    """A line with more fields than titles is a finding, unless the additional fields are empty."""
    content = table([LINE])
    assert counts(content.replace(b";0510;", b";0510;;")) == {} == counts(content[:-2] + b";;\r\n")
    assert counts(content[:-2] + b";x\r\n") == {"line": 1}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (Head(consultant=""), "header"),
        (Head(consultant="1000"), "header"),
        (Head(client="0"), "header"),
        (Head(client="123456"), "header"),
        (Head(length=3), "header"),
        (Head(version="x"), "header"),
        (Head(first=date(2026, 11, 1)), "header"),  # ends before it begins
        (Head(year=date(2026, 10, 2)), "header"),  # begins before its fiscal year
        (Head(year=date(2025, 1, 1)), "header"),
    ],
)
def test_bad_header_is_a_finding(head: Head, kind: str) -> None:
    """A header with one wrong field is one finding, and the postings are read."""
    file, postings = read(table([LINE], head))
    assert dict(file.findings.counts) == {kind: 1}
    assert len(postings) == 1


def test_old_versions_are_noted() -> None:
    """Format version 9 is old, but its postings mean the same."""
    file, postings = read(table([LINE], Head(version="9")))
    assert (len(postings), dict(file.findings.counts), dict(file.findings.note_counts)) == (1, {}, {"header": 1})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"Rechnung;Betrag\r\n1;2\r\n",
        table([LINE], Head(main_version="510")),
        table([LINE], Head(category="x")),
        table([LINE]).split(b"\r\n")[0],  # no titles
        table([LINE], titles=["Konto", "Belegdatum"]),
        table([LINE]).decode("cp1252").encode("utf-16"),
    ],
)
def test_unreadable_file_says_why(content: bytes) -> None:
    """Without a header or titles that we understand there are no postings, but a reason."""
    file, postings = read(content)
    assert postings == []
    assert file.refusal is not None
    assert file.refusal.german.endswith(".")


def test_master_data_hold_no_postings() -> None:
    """Category 16 (debtors and creditors) is recognized by its header and has no postings."""
    file, postings = read(Head(category="16").written().encode() + b"\r\nKonto;Name\r\n10001;x\r\n")
    assert file.header is not None
    assert (file.header.category, postings, file.refusal) == (16, [], None)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("cp1252", {}),
        ("utf-8", {"encoding": 1}),
        ("utf-8-sig", {"encoding": 1}),
        ("cp850", {"encoding": 1}),
        ("mac_roman", {"encoding": 1}),
    ],
)
def test_wrong_encoding_is_a_finding(encoding: str, expected: dict[str, int]) -> None:
    """Any encoding but Windows-1252 is a finding; the amounts are read all the same."""
    text = table([replace(LINE, text="Größer")]).decode("cp1252")
    file, (posting,) = read(text.encode(encoding))
    assert dict(file.findings.counts) == expected
    assert posting.amount == Decimal("1234.50")
    if encoding.startswith("utf"):
        assert posting.text == "Größer"


def test_other_line_ends_are_noted() -> None:
    """LF alone, and a last line without its end, change no posting and are only noted."""
    content = table([LINE, LINE])
    for varied in (content.replace(b"\r\n", b"\n"), content.removesuffix(b"\r\n")):
        file, postings = read(varied)
        assert (len(postings), dict(file.findings.counts), dict(file.findings.note_counts)) == (2, {}, {"line_ends": 1})


def test_truncated_file_is_found() -> None:
    """A file cut off inside its last line says so, wherever the cut is."""
    content = table([LINE, LINE])
    start = content.rindex(b"\r\n", 0, -2) + 2
    end = len(content) - len(b"\r\n") - 1
    for cut in range(start + 1, end):
        file, postings = read(content[:cut])
        assert len(postings) == 1
        assert dict(file.findings.counts) == {"truncated": 1}, cut


def test_endless_lines_are_bounded() -> None:
    """A line longer than `MAX_LINE` is skipped, whatever its length, and the next one is read."""
    lines = table([LINE]).split(b"\r\n")
    content = b"\r\n".join([*lines[:2], b"x" * 300_000, *lines[2:]])
    file, postings = read(content)
    assert [posting.line for posting in postings] == [4]
    assert dict(file.findings.counts) == {"line": 1}


def test_findings_are_bounded() -> None:
    """A file that is wrong everywhere is counted to the end but not kept."""
    content = table([replace(LINE, account="x")] * (MAX_FINDINGS + 500))
    file, postings = read(content)
    assert postings == []
    assert len(file.findings.found) == MAX_FINDINGS
    assert file.findings.counts["line"] == MAX_FINDINGS + 500


good = table([LINE, replace(LINE, text="Größer & Söhne")])


@given(st.binary(max_size=300), st.integers(0, len(good)), st.integers(0, 40))
@example(b"\x00", 10, 0)
@example(b'"', 700, 1)
def test_no_bytes_make_it_raise(junk: bytes, at: int, gone: int) -> None:
    """Junk alone, or in the middle of a good file, never raises."""
    read(junk)
    read(good[:at] + junk + good[at + gone :])


class Endless(io.RawIOBase):
    """A file of many lines that is never in memory."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines, self._rest = lines, b""

    def readable(self) -> bool:
        """Needed by `io.BufferedReader`."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """The rest of a line, or the next line."""
        self._rest = self._rest or next(self._lines, b"")
        chunk, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(chunk)] = chunk
        return len(chunk)


def test_large_files_stay_out_of_memory() -> None:
    """Postings are read one by one: three thousand of them need less than a quarter of a megabyte."""
    head, titles, line, _ = table([LINE], titles=TITLES[:14]).split(b"\r\n")
    written = (raw + b"\r\n" for raw in (head, titles, *(line for _ in range(3_000))))
    file = ExtfFile(io.BufferedReader(Endless(written)), "EXTF_large.csv", Findings())
    tracemalloc.start()
    try:
        count = sum(1 for _ in file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 3_000
    assert peak < 1 << 18


def read_by_position(content: bytes) -> Iterator[tuple[str, str, str, Decimal, str, str]]:
    """Account, contra account, tax key, signed amount, DDMM, Belegfeld 1 of each line, by the official field numbers.

    Shares nothing with our reader: the csv module, and columns by number instead of by title.
    """
    lines = csv.reader(io.StringIO(content.decode("cp1252"), newline=""), delimiter=";", strict=True)
    for fields in itertools.islice(lines, 2, None):
        whole, _, cents = fields[0].partition(",")
        amount = Decimal(whole) + Decimal(cents.ljust(2, "0")) / (-100 if whole.startswith("-") else 100)
        reversal = amount < 0 or fields[117] == "1"  # field 118: Generalumkehr
        debit = (fields[1] == "S") != reversal
        yield fields[6], fields[7], fields[8], abs(amount) if debit else -abs(amount), fields[9], fields[10]


def test_another_reader_agrees() -> None:
    """An independent reader sees the same accounts, keys, days, numbers and signed amounts in every file."""
    compared = 0
    for seed in range(50):
        made = month(seed, 10)
        content = table(made.lines, made.head)
        ours = [(p.account, p.contra_account, p.key, p.debited, f"{p.day:%d%m}", p.number) for p in read(content)[1]]
        assert ours == list(read_by_position(content))
        compared += len(ours)
    assert compared > 1000
