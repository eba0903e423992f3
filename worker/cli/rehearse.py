"""The command rehearse: whether the approved invoices can be published."""

from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import LOOK, MUST_ACT, AsJson, cli, fail, require_token, settings, show, with_store
from worker.cli.saving import HtmlFile, require_new, save_page
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
    against_sandbox: Annotated[
        bool, typer.Option("--against-sandbox", help="Publish copies into a local sandbox, and compare its documents.")
    ] = False,
    html: HtmlFile = None,
    as_json: AsJson = False,
) -> None:
    """Check every approved invoice as publishing would, and write nothing. Exit 3: some would not be published."""
    from worker.operator.connections import open_account
    from worker.operator.rehearse import Rehearsal, rehearse
    from worker.operator.shadow import shadow_run

    days = [each.date() if each else None for each in (since, until)]

    async def work(store: Store) -> Rehearsal:
        if against_sandbox:
            return await shadow_run(store, settings(), *days)
        async with nullcontext() if offline else open_account(settings()) as facts:
            return await rehearse(store, settings(), facts, *days)

    if not offline and not against_sandbox:
        require_token()
    require_new(html)
    try:
        result = with_store(work, "Use --offline to ask sevDesk nothing.")
    except ImportError:
        fail("--against-sandbox needs the extra sandbox: pip install 'sevdesk-worker[sandbox]'.")
    if html is not None:
        save_page(html, rehearsal_page(result))
    show(as_json, result, rehearsal_view(result))
    if result.stops:
        raise typer.Exit(MUST_ACT)


def rehearsal_view(result: "Rehearsal") -> "RenderableType":
    """The sums, a table of problems, and what could not be judged."""
    from rich.console import Group

    from worker.cli.tables import table
    from worker.operator.rehearse import summary

    rows = [
        (group.count, group.code, group.verdict, group.actor, ", ".join(group.examples), group.cause, group.next_step)
        for group in result.groups
    ]
    columns = ("invoices", "problem", "publishing", "who acts", "first ones", "cause", "next step")
    notes = "\n".join(f"Not judged: {each}." for each in result.not_judged)
    return Group(summary(result), *([table(columns, rows)] if rows else []), notes)


def rehearsal_page(result: "Rehearsal") -> str:
    """The same as an HTML file."""
    from worker.domain.html_page import heading, page, paragraph, table
    from worker.operator.rehearse import summary

    columns = ("Invoices", "Problem", "Who acts", "First ones", "Cause (of the first)", "Next step")
    parts = [paragraph(summary(result), "bad" if result.stops else "good")]
    for title, stops in (("Would not be published", True), ("Published with a warning", False)):
        groups = [group for group in result.groups if group.stops is stops]
        rows = [
            (group.count, group.code, group.actor, ", ".join(group.examples), group.cause, group.next_step)
            for group in groups
        ]
        parts += [heading(title), table(columns, rows)] if rows else []
    notes = [paragraph(f"{each}.", "quiet") for each in result.not_judged]
    return page("Rehearsal of the approved invoices", [*parts, heading("Not judged"), *notes])
