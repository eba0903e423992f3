"""How one attempt of a job may end. Values, not exceptions; only the runner makes them of exceptions."""

from dataclasses import dataclass, field
from typing import Any

from worker.domain.problems import Problem


@dataclass(frozen=True, slots=True)
class Done:
    """Everything that was asked is so. `result` is kept in the ledger."""

    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing is wrong, but it is too early (its turn, a quarantine, a hand-back at shutdown). Costs no retry."""

    after: float  # seconds
    problem: Problem


@dataclass(frozen=True, slots=True)
class Retry:
    """Something failed that may pass. Costs one of the kind's retries; after the last one the job is parked.

    `after` is set when the wait is dictated (Retry-After, a quarantine); else the kind's next delay applies.
    """

    problem: Problem
    after: float | None = None  # seconds


@dataclass(frozen=True, slots=True)
class Parked:
    """A person must decide or mend something; `sevdesk-worker retry` goes on from here.

    `asks_about` is set when the problem is a question that `retry --as` answers: did this open intent happen?
    """

    problem: Problem
    asks_about: int | None = None  # the intent's id


@dataclass(frozen=True, slots=True)
class Rejected:
    """The job as asked can never be done. Nothing was changed."""

    problem: Problem


Outcome = Done | NotYet | Retry | Parked | Rejected
