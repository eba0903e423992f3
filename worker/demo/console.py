"""What the demo prints: a line for each step, a progress bar, and at the end a table and the failed checks."""

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

from worker.demo.checks import CheckGroup, expected_claim_status, is_refused, money
from worker.demo.results import InvoiceResult

# Columns where there is no terminal; wide enough for any row of the table.
WIDTH_WITHOUT_TERMINAL = 140
MIN_WIDTH_FOR_GAPS = 90  # below it the table has no gaps between its columns, so that it fits into 80
PROGRESS_SECONDS = 2.0  # between two lines of progress where there is no terminal
CLAIM_STATUSES = {"partially_paid": "partly"}

ShowProgress = Callable[[str, float], None]  # what is going on, and which share of it is done


class DemoConsole:
    """Writes to standard output. Characters that its encoding lacks become question marks."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        self._console = Console(highlight=False, markup=False, emoji=False)
        if not self._console.is_terminal:
            self._console.width = WIDTH_WITHOUT_TERMINAL
        self._passed, self._failed = ("✓", "✗") if self._console.encoding.startswith("utf") else ("ok", "NO")
        self._start = self._last_step = time.monotonic()

    def title(self, text: str) -> None:
        """Prints the first line."""
        self._console.print(f"\n{text}\n", style="bold")

    def step_done(self, text: str) -> None:
        """Prints a finished step with the seconds since the one before."""
        now = time.monotonic()
        self._console.print(f"  {self._passed} ", style="green", end="")
        self._console.print(text, end="", soft_wrap=True)
        self._console.print(f"  {now - self._last_step:.1f} s", style="dim")
        self._last_step = now

    @contextmanager
    def progress(self, text: str) -> Iterator[ShowProgress]:
        """Shows a bar while something goes on; where there is no terminal, a line now and then."""
        if not self._console.is_terminal:
            yield self._progress_lines()
            return
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(30)
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(text, total=1.0)
            yield lambda now, share: progress.update(task, description=now, completed=share)

    def _progress_lines(self) -> ShowProgress:
        printed = time.monotonic()

        def show(now: str, share: float) -> None:
            nonlocal printed
            if time.monotonic() - printed >= PROGRESS_SECONDS and share < 1:
                printed = time.monotonic()
                self._console.print(f"    {now}")

        return show

    def table(self, invoices: Sequence[InvoiceResult], groups: Sequence[CheckGroup]) -> None:
        """Prints a row for each invoice; `groups` are its checks in the same order."""
        gap = 1 if self._console.width >= MIN_WIDTH_FOR_GAPS else 0
        table = Table(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False)
        for name in ("Invoice", "sevDesk", "Gross", "State", "Mail", "Paid", "Claim", "Expected", ""):
            table.add_column(name, justify="right" if name in ("Gross", "Mail", "Paid") else "left", no_wrap=True)
        for invoice, group in zip(invoices, groups, strict=True):
            mark, style = (self._failed, "red") if group.failed else (self._passed, "")
            table.add_row(*_cells(invoice), mark, style=style)
        self._console.print(Padding(table, (0, 0, 0, 1)))

    def parked(self, invoice: InvoiceResult) -> None:
        """Prints the problem and the next step of a parked invoice."""
        number = invoice.plan.invoice_number
        self._console.print(f"  {number} waits for a person, as it should:", style="yellow")
        for job in invoice.jobs[:1]:
            self._console.print(f"    {job.error}\n    {job.next_step}", soft_wrap=True)
        self._console.print()

    def summary(self, groups: Sequence[CheckGroup]) -> None:
        """Prints every failed check, or that there is none."""
        failed = sum(len(group.failed) for group in groups)
        seconds = f"{time.monotonic() - self._start:.1f} s"
        if not failed:
            count = sum(len(group.checks) for group in groups)
            self._console.print(
                f"  Everything is as it should be: {len(groups) - 1} invoices, {count} facts compared between the "
                f"billing rows, the event log and sevDesk, in {seconds}.",
                style="bold green",
                soft_wrap=True,
            )
            return
        facts = "1 fact is not as it" if failed == 1 else f"{failed} facts are not as they"
        self._console.print(f"  {facts} should be (found in {seconds}):", style="bold red")
        for group in groups:
            if group.failed:
                self._console.print(f"  {group.name}", style="red")
            for check in group.failed:
                line = f"    {check.name}: expected {check.expected}, actual {check.actual}"
                self._console.print(line, soft_wrap=True)

    def files(self, folder: Path, count: int) -> None:
        """Prints where the PDFs are."""
        self._console.print(f"  {count} PDFs and the worker's log: {folder}", soft_wrap=True)

    def text(self, text: str) -> None:
        """Prints lines without wrapping them, so that they can be copied."""
        self._console.print(text, soft_wrap=True)

    def error(self, text: str) -> None:
        """Prints why the demo stops."""
        self._console.print(f"  The demo stops: {text.rstrip('.')}.", style="bold red", soft_wrap=True)


def _cells(invoice: InvoiceResult) -> list[str]:
    row = invoice.row
    expected = "parked" if is_refused(invoice) else expected_claim_status(invoice)
    return [
        invoice.plan.invoice_number,
        row.external_invoice_number or "-",
        money(row.gross_amount),
        "parked" if row.accounting_sync_status == "parked" else row.document_status,
        str(len(invoice.mails)),
        money(row.paid_amount),
        CLAIM_STATUSES.get(row.claim_status, row.claim_status),
        CLAIM_STATUSES.get(expected, expected) + (" again" if invoice.reversed else ""),
    ]
