"""Commands that ask for jobs and decide about parked ones: enqueue, retry, dismiss."""

import getpass
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from worker.cli.base import ACT, MUST_ACT, USAGE, AsJson, cli, fail, show, with_store
from worker.cli.following import Wait, end_as, show_connection_test, wait_for
from worker.cli.invoices import Subject, invoice_id_of
from worker.cli.job_list import Code, KindOption, check_filters, complete_kind
from worker.domain import jobs as contract
from worker.domain.commands import filled
from worker.operator.diagnosis import duration
from worker.operator.lookup import resolve
from worker.operator.rows import DecidingJobRow
from worker.store import NoOpenQuestion, Store
from worker.store.rows import Row

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
# Stay text, also where they could be read as a number or as other JSON.
TEXTS = {
    *("invoice_id", "requested_by", "correlation_id", "traceparent", "reason", "subject", "text"),
    *("contact_person_id", "contact_person_eb", "contact_person_kop"),
}
LEFT = " It leaves the credit note draft {} in sevDesk: delete it there, for no other job does."

Older = Annotated[str | None, typer.Option(help="Parked for longer than this: 90s, 30m, 2h, 7d.")]
ParkedSubject = Annotated[
    str | None, typer.Argument(metavar="JOB|INVOICE", help="A parked job, or the parked jobs of an invoice.")
]


