"""Learns from the export itself which revenue accounts it uses, so that one that deviates can be reported. Pure.

Which accounts sevDesk picks is not established, so the chart of accounts alone can only show contradictions. Within one
export, documents of one tax rule and rate stand on one account; what at least `CONVENTION` documents share is taken as
intended. Of debtors the same holds (`worker/datev/debtors.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Hashable

from worker.datev.accounts import AccountAndKey
from worker.datev.messages import Message, message

CONVENTION = 3  # documents


class RevenueAccounts:
    """Counts the documents of each group (same tax rule, rate and kind) on each account with its tax key."""

    def __init__(self) -> None:
        self._counts: defaultdict[Hashable, Counter[AccountAndKey]] = defaultdict(Counter)

    def add(self, group: Hashable, account: AccountAndKey) -> None:
        self._counts[group][account] += 1

    def is_convention(self, group: Hashable, account: AccountAndKey) -> bool:
        """True if at least `CONVENTION` documents of this group stand on this account."""
        return self._counts[group][account] >= CONVENTION

    def deviation(self, group: Hashable, account: AccountAndKey) -> Message | None:
        """Where documents of this group usually stand; None if nothing else is usual, or this is too."""
        usual, documents = max(self._counts[group].items(), key=lambda pair: pair[1])
        if self.is_convention(group, account) or documents < CONVENTION:
            return None
        code = "account_unusual_key" if usual.key else "account_unusual"
        return message(code, documents=documents, **usual._asdict())
