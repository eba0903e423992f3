"""Commands about jobs: jobs, enqueue, retry."""

import json
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from worker.cli.base import USAGE, AsJson, cli, fail, show, with_store
from worker.cli.invoices import invoice_id_of
from worker.domain import jobs as contract
from worker.operator.diagnosis import duration
from worker.operator.lookup import resolve
from worker.store import NoOpenQuestion, Store
from worker.store.operator_rows import DecidingJobRow, ListedJobRow
from worker.store.rows import Row

STATES = ("requested", "queued", "running", "waiting", "done", "parked", "rejected")


@cli.command()
def jobs(
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATES)}.")] = None,
    kind: Annotated[str | None, typer.Option(help="A job kind, for example publish_invoice.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=10_000)] = 20,
    as_json: AsJson = False,
) -> None:
    """List jobs, the newest first."""
    from worker.cli.status_view import job_table

    if state is not None and state not in STATES:
        fail(f"--state is {state!r}; it must be one of {', '.join(STATES)}.", USAGE)
    if kind is not None and kind not in contract.KINDS and kind != "unreadable":
        fail(f"--kind is {kind!r}; known are {', '.join(contract.KINDS)} and unreadable.", USAGE)
    rows: list[ListedJobRow] = with_store(lambda store: store.query("list_jobs", state=state, kind=kind, most=limit))
    show(as_json, rows, job_table(rows) if rows else "No such job.")


@cli.command()
def enqueue(
    kind: Annotated[str, typer.Argument(help="The job kind, for example publish_invoice.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(help="key=value ..., JSON values or plain text; also requested_by=UUID, correlation_id=TEXT."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a job through the outbox and print its id; invoice_id may be the invoice's number."""
    payload = _payload(values or [])
    requested_by = payload.pop("requested_by", None)
    correlation_id = payload.pop("correlation_id", None)
    invoice = payload.get("invoice_id")
    try:
        contract.parse(kind, payload if invoice is None else payload | {"invoice_id": str(UUID(int=0))})
    except (contract.BadJob, ValueError) as error:
        fail(str(error), USAGE)
    try:
        person = UUID(requested_by) if requested_by else None
    except ValueError:
        fail("requested_by must be the id of a contact, a UUID.", USAGE)
    if correlation_id is not None and len(correlation_id) > 200:
        fail("correlation_id must have at most 200 characters.", USAGE)

    async def ask(store: Store) -> str:
        if invoice is not None:
            payload["invoice_id"] = str(await invoice_id_of(store, invoice))
        return await store.request_job(kind, payload, requested_by=person, correlation_id=correlation_id)

    job_id = with_store(ask)
    show(as_json, {"job_id": job_id}, job_id)


class Outcome(StrEnum):
    """Whether the write happened about which the worker asks a person; or the problem is to be disregarded."""

    DONE = "done"
    NOT_DONE = "not-done"
    CONFIRMED = "confirmed"


@cli.command()
def retry(
    subject: Annotated[str | None, typer.Argument(metavar="JOB|INVOICE", help="A parked job, or its invoice.")] = None,
    all_parked: Annotated[bool, typer.Option("--all-parked", help="Every parked job, in the order asked.")] = False,
    outcome: Annotated[
        Outcome | None,
        typer.Option("--as", help="The answer to what the job asks: did it happen or not; or go on."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take parked jobs up again from the start; finished work is found, not repeated."""
    if (subject is None) == (not all_parked):
        fail("Name a job or an invoice, or say --all-parked.", USAGE)
    if all_parked and outcome:
        fail("--as answers the question of one job; name it.", USAGE)

    async def unpark(store: Store) -> list[str]:
        parked = await _parked(store, subject)
        if outcome and len(parked) > 1:
            fail(f"--as answers the question of one job, and {len(parked)} are parked: {', '.join(parked)}.", USAGE)
        retried = [job_id for job_id in parked if await _unpark(store, job_id, outcome)]
        if subject is not None and not retried:
            fail(await _why_not(store, subject))
        return retried

    retried = with_store(unpark)
    lines = [f"Job {job_id} is requested again." for job_id in retried] or ["No job is parked."]
    show(as_json, {"retried": retried}, "\n".join(lines))


async def _unpark(store: Store, job_id: str, outcome: Outcome | None) -> bool:
    try:
        return await store.unpark(job_id, answer=outcome.value if outcome else None) is not None
    except NoOpenQuestion:
        fail(f"Job {job_id} asks nothing that --as could answer; without it: sevdesk-worker retry {job_id}.")


async def _why_not(store: Store, subject: str) -> str:
    """Why there is nothing to retry, and what to do instead."""
    found = await resolve(store, subject)
    if found is None:
        return f"No invoice or job has the number or id {subject!r}."
    job: DecidingJobRow | None = await store.query("deciding_job", job_id=found.job_id, invoice_id=found.invoice_id)
    if job is None:
        return f"Invoice {subject} has no job, so there is nothing to retry."
    about = f"Job {job['job_id']} ({job['kind']}{' of ' + job['invoice_number'] if job['invoice_number'] else ''})"
    if job["state"] == "rejected":
        return f"{about} is rejected; ask again with a new job."
    again = job["again_in"] or 0
    goes_on = f"; it goes on by itself in {duration(again)}" if job["state"] == "waiting" and again > 0 else ""
    return f"{about} is not parked but {job['state']}, so there is nothing to retry{goes_on}."


async def _parked(store: Store, subject: str | None) -> list[str]:
    """Ids of the parked jobs meant (all if `subject` is None), oldest first. A job's own id is returned unchecked."""
    found = None if subject is None else await resolve(store, subject)
    if found is not None and found.job_id is not None:
        return [found.job_id]
    if subject is not None and found is None:
        return []
    rows: list[Row] = await store.query("parked_job_ids", invoice_id=found.invoice_id if found else None)
    return [row["job_id"] for row in rows]


def _payload(values: list[str]) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for pair in values:
        key, sign, text = pair.partition("=")
        if not sign:
            fail(f"{pair!r} is not key=value.", USAGE)
        if pair != pair.encode(errors="ignore").decode():
            fail(f"{pair!r} is not UTF-8 text.", USAGE)
        try:
            # An invoice number or a correlation id may consist of digits only, and stays text.
            payload[key] = text if key in ("invoice_id", "requested_by", "correlation_id") else json.loads(text)
        except ValueError:
            payload[key] = text
    return payload
