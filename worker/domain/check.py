"""The result of one health check."""

from dataclasses import dataclass
from typing import Literal

# `unknown`: the program cannot find out, so a person must look.
Level = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """`detail`: one or two sentences on what was found; `next_step`: what to do about it."""

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
    """A check that is `ok` with the text `good` if it passed; else of this level, with `bad` and `next_step`."""
    return Check(name, "ok", good) if passed else Check(name, level, bad, next_step)
