"""Tables as CSV for a spreadsheet: text that one would take for a formula gets an apostrophe before it."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import typer

from worker.domain.visible import visible

AsCsv = Annotated[bool, typer.Option("--csv", help="Print the table as CSV for a spreadsheet.")]

# First characters by which spreadsheets tell a formula, as OWASP lists them ("CSV Injection"); of tab and carriage
# return the first is a character that `visible` keeps.
_FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """A line of column names, then one line a row. Times are ISO 8601 in UTC, what has parts is JSON."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    typer.echo(text.getvalue(), nl=False)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool() | int() | float() | Decimal():
            return str(value)  # a number cannot be a formula, even a negative one
        case datetime():
            return value.isoformat()
        case list() | dict():
            return _harmless(json.dumps(value, default=str, ensure_ascii=False))
        case _:
            return _harmless(str(value))


def _harmless(text: str) -> str:
    shown = visible(text)
    return f"'{shown}" if _FORMULA.match(text.lstrip(" \n")) else shown