@cli.command(rich_help_panel=ACT)
def enqueue(
    kind: Annotated[
        str, typer.Argument(help="The job kind, for example publish_invoice.", autocompletion=complete_kind)
    ],
    values: Annotated[
        list[str] | None,
        typer.Argument(
            help="key=value ..., JSON values or plain text; also requested_by=UUID, correlation_id=TEXT, traceparent."
        ),
    ] = None,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Ask for a job through the outbox and print its id; invoice_id may be the invoice's number."""
    payload = _payload(values or [])
    requested_by = payload.pop("requested_by", None)
    correlation_id = payload.pop("correlation_id", None)
    invoice = payload.get("invoice_id")
    known = {name: value for name, value in payload.items() if name != "traceparent"}
    try:
        contract.parse(kind, known if invoice is None else known | {"invoice_id": str(UUID(int=0))})
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
        return await store.request_job(kind, _flat(payload), requested_by=person, correlation_id=correlation_id)

    job_id = with_store(ask)
    if not wait:
        return show(as_json, {"job_id": job_id}, job_id)
    [ended] = wait_for([job_id], as_json)
    if kind == "test_connection":
        return show_connection_test(ended, as_json)
    show(as_json, ended.as_json(), ended.text())
    end_as([ended])


@cli.command(rich_help_panel=ACT)
def undelete(invoice: Subject, as_json: AsJson = False) -> None:
    """Ask for a job that takes an invoice over again if sevDesk has it although it counts as deleted there."""

    async def ask(store: Store) -> str:
        return await store.request_job("undelete_invoice", {"invoice_id": str(await invoice_id_of(store, invoice))})

    job_id = with_store(ask)
    show(as_json, {"job_id": job_id}, job_id)


def _flat(payload: dict[str, Any]) -> dict[str, Any]:
    """The outbox takes no lists and objects; the kinds that have such fields take them as text, too."""
    return {key: json.dumps(value) if isinstance(value, list | dict) else value for key, value in payload.items()}


class Answer(StrEnum):
    """Whether the write happened about which the worker asks a person; or the problem is to be disregarded."""

    DONE = "done"
    NOT_DONE = "not-done"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class ParkedJobs:
    """Which parked jobs a command is about: a job, an invoice's, or those that meet conditions."""

    subject: str | None
    code: str | None
    kind: str | None
    older: float | None  # seconds

    @property
    def by_condition(self) -> bool:
        """True if conditions choose the jobs."""
        return bool(self.code or self.kind or self.older)

    @property
    def none_parked(self) -> str:
        """What to say when there are none."""
        return "No parked job meets these conditions." if self.by_condition else "No job is parked."


@cli.command(rich_help_panel=ACT)
def retry(
    subject: ParkedSubject = None,
    all_parked: Annotated[bool, typer.Option("--all-parked", help="Every parked job, in the order asked.")] = False,
    code: Code = None,
    kind: KindOption = None,
    older: Older = None,
    outcome: Annotated[
        Answer | None,
        typer.Option("--as", help="The answer to what the job asks: did it happen or not; or go on."),
    ] = None,
    wait: Wait = False,
    as_json: AsJson = False,
) -> None:
    """Take parked jobs up again from the start; finished work is found, not repeated."""
    wanted = _chosen(subject, code, kind, older, all_parked=all_parked)
    if outcome and subject is None:
        fail("--as answers the question of one job; name it.", USAGE)

    async def unpark(store: Store) -> list[str]:
        parked = await _parked(store, wanted)
        if outcome and len(parked) > 1:
            fail(f"--as answers the question of one job, and {len(parked)} are parked: {', '.join(parked)}.", USAGE)
        retried = [job_id for job_id in parked if await _unpark(store, job_id, outcome)]
        if subject is not None and not retried:
            fail(await _why_not(store, subject, "retry"))
        return retried

    retried = with_store(unpark)
    lines = [f"Job {job_id} is requested again." for job_id in retried] or [wanted.none_parked]
    if not (wait and retried):
        return show(as_json, {"retried": retried}, lines)
    ended = wait_for(retried, as_json)
    shown = {"retried": retried, "jobs": [each.as_json() for each in ended]}
    show(as_json, shown, [line for each in ended for line in each.text()])
    end_as(ended)


@cli.command(rich_help_panel=ACT)
def dismiss(
    subject: ParkedSubject = None,
    reason: Annotated[str, typer.Option(help="Why it need not be done; stays on record.")] = "",
    by: Annotated[str, typer.Option(help="Who decides; by default the login name.")] = "",
    code: Code = None,
    kind: KindOption = None,
    older: Older = None,
    as_json: AsJson = False,
) -> None:
    """End parked jobs for good without doing them, or rejected ones, so that nobody is told of them any more."""
    wanted = _chosen(subject, code, kind, older)
    if not 0 < len(reason.strip()) <= 500:
        fail("Say why with --reason, in up to 500 characters.", USAGE)

    async def end(store: Store) -> tuple[dict[str, str | None], list[str]]:
        named = [*await _parked(store, wanted), *await _parked(store, wanted, "rejected_job_ids")]
        parked = list(dict.fromkeys(named))  # a job's own id is both
        who = by.strip() or login_name()
        found = {job_id: await store.dismiss(job_id, by=who, reason=reason.strip()) for job_id in parked}
        ended = {job_id: draft for job_id, (done, draft) in found.items() if done}
        asking = [j for j in parked if j not in ended and await store.query("has_open_intent", job_id=j)]
        if subject is not None and not ended and not asking:
            fail(await _why_not(store, subject, "dismiss"))
        return ended, asking

    ended, asking = with_store(end)
    lines = [f"Job {job_id} is dismissed." + (LEFT.format(draft) if draft else "") for job_id, draft in ended.items()]
    lines += [
        filled(
            "Job {job} stays parked: nobody knows yet whether its last write happened. Take it up again first: "
            "sevdesk-worker retry {job}, with --as done or --as not-done if it asks.",
            job=job_id,
        )
        for job_id in asking
    ]
    drafts = {job_id: draft for job_id, draft in ended.items() if draft}
    show(
        as_json,
        {"dismissed": list(ended), "asking": asking, "drafts_left": drafts},
        lines or [wanted.none_parked],
    )
    if asking:
        raise typer.Exit(MUST_ACT)


def login_name() -> str:
    """Who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "operator"


def _chosen(
    subject: str | None, code: str | None, kind: str | None, older: str | None, *, all_parked: bool = False
) -> ParkedJobs:
    """Ends the command unless exactly one way of choosing is used."""
    check_filters(kind, code)
    wanted = ParkedJobs(subject, code, kind, _seconds(older))
    if (subject is not None) + all_parked + wanted.by_condition != 1:
        fail("Name a job or an invoice, or choose by --code, --kind and --older (retry: or --all-parked).", USAGE)
    return wanted


def _seconds(text: str | None) -> float | None:
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text or "")
    if text is not None and match is None:
        fail(f"--older is {text!r}; it must be like 90s, 30m, 2h or 7d.", USAGE)
    return None if match is None else float(int(match[1]) * UNITS[match[2]])


async def _unpark(store: Store, job_id: str, outcome: Answer | None) -> bool:
    try:
        return await store.unpark(job_id, answer=outcome.value if outcome else None) is not None
    except NoOpenQuestion:
        fail(
            filled("Job {job} asks nothing that --as could answer; without it: sevdesk-worker retry {job}.", job=job_id)
        )


async def _why_not(store: Store, subject: str, action: str) -> str:
    """Why there is nothing to retry or dismiss, and what to do instead."""
    found = await resolve(store, subject)
    if found is None:
        return f"No invoice or job has the number or id {subject!r}."
    job: DecidingJobRow | None = await store.query("deciding_job", job_id=found.job_id, invoice_id=found.invoice_id)
    if job is None:
        return f"Invoice {subject} has no job, so there is nothing to {action}."
    about = f"Job {job['job_id']} ({job['kind']}{' of ' + job['invoice_number'] if job['invoice_number'] else ''})"
    if job["state"] in ("rejected", "dismissed"):
        return f"{about} is {job['state']}; ask again with a new job."
    again = job["again_in"] or 0
    goes_on = f"; it goes on by itself in {duration(again)}" if job["state"] == "waiting" and again > 0 else ""
    return f"{about} is not parked but {job['state']}, so there is nothing to {action}{goes_on}."


async def _parked(store: Store, wanted: ParkedJobs, statement: str = "parked_job_ids") -> list[str]:
    """Ids of the parked jobs meant, oldest first. A job's own id is returned unchecked."""
    found = None if wanted.subject is None else await resolve(store, wanted.subject)
    if found is not None and found.job_id is not None:
        return [found.job_id]
    if wanted.subject is not None and found is None:
        return []
    rows: list[Row] = await store.query(
        statement,
        invoice_id=found.invoice_id if found else None,
        code=wanted.code,
        kind=wanted.kind,
        older=wanted.older,
    )
    return [row["job_id"] for row in rows]


def _payload(values: list[str]) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for pair in values:
        key, sign, text = pair.partition("=")
        if not sign:
            fail(f"{pair!r} is not key=value, such as invoice_id=4711.", USAGE)
        if pair != pair.encode(errors="ignore").decode():
            fail(f"{pair!r} is not UTF-8 text.", USAGE)
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        payload[key] = text if key in TEXTS and not isinstance(value, str | None) else value
    return payload
