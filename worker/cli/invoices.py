"""Commands about one invoice or job: show, why, preview."""

from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from worker.cli.base import LOOK, MUST_ACT, AsJson, cli, fail, require_token, settings, show, with_store
from worker.operator.lookup import resolve
from worker.store import Store

Subject = Annotated[
    str, typer.Argument(metavar="INVOICE", help="Its number, its id, or sevDesk's number or id for it.")
]


WELL = ("publishes", "published")


async def invoice_id_of(store: Store, subject: str) -> UUID:
    """The invoice's id. Ends the command with exit code 1 if there is no such invoice."""
    found = await resolve(store, subject)
    if found is None or found.invoice_id is None:
        fail(f"No invoice has the number or id {subject!r}. Check it in the billing system.")
    return found.invoice_id


@cli.command("show", rich_help_panel=LOOK)
def show_invoice(
    invoice: Subject,
    as_json: AsJson = False,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="Write all evidence into a ZIP instead, and print its seal.")
    ] = None,
) -> None:
    """Show one invoice: where it stands, its jobs, and everything that happened to it, in order."""
    from worker.cli.evidence import write_bundle
    from worker.cli.invoice_view import InvoiceHistory, history_view

    if bundle is not None:
        return write_bundle(invoice, bundle, as_json)

    async def read(store: Store) -> InvoiceHistory:
        invoice_id = await invoice_id_of(store, invoice)
        return {
            "invoice": await store.query("invoice_head", invoice_id=invoice_id),
            "jobs": await store.query("jobs_of_invoice", invoice_id=invoice_id),
            "timeline": await store.query("timeline", invoice_id=invoice_id),
        }

    history = with_store(read)
    show(as_json, history, history_view(history))


@cli.command(rich_help_panel=LOOK)
def why(
    subject: Annotated[str, typer.Argument(metavar="INVOICE|JOB", help="An invoice (number or id), or a job's id.")],
    as_json: AsJson = False,
) -> None:
    """Say in plain words why an invoice or job is where it is, and what comes next. Exit 3: a person must act."""
    from worker.cli.tables import short_commands
    from worker.operator.connections import is_in_inbox
    from worker.operator.diagnosis import Diagnosis, diagnose, in_inbox
    from worker.operator.situation import gather

    async def read(store: Store) -> Diagnosis:
        found = await resolve(store, subject)
        if found is None:
            match await is_in_inbox(settings(), subject):
                case True:
                    return in_inbox(subject, await store.query("living_workers"))
                case False:
                    redis = "Redis has no such job, either."
                case None:
                    redis = "Whether Redis has such a job is not known, because it does not answer."
            fail(f"No invoice or job has the number or id {subject!r}. {redis}")
        return diagnose(await gather(store, found, settings()))

    answer = with_store(read)
    step = short_commands(answer.next_step)
    lines = (f"{answer.subject}: {answer.state}", f"  why   {answer.cause}", f"  next  {step}")
    show(as_json, answer, lines)
    if answer.needs_person:
        raise typer.Exit(MUST_ACT)


@cli.command(rich_help_panel=LOOK)
def preview(
    invoice: Subject,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask sevDesk nothing: ids only it knows are shown as 0 and named.")
    ] = False,
    by: Annotated[
        UUID | None, typer.Option(metavar="UUID", help="The person who would ask for it: their rights and limit count.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what publishing an invoice would do, and send, with nothing written. Exit 3: it would not be published."""
    from worker.cli.invoice_view import preview_view
    from worker.operator.connections import open_account_watching
    from worker.operator.preview import Preview, preview_of

    async def read(store: Store) -> Preview:
        invoice_id = await invoice_id_of(store, invoice)
        async with nullcontext() if offline else open_account_watching(settings(), store) as real:
            return await preview_of(store, invoice_id, settings(), real, by)

    if not offline:
        require_token()
    result = with_store(read, "Use --offline to ask sevDesk nothing.")
    shown = {field.name: getattr(result, field.name) for field in fields(result)}
    for name in ("problem", "stopped_before"):
        if shown[name] is not None:
            shown[name] = shown[name].as_dict(job=result.invoice_number)
    step = shown.pop("next_step")
    if step is not None:
        shown["problem"]["next_step"] = step
    show(as_json, shown, preview_view(result))
    if result.verdict not in WELL:
        raise typer.Exit(MUST_ACT)
