"""How one attempt of a job may end. Only the runner translates exceptions into these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from worker.domain.problems import Problem


@dataclass(frozen=True, slots=True)
class Done:
    """Everything requested is done. `result` is stored in the ledger."""

    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing is wrong, but the job must wait (for another job, a quarantine, a new worker). Costs no retry."""

    after: float  # seconds
    problem: Problem


@dataclass(frozen=True, slots=True)
class Retry:
    """A failure that may be temporary. Costs one of the kind's retries; after the last one the job is parked.

    `after` is set if the wait is given (Retry-After, a quarantine); else the kind's next delay applies.
    """

    problem: Problem
    after: float | None = None  # seconds


@dataclass(frozen=True, slots=True)
class Parked:
    """A person must decide or correct something; then `sevdesk-worker retry` continues the job.

    `asks_about` is set if the person must find out whether this open intent happened; `retry --as` takes the answer.
    """

    problem: Problem
    asks_about: int | None = None  # the intent's id


@dataclass(frozen=True, slots=True)
class Rejected:
    """The job can never be done as it was requested. Nothing was changed."""

    problem: Problem


Outcome = Done | NotYet | Retry | Parked | Rejected
