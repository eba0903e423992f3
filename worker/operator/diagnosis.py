"""Why an invoice or a job is where it is, and what comes next, in plain words. Pure: rows in, a `Diagnosis` out.

Healthy states are explained as well, because most invoices that seem stuck only wait for a few seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from worker.domain import jobs
from worker.domain.commands import CANCEL, PUBLISH, SEND, filled
from worker.domain.ledger import ENDED
from worker.domain.money import is_amount
from worker.domain.notices import cause_of, next_step_of
from worker.domain.problems import CATALOGUE, NO_MISTAKE, TRIED_AGAIN, Problem, problem
from worker.domain.schedule import MISSED_SYNCS
from worker.operator.advice import LEADER_STEP, ToLookAt, rejected_step
from worker.operator.rows import (
    AccountRow,
    DecidingJobRow,
    InvoiceHeadRow,
    JobAheadRow,
    NoticeRow,
    OpenWriteRow,
)
from worker.operator.sevdesk_health import REFUSED_STEP, SevdeskHealth

# Seconds. A due job starts within half a second; one that has been due for longer than this has a reason.
SOON = 15.0
NOTHING = "Nothing to do."
BY_ITSELF = "Nothing to do; it goes on by itself."


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything known at one moment. Times are in seconds."""

    now: datetime
    invoice: InvoiceHeadRow | None
    job: DecidingJobRow | None  # the one that decides: unfinished before parked before the newest
    ahead: JobAheadRow | None  # the unfinished job it must wait for
    intent: OpenWriteRow | None  # a write whose outcome nobody knows yet
    limited_for: float | None  # until the person who asked may start another job
    limit: str  # setting PERSON_JOB_LIMIT, such as 20/60
    account: AccountRow
    workers: int
    notices: Sequence[NoticeRow] = ()  # open ones of the invoice, the newest first
    sevdesk: SevdeskHealth | None = None  # None: Redis does not tell
    gone_after: float = 0.0  # setting GONE_AFTER
    silent_leader: str | None = None  # a sentence, and what to do
    left: Sequence[ToLookAt] = ()  # by a job that is done and has no invoice


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`needs_person`: nothing changes until somebody acts."""

    subject: str
    state: str
    cause: str
    next_step: str
    needs_person: bool = False


def diagnose(situation: Situation) -> Diagnosis:
    """Why the job or the invoice is in its state, and what comes next; with everything that is noticed about it."""
    answer, job = _diagnose(situation), situation.job
    parked = job["problem"] if job is not None and job["state"] == "parked" else None
    told = [row for row in situation.notices if row["code"] != parked]  # the job says the same, with its own command
    if not told:
        return answer
    causes = [cause_of(row["code"], row["parameters"], row["invoice_number"], row["currency"]) for row in told]
    answer = replace(answer, cause=" ".join([answer.cause, *causes]))
    if job is not None and job["state"] not in ENDED:
        return answer  # first the job, which may be what was asked for because of the notice
    steps = [next_step_of(row["code"], row["parameters"], row["invoice_number"]) for row in told]
    first = [answer.next_step] if answer.needs_person else []  # what may be done has time until the notice is settled
    return replace(answer, next_step=" ".join(dict.fromkeys(first + steps)), needs_person=True)


def _diagnose(situation: Situation) -> Diagnosis:
    job = situation.job
    if job is None:
        return _of_invoice(situation)
    match job["state"]:
        case "parked":
            return _parked(situation, job)
        case "rejected":
            return _rejected(situation, job)
        case "dismissed":
            return _dismissed(situation, job)
        case "done":
            if situation.invoice is not None:
                return _of_invoice(situation)
            causes = " ".join(["Everything that was asked is done.", *(each.cause for each in situation.left)])
            steps = " ".join(each.next_step for each in situation.left)
            return _diagnosis(job, causes, steps or NOTHING, person=bool(steps))
        case "running":
            return _running(situation, job)
        case "waiting" if job["problem"] == "token_refused_waiting":
            return _diagnosis(job, *_told(job, job["job_id"]), person=True)
        case "waiting" if (job["again_in"] or 0) > 0:
            return _waiting(situation, job)
        case "requested" | "queued" if (job["again_in"] or 0) > 0:
            later = f"It was asked for later: in {duration(job['again_in'])} it may start."
            return _wait(situation, job, later, BY_ITSELF)
        case _:
            return _due(situation, job)


def sync_is_late(account: AccountRow) -> bool:
    """Whether so many payment syncs have not come that nobody should wait for the next."""
    limit = 60 * account["payment_sync_interval_minutes"] * MISSED_SYNCS
    return account["sync_age"] is not None and account["sync_age"] > limit


def in_inbox(job_id: str, workers: int) -> Diagnosis:
    """A job that only Redis has."""
    cause = "It is in Redis, and no worker has taken it in yet."
    if workers:
        return Diagnosis(f"job {job_id}", "in_inbox", cause, "Nothing to do; a worker takes it in within a second.")
    return Diagnosis(f"job {job_id}", "in_inbox", cause, "Start a worker: sevdesk-worker run.", needs_person=True)


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits them: 12 s, 4 min, 3 h, 2 d; "-" for None."""
    if seconds is None:
        return "-"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _diagnosis(job: DecidingJobRow, cause: str, next_step: str, *, person: bool = False) -> Diagnosis:
    about = f" of {job['invoice_number']}" if job["invoice_number"] else ""
    return Diagnosis(f"{job['kind']}{about} (job {job['job_id']})", job["state"], cause, next_step, person)


