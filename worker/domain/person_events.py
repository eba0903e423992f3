"""Events by which a person ends something: a parked job, or notices of an invoice. Pure."""

from dataclasses import dataclass

from worker.domain.event_base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged(Event):
    """A person has dealt with the notices of the invoice that are named here."""

    codes: tuple[str, ...]
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismissed(Event):
    """A person ended a parked job without it being done; `by` is `worker` where a cancellation made it needless."""

    job_id: str
    kind: str
    by: str
    reason: str
