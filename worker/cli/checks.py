"""What one check of `doctor` answers: ok, warn or fail, and one sentence."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """`said` names the next step wherever there is one."""

    name: str
    level: Level
    said: str


def judged(name: str, well: bool, good: str, bad: str, level: Level = "fail") -> Check:
    """`good` or `bad`, as it turns out."""
    return Check(name, "ok", good) if well else Check(name, level, bad)


async def guarded(
    name: str, errors: tuple[type[BaseException], ...], look: Callable[[], Awaitable[list[Check]]], hint: str
) -> list[Check]:
    """What `look` answers, or one failed check when what it looks at is away."""
    try:
        return await look()
    except errors as error:
        return [Check(name, "fail", f"{type(error).__name__}. {hint}")]