# -- ended -------------------------------------------------------------------------------------------------------------


def _told(job: DecidingJobRow, subject: str) -> tuple[str, str]:
    """Cause and next step of the job's problem, where `subject` is what its commands name.

    As they were recorded, if another release of the worker knew the code or its parameters and this one does not.
    A CHECK of the table makes sure that waiting, parked and rejected jobs have a problem.
    """
    assert job["problem"] is not None
    problem = Problem(job["problem"], job["problem_parameters"] or {})
    try:
        return problem.cause(), problem.next_step(job=subject)
    except KeyError:
        unknown = f"Problem {problem.code}, which this release of the worker does not know"
        return f"{unknown}: {job['error']}", job["next_step"] or NOTHING


def _draft(situation: Situation) -> str:
    """The invoice's draft that lies in sevDesk, as a sentence after another one; empty if there is none."""
    row = situation.invoice
    if row is None or row["external_id"] is None or row["external_invoice_number"] is not None:
        return ""
    return f" Its draft (id {row['external_id']}) is in sevDesk: publishing goes on with it, cancel_invoice deletes it."


def _rejected(situation: Situation, job: DecidingJobRow) -> Diagnosis:
    cause, next_step = _told(job, job["job_id"])
    cause += _draft(situation) or " Nothing was changed."
    if job["told"]:
        return _diagnosis(job, cause, rejected_step(next_step, job["job_id"]), person=True)
    again = "Nothing to do; it was asked for again since."
    return _diagnosis(job, cause, next_step if job["problem"] in NO_MISTAKE else again)


def _confirmable(job: DecidingJobRow) -> bool:
    known = CATALOGUE.get(job["problem"] or "")
    return known is not None and known.confirmable


def _dismissed(situation: Situation, job: DecidingJobRow) -> Diagnosis:
    """That somebody let go of it is the reason why its invoice is where it is, and nothing that wants a person."""
    reason = (job["dismissed_reason"] or "").rstrip(".")
    cause = f"{job['dismissed_by']} dismissed {job['kind']} (job {job['job_id']}): {reason}."
    row = situation.invoice
    if row is None:
        return _diagnosis(job, cause, NOTHING)
    cause += _draft(situation)
    status, by_itself = row["accounting_sync_status"], situation.account["auto_transfer_invoices"]
    unasked = status == "parked" or (status == "not_synced" and not by_itself)
    if row["document_status"] == "approved" and unasked:
        publish = filled(PUBLISH, number=row["invoice_number"])
        return _invoice(row, cause, f"Nothing to do. To publish it after all: {publish}.")
    answer = _of_invoice(situation)
    return replace(answer, cause=f"{cause} {answer.cause}")


