"""Why an invoice or a job is where it is, and what comes next, in plain words. Pure: rows in, a `Diagnosis` out.

Healthy states are explained as well: most questions of the kind "why is it stuck?" end with "it is not; it waits 12 s".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.domain import jobs
from worker.domain.problems import TRIED_AGAIN, Problem

Row = Mapping[str, Any]

# A due job starts within half a second; one that has been due for longer than this has a reason.
SOON = 15.0
# One sync may be running and one may have been missed; the third in a row is a fault.
MISSED_SYNCS = 3
NOTHING = "Nothing to do."
BY_ITSELF = "Nothing to do; it goes on by itself."


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything known at one moment. Rows are those of `sql/queries/operator.sql`; times are in seconds."""

    now: datetime
    invoice: Row | None
    job: Row | None  # the one that decides: unfinished before parked before the newest
    ahead: Row | None  # the unfinished job it must wait for, with `jobs_ahead`
    intent: Row | None  # a write whose outcome nobody knows yet
    limited_for: float | None  # until the person who asked may start another job
    limit: str  # such as 20/60
    quarantine: float
    account: Row
    workers: int | None  # None: Redis does not answer


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`needs_person`: it stays as it is until somebody acts."""

    subject: str
    state: str
    cause: str
    next_step: str
    needs_person: bool = False


def diagnose(situation: Situation) -> Diagnosis:
    """The one answer: cause and next step."""
    job = situation.job
    if job is None:
        return _of_invoice(situation)
    match job["state"]:
        case "parked":
            return _parked(situation, job)
        case "rejected":
            return _rejected(situation, job)
        case "done":
            return _of_invoice(situation) if situation.invoice is not None else _done(job)
        case "running":
            return _running(situation, job)
        case "waiting" if (job["again_in"] or 0) > 0:
            return _waiting(situation, job)
        case _:
            return _in_line(situation, job)


def span(seconds: float | None) -> str:
    """A time span as people say it: 12 s, 4 min, 3 h, 2 d."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _subject(job: Row) -> str:
    about = f" of {job['invoice_number']}" if job["invoice_number"] else ""
    return f"{job['kind']}{about} (job {job['job_id']})"


def _diagnosis(job: Row, cause: str, next_step: str, *, person: bool = False) -> Diagnosis:
    return Diagnosis(_subject(job), job["state"], cause, next_step, person)


# -- ended -------------------------------------------------------------------------------------------------------------


def _problem(job: Row) -> Problem:
    """What is on record; a CHECK of the table sees to it that waiting, parked and rejected jobs have a problem."""
    return Problem(job["problem"], job["problem_parameters"])


def _parked(situation: Situation, job: Row) -> Diagnosis:
    found = _problem(job)
    # Several parked jobs of an invoice are taken up together; an answer belongs to one job.
    subject = job["invoice_number"] if job["parked_beside"] > 1 and not job["asks_about"] else job["job_id"]
    cause, next_step = found.cause(), found.next_step(job=subject)
    if found.code == "token_missing" and situation.account["token_configured"]:
        cause = "SEVDESK_API_TOKEN was not set when the job ran; it is set now."
        next_step = f"Run: sevdesk-worker retry {subject}."
    if situation.intent is not None:
        cause += f" The write {situation.intent['action']} is still open; a retry asks sevDesk what became of it first."
    return _diagnosis(job, cause, next_step, person=True)


def _rejected(situation: Situation, job: Row) -> Diagnosis:
    found = _problem(job)
    return _diagnosis(job, f"{found.cause()} Nothing was changed.", found.next_step(job=job["job_id"]), person=True)


def _done(job: Row) -> Diagnosis:
    return _diagnosis(job, "Everything that was asked is done.", NOTHING)


# -- on its way --------------------------------------------------------------------------------------------------------


