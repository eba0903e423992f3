"""Which waiting job is started next. Pure.

People take turns, one job each, oldest first. Jobs that nobody asked for (schedules, sweeps) come after them, but get
one start in five all the same. So a month's end that one person starts does not delay another person.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

# What a start costs a person and the system. The lowest cost is next, so people get four starts of five.
PERSON, SYSTEM = 1, 4


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that may be started; `position` is its rank by age among all that wait."""

    job_id: str
    requested_by: UUID | None
    position: int


class FairQueue:
    """The jobs that may run, in one queue per person. One process's view, refilled at each poll."""

    def __init__(self) -> None:
        self._queues: dict[UUID | None, deque[WaitingJob]] = {}
        self._cost: dict[UUID | None, int] = {}
        self._lowest = 0

    def refill(self, jobs: Iterable[tuple[str, UUID | None]]) -> None:
        """Replace the waiting jobs by these, oldest first. What each person has been charged so far stays."""
        self._queues = {}
        for position, (job_id, who) in enumerate(jobs):
            self._queues.setdefault(who, deque()).append(WaitingJob(job_id, who, position))
        self._cost = {who: cost for who, cost in self._cost.items() if who in self._queues or cost > self._lowest}
        for who in self._queues:
            self._cost.setdefault(who, self._lowest + (0 if who else SYSTEM))

    def take(self, count: int) -> list[WaitingJob]:
        """Remove up to `count` jobs from the queues, next ones first."""
        taken: list[WaitingJob] = []
        while self._queues and len(taken) < count:
            who = min(self._queues, key=lambda who: (self._cost[who], who is None, self._queues[who][0].position))
            taken.append(self._queues[who].popleft())
            self._lowest = self._cost[who]
            self._cost[who] += PERSON if who else SYSTEM
            if not self._queues[who]:
                del self._queues[who]
        return taken

    def refund(self, jobs: Iterable[WaitingJob]) -> None:
        """Refund the cost of jobs that another worker claimed first."""
        for job in jobs:
            self._cost[job.requested_by] -= PERSON if job.requested_by else SYSTEM

    def put_back(self, jobs: Iterable[WaitingJob]) -> None:
        """Undo `take` for these jobs, given in the order in which they were taken."""
        jobs = list(jobs)
        self.refund(jobs)
        for job in reversed(jobs):
            self._queues.setdefault(job.requested_by, deque()).appendleft(job)
