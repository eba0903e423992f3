"""The command rehearse: whether the approved invoices can be published."""

from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import (
    LOOK,
    MUST_ACT,
    USAGE,
    AsJson,
    cli,
    fail,
    refuse_other,
    require_token,
    settings,
    show,
    with_store,
)
from worker.cli.saving import HtmlFile, require_new, save_page
from worker.domain.problems.problem_type import Lang
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
    language: Annotated[Lang, typer.Option(help="Language of the report.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Check every approved invoice as publishing would, and write nothing. Exit 3: some would not be published."""
    from worker.operator.connections import open_account
    from worker.operator.rehearse import Rehearsal, rehearse
    from worker.operator.shadow import shadow_run

    days = [each.date() if each else None for each in (since, until)]
    if since and until and since > until:
        fail("--from is later than --to, so that no invoice can be between them.", USAGE)

    async def work(store: Store) -> Rehearsal:
        if against_sandbox:
            return await shadow_run(store, settings(), *days)
        async with nullcontext() if offline else open_account(settings()) as facts:
            await refuse_other(store, facts)
            return await rehearse(store, settings(), facts, *days)

    if not offline and not against_sandbox:
        require_token()
    require_new(html)
    try:
        result = with_store(work, "Use --offline to ask sevDesk nothing.")
    except ImportError:
        fail("--against-sandbox needs the extra sandbox: pip install 'sevdesk-worker[sandbox]'.")
    if html is not None:
        from worker.operator.rehearsal_page import rehearsal_page

        save_page(html, rehearsal_page(result, language, datetime.now().astimezone(), *days))
    show(as_json, result, rehearsal_view(result))
    if result.stops:
        raise typer.Exit(MUST_ACT)


def rehearsal_view(result: "Rehearsal") -> "RenderableType":
    """The sums, each problem over the full width, and what could not be judged."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from worker.cli.tables import facts
    from worker.operator.rehearse import summary

    told: list[RenderableType] = []
    for group in result.groups:
        rest = group.count - len(group.examples)
        numbers = ", ".join([*group.examples, *([f"and {rest} more"] if rest else [])])
        told.append(Text(f"{group.count} × {group.code} ({group.verdict}; {group.actor} acts)", style="bold"))
        about = (("invoices", numbers), ("cause", group.cause), ("next step", group.next_step))
        told.append(Padding(facts(*about), (0, 0, 1, 2)))
    notes = "\n".join(f"Not judged: {each}." for each in result.not_judged)
    return Group(summary(result), "", *told, notes)
