"""What the ledger stores about a job: how it arrives, is claimed, changes invoices, and ends. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from worker.domain.events import Event
from worker.domain.invoice import Handback
from worker.domain.problems import TRIED_AGAIN, Problem


class JobState(StrEnum):
    """`sevdesk_jobs.state`, in a job's order."""

    REQUESTED = "requested"  # by sevdesk_request_job or `retry`
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"  # for a time
    DONE = "done"
    PARKED = "parked"  # until a person acts
    REJECTED = "rejected"
    DISMISSED = "dismissed"


ENDED = (JobState.DONE, JobState.REJECTED, JobState.DISMISSED)


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed row of the ledger."""

    job_id: str
    kind: str
    payload: Mapping[str, Any]
    origin: str
    invoice_id: UUID | None
    requested_by: UUID | None
    correlation_id: str | None
    order_key: str
    retries: int
    attempt: int
    steps_done: tuple[str, ...]
    confirmed: tuple[str, ...] = ()  # codes of problems that a person told the job to disregard
    traceparent: str | None = None  # the trace of whoever asked: W3C Trace Context, version 00
    earlier_problem: str | None = None  # code of the problem that ended the attempt before this one


@dataclass(frozen=True, slots=True)
class LimitedJob:
    """A job that the person limit gave a later start time."""

    job_id: str
    start_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class JobRef:
    """A job that was made ready again."""

    job_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class IncomingJob:
    """A job read from Redis. If `problem` is set, it could not be understood and is rejected at once."""

    job_id: str
    kind: str
    payload: Mapping[str, Any]
    invoice_id: UUID | None = None
    requested_by: UUID | None = None
    correlation_id: str | None = None
    problem: Problem | None = None
    score: float = 0.0  # when it is to start, in epoch milliseconds
    proven: bool = True  # False if it had to be signed by its producer and was not


@dataclass(frozen=True, slots=True)
class Change:
    """One invoice's columns as they were read, as they become, and the events in between."""

    invoice_id: UUID
    before: Handback
    after: Handback
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """The columns of the ledger row at the end of an attempt."""

    state: JobState
    problem: Problem | None = None  # None only for `done`
    result: Mapping[str, Any] | None = None
    after: float | None = None  # seconds until it may be tried again
    costs_retry: bool = False
    asks_about: int | None = None  # the open intent a parked job asks a person about

    def next_step(self, job_id: str) -> str | None:
        """What to do about it, in English."""
        if self.problem is None:
            return None
        return TRIED_AGAIN["en"] if self.costs_retry else self.problem.next_step(job=job_id)
