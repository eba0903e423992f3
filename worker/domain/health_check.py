"""The result of one check of the system."""

from dataclasses import dataclass
from typing import Literal

# `unknown`: the program cannot find out, so a person must look.
CheckLevel = Literal["ok", "warn", "fail", "unknown"]


@dataclass(frozen=True, slots=True)
class Check:
    """`detail` says in one or two sentences what was found."""

    name: str
    level: CheckLevel
    detail: str
    next_step: str | None = None

    @property
    def ok(self) -> bool:
        """False only for `fail`."""
        return self.level != "fail"


def check_that(
    name: str, passed: bool, good: str, bad: str, level: CheckLevel = "fail", *, next_step: str | None = None
) -> Check:
    """A check with the text `good` if passed, else with `bad`, `level` and `next_step`."""
    return Check(name, "ok", good) if passed else Check(name, level, bad, next_step)
