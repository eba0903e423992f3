"""Why an invoice or a job is where it is, and what comes next, in plain words. Pure: rows in, a `Why` out.

Healthy states are explained as well: most questions of the kind "why is it stuck?" end with "it is not; it waits 12 s".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.domain import jobs, known

Row = Mapping[str, Any]

# A due job starts within half a second; one that has been due for longer than this has a reason.
SOON = 15.0
# One sync may be running and one may have been missed; the third in a row is a fault.
MISSED_SYNCS = 3
NOTHING = "Nothing to do."
BY_ITSELF = "Nothing to do; it goes on by itself."


@dataclass(frozen=True, slots=True)
class Scene:
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
class Why:
    """`needs_person`: it stays as it is until somebody acts."""

    subject: str
    state: str
    cause: str
    next_step: str
    needs_person: bool = False


def explain(scene: Scene) -> Why:
    """The one answer: cause and next step."""
    job = scene.job
    if job is None:
        return _of_invoice(scene)
    match job["state"]:
        case "parked":
            return _parked(scene, job)
        case "rejected":
            return _rejected(scene, job)
        case "done":
            return _of_invoice(scene) if scene.invoice is not None else _done(job)
        case "running":
            return _running(scene, job)
        case "waiting" if (job["again_in"] or 0) > 0:
            return _waiting(scene, job)
        case _:
            return _in_line(scene, job)


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


def _why(job: Row, cause: str, next_step: str, *, person: bool = False) -> Why:
    return Why(_subject(job), job["state"], cause, next_step, person)


# -- ended -------------------------------------------------------------------------------------------------------------


def _parked(scene: Scene, job: Row) -> Why:
    error, next_step = job["error"] or "No reason was recorded.", job["next_step"] or ""
    advice = known.refused(error)
    # Several parked jobs of an invoice go on together; an answer belongs to one job.
    again = job["invoice_number"] if job["parked_beside"] > 1 and "--as" not in next_step else job["job_id"]
    if advice is not None:
        error = f"{advice.meaning} In sevDesk's words: {error}"
        next_step = advice.next_step.format(job=again)
    elif "SEVDESK_API_TOKEN is not set" in error and scene.account["token_configured"]:
        error = "SEVDESK_API_TOKEN was not set when the job ran; it is set now."
        next_step = f"Run: sevdesk-worker retry {again}."
    elif re.search(r"\bretry\b|\bagain\b", next_step, re.I) and "sevdesk-worker" not in next_step:
        next_step = f"{next_step} The command: sevdesk-worker retry {again}."
    if scene.intent is not None:
        error += f" The write {scene.intent['action']} is still open; a retry asks sevDesk what became of it first."
    return _why(job, error, next_step, person=True)


def _rejected(scene: Scene, job: Row) -> Why:
    error = job["error"] or "No reason was recorded."
    advice = known.rejected(error)
    cause = f"{advice.meaning} {error}" if advice.meaning else error
    return _why(job, f"{cause} Nothing was changed.", advice.next_step, person=True)


def _done(job: Row) -> Why:
    return _why(job, "Everything that was asked is done.", NOTHING)


# -- on its way --------------------------------------------------------------------------------------------------------


def _running(scene: Scene, job: Row) -> Why:
    if not job["locked"]:
        cause = f"Its worker {job['worker']} is gone; Postgres has freed its lock."
        step = _takers(scene, "Nothing to do: a worker takes it up within seconds, and reads sevDesk first.")
        return _why(job, cause, step, person=not scene.workers)
    doing = f"making the write {scene.intent['action']}" if scene.intent else f"after {_steps(job)}"
    cause = f"Worker {job['worker']} has been at it for {span(job['since'])} (try {job['attempt']}), {doing}."
    return _why(job, cause, BY_ITSELF)


def _steps(job: Row) -> str:
    return f"the steps {', '.join(job['steps_done'])}" if job["steps_done"] else "no finished step yet"


def _takers(scene: Scene, otherwise: str) -> str:
    if scene.workers:
        return otherwise
    if scene.workers is None:
        return "Bring Redis back: the workers look for jobs there, and nothing is lost meanwhile."
    return "Start a worker: sevdesk-worker run."


def _waiting(scene: Scene, job: Row) -> Why:
    """Its time has not come; the row says when."""
    rest = span(job["again_in"])
    error = job["error"] or ""
    if scene.intent is not None and (left := scene.quarantine - scene.intent["age"]) > 0:
        cause = f"It waits {span(left)} because the write {scene.intent['action']} may still take effect."
        cause += f" What was seen: {error}" if " failed with " in error else ""
        return _alive(
            scene, job, cause, "Nothing to do; then sevDesk is asked what became of it, before anything else."
        )
    if found := re.match(r"(\w+) may still take effect", error):
        cause = f"It waits {rest} because the write {found[1]} of another job may still take effect."
        return _alive(scene, job, cause, BY_ITSELF)
    if error.startswith("sevDesk refuses the API token"):
        return _why(job, f"It waits: {error}.", "Once the token is accepted, it goes on by itself.", person=True)
    if scene.limited_for is not None:
        return _limited(scene, job, scene.limited_for)
    kind = jobs.KINDS.get(job["kind"])
    left_tries = len(kind.retry_delays) - job["retries"] if kind else 0
    if job["retries"]:
        cause = f"It is tried again in {rest}: {error} {max(left_tries, 0)} more tries before it is parked."
        return _alive(scene, job, cause, job["next_step"] or BY_ITSELF)
    return _alive(scene, job, f"It goes on in {rest}: {error.rstrip('.') or 'it was handed back'}.", BY_ITSELF)


def _alive(scene: Scene, job: Row, cause: str, next_step: str) -> Why:
    """Waiting is healthy only while somebody is there to go on."""
    if scene.workers:
        return _why(job, cause, next_step)
    missing = "Redis does not answer" if scene.workers is None else "no worker is running"
    return _why(job, f"{cause} But {missing}.", _takers(scene, next_step), person=True)


def _in_line(scene: Scene, job: Row) -> Why:
    """Requested, queued, or waiting past its time: due, so somebody or something is in front of it."""
    if (ahead := scene.ahead) is not None:
        others = f" and {ahead['jobs_ahead'] - 1} more" if ahead["jobs_ahead"] > 1 else ""
        cause = f"It waits its turn behind {ahead['kind']} (job {ahead['job_id']}, {ahead['state']}){others}: "
        cause += "jobs for the same invoice or book run in the order asked."
        return _alive(
            scene, job, cause, f"Nothing to do; to see what holds the first: sevdesk-worker why {ahead['job_id']}."
        )
    if scene.limited_for is not None:
        return _limited(scene, job, scene.limited_for)
    if not scene.workers:
        missing = "Redis does not answer, so no job is rung" if scene.workers is None else "No worker is running"
        return _why(job, f"{missing}.", _takers(scene, ""), person=True)
    if job["due_for"] <= SOON:
        return _why(job, "It is due and starts within a second or, after an outage, within seconds.", BY_ITSELF)
    cause = f"It has been due for {span(job['due_for'])}, but every slot of the {scene.workers} worker(s) is taken."
    return _why(job, cause, "Wait, or start more workers or raise WORKER_MAX_JOBS; sevdesk-worker top shows them.")


def _limited(scene: Scene, job: Row, seconds: float) -> Why:
    most, _, window = scene.limit.partition("/")
    cause = f"Whoever asked has started {most} jobs within {window} s, as many as PERSON_JOB_LIMIT allows; "
    return _alive(scene, job, f"{cause}the next may start in {span(seconds)}.", BY_ITSELF)


# -- no job in the way -------------------------------------------------------------------------------------------------


def _of_invoice(scene: Scene) -> Why:
    row = scene.invoice
    assert row is not None  # a subject is a job or an invoice
    match row["accounting_sync_status"]:
        case "cancelled":
            return _invoice(row, "It is cancelled.", NOTHING)
        case "synced":
            return _published(scene, row)
        case status:
            return _unpublished(scene, row, status)


def _invoice(row: Row, cause: str, next_step: str, *, person: bool = False) -> Why:
    state = f"{row['document_status']}, {row['accounting_sync_status']}, {row['claim_status']}"
    return Why(f"invoice {row['invoice_number']}", state, cause, next_step, person)


def _unpublished(scene: Scene, row: Row, status: str) -> Why:
    publish = f"sevdesk-worker enqueue publish_invoice invoice_id={row['id']}"
    if row["document_status"] == "draft":
        return _invoice(
            row, "It is a draft; only approved invoices are published.", "Approve it in the billing system."
        )
    if row["document_status"] == "cancelled":
        return _invoice(row, "The billing system cancelled it before it was published.", NOTHING)
    if status == "queued" or (status == "not_synced" and scene.account["auto_transfer_invoices"]):
        asked = "marked as queued" if status == "queued" else "approved, and invoices are transferred by themselves"
        cause = f"It is {asked}, but no job exists yet."
        return _invoice(row, cause, _takers(scene, "Nothing to do; the workers ask for the job within two minutes."),
                        person=not scene.workers)  # fmt: skip
    if status == "not_synced":
        return _invoice(row, "Nobody has asked to publish it.", f"Publish it: {publish}.", person=True)
    cause = f"It is {status}, but no job is under way or parked, so nobody is going on with it."
    return _invoice(row, cause, f"Publish it again, finished work is found: {publish}.", person=True)


def _published(scene: Scene, row: Row) -> Why:
    number = f"Published as {row['external_invoice_number']}"
    if row["document_status"] == "approved":
        send = f"sevdesk-worker enqueue send_invoice invoice_id={row['id']}"
        return _invoice(row, f"{number}; nobody has asked to mail it.", f"To mail it: {send}.")
    if row["claim_status"] == "paid":
        return _invoice(row, f"{number}, sent and paid.", NOTHING)
    account = scene.account
    owed = f"{number} and sent; {row['paid_amount']:.2f} of {row['gross_amount']:.2f} {row['currency']} has come."
    if not account["token_configured"]:
        return _invoice(row, f"{owed} SEVDESK_API_TOKEN is not set, so no payment sync runs.",
                        "Set the token and restart the worker.", person=True)  # fmt: skip
    every = account["payment_sync_interval_minutes"]
    if account["sync_age"] is None or account["sync_age"] > 60 * every * MISSED_SYNCS:
        age = "has not run yet" if account["sync_age"] is None else f"last ran {span(account['sync_age'])} ago"
        return _invoice(row, f"{owed} The payment sync {age}, though it is due every {every} min.",
                        _takers(scene, "Look for its jobs: sevdesk-worker jobs --kind sync_payments."),
                        person=True)  # fmt: skip
    after = f"The payment sync ran {span(account['sync_age'])} ago and runs every {every} min{_next(scene)}."
    return _invoice(row, f"{owed} {after}", BY_ITSELF)


def _next(scene: Scene) -> str:
    due = scene.account["next_sync_at"]
    seconds = (due - scene.now).total_seconds() if due is not None else 0
    return f", next in {span(seconds)}" if seconds > 0 else ""
