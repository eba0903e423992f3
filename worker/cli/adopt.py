"""The command adopt: takes over an account and invoices that existed before this worker."""

from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import ACT, MUST_ACT, AsJson, cli, own_account, require_token, show, with_store
from worker.cli.following import end_as, wait_for
from worker.cli.saving import HtmlFile, require_new, save_page
from worker.store import Store

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.adopt.take_over import Adoption


@cli.command(rich_help_panel=ACT)
def adopt(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report; link nothing, ask for nothing.")] = False,
    archive: Annotated[
        bool, typer.Option("--archive", help="Also ask for the PDF and XML of linked invoices.")
    ] = False,
    html: HtmlFile = None,
    as_json: AsJson = False,
) -> None:
    """Link existing invoices and contacts with sevDesk's; changes nothing there. Exit 3: a person must decide."""
    from worker.adopt.html import report
    from worker.adopt.take_over import TakeOver

    async def look(store: Store) -> "Adoption":
        async with own_account(store) as account:
            return await TakeOver(store, account.client).run()

    require_token()
    require_new(html)
    job = None
    if not dry_run:
        job_id = with_store(lambda store: store.request_job("adopt", {"archive": archive}))
        [ended] = wait_for([job_id], as_json)
        job = ended.job
        if job["state"] != "done":
            end_as([ended])
    found = with_store(look, "Nothing was compared; try again later.")
    if html is not None:
        save_page(html, report(found, dry_run=dry_run))
    result = job["result"] if job else None
    shown = {name: getattr(found, name) for name in ("invoices", "documents", "contacts", "calls", "known", "counts")}
    counted = {"linked": found.linked, "contacts_linked": found.contacts_linked}
    show(
        as_json,
        {**shown, "dry_run": dry_run, "job": result, "left" if job else "would_link": counted,
         "findings": [each.as_dict() for each in found.findings]},
        _view(found, dry_run, result),
    )  # fmt: skip
    if found.doubts:
        raise typer.Exit(MUST_ACT)


def _view(found: "Adoption", dry_run: bool, result: dict[str, object] | None) -> "RenderableType":
    from rich.console import Group

    from worker.adopt.html import summary
    from worker.cli.tables import table

    done = f"{result['linked']} invoices and {result['contacts_linked']} contacts were linked. " if result else ""
    head = done + summary(found, dry_run=dry_run)
    if not found.findings:
        return head
    rows = [(each.code, each.cause(), each.next_step()) for each in found.findings]
    return Group(head, table(("code", "what", "next step"), rows))
