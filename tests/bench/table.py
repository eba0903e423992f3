"""Results: what was measured, on both sides, and whether the target holds. Printed as one table, written as JSON."""

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One line. `figure` is what the target speaks of: ours, or the ratio to the other side.

    `samples` holds every repetition of each side; `ours` and `other` are their medians (or a count that never varies).
    """

    number: str
    what: str
    ours: float
    unit: str
    other: float | None = None
    against: str = ""
    ratio: float | None = None
    target: tuple[str, float] | None = None  # ("<=", 12) or (">=", 0.9)
    of: str = "ours"
    note: str = ""
    samples: dict[str, list[float]] = field(default_factory=dict)
    load: float = 0.0

    @property
    def met(self) -> bool | None:
        """None where nothing was promised."""
        if self.target is None:
            return None
        figure = self.ours if self.of == "ours" else self.ratio
        sign, bound = self.target
        return figure is not None and (figure <= bound if sign == "<=" else figure >= bound)


def compared(number: str, what: str, unit: str, samples: dict[str, list[float]], **given: Any) -> Row:
    """A row of two sides named `ours` and `other`: medians, and ours divided by the other's."""
    ours, other = median(samples["ours"]), median(samples["other"])
    return Row(number, what, ours, unit, other=other, ratio=ours / other, samples=samples, **given)


def show(rows: list[Row], quick: bool) -> None:
    """The table, to standard output."""
    out = Console(highlight=False)
    if not out.is_terminal:
        out.width = 170
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("", "what", "ours", "other side", "ratio", "target", "", "runs", "load", "note"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    out.print(table)
    where = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    size = "small sizes (--quick): no target is judged fairly by them" if quick else "full sizes"
    out.print(f"{where}; {size}. Medians; samples and load averages are in the JSON of --out.")


def _cells(row: Row) -> list[str]:
    target = ""
    if row.target is not None:
        target = f"{row.target[0]} {row.target[1]:g}" + (" x" if row.of == "ratio" else f" {row.unit}")
    other = "" if row.other is None else f"{figure(row.other)} {row.unit} ({row.against})"
    return [
        row.number,
        row.what,
        f"{figure(row.ours)} {row.unit}",
        other or row.against,
        "" if row.ratio is None else f"{row.ratio:.2f} x",
        target,
        {True: "yes", False: "NO", None: ""}[row.met],
        str(max((len(values) for values in row.samples.values()), default=1)),
        f"{row.load:.1f}",
        row.note,
    ]


def figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def write(rows: list[Row], path: Path, quick: bool) -> None:
    """Everything, for machines."""
    machine = {"cores": os.cpu_count(), "system": platform.platform(), "python": sys.version.split()[0]}
    found = [asdict(row) | {"met": row.met} for row in rows]
    path.write_text(json.dumps({"quick": quick, "machine": machine, "rows": found}, indent=2) + "\n")
