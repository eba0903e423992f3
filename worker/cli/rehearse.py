"""The command rehearse: whether the approved invoices can be published."""

from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import LOOK, MUST_ACT, AsJson, cli, require_token, settings, show, with_store
from worker.store import Store

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.operator.rehearse import Rehearsal


@cli.command(rich_help_panel=LOOK)
def rehearse(
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First issue date; all by default.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last issue date.")] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not even ask sevDesk for its users, units, countries and templates.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check every approved invoice as publishing would, and write nothing. Exit 3: some would not be published."""
    from worker.operator.connections import open_account
    from worker.operator.rehearse import Rehearsal, rehearse

    days = [each.date() if each else None for each in (since, until)]

    async def work(store: Store) -> Rehearsal:
        async with nullcontext() if offline else open_account(settings()) as facts:
            return await rehearse(store, settings(), facts, *days)

    if not offline:
        require_token()
    result = with_store(work, "Use --offline to ask sevDesk nothing.")
    show(as_json, result, rehearsal_view(result))
    if result.stops:
        raise typer.Exit(MUST_ACT)


def rehearsal_view(result: "Rehearsal") -> "RenderableType":
    """The sums, a table of problems, and what could not be judged."""
    from rich.console import Group

    from worker.cli.tables import table

    rows = [
        (group.count, group.code, group.verdict, group.actor, ", ".join(group.examples), group.cause)
        for group in result.groups
    ]
    columns = ("invoices", "problem", "publishing", "who acts", "first ones", "cause")
    head = f"{result.invoices} approved invoices: {result.publishes} would be published, {result.stops} would not."
    notes = "\n".join(f"Not judged: {each}." for each in result.not_judged)
    return Group(head, *([table(columns, rows)] if rows else []), notes)
