"""In which settings the workers of one database contradict each other. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Workers that a sentence names for each value; a fleet has sixty.
MOST_NAMED = 3
NEXT_STEP = "Give all workers the same settings, and restart those that have others."


@dataclass(frozen=True, slots=True)
class Agreed:
    """Marks a setting that all workers of a database must have alike; `why` says what depends on it."""

    why: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A living worker as it is on record: `settings` are those that must be alike, as `Settings.agreed` shows them."""

    name: str
    version: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Workers have different values of a setting: value -> the names of its workers."""

    setting: str
    values: Mapping[str, Sequence[str]]
    why: str

    def sentence(self) -> str:
        """Who has what, and what depends on it."""
        has = "; ".join(f"{value} in {_named(workers)}" for value, workers in self.values.items())
        return f"{self.setting} differs between workers: {has}. {self.why}"


def contradictions(workers: Sequence[Registered], reasons: Mapping[str, str]) -> list[Contradiction]:
    """Settings that differ, by name. `reasons`: setting -> what depends on it.

    A setting that only some workers have on record, because the others are of another release, is not compared.
    """
    found = []
    for setting in sorted({name for worker in workers for name in worker.settings}):
        values: dict[str, list[str]] = {}
        for worker in workers:
            if setting in worker.settings:
                values.setdefault(worker.settings[setting], []).append(worker.name)
        if len(values) > 1:
            found.append(Contradiction(setting, values, reasons.get(setting, "")))
    return found


def of_workers(workers: Sequence[Registered], setting: str) -> str | None:
    """A setting as the first worker has it on record; None: none has. Commands may have been given another value."""
    return next((each.settings[setting] for each in workers if setting in each.settings), None)


def versions(workers: Sequence[Registered]) -> dict[str, list[str]]:
    """Version -> the names of its workers. Several at once are normal while a new release is rolled out."""
    found: dict[str, list[str]] = {}
    for worker in workers:
        found.setdefault(worker.version, []).append(worker.name)
    return found


def _named(workers: Sequence[str]) -> str:
    more = f" and {len(workers) - MOST_NAMED} more" if len(workers) > MOST_NAMED else ""
    return f"{', '.join(workers[:MOST_NAMED])}{more}"
