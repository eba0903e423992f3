"""The layouts of output in a terminal: named facts, and a table; how times and ids are written."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from worker.domain.visible import visible, visible_line
from worker.operator.lookup import SHORT_ID

# Columns of a screen on which a table fits with its sentences and whole ids.
WIDE = 160
# Columns that hold sentences, and those that hold ids of jobs and exports.
SENTENCES, IDS = frozenset({"why", "next step", "cause", "detail", "text"}), frozenset({"job", "export"})
NOTHING = "-"
# A command in a sentence: up to a word that ends with a mark, or to the next "or". Quoted words may hold blanks.
WORD = r"(?: (?!or |and )(?:'[^']*'|[^\s'])+(?=\s|$))"
COMMAND = rf"sevdesk-worker(?:{WORD}(?<![.,;:)]))*{WORD}?"
GENERATED = "[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # ids that a program made


def facts(*rows: tuple[str, RenderableType]) -> Table:
    """One line per row: its name in bold, then its text."""
    grid = Table.grid(padding=(0, 2))
    for name, text in rows:
        grid.add_row(Text(name, style="bold"), _in_one_line(text) if isinstance(text, str | Text) else text)
    return grid


def _in_one_line(text: str | Text) -> Text:
    shown = text.copy() if isinstance(text, Text) else Text(text)
    shown.plain = visible_line(shown.plain)
    return shown


class FittingTable(Table):
    """A table; on a screen narrower than WIDE, each row is a line of its short cells with its sentences below."""

    names: Sequence[str]
    cells: list[list[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width >= WIDE:
            yield from super().__rich_console__(console, options)
            return
        if self.title:
            yield Text(str(self.title), style="italic")
        short = [place for place, name in enumerate(self.names) if name not in SENTENCES]
        rows = [[short_id(row[place]) if self.names[place] in IDS else row[place] for place in short]
                for row in self.cells]  # fmt: skip
        titles = [self.names[place] for place in short]
        widths = [max(map(cell_len, column)) for column in zip(titles, *rows, strict=True)]
        yield Text(_line(titles, widths), style="bold", overflow="fold")
        for row, cells in zip(rows, self.cells, strict=True):
            yield Text(_line(row, widths), overflow="fold")
            for place, name in enumerate(self.names):
                if name in SENTENCES and cells[place] != NOTHING:
                    yield Padding(Sentence(f"{name}: {short_commands(cells[place])}"), (0, 0, 0, 2))
        yield ""


class Sentence:
    """Text whose commands stand on one line, where they fit on one, so that they can be copied as they are."""

    def __init__(self, text: str, style: str = "") -> None:
        self.text, self.style = visible(text), style  # its lines are made anew, wherever it has breaks

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("\n".join(unbroken(self.text, options.max_width)), self.style, overflow="fold")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, Text(self.text))


def unbroken(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, except for longer words; a command that fits on a line is not broken."""
    lines, line = list[str](), ""
    for found in re.finditer(rf"{COMMAND}|\S+", text):
        part = found[0]
        if line and cell_len(line) + 1 + cell_len(part) > width:
            lines, line = [*lines, line], part
        else:
            line = f"{line} {part}" if line else part
    return [*lines, line]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def table(columns: Sequence[str], rows: Iterable[Iterable[object]], title: str | None = None) -> Table:
    """A table with column titles. None becomes "-"; long cells are wrapped, except job ids, which people copy."""
    made = FittingTable(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    made.names, made.cells = (
        columns,
        [[NOTHING if cell is None else visible_line(str(cell)) for cell in cells] for cells in rows],
    )
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in IDS)
    for cells in made.cells:
        made.add_row(*cells)
    return made


def local_time(at: datetime) -> str:
    """The time in the zone of this machine, which it names: 2026-11-29 17:20:05 CET."""
    try:
        return f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}"
    except OverflowError:  # at the ends of the calendar
        return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def money(amount: Decimal | None, currency: str | None) -> str:
    """An amount in English text: 1190.00 EUR. What is no sum of cents is shown as it is, a null of a view as a dash."""
    if amount is None or currency is None:
        return "–"
    if not amount.is_finite():
        return f"{amount} {currency}"
    whole, _, cents = f"{amount:f}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')} {currency}"


def short_commands(text: str) -> str:
    """A sentence whose commands name ids by their first eight digits, as they may be typed."""
    return re.sub(
        rf"(sevdesk-worker (?:[a-z_-]+ )+(?:invoice_id=)?)({GENERATED})(?![0-9a-f-])",
        lambda found: found[1] + short_id(found[2]),
        text,
    )


def short_id(text: str) -> str:
    """The first eight digits of a generated id, which every command takes for the whole; other ids unchanged."""
    return text[:SHORT_ID] if re.fullmatch(GENERATED, text) else text
