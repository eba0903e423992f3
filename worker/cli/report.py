"""The command report: a month's invoices on their way to payment, as tables, JSON or a page to read and print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import LOOK, USAGE, AsJson, cli, fail, show, with_store
from worker.cli.saving import require_new, save_page
from worker.domain.problems.problem_type import Lang

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.operator.month_report import MonthReport


@cli.command(rich_help_panel=LOOK)
def report(
    month: Annotated[str | None, typer.Argument(metavar="MONTH", help="Such as 2026-11; else the present.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page to read or print.")] = None,
    language: Annotated[Lang, typer.Option(help="Language of the page.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Report a month: invoices from approval to payment, open claims, payments, what is parked, drift, exports."""
    from worker.operator.month_page import month_page
    from worker.operator.month_report import days_of, read_month

    try:
        _ = month and days_of(month)
    except ValueError:
        fail(f"{month!r} is no month. Give one such as 2026-11.", USAGE)
    require_new(html)
    found = with_store(lambda store: read_month(store, month))
    if html is not None:
        save_page(html, month_page(found, language))
    show(as_json, found, _view(found) if html is None else str(html))


def _view(found: "MonthReport") -> "RenderableType":
    from rich.console import Group

    from worker.cli.tables import money, table
    from worker.operator.month_page import STAGES
    from worker.operator.month_words import word

    stages = [(word(stage, "en"), row[stage], money(row[f"{stage}_sum"], row["currency"]))
              for row in found.pipeline for stage in (*STAGES, "received")]  # fmt: skip
    claims = [(word(str(row["days"]), "en"), row["claims"], money(row["owed"], row["currency"]))
              for row in found.open_claims]  # fmt: skip
    differences = [(row["invoice_number"], word(row["code"], "en"), money(row["amount"], row["currency"]))
                   for row in found.differences]  # fmt: skip
    parked = [(row["code"], row["jobs"], money(row["euros"], "EUR")) for row in found.parked]
    tables = (
        (word("differences", "en"), ("invoice", "what", "amount"), differences),
        (word("title", "en", month=found.month), ("stage", "invoices", "gross"), stages),
        (word("claims", "en"), ("days past due", "invoices", "amount"), claims),
        (word("parked", "en"), ("code", "jobs", "gross"), parked),
    )
    shown = [table(columns, rows, title) for title, columns, rows in tables if rows]
    return Group(*shown, "--html FILE writes a page with payments by day, drift and exports; --json has all of it.")
