"""Commands that follow what happens: tail, test-connection; and `--wait` of enqueue and retry."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from worker.cli.base import (
    ACT,
    FAILED,
    LOOK,
    MUST_ACT,
    AsJson,
    cli,
    console,
    dump,
    end_on_interrupt,
    fail,
    settings,
    show,
    with_store,
)
from worker.cli.job_list import Code, KindOption, check_filters
from worker.domain.visible import visible_line
from worker.operator.advice import ToLookAt
from worker.operator.aftermath import left_by
from worker.operator.following import follow, past_events, past_jobs
from worker.operator.lookup import Found, resolve
from worker.store import Store
from worker.store.listener import listen_to_events
from worker.store.rows import Row

Wait = Annotated[
    bool,
    typer.Option(
        "--wait",
        help="Follow it to its end. Exit 0: done, 1: rejected or dismissed, 3: a person must act.",
    ),
]
# Of a job, as `--wait` prints it.
RESULT = ("job_id", "kind", "state", "result", "problem", "error", "next_step")
EXITS = {"done": 0, "parked": MUST_ACT}


@dataclass(frozen=True, slots=True)
class Ended:
    """A job at its end, and what it leaves for a person if it is done."""

    job: Row
    to_look_at: list[ToLookAt]

    @property
    def code(self) -> int:
        """The exit code that tells of it."""
        return EXITS.get(self.job["state"], FAILED) or (MUST_ACT if self.to_look_at else 0)

    def as_json(self) -> dict[str, Any]:
        return {**{name: self.job[name] for name in RESULT}, "to_look_at": self.to_look_at}

    def text(self) -> list[str]:
        """In words, line by line."""
        from worker.cli.tables import short_commands

        job = self.job
        told = self.to_look_at
        if job["state"] == "dismissed":
            told = [ToLookAt(job["dismissed_reason"], "-")]
        elif job["state"] != "done":
            told = [ToLookAt(job["error"], job["next_step"] or "-")]
        lines = [f"Job {job['job_id']} ({job['kind']}) is {job['state']}."]
        for each in told:
            lines += [f"  why   {each.cause}", f"  next  {short_commands(each.next_step)}"]
        lines += [f"  {name}: {value if isinstance(value, str) else dump(value, indent=None)}"
                  for name, value in (job["result"] or {}).items()]  # fmt: skip
        return lines


def wait_for(job_ids: list[str], as_json: bool) -> list[Ended]:
    """Follow the jobs to their ends; what puts one off is said on standard error unless the answer is JSON."""

    def tell(sentence: str) -> None:
        if not as_json:
            typer.echo(visible_line(sentence), err=True)

    async def all_of_them(store: Store) -> list[Ended]:
        jobs = [await follow(store, job_id, tell) for job_id in job_ids]
        return [Ended(job, await left_by(store, job)) for job in jobs]

    return with_store(all_of_them)


def end_as(jobs: list[Ended]) -> None:
    """End the command with the jobs' exit code: 1 if one was rejected or dismissed, else 3 if one wants a person."""
    codes = {each.code for each in jobs}
    worst = FAILED if FAILED in codes else max(codes, default=0)
    if worst:
        raise typer.Exit(worst)


def show_connection_test(ended: Ended, as_json: bool) -> None:
    """Its checks; exit code 1 if one fails."""
    checks = (ended.job["result"] or {}).get("checks", [])
    lines = [f"{each['level']:<7} {each['name']}: " + " ".join(filter(None, (each["detail"], each["next_step"])))
             for each in checks]  # fmt: skip
    show(as_json, ended.as_json(), lines if checks else ended.text())
    end_as([ended])
    if not (ended.job["result"] or {}).get("connected") or any(each["level"] == "fail" for each in checks):
        raise typer.Exit(FAILED)


@cli.command("test-connection", rich_help_panel=ACT)
def test_connection(wait: Wait = False, as_json: AsJson = False) -> None:
    """Ask a worker to test the connection to sevDesk; --wait shows its checks, and exits 1 if one fails."""
    job_id = with_store(lambda store: store.request_job("test_connection", {}))
    if not wait:
        return show(as_json, {"job_id": job_id}, job_id)
    show_connection_test(wait_for([job_id], as_json)[0], as_json)


