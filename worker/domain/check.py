"""One question about the system's health, and its answer."""

from dataclasses import dataclass
from typing import Literal

# `unknown`: nobody can be asked, so a person must look.
Level = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """`detail` says in one or two sentences what was found."""

    name: str
    level: Level
    detail: str
    next_step: str | None = None

    @property
    def ok(self) -> bool:
        """False only for `fail`."""
        return self.level != "fail"


def judged(
    name: str, passed: bool, good: str, bad: str, level: Level = "fail", *, next_step: str | None = None
) -> Check:
    """A check with the text `good`, or with `bad`, `level` and `next_step`."""
    return Check(name, "ok", good) if passed else Check(name, level, bad, next_step)
