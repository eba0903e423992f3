"""The command recover: after the database was restored from a backup, brings back what sevDesk has had since."""

import math
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.base import (
    ACT,
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
from worker.store import Store

if TYPE_CHECKING:
    from rich.console import RenderableType

    from worker.reconcile.recover import Recovery


@cli.command(rich_help_panel=ACT)
def recover(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="A time before the backup, such as 2026-11-29T03:00; in Berlin, unless "
                                               "it has an offset.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report; change nothing, ask for nothing.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Bring back what a restored database has forgotten, and let writes leave again. Exit 3: a person must act."""
    from worker.operator import recovery
    from worker.operator.connections import redis_client
    from worker.reconcile.recover import look_back

    moment = _moment(since)

    async def run(store: Store) -> tuple["Recovery", list[str]]:
        if moment > (await store.query("clock"))["now"]:
            fail(f"--since is {since!r}, a time to come; it must be one before the backup.", USAGE)
        async with own_account(store) as account:
            if dry_run:
                return await look_back(store, account.client, moment), []
            given = settings()
            async with redis_client(given.redis_url) as redis:
                return await recovery.recover(
                    store, account.client, redis, moment, quarantine=given.write_quarantine, waiting=_waiting
                )

    require_token()
    found, jobs = with_store(run, "Nothing was changed; try again later.")
    shown = {field.name: getattr(found, field.name) for field in fields(found)}
    show(as_json, {**shown, "dry_run": dry_run, "jobs": jobs}, _view(found, jobs, dry_run))
    if found.for_person:
        raise typer.Exit(MUST_ACT)


def _waiting(seconds: float) -> None:
    typer.echo(f"Waiting {math.ceil(seconds)} s: what was being written to sevDesk arrives until then.", err=True)


def _moment(text: str) -> datetime:
    """Ends the command with exit code 2 if it is no time."""
    from sevdesk_client.models import BERLIN

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--since is {text!r}; it must look like 2026-11-29T03:00 or 2026-11-29T02:00+00:00.", USAGE)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=BERLIN)
    return max(moment, datetime(2000, 1, 1, tzinfo=BERLIN))  # sevDesk is younger


def _view(found: "Recovery", jobs: list[str], dry_run: bool) -> "RenderableType":
    from rich.console import Group

    from worker.cli.tables import table
    from worker.domain.formats import counted

    scope = f"{counted(found.documents, 'document')} in sevDesk changed since {found.since.isoformat()}"
    head = f"{scope}: {counted(len(found.findings), 'difference')}, {found.for_person} for a person."
    done = f"Writes may leave again; {counted(len(jobs), 'job')} asked for." if not dry_run else "Nothing was changed."
    if not found.findings:
        return f"{head} {done}"
    rows = [(each.what, each.number, each.ours, each.theirs, each.next_step) for each in found.findings]
    return Group(head, table(("what", "number", "here", "in sevDesk", "next step"), rows), done)
