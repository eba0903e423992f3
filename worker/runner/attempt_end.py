"""What an attempt's outcome changes in the ledger and in the invoice's event log."""

from uuid import UUID

from worker.domain import events, lifecycle
from worker.domain.invoice import Handback
from worker.domain.ledger import AttemptEnd, Change, Job, JobState
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry

# Kinds whose problems set the invoice to `parked`. A send_invoice that comes too early must not stop the transfer.
PARKING_KINDS = ("publish_invoice", "cancel_invoice")


def attempt_end(outcome: Outcome) -> AttemptEnd:
    """The ledger row's new state and its other columns."""
    match outcome:
        case Done(result):
            return AttemptEnd(JobState.DONE, result=result)
        case NotYet(after, problem):
            return AttemptEnd(JobState.WAITING if after else JobState.QUEUED, problem, after=after)
        case Retry(problem, after):
            return AttemptEnd(JobState.WAITING, problem, after=after, costs_retry=True)
        case Parked(problem, asks_about):
            return AttemptEnd(JobState.PARKED, problem, asks_about=asks_about)
        case Rejected(problem):
            return AttemptEnd(JobState.REJECTED, problem)


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