@cli.command(rich_help_panel=LOOK)
def tail(
    invoice: Annotated[str | None, typer.Option(metavar="INVOICE", help="Only what concerns this invoice.")] = None,
    job: Annotated[str | None, typer.Option(metavar="JOB", help="Only what this job does.")] = None,
    kind: KindOption = None,
    code: Code = None,
    last: Annotated[int, typer.Option(help="How many earlier lines to begin with.", min=0, max=10_000)] = 10,
    as_json: AsJson = False,
) -> None:
    """Print what becomes of jobs and invoices as it happens, until Ctrl-C; --json prints one line each."""
    check_filters(kind, code)
    end_on_interrupt()

    async def run(store: Store) -> None:
        subject, numbers = await _found(store, invoice, job), dict[str, str | None]()
        async with listen_to_events(settings().lock_url) as told:
            for each in await _past(store, subject, kind, code, last):
                await _print(store, each, numbers, as_json)
            async for each in told:
                if _wanted(each, subject, kind, code):
                    await _print(store, each, numbers, as_json)

    with_store(run)


async def _found(store: Store, invoice: str | None, job: str | None) -> Found | None:
    """What the options name; None: everything."""
    if invoice is None and job is None:
        return None
    ours = None if invoice is None else await resolve(store, invoice)
    theirs = None if job is None else await resolve(store, job)
    if invoice is not None and (ours is None or ours.invoice_id is None):
        fail(f"No invoice has the number or id {invoice!r}.")
    if job is not None and (theirs is None or theirs.job_id is None):
        fail(f"No job has the id {job!r}.")
    return Found(ours.invoice_id if ours else None, theirs.job_id if theirs else None)


async def _past(
    store: Store, subject: Found | None, kind: str | None, code: str | None, most: int
) -> list[dict[str, Any]]:
    """Of one invoice its event log, of a job its end, else the newest jobs; oldest first."""
    if subject and subject.job_id is not None:
        row = await store.query("whole_job", job_id=subject.job_id)
        about = {name: row[name] for name in ("job_id", "kind", "invoice_number", "problem")}
        return [{"at": row["finished_at"] or row["created_at"], **about, "outcome": row["state"]}] if most else []
    if subject and subject.invoice_id is not None and kind is None and code is None:
        return await past_events(store, subject.invoice_id, most)
    return await past_jobs(store, most, kind=kind, code=code, invoice_id=subject and subject.invoice_id)


def _wanted(told: dict[str, Any], subject: Found | None, kind: str | None, code: str | None) -> bool:
    wanted = {"kind": kind, "problem": code}
    if subject is not None:
        wanted |= {"job_id": subject.job_id, "invoice_id": str(subject.invoice_id) if subject.invoice_id else None}
    return all(value is None or told.get(name) == value for name, value in wanted.items())


async def _print(store: Store, told: dict[str, Any], numbers: dict[str, str | None], as_json: bool) -> None:
    """One line. A notification names an invoice by its id; people know its number, which is read once."""
    from worker.cli.tables import local_time, short_id

    invoice_id = told.get("invoice_id")
    if invoice_id and not told.get("invoice_number"):
        if invoice_id not in numbers:
            head = await store.query("invoice_head", invoice_id=invoice_id)
            numbers[invoice_id] = head and head["invoice_number"]
        told = {**told, "invoice_number": numbers[invoice_id]}
    if as_json:
        typer.echo(dump(told, indent=None))
        return
    what = ", ".join(map(str, told.get("events") or [told.get("outcome")]))
    problem = f"({told['problem']})" if told.get("problem") else None
    job = f"job {short_id(str(told['job_id']))}" if told.get("job_id") else None
    words = (local_time(told["at"]), told.get("kind"), told.get("invoice_number"), what, problem, job)
    console().print(visible_line(" ".join(str(word) for word in words if word)), soft_wrap=True)
