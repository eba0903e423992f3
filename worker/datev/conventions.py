"""Learns from the export itself which accounts it uses, so that a posting that deviates can be reported. Pure.

Which accounts sevDesk picks is not established, so the chart of accounts alone can only show contradictions. Within one
export, documents of one tax rule and rate stand on one account, a customer's documents on one debtor, and a debtor is
one customer. What at least `CONVENTION` documents share is taken as intended.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator

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


class Debtors:
    """Records on which debtor accounts each document and its payments stand, and which customer it belongs to."""

    def __init__(self) -> None:
        self._accounts: dict[str, tuple[str, ...]] = {}  # by document number, each account once
        self._single: dict[str, tuple[str, ...]] = {}  # shared, since nearly every document has one account
        self._customers: dict[str, Hashable] = {}  # by document number, where known
        self.listed: set[str] = set()  # accounts in the export's own master data; empty if it has none

    def add(self, number: str, account: str, customer: Hashable | None) -> None:
        """Records one posting of a document; a cancellation goes under the number of its invoice."""
        known = self._accounts.get(number)
        if known is None:
            self._accounts[number] = self._single.setdefault(account, (account,))
        elif account not in known:
            self._accounts[number] = (*known, account)
        if customer is not None:
            self._customers[number] = customer

    def problems(self) -> dict[str, Message]:
        """Messages by document number: at most one for each document, and one for each slip."""
        split = {number for number, accounts in self._accounts.items() if len(accounts) > 1}
        problems = {
            number: message("debtor_split", debtors=_listed(self._accounts[number])) for number in sorted(split)
        }
        whole = [  # (document, account, customer)
            (number, next(iter(accounts)), self._customers[number])
            for number, accounts in self._accounts.items()
            if number in self._customers and number not in split
        ]
        for number, text in (*self._missing_in_master_data(), *_unusual_debtors(whole), *_shared_debtor(whole)):
            problems.setdefault(number, text)
        return problems

    def _missing_in_master_data(self) -> Iterator[tuple[str, Message]]:
        """Accounts that the master data lack, unless so many are missing that the data are plainly incomplete."""
        used = {account for accounts in self._accounts.values() for account in accounts}
        missing = used - self.listed
        if self.listed and len(missing) < CONVENTION:
            for number, accounts in self._accounts.items():
                for account in missing.intersection(accounts):
                    yield number, message("debtor_unlisted", account=account)


def _unusual_debtors(documents: list[tuple[str, str, Hashable]]) -> Iterator[tuple[str, Message]]:
    """Documents on another account than most documents of the same customer."""
    by_customer: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)
    for _, account, customer in documents:
        by_customer[customer][account] += 1
    for number, account, customer in documents:
        accounts = by_customer[customer]
        usual = max(accounts, key=lambda each: accounts[each])
        if account != usual and accounts[account] < CONVENTION:
            yield number, message("debtor_unusual", account=account, usual=usual)


def _shared_debtor(documents: list[tuple[str, str, Hashable]]) -> Iterator[tuple[str, Message]]:
    """The only account with two customers where all others have one; collective accounts have many customers."""
    by_account: defaultdict[str, Counter[Hashable]] = defaultdict(Counter)
    for _, account, customer in documents:
        by_account[account][customer] += 1
    shared = [account for account, customers in by_account.items() if len(customers) > 1]
    if len(shared) != 1 or len(by_account) <= CONVENTION or len(by_account[shared[0]]) >= CONVENTION:
        return
    customers = by_account[shared[0]]
    rarer = min(customers, key=lambda customer: customers[customer])
    both = {number: customer for number, account, customer in documents if account == shared[0]}
    number = next(number for number, customer in both.items() if customer == rarer)
    yield number, message("debtor_shared", account=shared[0], documents=_listed(both))


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)[:10])
