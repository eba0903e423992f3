"""The demo's voice: one line per act, a bar while people wait, a table and a verdict at the end."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from worker.demo.books import Story
from worker.demo.check import Verdict, claim, money, refused

# Where there is no terminal nobody resizes anything; wide enough for any row of the table.
PLAIN_WIDTH = 140
ROOMY = 90  # columns; below it the table's gaps are narrow, so that it fits into 80
PLAIN_SECONDS = 2.0  # between two plain lines of progress
CLAIMS = {"partially_paid": "partly"}

Tell = Callable[[str, float], None]  # what is going on, and which share of it is done


class Screen:
    """Writes to standard output; letters that its encoding lacks become question marks, but for our own marks."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        self.console = Console(highlight=False, markup=False, emoji=False)
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH
        self.right, self.wrong = ("✓", "✗") if self.console.encoding.startswith("utf") else ("ok", "NO")
        self._began = self._acted = time.monotonic()

    def title(self, text: str) -> None:
        """The first line."""
        self.console.print(f"\n{text}\n", style="bold")

    def act(self, text: str) -> None:
        """Something is done; the time since the last act stands behind it."""
        now = time.monotonic()
        self.console.print(f"  {self.right} ", style="green", end="")
        self.console.print(text, end="", soft_wrap=True)
        self.console.print(f"  {now - self._acted:.1f} s", style="dim")
        self._acted = now

    @contextmanager
    def waiting(self, text: str) -> Iterator[Tell]:
        """A bar while something goes on; plain lines now and then where there is no terminal."""
        if not self.console.is_terminal:
            yield self._plain()
            return
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(30)
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(text, total=1.0)
            yield lambda now, share: progress.update(task, description=now, completed=share)

    def _plain(self) -> Tell:
        said = time.monotonic()

        def tell(now: str, share: float) -> None:
            nonlocal said
            if time.monotonic() - said >= PLAIN_SECONDS and share < 1:
                said = time.monotonic()
                self.console.print(f"    {now}")

        return tell

    def table(self, stories: Sequence[Story], verdicts: Sequence[Verdict]) -> None:
        """One row per invoice."""
        gap = 1 if self.console.width >= ROOMY else 0
        table = Table(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False)
        for name in ("Invoice", "sevDesk", "Gross", "State", "Mail", "Paid", "Claim", "Expected", ""):
            table.add_column(name, justify="right" if name in ("Gross", "Mail", "Paid") else "left", no_wrap=True)
        for story, verdict in zip(stories, verdicts, strict=True):
            mark, style = (self.wrong, "red") if verdict.wrong else (self.right, "")
            table.add_row(*_cells(story), mark, style=style)
        self.console.print(Padding(table, (0, 0, 0, 1)))

    def waits(self, story: Story) -> None:
        """The one that a person must decide, and what the worker tells that person."""
        self.console.print(f"  {story.plan.invoice_number} waits for a person, as it should:", style="yellow")
        for line in (story.jobs[0]["error"], story.jobs[0]["next_step"]) if story.jobs else ():
            self.console.print(f"    {line}", soft_wrap=True)
        self.console.print()

    def verdict(self, verdicts: Sequence[Verdict]) -> None:
        """All is well, or each fact that is not."""
        wrong = sum(len(each.wrong) for each in verdicts)
        took = f"{time.monotonic() - self._began:.1f} s"
        if not wrong:
            compared = sum(len(each.facts) for each in verdicts)
            self.console.print(
                f"  Everything is as it should be: {len(verdicts) - 1} invoices, {compared} facts compared between the "
                f"billing rows, the event log and sevDesk, in {took}.",
                style="bold green",
                soft_wrap=True,
            )
            return
        facts = "1 fact is not as it" if wrong == 1 else f"{wrong} facts are not as they"
        self.console.print(f"  {facts} should be (found in {took}):", style="bold red")
        for each in verdicts:
            if each.wrong:
                self.console.print(f"  {each.name}", style="red")
            for fact in each.wrong:
                line = f"    {fact.what}: expected {fact.expected}, actual {fact.actual}"
                self.console.print(line, soft_wrap=True)

    def files(self, folder: Path, count: int) -> None:
        """Where to look on."""
        self.console.print(f"  {count} PDFs and the worker's log: {folder}", soft_wrap=True)

    def plain(self, text: str) -> None:
        """Lines to copy."""
        self.console.print(text, soft_wrap=True)

    def failed(self, text: str) -> None:
        """Why it did not come to a table."""
        self.console.print(f"  The demo stops: {text.rstrip('.')}.", style="bold red", soft_wrap=True)


def _cells(story: Story) -> list[str]:
    now, paid = story.now, money(story.now["paid_amount"])
    waits = now["accounting_sync_status"] == "parked"
    state = "parked" if waits else now["document_status"]
    expected = "parked" if refused(story) else claim(story)
    return [
        story.plan.invoice_number,
        str(now["external_invoice_number"] or "-"),
        money(now["gross_amount"]),
        state,
        str(len(story.mails)),
        paid,
        CLAIMS.get(now["claim_status"], str(now["claim_status"])),
        CLAIMS.get(expected, expected) + (" again" if story.taken_back else ""),
    ]
