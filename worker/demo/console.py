"""What the demo prints: a line for each step, a progress bar, and at the end a table and the failed checks."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from worker.demo.checks import Comparison, money
from worker.demo.results import InvoiceOutcome
from worker.demo.sample_invoices import ExpectedState

MIN_WIDTH_FOR_GAPS = 90  # columns; below it the table has no gaps between its own, so that it fits into 80
CLAIM_STATUSES = {"partially_paid": "partly"}

ShowProgress = Callable[[str, float], None]  # what is going on, and which share of it is done


class DemoConsole:
    """Writes to a console, without wrapping lines, so that they can be copied."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._passed, self._failed = ("✓", "✗") if console.encoding.startswith("utf") else ("ok", "NO")
        self._start = self._last_step = time.monotonic()

    def text(self, text: str, style: str = "", end: str = "\n") -> None:
        """Prints lines."""
        self._console.print(text, style=style, end=end, soft_wrap=True)

    def step_done(self, text: str) -> None:
        """Prints a finished step with the seconds since the one before."""
        now = time.monotonic()
        self.text(f"  {self._passed} ", "green", end="")
        self.text(text, end="")
        self.text(f"  {now - self._last_step:.1f} s", "dim")
        self._last_step = now

    @contextmanager
    def progress(self, text: str) -> Iterator[ShowProgress]:
        """Shows a bar while something goes on; nothing where there is no terminal."""
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(30)
        quiet = not self._console.is_terminal
        with Progress(*columns, console=self._console, transient=True, disable=quiet) as progress:
            task = progress.add_task(text, total=1.0)
            yield lambda now, share: progress.update(task, description=now, completed=share)

    def table(self, invoices: Sequence[InvoiceOutcome], failed: set[str]) -> None:
        """Prints a row for each invoice; `failed` are the numbers of those with a failed check."""
        gap = 1 if self._console.width >= MIN_WIDTH_FOR_GAPS else 0
        table = Table(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False)
        for name in ("Invoice", "sevDesk", "Gross", "State", "Mail", "Paid", "Claim", "Expected", ""):
            table.add_column(name, justify="right" if name in ("Gross", "Mail", "Paid") else "left", no_wrap=True)
        for invoice in invoices:
            mark, style = (self._failed, "red") if invoice.plan.invoice_number in failed else (self._passed, "")
            table.add_row(*_cells(invoice), mark, style=style)
        self._console.print(Padding(table, (0, 0, 0, 1)))

    def summary(self, checks: dict[str, list[Comparison]], failed: dict[str, list[Comparison]]) -> None:
        """Prints every failed check, or that there is none. Both arguments by invoice number or `the account`."""
        seconds = f"{time.monotonic() - self._start:.1f} s"
        if not failed:
            self.text(
                f"  Everything is as it should be: {len(checks) - 1} invoices, {sum(map(len, checks.values()))} facts "
                f"compared between the billing rows, the event log and sevDesk, in {seconds}.",
                "bold green",
            )
            return
        count = sum(map(len, failed.values()))
        facts = "1 fact is not as it" if count == 1 else f"{count} facts are not as they"
        self.text(f"  {facts} should be (found in {seconds}):", "bold red")
        for name, failures in failed.items():
            self.text(f"  {name}", "red")
            for check in failures:
                self.text(f"    {check.name}: expected {check.expected}, actual {check.actual}")


def _cells(invoice: InvoiceOutcome) -> list[str]:
    row, plan = invoice.row, invoice.plan
    expected = "parked" if plan.is_refused else plan.claim_status
    return [
        plan.invoice_number,
        row["external_invoice_number"] or "-",
        money(row["gross_amount"]),
        "parked" if row["accounting_sync_status"] == "parked" else row["document_status"],
        str(len(invoice.mails)),
        money(row["paid_amount"]),
        CLAIM_STATUSES.get(row["claim_status"], str(row["claim_status"])),
        CLAIM_STATUSES.get(expected, expected) + " again" * (plan.expected is ExpectedState.RETURNED),
    ]
