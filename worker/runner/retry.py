"""How often a job is retried."""

from dataclasses import replace

from worker.domain import jobs
from worker.domain.ledger import Job
from worker.domain.outcome import Outcome, Parked, Retry


def charge_retry(job: Job, outcome: Outcome) -> Outcome:
    """Give a `Retry` its kind's next delay; if none is left, return `Parked`. Other outcomes stay as they are."""
    if not isinstance(outcome, Retry):
        return outcome
    kind = jobs.KINDS.get(job.kind)
    delays = kind.retry_delays if kind else ()
    if job.retries >= len(delays):
        return Parked(outcome.problem.given_up(job.retries + 1))
    return outcome if outcome.after is not None else replace(outcome, after=delays[job.retries])
