"""How often a job is retried, and what an outcome changes in the ledger and in the invoice's event log."""

from dataclasses import replace
from uuid import UUID

from worker.domain import events, jobs, lifecycle
from worker.domain.invoice import Handback
from worker.domain.ledger import AttemptEnd, Change, Job
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry

# Kinds whose problems set the invoice to `parked`. A send_invoice that comes too early must not stop the transfer.
PARKING_KINDS = ("publish_invoice", "cancel_invoice")


def charge_retry(job: Job, outcome: Outcome) -> Outcome:
    """Give a `Retry` its kind's next delay; if none is left, return `Parked`. Other outcomes stay as they are."""
    if not isinstance(outcome, Retry):
        return outcome
    kind = jobs.KINDS.get(job.kind)
    delays = kind.retry_delays if kind else ()
    if job.retries >= len(delays):
        return Parked(outcome.problem.given_up(job.retries + 1))
    return outcome if outcome.after is not None else replace(outcome, after=delays[job.retries])


def attempt_end(outcome: Outcome) -> AttemptEnd:
    """The ledger row's new state and its other columns."""
    match outcome:
        case Done(result):
            return AttemptEnd("done", result=result)
        case NotYet(after, problem):
            return AttemptEnd("waiting" if after else "queued", problem, after=after)
        case Retry(problem, after):
            return AttemptEnd("waiting", problem, after=after, costs_retry=True)
        case Parked(problem, asks_about):
            return AttemptEnd("parked", problem, asks_about=asks_about)
        case Rejected(problem):
            return AttemptEnd("rejected", problem)


def problem_change(job: Job, outcome: Parked | Rejected, invoice_id: UUID, before: Handback) -> Change:
    """The event for the invoice's log; for PARKING_KINDS the invoice's status changes too, as `lifecycle.TABLE` says.

    Raises `IllegalTransition`.
    """
    problem = outcome.problem
    kind = events.Parked if isinstance(outcome, Parked) else events.Rejected
    event = kind(
        job_id=job.job_id,
        kind=job.kind,
        problem=problem.code,
        parameters=problem.parameters,
        reason=problem.cause(),
        next_step=problem.next_step(job=job.job_id),
    )
    after = lifecycle.apply(before, event) if job.kind in PARKING_KINDS else before
    return Change(invoice_id, before, after, (event,))
