"""Code -> the provocation that ends, or puts off, a real job with this problem."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from flow.stage import Stage

Provoke = Callable[[Stage], Awaitable[Any]]
# What sevDesk may repeat of a customer in its answers; nobody may read it in a problem.
NAME, EMAIL = "Müller & Söhne GmbH", "rechnung@example.com"
ECHO = f"not acceptable for {NAME}, {EMAIL}"


@dataclass(frozen=True)
class Provocation:
    """`provoke` answers with the ledger's row that shows the problem; `named` are parameters that it must have."""

    provoke: Provoke
    named: Mapping[str, str]
    worker: Mapping[str, Any] | None  # settings of the worker that runs meanwhile; None: `provoke` sees to it

    def working(self, stage: Stage) -> AbstractAsyncContextManager[Any]:
        """The worker."""
        return nullcontext() if self.worker is None else stage.run_worker(**self.worker)


PROVOCATIONS: dict[str, Provocation] = {}


def provokes(code: str, *, worker: Mapping[str, Any] | None = {}, **named: str) -> Callable[[Provoke], Provoke]:
    """Enter a function into the table."""

    def enter(provoke: Provoke) -> Provoke:
        assert code not in PROVOCATIONS
        PROVOCATIONS[code] = Provocation(provoke, named, worker)
        return provoke

    return enter


def refusal(message: str = ECHO, code: int | None = None) -> dict[str, Any]:
    """The body of a refusal in sevDesk's envelope."""
    return {"error": {"message": message, "code": code}, "objects": None}
