"""reconcile: compares all invoices with sevDesk."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.cli.base import FOUND, AsJson, cli, fail, settings, show, with_store
from worker.store import Store

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.reconcile.read import Reconciliation


@cli.command()
def reconcile(
    fix: Annotated[bool, typer.Option("--fix", help="Ask for the jobs that repair what a job can repair.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report to read or print.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every linked invoice with sevDesk; changes nothing. Exit 0: both agree, 3: they differ."""
    import structlog

    from worker.cli.sevdesk import sevdesk_errors
    from worker.operator.connections import open_account_gated
    from worker.reconcile.html import report
    from worker.reconcile.read import ask_repairs, remember
    from worker.reconcile.read import reconcile as compare

    given = settings()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # the command prints its result itself

    async def look(store: Store) -> tuple["Reconciliation", list[str]]:
        async with open_account_gated(given) as account:
            found = await compare(store, account.client)
        run = await remember(store, found)
        return found, await ask_repairs(store, found, run) if fix else []

    with sevdesk_errors("Nothing was compared; try again later."):
        found, asked = with_store(look, given)
    if html is not None:
        try:
            html.write_text(report(found), encoding="utf-8")
        except OSError as error:
            fail(f"Cannot write {html}: {error.strerror}.")
    show(as_json, _as_json(found, asked), lambda out: out.print(_table(found, asked)))
    if found.findings:
        raise typer.Exit(FOUND)


def _as_json(found: "Reconciliation", asked: list[str]) -> dict[str, Any]:
    return {
        "started_at": found.started_at,
        "invoices": found.invoices,
        "documents": found.documents,
        "changing": found.changing,
        "calls": found.calls,
        "drift": found.counts,
        "findings": found.findings,
        "repairs_asked": asked,
    }


def _table(found: "Reconciliation", asked: list[str]) -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    from worker.cli.invoice_view import plain

    of = f"{found.invoices} linked invoices and {found.documents} documents in sevDesk ({found.calls} calls)"
    left_out = f", {found.changing} left out because they were being changed" if found.changing else ""
    counts = ", ".join(f"{count} {name}" for name, count in found.counts.items())
    head = Text(f"{of} compared{left_out}: {counts or 'no difference'}.")
    if not found.findings:
        return head
    table = plain("what", "invoice", "here", "in sevDesk", "next step")
    for each in found.findings:
        texts = (each.drift.value, each.invoice_number, each.ours, each.theirs, each.next_step)
        table.add_row(*map(Text, texts))
    repairable = sum(each.repair is not None for each in found.findings)
    last = (
        f"{len(asked)} repair jobs asked for."
        if asked
        else f"{repairable} can be repaired by jobs: --fix asks for them."
    )
    return Group(head, table, Text(last))
