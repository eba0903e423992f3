"""Keeps a worker away from an account of sevDesk that is not the one its database belongs to.

And from writing to any while the database lacks what was written since its backup.
"""

from collections.abc import Callable
from time import monotonic

import structlog

from sevdesk_client import errors
from sevdesk_client.sending import Call
from sevdesk_client.wire import Request
from worker.domain.problems import problem
from worker.gate.gate import HeldBack, SevdeskGate
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import Store

log = structlog.get_logger()

# Whose account it is changes only by test_connection with move_account, which a running worker notices so late.
GOOD_SECONDS = 60.0
# Until a job that met the wrong account is tried again, perhaps by a worker with the right token.
AGAIN_SECONDS = 60.0
WHOSE = "/SevUser"  # the call that tells whose account it is


class AccountCheck:
    """The gate, with a look at whose account it is before the first call and then once a minute.

    `test_connection` is let through, for it says what is wrong and, asked to, moves the database to this account: that
    is why a worker with the token of another one starts at all. `job`: the id and kind of the job that is calling.
    `restored`: whether a restore of the database was noticed that `recover` has not followed yet.
    """

    def __init__(
        self,
        gate: SevdeskGate,
        store: Store,
        job: Callable[[], tuple[str, str | None]],
        restored: Callable[[], bool] = lambda: False,
        worker: str = "",
    ) -> None:
        self._gate, self._store, self._job, self._restored, self._worker = gate, store, job, restored, worker
        self.account: SevdeskAccount | None = None  # set when the client, which needs this gate, is there
        self._good_until = 0.0
        self._told = False

    async def wait_for_turn(self) -> None:
        """As the gate's. Raises `HeldBack` in the wrong account, and while the database was restored."""
        if self._restored():
            raise HeldBack("any write", "database_restored", AGAIN_SECONDS)
        await self._check()
        await self._gate.wait_for_turn()

    async def before_call(self, request: Request) -> None:
        """As the gate's. Raises `HeldBack` in the wrong account."""
        if request.path != WHOSE:
            await self._check()
        await self._gate.before_call(request)

    def after_call(self, call: Call, error: errors.SevDeskError | None) -> None:
        """As the gate's."""
        self._gate.after_call(call, error)

    async def _check(self) -> None:
        """The first connection of all writes down whose it is. Raises a `SevDeskError` if sevDesk cannot tell."""
        job_id, kind = self._job()
        if monotonic() < self._good_until or kind == "test_connection":
            return
        assert self.account is not None
        account_id = await self.account.account_id()
        if account_id is not None:  # sevDesk has always named it so far (live, four peers)
            known = await self._store.account_on_record(account_id, job_id)
            if known != account_id:
                await self._other_account(known, account_id)
                raise HeldBack("any call", "account_differs", AGAIN_SECONDS, account=known, other=account_id)
        self._good_until, self._told = monotonic() + GOOD_SECONDS, False

    async def _other_account(self, known: str, found: str) -> None:
        await self._store.note_other_account(found, self._worker)
        if not self._told:
            differs = problem("account_differs", account=known, other=found)
            log.error("account.differs", reason=differs.cause(), next_step=differs.next_step())
        self._told = True
