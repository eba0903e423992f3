"""Before the calls of a preview: what keeps a worker from calling sevDesk keeps the preview from it, and why."""

from sevdesk_client.errors import SevDeskError
from sevdesk_client.sending import Call
from worker.gate.gate import HeldBack, SevdeskGate
from worker.operator.dry_run import DRY_RUN, ReadingStore
from worker.runner.account_check import AccountCheck
from worker.store import Store


class WatchingGate(SevdeskGate):
    """Keeps to what the workers have told Redis, and tells them nothing. A refused token it does not try again."""

    async def _pass_breaker(self, operation: str) -> None:
        if self._is_held_back():
            raise HeldBack(operation, "token_refused_waiting", self.breaker.interval)

    def after_call(self, call: Call, error: SevDeskError | None) -> None:
        """Learn nothing: a refused token parks, as it parks the first job that meets the refusal."""


async def account_check(gate: SevdeskGate, store: Store) -> AccountCheck:
    """The workers' check whose account it is and whether the database was restored; it writes nothing down."""
    reading = ReadingStore(store)
    restored = (await reading.query("account"))["restored_at"] is not None
    return AccountCheck(gate, reading, lambda: (DRY_RUN, "publish_invoice"), lambda: restored)