def _parked(situation: Situation, job: DecidingJobRow) -> Diagnosis:
    # Several parked jobs of an invoice are taken up together; an answer belongs to one job.
    together = job["parked_beside"] > 1 and not job["asks_about"] and not _confirmable(job)
    subject = (job["invoice_number"] if together else None) or job["job_id"]
    cause, next_step = _told(job, subject)
    if job["problem"] == "token_missing" and situation.account["token_configured"]:
        cause = "SEVDESK_API_TOKEN was not set when the job ran; it is set now."
        next_step = filled("Run: sevdesk-worker retry {job}.", job=subject)
    if situation.intent is not None:
        cause += f" The write {situation.intent['action']} is still open; a retry asks sevDesk what became of it first."
    return _diagnosis(job, cause, next_step, person=True)


# -- unfinished --------------------------------------------------------------------------------------------------------


def _running(situation: Situation, job: DecidingJobRow) -> Diagnosis:
    if not job["locked"]:
        cause = f"Its worker {job['worker']} is gone; Postgres has freed its lock."
        step = _worker_step(situation, "Nothing to do: a worker takes it up within seconds, and reads sevDesk first.")
        return _diagnosis(job, cause, step, person=not situation.workers)
    steps = f"after the steps {', '.join(job['steps_done'])}" if job["steps_done"] else "at its first step"
    activity = f"making the write {situation.intent['action']}" if situation.intent else steps
    cause = f"Worker {job['worker']} has been at it for {duration(job['since'])} (try {job['attempt']}), {activity}."
    return _diagnosis(job, cause, BY_ITSELF)


def _worker_step(situation: Situation, next_step: str) -> str:
    """`next_step` if a worker runs; else how to get one running."""
    if situation.workers:
        return next_step
    return "Start a worker: sevdesk-worker run."


def _waiting(situation: Situation, job: DecidingJobRow) -> Diagnosis:
    """Its next attempt may start in `again_in` seconds."""
    wait = duration(job["again_in"])
    told, _ = _told(job, job["job_id"])
    if situation.intent is not None and (left := situation.intent["settles_in"]) > 0:
        cause = f"It waits {duration(left)} because the write {situation.intent['action']} may still take effect."
        cause += f" {told}" if job["problem"] in ("outcome_unknown", "number_lock") else ""
        step = "Nothing to do; then sevDesk is asked what became of it, before anything else."
        return _wait(situation, job, cause, step)
    if situation.limited_for is not None:
        return _limited(situation, job, situation.limited_for)
    if job["retries"]:
        kind = jobs.KINDS.get(job["kind"])
        left_tries = max(len(kind.retry_delays) - job["retries"], 0) if kind else 0
        cause = f"It is tried again in {wait}: {told} {left_tries} more tries before it is parked."
        return _wait(situation, job, cause, TRIED_AGAIN["en"])
    return _wait(situation, job, f"It goes on in {wait}: {told}", BY_ITSELF)


def _wait(situation: Situation, job: DecidingJobRow, cause: str, next_step: str) -> Diagnosis:
    """A wait that ends by itself if a worker runs, and one leads."""
    if situation.workers and situation.silent_leader is None:
        return _diagnosis(job, cause, next_step)
    if situation.workers:
        return _diagnosis(job, f"{cause} But: {situation.silent_leader}", LEADER_STEP, person=True)
    return _diagnosis(job, f"{cause} But no worker is running.", _worker_step(situation, next_step), person=True)


