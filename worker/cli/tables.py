"""The two layouts of output in a terminal: named facts, and a table."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text


def facts(*rows: tuple[str, str | Text]) -> Table:
    """One line per row: its name in bold, then its text."""
    grid = Table.grid(padding=(0, 2))
    for name, text in rows:
        grid.add_row(Text(name, style="bold"), text)
    return grid


def table(columns: Sequence[str], rows: Iterable[Iterable[object]], title: str | None = None) -> Table:
    """A table with column titles. None becomes "-"; long cells are wrapped, except job ids, which people copy."""
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == "job")
    for cells in rows:
        made.add_row(*("-" if cell is None else str(cell) for cell in cells))
    return made
