"""The command readiness: which companies would stop under the duty to issue e-invoices."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import LOOK, MUST_ACT, AsJson, cli, refuse_other, require_token, settings, show, with_store
from worker.cli.saving import HtmlFile, require_new, save_page
from worker.store import Store

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.operator.readiness import Readiness


@cli.command(rich_help_panel=LOOK)
def readiness(
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask sevDesk nothing about the seller's own data.")
    ] = False,
    html: HtmlFile = None,
    as_json: AsJson = False,
) -> None:
    """List every company whose e-invoices would stop, by what it lacks, and the seller's data. Exit 3: some lack."""
    from worker.operator.connections import open_account
    from worker.operator.readiness import Readiness, readiness_of, report

    async def read(store: Store) -> Readiness:
        async with nullcontext() if offline else open_account(settings()) as account:
            await refuse_other(store, account)
            return await readiness_of(store, settings(), account)

    if not offline:
        require_token()
    require_new(html)
    result = with_store(read, "Use --offline to ask sevDesk nothing.")
    if html is not None:
        save_page(html, report(result))
    names = ("since", "mode", "companies", "by_field", "lacking", "seller", "rules_installed")
    show(as_json, {name: getattr(result, name) for name in names}, _view(result))
    if not result.is_ready:
        raise typer.Exit(MUST_ACT)


def _view(result: "Readiness") -> "RenderableType":
    from rich.console import Group

    from worker.cli.tables import facts, table
    from worker.operator.readiness import COLUMNS, NO_RULES, UNTOLD, summary

    parts: list[RenderableType] = [summary(result)]
    if result.lacking:
        rows = [(each.company, ", ".join(each.lacks), each.invoices, each.latest, each.id) for each in result.lacking]
        parts.append(table(COLUMNS, rows))
    if result.seller:
        parts += [facts(*((each.field, each.state) for each in result.seller)), UNTOLD]
    if not result.rules_installed:
        parts.append(NO_RULES)
    return Group(*parts)