def _running(situation: Situation, job: Row) -> Diagnosis:
    if not job["locked"]:
        cause = f"Its worker {job['worker']} is gone; Postgres has freed its lock."
        step = _takers(situation, "Nothing to do: a worker takes it up within seconds, and reads sevDesk first.")
        return _diagnosis(job, cause, step, person=not situation.workers)
    doing = f"making the write {situation.intent['action']}" if situation.intent else f"after {_steps(job)}"
    cause = f"Worker {job['worker']} has been at it for {span(job['since'])} (try {job['attempt']}), {doing}."
    return _diagnosis(job, cause, BY_ITSELF)


def _steps(job: Row) -> str:
    return f"the steps {', '.join(job['steps_done'])}" if job["steps_done"] else "no finished step yet"


def _takers(situation: Situation, otherwise: str) -> str:
    if situation.workers:
        return otherwise
    if situation.workers is None:
        return "Bring Redis back: the workers look for jobs there, and nothing is lost meanwhile."
    return "Start a worker: sevdesk-worker run."


def _waiting(situation: Situation, job: Row) -> Diagnosis:
    """Its time has not come; the row says when."""
    rest = span(job["again_in"])
    found = _problem(job)
    if situation.intent is not None and (left := situation.quarantine - situation.intent["age"]) > 0:
        cause = f"It waits {span(left)} because the write {situation.intent['action']} may still take effect."
        cause += f" {found.cause()}" if found.code in ("outcome_unknown", "number_lock") else ""
        return _alive(
            situation, job, cause, "Nothing to do; then sevDesk is asked what became of it, before anything else."
        )
    if found.code == "token_refused_waiting":
        return _diagnosis(job, found.cause(), found.next_step(), person=True)
    if situation.limited_for is not None:
        return _limited(situation, job, situation.limited_for)
    if job["retries"]:
        kind = jobs.KINDS.get(job["kind"])
        left_tries = max(len(kind.retry_delays) - job["retries"], 0) if kind else 0
        cause = f"It is tried again in {rest}: {found.cause()} {left_tries} more tries before it is parked."
        return _alive(situation, job, cause, TRIED_AGAIN["en"])
    return _alive(situation, job, f"It goes on in {rest}: {found.cause()}", BY_ITSELF)


def _alive(situation: Situation, job: Row, cause: str, next_step: str) -> Diagnosis:
    """Waiting is healthy only while somebody is there to go on."""
    if situation.workers:
        return _diagnosis(job, cause, next_step)
    missing = "Redis does not answer" if situation.workers is None else "no worker is running"
    return _diagnosis(job, f"{cause} But {missing}.", _takers(situation, next_step), person=True)


def _in_line(situation: Situation, job: Row) -> Diagnosis:
    """Requested, queued, or waiting past its time: due, so somebody or something is in front of it."""
    if (ahead := situation.ahead) is not None:
        others = f" and {ahead['jobs_ahead'] - 1} more" if ahead["jobs_ahead"] > 1 else ""
        cause = f"It waits its turn behind {ahead['kind']} (job {ahead['job_id']}, {ahead['state']}){others}: "
        cause += "jobs for the same invoice or book run in the order asked."
        return _alive(
            situation, job, cause, f"Nothing to do; to see what holds the first: sevdesk-worker why {ahead['job_id']}."
        )
    if situation.limited_for is not None:
        return _limited(situation, job, situation.limited_for)
    if not situation.workers:
        missing = "Redis does not answer, so no job is rung" if situation.workers is None else "No worker is running"
        return _diagnosis(job, f"{missing}.", _takers(situation, ""), person=True)
    if job["due_for"] <= SOON:
        return _diagnosis(job, "It is due and starts within a second or, after an outage, within seconds.", BY_ITSELF)
    cause = f"It has been due for {span(job['due_for'])}, but every slot of the {situation.workers} worker(s) is taken."
    return _diagnosis(
        job, cause, "Wait, or start more workers or raise WORKER_MAX_JOBS; sevdesk-worker top shows them."
    )


