"""What every handler gets. A handler reads, decides and records through the store, and may be started again after a
crash at any point.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from worker.domain.ledger import Job
from worker.domain.outcome import Outcome
from worker.settings import Settings
from worker.steps.account import SevdeskAccount
from worker.store import LockSession, Store


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """The process's resources. `account` is None only for kinds that need no sevDesk."""

    store: Store
    locks: LockSession
    account: SevdeskAccount | None
    settings: Settings
    stopping: Callable[[], bool]  # the process shuts down

    @property
    def sevdesk(self) -> SevdeskAccount:
        """The account; only for kinds with `needs_sevdesk`, which the runner starts only if there is a token."""
        assert self.account is not None
        return self.account


Handler = Callable[[HandlerContext, Job, Any], Awaitable[Outcome]]
