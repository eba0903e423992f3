"""What an outcome means for the ledger's row and for the invoice's log. Pure; `runner` writes it down."""

from dataclasses import replace
from uuid import UUID

from worker.domain import events, jobs, lifecycle
from worker.domain.invoice import Handback
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry
from worker.store import Change, Ending, Job


def spend(job: Job, outcome: Outcome) -> Outcome:
    """A `Retry` gets the kind's next delay, or it is the end of patience."""
    if not isinstance(outcome, Retry):
        return outcome
    kind = jobs.KINDS.get(job.kind)
    delays = kind.retry_delays if kind else ()
    if job.retries >= len(delays):
        return Parked(f"{outcome.reason} Given up after {job.retries + 1} tries.", outcome.next_step)
    return outcome if outcome.after is not None else replace(outcome, after=delays[job.retries])


def ending_of(outcome: Outcome) -> Ending:
    """How the row leaves `running`."""
    match outcome:
        case Done(result):
            return Ending("done", result=result)
        case NotYet(after, reason):
            return Ending("waiting" if after else "queued", error=reason, after=after)
        case Retry(reason, next_step, after):
            return Ending("waiting", error=reason, next_step=next_step, after=after, costs_retry=True)
        case Parked(reason, next_step, asks_about):
            return Ending("parked", error=reason, next_step=next_step, asks_about=asks_about)
        case Rejected(reason):
            return Ending("rejected", error=reason)


# A mail asked for too early leaves what is not published as it is: it may still be transferred by itself.
MOVES_INVOICE = ("publish_invoice", "cancel_invoice")


def mark(job: Job, outcome: Parked | Rejected, invoice_id: UUID, before: Handback) -> Change:
    """The event of the invoice that tells of it; an unfinished publication or cancellation also marks the invoice."""
    match outcome:
        case Parked(reason, next_step):
            event: events.Event = events.Parked(job_id=job.job_id, kind=job.kind, reason=reason, next_step=next_step)
        case Rejected(reason):
            event = events.Rejected(job_id=job.job_id, kind=job.kind, reason=reason)
    after = lifecycle.apply(before, event) if job.kind in MOVES_INVOICE else before
    return Change(invoice_id, before, after, (event,))
