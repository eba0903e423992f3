"""The command reconcile: compares all invoices with sevDesk."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import (
    LOOK,
    MUST_ACT,
    USAGE,
    AsJson,
    cli,
    fail,
    own_account,
    require_token,
    settings,
    show,
    with_store,
)
from worker.cli.saving import HtmlFile, require_new, save_page
from worker.store import Store

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.reconcile.read import Reconciliation


@cli.command(rich_help_panel=LOOK)
def reconcile(
    fix: Annotated[bool, typer.Option("--fix", help="Ask for the jobs that repair what a job can repair.")] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="With --fix: even if sevDesk shows more as gone than MASS_CHANGE_LIMIT.")
    ] = False,
    html: HtmlFile = None,
    as_json: AsJson = False,
) -> None:
    """Compare every linked invoice with sevDesk; changes nothing. Exit 0: both agree, 3: they differ."""
    from worker.handlers.mass_change import CODE
    from worker.reconcile.html import report
    from worker.reconcile.read import reconcile as compare
    from worker.reconcile.read import request_repairs, store_result

    async def run(store: Store) -> tuple["Reconciliation", list[str]]:
        async with own_account(store) as account:
            result = await compare(store, account.client)
        number = await store_result(store, result)
        lately = await store.query("taken_away_lately", code=CODE, job_id=None) if fix and not confirmed else 0
        if fix and not confirmed and result.takes_much_away(settings().mass_change_limit, lately):
            before = f", and {lately} were found so within the last two days" if lately else ""
            fail(
                f"In sevDesk {len(result.taking_away)} of {result.invoices} invoices are gone, cancelled or numbered "
                f"otherwise{before}; no repair was asked for. Look at some of them there; if it is right: "
                "sevdesk-worker reconcile --fix --confirmed"
            )
        return result, await request_repairs(store, result, number) if fix else []

    if confirmed and not fix:
        fail("--confirmed goes with --fix: sevdesk-worker reconcile --fix --confirmed", USAGE)
    require_token()
    require_new(html)
    result, repair_jobs = with_store(run, "Nothing was compared; try again later.")
    if html is not None:
        save_page(html, report(result))
    shown = {field.name: getattr(result, field.name) for field in fields(result)}
    show(as_json, {**shown, "drift": result.counts, "repairs_asked": repair_jobs}, _view(result, repair_jobs))
    if result.findings:
        raise typer.Exit(MUST_ACT)


def _view(result: "Reconciliation", repair_jobs: list[str]) -> "RenderableType":
    from rich.console import Group

    from worker.cli.tables import table
    from worker.domain.formats import counted

    scope = f"{counted(result.invoices, 'linked invoice')} and {counted(result.documents, 'document')} in sevDesk"
    scope += f" ({counted(result.calls, 'call')})"
    left_out = f", {result.changing} left out because of changes meanwhile" if result.changing else ""
    counts = ", ".join(f"{count} {name}" for name, count in result.counts.items())
    head = f"{scope} compared{left_out}: {counts or 'no difference'}."
    if not result.findings:
        return head
    rows = [(each.drift.value, each.invoice_number, each.ours, each.theirs, each.next_step) for each in result.findings]
    repairable = sum(each.repair is not None for each in result.findings)
    repairs = (
        f"Jobs can repair {repairable} of them: --fix asks for these jobs." if repairable else "No job repairs this."
    )
    if repair_jobs:
        repairs = f"{counted(len(repair_jobs), 'repair job')} asked for."
    return Group(head, table(("what", "invoice", "here", "in sevDesk", "next step"), rows), repairs)
