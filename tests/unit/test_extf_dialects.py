"""Buchungsstapel as other programs write them, made by hand from the format's rules: the same postings are read."""

import itertools
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.unit.extf_writer import TITLES, Head, german, quoted, table
from tests.unit.test_extf import LINE, read
from worker.datev.records import MAX_LINE

# Number of columns by version of the Buchungsstapel: later ones only add columns at the end.
COLUMNS = {5: 116, 6: 116, 7: 120, 8: 120, 9: 120, 10: 122, 11: 124, 12: 124, 13: 125}
BROKEN = replace(LINE, text="Hosting\r\nOktober; 3 Monate\nRabatt")


@pytest.mark.parametrize("version", COLUMNS)
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig"])
def test_every_version_is_read(version: int, encoding: str) -> None:
    """From 5 to 13, in Windows-1252 and in UTF-8 with its mark."""
    text = table([LINE, BROKEN], Head(version=str(version)), TITLES[: COLUMNS[version]]).decode("cp1252")
    file, postings = read(text.encode(encoding))
    assert [(p.amount, p.account, p.contra_account, p.number) for p in postings] == [
        (Decimal("1234.50"), "8400", "10001", "RE-1")
    ] * 2
    assert dict(file.findings.counts) == ({} if encoding == "cp1252" else {"encoding": 1})
    assert postings[0].text == LINE.text


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("inside", ["\r\n", "\n", "\r", "\n\n\n"])
def test_line_breaks_keep_their_posting(inside: str, ending: str) -> None:
    """A text with line breaks is one posting, and each later posting has the number of its own line."""
    texts = [f"Hosting{inside}Oktober", f'{inside}"Start"; und {inside}Ende{inside}', "ohne"]
    rows = [replace(LINE, number=f"RE-{at}", text=text).written() for at, text in enumerate(texts)]
    content = "".join(f"{row}{ending}" for row in (Head().written(), ";".join(TITLES), *rows))
    file, postings = read(content.encode("cp1252"))
    assert [posting.number for posting in postings] == ["RE-0", "RE-1", "RE-2"]
    assert [posting.text for posting in postings] == [text.strip() for text in texts]
    breaks = inside.count("\n")
    assert [posting.line for posting in postings] == [3, 4 + breaks, 5 + 4 * breaks]
    assert dict(file.findings.counts) == {}
    notes = {note.message.code for note in file.findings.notes}
    assert ("line_breaks" in notes, "line_ends_lf" in notes) == (breaks > 0, ending == "\n")


@pytest.mark.parametrize("text", ["Größe\nRE-1", 'drei "Stück"\r\n"Größe"\r\n"'])
def test_open_quotes_cost_one_line(text: str) -> None:
    """A quotation mark that is never closed costs its own line, whatever texts with line breaks follow it."""
    content = table([LINE, replace(LINE, number="RE-2"), replace(LINE, text=text), LINE])
    file, postings = read(content.replace(b'"RE-2"', b'"RE-2'))
    assert [posting.number for posting in postings] == ["RE-1"] * 3
    assert [(finding.kind, finding.line) for finding in file.findings.found] == [("line", 4)]


def test_all_columns_may_be_filled() -> None:
    """Every one of the 125 columns has a value, and those that we use keep theirs."""
    ours = LINE.fields()
    filled = [ours.get(title) or (quoted(f"x;{at}") if at % 2 else str(at)) for at, title in enumerate(TITLES)]
    for title, value in (("Basis-Umsatz", "1300,00"), ("WKZ Basis-Umsatz", '"CHF"'), ("Skonto", "2,38"),
                         ("BU-Schlüssel", '"3"'), ("Generalumkehr (GU)", '"0"'), ("Kurs", "1,053")):  # fmt: skip
        filled[TITLES.index(title)] = value
    content = table([]) + (";".join(filled) + "\r\n").encode("cp1252")
    file, (posting,) = read(content)
    assert len(filled) == 125 and all(filled)
    assert (file.findings.found, file.findings.notes) == ([], [])
    assert (posting.debited, posting.base_debited, posting.discount) == (
        Decimal("-1234.50"), Decimal("-1300.00"), Decimal("2.38"))  # fmt: skip
    assert (posting.key, posting.base_currency, posting.reversal) == ("3", "CHF", False)


@pytest.mark.parametrize(
    ("column", "value", "reversed_"),
    [
        ("Generalumkehr (GU)", '"1"', True),
        ("Generalumkehr (GU)", "1", True),
        ("Generalumkehr (GU)", '"G"', True),
        ("Generalumkehr (GU)", '"0"', False),
        ("Generalumkehr (GU)", "", False),
        ("BU-Schlüssel", '"23"', True),
        ("BU-Schlüssel", '"0023"', True),
        ("BU-Schlüssel", '"0003"', False),
    ],
)
def test_both_spellings_of_reversal_are_read(column: str, value: str, reversed_: bool) -> None:
    """Generalumkehr is 1 or G, quoted or not, or the digit 2 before the tax key."""
    row = LINE.written().split(";")
    row[TITLES.index(column)] = value
    _, (posting,) = read(table([]) + (";".join(row) + "\r\n").encode("cp1252"))
    assert posting.reversal is reversed_
    assert posting.debited == (1 if reversed_ else -1) * Decimal("1234.50")


def test_other_titles_are_read_by_order() -> None:
    """A program with titles of its own keeps DATEV's order of columns; one with another order is refused."""
    own = [f"Spalte {number}" for number in range(1, 126)]
    row = LINE.written()
    content = f"{Head().written()}\r\n{';'.join(own)}\r\n{row}\r\n".encode("cp1252")
    file, (posting,) = read(content)
    assert (posting.amount, posting.account, posting.day, posting.number) == (
        Decimal("1234.50"), "8400", date(2026, 10, 5), "RE-1")  # fmt: skip
    assert [note.message.code for note in file.findings.notes] == ["fields_by_position"]
    own[0] = "Konto"
    file, postings = read(f"{Head().written()}\r\n{';'.join(own)}\r\n{row}\r\n".encode("cp1252"))
    assert postings == [] and file.refusal is not None


def test_quoting_is_a_matter_of_taste() -> None:
    """Everything quoted, or only what must be; titles quoted; empty texts quoted or not."""
    fields = {title: value.strip('"') for title, value in LINE.fields().items()}
    for quote, titles in itertools.product((quoted, str), (quoted, str)):
        row = ";".join(quote(fields.get(title, "")) for title in TITLES)
        content = f"{Head().written()}\r\n{';'.join(map(titles, TITLES))}\r\n{row}\r\n".encode("cp1252")
        file, (posting,) = read(content)
        assert (file.findings.found, file.findings.notes) == ([], [])
        assert (german(posting.amount), posting.number, posting.text) == ("1234,50", "RE-1", LINE.text)


def test_reading_ahead_is_bounded() -> None:
    """A quotation mark that is never closed holds no more than one record's bytes, and costs one line."""
    lines = [LINE, *[replace(LINE, number="RE-2")] * 400]
    content = table(lines).replace(b'"RE-1"', b'"RE-1', 1)
    assert len(content) > 2 * MAX_LINE / 3
    file, postings = read(content)
    assert len(postings) == 400 and dict(file.findings.counts) == {"line": 1}