def _due(situation: Situation, job: DecidingJobRow) -> Diagnosis:
    """It could start now, but something is in its way: a job before it, a limit, no worker or no free slot."""
    if (ahead := situation.ahead) is not None:
        others = f" and {ahead['jobs_ahead'] - 1} more" if ahead["jobs_ahead"] > 1 else ""
        cause = f"It waits its turn behind {ahead['kind']} (job {ahead['job_id']}, {ahead['state']}){others}: "
        cause += "jobs for the same invoice or book run in the order asked."
        step = filled("Nothing to do; to see what holds the first: sevdesk-worker why {job}.", job=ahead["job_id"])
        return _wait(situation, job, cause, step)
    if situation.limited_for is not None:
        return _limited(situation, job, situation.limited_for)
    if not situation.workers:
        return _diagnosis(job, "No worker is running.", _worker_step(situation, ""), person=True)
    if situation.silent_leader is not None and job["due_for"] > SOON:
        cause = f"It has been due for {duration(job['due_for'])}. {situation.silent_leader}"
        return _diagnosis(job, cause, LEADER_STEP, person=True)
    if job["due_for"] <= SOON:
        return _diagnosis(job, "It is due and starts within a second or, after an outage, within seconds.", BY_ITSELF)
    if job["locked"]:
        cause = f"It has been due for {duration(job['due_for'])}, but another session in Postgres holds its lock."
        return _diagnosis(job, cause, "See which one: sevdesk-worker doctor, in the line foreign locks.", person=True)
    taken = f"every slot of the {situation.workers} worker(s) is taken"
    cause = f"It has been due for {duration(job['due_for'])}, but {taken}."
    step = "Wait, or start more workers or raise WORKER_MAX_JOBS; sevdesk-worker top shows them."
    return _diagnosis(job, cause, step)


def _limited(situation: Situation, job: DecidingJobRow, seconds: float) -> Diagnosis:
    most, _, window = situation.limit.partition("/")
    cause = f"Whoever asked has started {most} jobs within {window} s, as many as PERSON_JOB_LIMIT allows; "
    return _wait(situation, job, f"{cause}the next may start in {duration(seconds)}.", BY_ITSELF)


# -- the invoice, if no job decides ------------------------------------------------------------------------------------


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


def _invoice(row: InvoiceHeadRow, cause: str, next_step: str, *, person: bool = False) -> Diagnosis:
    state = f"{row['document_status']}, {row['accounting_sync_status']}, {row['claim_status']}"
    return Diagnosis(f"invoice {row['invoice_number']}", state, cause, next_step, person)


def _unpublished(situation: Situation, row: InvoiceHeadRow, status: str) -> Diagnosis:
    publish = filled(PUBLISH, number=row["invoice_number"])
    if row["document_status"] == "draft":
        cause = "It is a draft; only approved invoices are published."
        return _invoice(row, cause, "Approve it in the billing system.")
    if row["document_status"] == "cancelled":
        return _invoice(row, "The billing system cancelled it before it was published.", NOTHING)
    if row["left_to_other"] and status in ("queued", "not_synced"):
        left = problem("left_to_other_program", number=row["invoice_number"])
        return _invoice(row, left.cause(), left.next_step())
    if status == "queued" or (status == "not_synced" and situation.account["auto_transfer_invoices"]):
        asked = "marked as queued" if status == "queued" else "approved, and invoices are transferred by themselves"
        cause = f"It is {asked}, but no job exists yet."
        step = _worker_step(situation, "Nothing to do; a worker asks for the job within two minutes.")
        return _invoice(row, cause, step, person=not situation.workers)
    if status == "not_synced":
        return _invoice(row, "Nobody has asked to publish it.", f"To publish it: {publish}.")
    if any(notice["code"] == "deleted_in_sevdesk" for notice in situation.notices):
        return _invoice(row, f"It was published as {row['external_invoice_number']}.", NOTHING)
    cause = f"It is {status}, but no job is under way or parked, so nobody is going on with it."
    return _invoice(row, cause, f"Publish it again, finished work is found: {publish}.", person=True)


