"""The command top: what status shows, live, with the queue's course and keys to scroll. It shows no personal data."""

import os
import select
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import (
    LOOK,
    USAGE,
    AsJson,
    Visibly,
    cli,
    console,
    dump,
    end_on_interrupt,
    fail,
    settings,
    show,
    with_store,
)
from worker.cli.status import read_status

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from worker.cli.status_view import Status

# Rows per table, for there is scrolling; looks whose queue lengths are kept for the sparkline.
ROWS, COURSE = 100, 60
BARS = "▁▂▃▄▅▆▇█"
# Keys as terminals send them -> lines to scroll, in screens if a float.
KEYS: dict[bytes, int | float] = {
    b"j": 1, b"\x1b[B": 1, b"\x1bOB": 1, b"k": -1, b"\x1b[A": -1, b"\x1bOA": -1,
    b" ": 1.0, b"\x1b[6~": 1.0, b"b": -1.0, b"\x1b[5~": -1.0, b"g": float("-inf"), b"G": float("inf"),
}  # fmt: skip


@cli.command(rich_help_panel=LOOK)
def top(
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch the same as status, live, until q or Ctrl-C. Into a pipe it prints each look whole; --json: as one line."""
    from worker.cli.status_view import status_view

    if not 0.1 <= every <= 3600:
        fail("--every must be 0.1 to 3600 seconds.", USAGE)

    end_on_interrupt()
    if once:
        result = _read()
        return show(as_json, result, status_view(result))
    while as_json or not console().is_terminal:
        result = _read()
        if as_json:
            typer.echo(dump(result, indent=None))
        else:
            show(as_json, result, status_view(result))
        sleep(every)
    _watch(every)


def _read() -> "Status":
    return with_store(lambda store: read_status(store, settings(), ROWS))


def _watch(every: float) -> None:
    from rich.live import Live

    out = console()
    screen = Screen(_read())
    with _keys() as keys, Live(screen, console=out, screen=True, auto_refresh=False) as live:
        live.refresh()
        while True:
            until = monotonic() + every
            while (left := until - monotonic()) > 0:
                pressed = _pressed(keys, left)
                if pressed == b"q":
                    return
                screen.scroll(pressed)
                live.refresh()
            screen.look(_read())
            live.refresh()


class Screen:
    """What fits of the status, from the line that was scrolled to, with a last line about the rest."""

    def __init__(self, status: "Status") -> None:
        self._course: deque[int] = deque(maxlen=COURSE)
        self._from, self._room, self._lines = 0, 1, 1
        self.look(status)

    def look(self, status: "Status") -> None:
        """Show this from now on."""
        self._status = status
        self._course.append(sum(count for state, count in status["jobs"].items() if state != "parked"))

    def scroll(self, key: bytes) -> None:
        """By a key of KEYS; others do nothing."""
        by = KEYS.get(key, 0)
        wanted = self._from + (by * self._room if isinstance(by, float) else by)
        self._from = int(min(max(wanted, 0), max(self._lines - self._room, 0)))

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.segment import Segment
        from rich.text import Text

        from worker.cli.status_view import status_view

        view = Visibly(status_view(self._status))
        lines = console.render_lines(view, options.update(height=None), pad=False)
        self._lines, self._room = len(lines), max(options.max_height - 1, 1)
        self.scroll(b"")
        for line in lines[self._from : self._from + self._room]:
            yield from line
            yield Segment.line()
        below = self._lines - self._from - self._room
        more = f"+{below} more, " if below > 0 else ""
        text = f"queue {sparkline(self._course)} {self._course[-1]}   {more}arrows scroll, q ends"
        yield Text(text, style="dim", no_wrap=True, overflow="ellipsis")


def sparkline(numbers: "deque[int]") -> str:
    """One bar for each number, the highest for the largest of them; zero is always the lowest."""
    most = max(numbers) or 1
    return "".join(BARS[-(-number * (len(BARS) - 1) // most)] for number in numbers)


@contextmanager
def _keys() -> Iterator[int | None]:
    """The descriptor that keys can be read from, each at once and unseen; None if standard input is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield None
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _pressed(keys: int | None, seconds: float) -> bytes:
    """The next key; empty if none is pressed within so many seconds."""
    if keys is None:
        sleep(seconds)
        return b""
    readable, _, _ = select.select([keys], [], [], seconds)
    return os.read(keys, 16) if readable else b""
