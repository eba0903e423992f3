"""The retry budget, and what an outcome means for the ledger's row and for the invoice's event log."""

from dataclasses import replace
from uuid import UUID

from worker.domain import events, jobs, lifecycle
from worker.domain.invoice import Handback
from worker.domain.ledger import AttemptEnd, Change, Job
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry

# A mail asked for too early leaves what is not published as it is: it may still be transferred by itself.
MOVES_INVOICE = ("publish_invoice", "cancel_invoice")


def charge_retry(job: Job, outcome: Outcome) -> Outcome:
    """A `Retry` gets its kind's next delay; when the retries are used up, it becomes `Parked`."""
    if not isinstance(outcome, Retry):
        return outcome
    kind = jobs.KINDS.get(job.kind)
    delays = kind.retry_delays if kind else ()
    if job.retries >= len(delays):
        return Parked(outcome.problem.given_up(job.retries + 1))
    return outcome if outcome.after is not None else replace(outcome, after=delays[job.retries])


def attempt_end(outcome: Outcome) -> AttemptEnd:
    """How the row leaves `running`."""
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
    """The event that tells of the problem; an unfinished publication or cancellation also marks the invoice."""
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
    after = lifecycle.apply(before, event) if job.kind in MOVES_INVOICE else before
    return Change(invoice_id, before, after, (event,))
