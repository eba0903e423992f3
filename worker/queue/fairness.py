"""Whose job is next. Pure.

People take turns, one job each, oldest first; what nobody asked for (schedules, sweeps) comes after them, and once in
five turns all the same. So the month end that one person starts is not in another's way, and both go on.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

# A turn costs a person one, and the system four: where slots are short, people get four jobs of five.
PERSON, SYSTEM = 1, 4


@dataclass(frozen=True, slots=True)
class Turn:
    """A job whose turn it is; `place` is its place among all, by age."""

    job_id: str
    who: UUID | None
    place: int


class Turns:
    """The jobs that may run, in a line for each who asked. One process's view, filled anew at each poll."""

    def __init__(self) -> None:
        self._lines: dict[UUID | None, deque[Turn]] = {}
        self._spent: dict[UUID | None, int] = {}  # whoever has spent least is next
        self._least = 0

    def fill(self, jobs: Iterable[tuple[str, UUID | None]]) -> None:
        """These jobs, oldest first, instead of those that were left. Turns taken before are not forgotten."""
        self._lines = {}
        for place, (job_id, who) in enumerate(jobs):
            self._lines.setdefault(who, deque()).append(Turn(job_id, who, place))
        self._spent = {who: spent for who, spent in self._spent.items() if who in self._lines or spent > self._least}
        for who in self._lines:
            self._spent.setdefault(who, self._least + (0 if who else SYSTEM))

    def take(self, count: int) -> list[Turn]:
        """The next ones, which leave their lines."""
        taken: list[Turn] = []
        while self._lines and len(taken) < count:
            who = min(self._lines, key=lambda who: (self._spent[who], who is None, self._lines[who][0].place))
            taken.append(self._lines[who].popleft())
            self._least = self._spent[who]
            self._spent[who] += PERSON if who else SYSTEM
            if not self._lines[who]:
                del self._lines[who]
        return taken

    def forgive(self, turns: Iterable[Turn]) -> None:
        """Another worker has those jobs: they leave their lines, and cost nobody a turn here."""
        for turn in turns:
            self._spent[turn.who] -= PERSON if turn.who else SYSTEM

    def back(self, turns: Iterable[Turn]) -> None:
        """Those were only looked at; in the order in which they were taken."""
        turns = list(turns)
        self.forgive(turns)
        for turn in reversed(turns):
            self._lines.setdefault(turn.who, deque()).appendleft(turn)