SENT_BY = {
    "post": "sent by post",
    "portal": "put into the portal",
    "sent_by_hand": "sent by hand in sevDesk",
}


def _published(situation: Situation, row: InvoiceHeadRow) -> Diagnosis:
    answer = _of_published(situation, row)
    if row["missing_for"] is None or answer.needs_person:
        return answer
    left = situation.gone_after - row["missing_for"]
    when = f"in {duration(left)}" if left > 0 else "by now"
    cause = (
        f"A payment sync did not find it in sevDesk {duration(row['missing_for'])} ago; a second look {when} decides."
    )
    return replace(answer, cause=f"{answer.cause} {cause}", next_step=_worker_step(situation, BY_ITSELF))


def _of_published(situation: Situation, row: InvoiceHeadRow) -> Diagnosis:
    number = f"Published as {row['external_invoice_number']}"
    if row["document_status"] in ("draft", "cancelled"):
        cause = f"{number}, but {row['document_status']} in the billing system."
        cancel = filled(CANCEL, number=row["invoice_number"])
        step = f"To cancel it in sevDesk, too: {cancel}. If it stands: set document_status to approved."
        return _invoice(row, cause, step, person=True)
    if row["claim_status"] != "paid" and not (is_amount(row["gross_amount"]) and is_amount(row["paid_amount"])):
        found = problem("receivable_invalid", number=row["invoice_number"])
        return _invoice(row, f"{number}. {found.cause()}", found.next_step(), person=True)
    noticed = {notice["code"] for notice in situation.notices}
    if row["document_status"] == "approved" and "paid_unmailed" in noticed:
        return _invoice(row, f"{number}.", NOTHING)
    if row["document_status"] == "approved":
        send = filled(SEND, number=row["invoice_number"])
        if row["sending"] == "mail_bounced":
            if "mail_bounced" in noticed:
                return _invoice(row, f"{number}.", NOTHING)
            cause = f"{number}; its mail came back, so it counts as not sent."
            return _invoice(
                row, cause, f"Correct the address, then: {send}; or by post: {send} channel=post.", person=True
            )
        return _invoice(row, f"{number}; nobody has asked to mail it.", f"To mail it: {send}.")
    sent = SENT_BY.get(row["sending"] or "", "sent")
    if row["claim_status"] == "paid":
        return _invoice(row, f"{number}, {sent} and paid.", NOTHING)
    account = situation.account
    owed = f"{number} and {sent}; {row['paid_amount']:.2f} of {row['gross_amount']:.2f} {row['currency']} has come."
    if not account["token_configured"]:
        cause = f"{owed} SEVDESK_API_TOKEN is not set, so no payment sync runs."
        return _invoice(row, cause, "Set the token and restart the worker.", person=True)
    if (sevdesk := situation.sevdesk) is not None and sevdesk.refused_for is not None:
        return _invoice(row, f"{owed} sevDesk: {sevdesk.sentence(situation.now)}.", REFUSED_STEP, person=True)
    every = account["payment_sync_interval_minutes"]
    if account["sync_age"] is None:
        step = _worker_step(situation, BY_ITSELF)
        cause = f"{owed} The payment sync has not run yet; the first one starts with the worker."
        return _invoice(row, cause, step, person=not situation.workers)
    if sync_is_late(account):
        age = f"last ran {duration(account['sync_age'])} ago"
        step = _worker_step(situation, "Look for its jobs: sevdesk-worker jobs --kind sync_payments.")
        return _invoice(row, f"{owed} The payment sync {age}, though it is due every {every} min.", step, person=True)
    due = account["next_sync_at"]
    next_sync = f", next in {duration((due - situation.now).total_seconds())}" if due and due > situation.now else ""
    after = f"The payment sync ran {duration(account['sync_age'])} ago and runs every {every} min{next_sync}."
    return _invoice(row, f"{owed} {after}", _worker_step(situation, BY_ITSELF), person=not situation.workers)
