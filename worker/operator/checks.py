"""Shared by doctor's checks."""

from collections.abc import Awaitable, Callable

from worker.domain.check import Check


async def guarded(
    name: str, errors: tuple[type[BaseException], ...], look: Callable[[], Awaitable[list[Check]]], hint: str
) -> list[Check]:
    """What `look` answers, or one failed check with `hint` when it raises one of `errors`."""
    try:
        return await look()
    except errors as error:
        return [Check(name, "fail", f"{type(error).__name__}. {hint}")]