def _limited(situation: Situation, job: Row, seconds: float) -> Diagnosis:
    most, _, window = situation.limit.partition("/")
    cause = f"Whoever asked has started {most} jobs within {window} s, as many as PERSON_JOB_LIMIT allows; "
    return _alive(situation, job, f"{cause}the next may start in {span(seconds)}.", BY_ITSELF)


# -- no job in the way -------------------------------------------------------------------------------------------------


def _of_invoice(situation: Situation) -> Diagnosis:
    row = situation.invoice
    assert row is not None  # a subject is a job or an invoice
    match row["accounting_sync_status"]:
        case "cancelled":
            return _invoice(row, "It is cancelled.", NOTHING)
        case "synced":
            return _published(situation, row)
        case status:
            return _unpublished(situation, row, status)


def _invoice(row: Row, cause: str, next_step: str, *, person: bool = False) -> Diagnosis:
    state = f"{row['document_status']}, {row['accounting_sync_status']}, {row['claim_status']}"
    return Diagnosis(f"invoice {row['invoice_number']}", state, cause, next_step, person)


def _unpublished(situation: Situation, row: Row, status: str) -> Diagnosis:
    publish = f"sevdesk-worker enqueue publish_invoice invoice_id={row['id']}"
    if row["document_status"] == "draft":
        return _invoice(
            row, "It is a draft; only approved invoices are published.", "Approve it in the billing system."
        )
    if row["document_status"] == "cancelled":
        return _invoice(row, "The billing system cancelled it before it was published.", NOTHING)
    if status == "queued" or (status == "not_synced" and situation.account["auto_transfer_invoices"]):
        asked = "marked as queued" if status == "queued" else "approved, and invoices are transferred by themselves"
        cause = f"It is {asked}, but no job exists yet."
        return _invoice(row, cause, _takers(situation, "Nothing to do; a worker asks for the job within two minutes."),
                        person=not situation.workers)  # fmt: skip
    if status == "not_synced":
        return _invoice(row, "Nobody has asked to publish it.", f"Publish it: {publish}.", person=True)
    cause = f"It is {status}, but no job is under way or parked, so nobody is going on with it."
    return _invoice(row, cause, f"Publish it again, finished work is found: {publish}.", person=True)


def _published(situation: Situation, row: Row) -> Diagnosis:
    number = f"Published as {row['external_invoice_number']}"
    if row["document_status"] == "approved":
        send = f"sevdesk-worker enqueue send_invoice invoice_id={row['id']}"
        return _invoice(row, f"{number}; nobody has asked to mail it.", f"To mail it: {send}.")
    if row["claim_status"] == "paid":
        return _invoice(row, f"{number}, sent and paid.", NOTHING)
    account = situation.account
    owed = f"{number} and sent; {row['paid_amount']:.2f} of {row['gross_amount']:.2f} {row['currency']} has come."
    if not account["token_configured"]:
        return _invoice(row, f"{owed} SEVDESK_API_TOKEN is not set, so no payment sync runs.",
                        "Set the token and restart the worker.", person=True)  # fmt: skip
    every = account["payment_sync_interval_minutes"]
    if account["sync_age"] is None or account["sync_age"] > 60 * every * MISSED_SYNCS:
        age = "has not run yet" if account["sync_age"] is None else f"last ran {span(account['sync_age'])} ago"
        return _invoice(row, f"{owed} The payment sync {age}, though it is due every {every} min.",
                        _takers(situation, "Look for its jobs: sevdesk-worker jobs --kind sync_payments."),
                        person=True)  # fmt: skip
    after = f"The payment sync ran {span(account['sync_age'])} ago and runs every {every} min{_next(situation)}."
    return _invoice(row, f"{owed} {after}", BY_ITSELF)


def _next(situation: Situation) -> str:
    due = situation.account["next_sync_at"]
    seconds = (due - situation.now).total_seconds() if due is not None else 0
    return f", next in {span(seconds)}" if seconds > 0 else ""
