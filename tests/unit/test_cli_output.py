"""Output of the commands: CSV for spreadsheets, files into a folder, tables on narrow screens, times and short ids."""

import csv
import io
import os
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from rich.console import Console

from worker.cli.csv_output import print_csv
from worker.cli.saving import LONGEST_NAME, new_file, safe_name
from worker.cli.tables import local_time, money, short_id, table

JOB = "0f8fad5b-d9cb-469f-a165-70867728950e"
SENTENCE = "The sums of the invoice differ from those that sevDesk would compute of its positions, by one cent each."


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "\n=1"])
def test_formulas_become_text(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a spreadsheet would run begins with an apostrophe, blanks before it notwithstanding."""
    print_csv(("a",), [{"a": text}])
    [_, [cell]] = csv.reader(io.StringIO(capsys.readouterr().out))
    assert cell.startswith("'")


def test_csv_keeps_values_readable(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers stay numbers, times are UTC, control characters are written out, what has parts is JSON."""
    row = {"a": Decimal("-1.50"), "b": datetime(2026, 11, 29, tzinfo=UTC), "c": "x\x1b[2J", "d": {"k": 1}, "e": None}
    print_csv(tuple(row), [row])
    _, cells = csv.reader(io.StringIO(capsys.readouterr().out))
    assert cells == ["-1.50", "2026-11-29T00:00:00+00:00", "x\\x1b[2J", '{"k": 1}', ""]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b\\c.pdf", "..", "", ".bashrc", "a\x00\n.pdf"])
def test_names_stay_in_the_folder(name: str, tmp_path: Path) -> None:
    """Whatever a stored name says, the file lies directly in the folder that was named."""
    with new_file(tmp_path / "out", name) as file:
        file.write(b"x")
    [made] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert made.parent == tmp_path / "out" and not made.name.startswith(".")


def test_long_names_keep_their_ending() -> None:
    """A name that no file system takes is cut before its ending."""
    assert safe_name("x" * 400 + ".pdf").endswith("x.pdf") and len(safe_name("x" * 400 + ".pdf")) <= LONGEST_NAME


def test_existing_files_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file and a link of that name are refused; a block that raises leaves no file behind."""
    (tmp_path / "a.pdf").write_bytes(b"mine")
    (tmp_path / "b.pdf").symlink_to(tmp_path / "elsewhere")
    for name in ("a.pdf", "b.pdf"):
        with pytest.raises(typer.Exit), new_file(tmp_path, name):
            pass
    with pytest.raises(ZeroDivisionError), new_file(tmp_path, "c.pdf"):
        raise ZeroDivisionError
    assert {path.name for path in tmp_path.iterdir()} == {"a.pdf", "b.pdf"}
    assert (tmp_path / "a.pdf").read_bytes() == b"mine" and "is there already" in capsys.readouterr().err


def test_new_files_are_private(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask allows."""
    before = os.umask(0)
    try:
        with new_file(tmp_path, "a.pdf") as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.pdf").stat().st_mode & 0o777 == 0o600


def rendered(width: int) -> list[str]:
    """A table of one parked job on a screen of this width."""
    screen = Console(width=width, file=io.StringIO(), highlight=False)
    screen.print(table(("kind", "why", "job"), [("publish_invoice", SENTENCE, JOB), ("send_invoice", None, JOB)]))
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().splitlines()


def test_narrow_screens_wrap_sentences() -> None:
    """80 columns: short ids in a line, the reason below over the whole width; nothing is cut off."""
    lines = rendered(80)
    assert max(map(len, lines)) <= 80 and JOB not in "".join(lines)
    assert re.fullmatch(rf"publish_invoice +{JOB[:8]}", lines[1].rstrip())
    assert " ".join(" ".join(lines[2:4]).split()) == f"why: {SENTENCE}"
    assert lines[4].startswith("send_invoice")
    assert any(JOB in line for line in rendered(180))


def test_only_generated_ids_are_short() -> None:
    """An id that a producer chose is shown whole, because its beginning may be that of many."""
    assert (short_id(JOB), short_id(JOB.replace("-", ""))) == ("0f8fad5b", "0f8fad5b")
    assert short_id("publish-INV-2026-0815") == "publish-INV-2026-0815"


def test_times_name_their_zone() -> None:
    """A time is local and says so; one at the end of the calendar is no error."""
    assert re.fullmatch(r"2026-11-2[89] \d\d:\d\d:\d\d \S+", local_time(datetime(2026, 11, 29, tzinfo=UTC)))
    assert local_time(datetime.max.replace(tzinfo=UTC)).startswith(("9999-12-31", "9999-12-30"))


def test_money_has_its_cents() -> None:
    """Two decimals at least; what is no sum of cents is not rounded away."""
    shown = [money(Decimal(text), "EUR") for text in ("1190", "0.5000", "1E+3", "1.005", "NaN")]
    assert shown == ["1190.00 EUR", "0.50 EUR", "1000.00 EUR", "1.005 EUR", "NaN EUR"]
