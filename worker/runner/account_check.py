"""Keeps a worker away from an account of sevDesk that is not the one its database belongs to."""

from time import monotonic

from worker.domain.ledger import Job
from worker.domain.outcome import NotYet
from worker.domain.problems import problem
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import Store

# Whose account it is changes only by test_connection with move_account, which a running worker notices so late.
GOOD_SECONDS = 60.0
# Until a job that met the wrong account is tried again, perhaps by a worker with the right token.
AGAIN_SECONDS = 60.0


class AccountCheck:
    """One per process."""

    def __init__(self, store: Store, account: SevdeskAccount) -> None:
        self._store, self._account = store, account
        self._good_until = 0.0

    async def refusal(self, job: Job) -> NotYet | None:
        """Why the job must not ask sevDesk anything; None if it may.

        The first connection of all writes down whose account it is. Raises a `SevDeskError` if sevDesk cannot tell now.
        """
        if monotonic() < self._good_until:
            return None
        account_id = await self._account.account_id()
        if account_id is not None:  # sevDesk has always named it so far (live, four peers)
            known = await self._store.account_on_record(account_id, job)
            if known != account_id:
                await self._store.query("other_account_seen", account_id=account_id)
                return NotYet(AGAIN_SECONDS, problem("account_differs", account=known, other=account_id))
        self._good_until = monotonic() + GOOD_SECONDS
        return None
