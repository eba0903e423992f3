"""The command jobs: the ledger filtered, or one job whole."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from worker.cli.base import LOOK, USAGE, AsJson, cli, fail, show, with_store
from worker.cli.csv_output import AsCsv, print_csv
from worker.cli.invoices import invoice_id_of
from worker.domain import jobs as contract
from worker.domain.commands import filled
from worker.domain.ledger import JobState
from worker.domain.problems import CATALOGUE
from worker.operator.lookup import resolve
from worker.operator.results import WholeJob, read_job
from worker.operator.rows import ListedJobRow
from worker.store import Store

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
CSV_COLUMNS = ("job_id", "kind", "state", "invoice_number", "attempt", "origin", "requested_by", "correlation_id",
               "problem", "error", "next_step", "created_at", "finished_at")  # fmt: skip


def _beginning(names: Iterable[str]) -> Callable[[str], list[str]]:
    """For the shell's completion: those of the names that begin with what is typed."""
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


complete_kind = _beginning(contract.KINDS)
Code = Annotated[
    str | None,
    typer.Option(help="A problem code, for example token_refused.", autocompletion=_beginning(CATALOGUE)),
]
KindOption = Annotated[
    str | None,
    typer.Option("--kind", help="A job kind, for example publish_invoice.", autocompletion=complete_kind),
]


@cli.command(rich_help_panel=LOOK)
def jobs(
    job: Annotated[str | None, typer.Argument(metavar="JOB", help="One job: payload, result, history.")] = None,
    state: Annotated[
        str | None, typer.Option(help=f"One of {', '.join(JobState)}.", autocompletion=_beginning(JobState))
    ] = None,
    kind: KindOption = None,
    code: Code = None,
    invoice: Annotated[str | None, typer.Option(help="Its number, its id, or sevDesk's number or id for it.")] = None,
    by: Annotated[str | None, typer.Option(metavar="UUID", help="The person who asked: the id of a contact.")] = None,
    correlation: Annotated[str | None, typer.Option(metavar="ID", help="The correlation_id it was asked with.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(metavar="DAY", help="Asked for at or after this day or time (local).", formats=FORMATS),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(metavar="DAY", help="Asked for before this day or time (local).", formats=FORMATS)
    ] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=10_000)] = 20,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List jobs, the newest first; or show one with payload, result, attempts and history (personal data)."""
    if state is not None and state not in tuple(JobState):
        fail(f"--state is {state!r}; it must be one of {', '.join(JobState)}.", USAGE)
    check_filters(kind, code)
    wanted = {"state": state, "kind": kind, "code": code, "requested_by": _person(by), "correlation_id": correlation,
              "since": _instant(since), "until": _instant(until)}  # fmt: skip
    if job is not None:
        if as_csv or invoice is not None or any(value is not None for value in wanted.values()):
            fail("Name one job, or filter the list; not both.", USAGE)
        return _show_one(job, as_json)

    async def read(store: Store) -> list[ListedJobRow]:
        invoice_id = None if invoice is None else await invoice_id_of(store, invoice)
        rows: list[ListedJobRow] = await store.query("list_jobs", **wanted, invoice_id=invoice_id, most=limit)
        return rows

    _show_list(with_store(read), as_json, as_csv)


def _show_list(rows: list[ListedJobRow], as_json: bool, as_csv: bool) -> None:
    from worker.cli.status_view import job_table

    if as_csv:
        return print_csv(CSV_COLUMNS, rows)
    show(as_json, rows, job_table(rows) if rows else "No such job.")


def _show_one(subject: str, as_json: bool) -> None:
    from worker.cli.job_view import job_view

    async def read(store: Store) -> WholeJob:
        found = await resolve(store, subject)
        if found is None or found.job_id is None:
            advice = (
                ""
                if found is None
                else filled(" It is an invoice: sevdesk-worker jobs --invoice {invoice}", invoice=subject)
            )
            fail(f"No job has the id {subject!r}.{advice}")
        return await read_job(store, found.job_id)

    whole = with_store(read)
    shown: dict[str, Any] = {**whole["job"], "history": whole["history"]}
    show(as_json, shown, job_view(whole))


def check_filters(kind: str | None, code: str | None) -> None:
    """Ends the command unless there is such a job kind and such a problem."""
    if kind is not None and kind not in contract.KINDS and kind != "unreadable":
        fail(f"--kind is {kind!r}; known are {', '.join(contract.KINDS)} and unreadable.", USAGE)
    if code is not None and code not in CATALOGUE:
        fail(f"--code is {code!r}; sevdesk-worker problems lists the codes.", USAGE)


def _person(by: str | None) -> UUID | None:
    try:
        return UUID(by) if by else None
    except ValueError:
        fail("--by must be the id of a contact, a UUID.", USAGE)


def _instant(local: datetime | None) -> datetime | None:
    """A local time without zone as an instant; at the ends of the calendar, where no zone fits, in UTC."""
    try:
        return local and local.astimezone()
    except (OverflowError, ValueError):
        return local and local.replace(tzinfo=UTC)
