"""What the store takes and gives: plain frozen rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from worker.domain.events import Event
from worker.domain.invoice import Handback
from worker.domain.problems import TRIED_AGAIN, Problem


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a job was not claimed, and when (seconds) to ring again."""

    verdict: str  # done | gone | early | behind | busy | limited
    wait: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class JobRef:
    """What a doorbell needs to know of a job."""

    job_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class IncomingJob:
    """A job as Redis brought it. `problem` set: it cannot be understood and is rejected at once."""

    job_id: str
    kind: str
    payload: Mapping[str, Any]
    invoice_id: UUID | None = None
    requested_by: UUID | None = None
    correlation_id: str | None = None
    enqueued_at: datetime | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one invoice: the state the worker saw, the one it is in now, and why."""

    invoice_id: UUID
    before: Handback
    after: Handback
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How the ledger row leaves `running`."""

    state: str  # done | parked | rejected | waiting | queued
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


def job_ref(row: Mapping[str, Any] | None) -> JobRef | None:
    return None if row is None else JobRef(row["job_id"], row["kind"])


def columns(changes: Sequence[Change]) -> dict[str, list[Any]]:
    """The arrays `hand_back` unnests: the guard, then the new values."""
    before = [change.before for change in changes]
    after = [change.after for change in changes]
    return {
        "ids": [change.invoice_id for change in changes],
        "old_sync": [b.sync_status.value for b in before],
        "old_document": [b.document_status.value for b in before],
        "old_claim": [b.claim_status.value for b in before],
        "old_external": [b.external_id for b in before],
        "old_paid": [b.paid_amount for b in before],
        "sync": [a.sync_status.value for a in after],
        "document": [a.document_status.value for a in after],
        "claim": [a.claim_status.value for a in after],
        "external": [a.external_id for a in after],
        "numbers": [a.external_invoice_number for a in after],
        "paid": [a.paid_amount for a in after],
        "paid_at": [a.paid_at for a in after],
        "cancelled_at": [a.cancelled_at for a in after],
    }
