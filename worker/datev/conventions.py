"""What an export does as a rule, so that the posting that does otherwise stands out. Pure.

Which accounts sevDesk picks is not established, so the chart alone can only tell what contradicts it. The export itself
tells the rest: documents of one tax rule and rate stand on one account, a customer's documents on one debtor, and a
debtor is one customer. What three documents share is a habit, and nobody's slip.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator

HABIT = 3


class Usual:
    """How often documents of each sort went each way (an account with its tax key)."""

    def __init__(self) -> None:
        self._ways: defaultdict[Hashable, Counter[tuple[str, str]]] = defaultdict(Counter)

    def see(self, sort: Hashable, way: tuple[str, str]) -> None:
        """One more document."""
        self._ways[sort][way] += 1

    def is_habit(self, sort: Hashable, way: tuple[str, str]) -> bool:
        """Whether enough documents of this sort go this way."""
        return self._ways[sort][way] >= HABIT

    def other_habit(self, sort: Hashable, way: tuple[str, str]) -> str | None:
        """Where documents of this sort usually stand, when this way is no habit and another is."""
        usual, documents = max(self._ways[sort].items(), key=lambda pair: pair[1])
        if self.is_habit(sort, way) or documents < HABIT:
            return None
        account, key = usual
        return f"{documents} gleichartige Belege stehen auf Konto {account}{f' mit BU-Schlüssel {key}' if key else ''}"


class Debtors:
    """Which debtor accounts a document and its payments stand on, and whose document it is, where we know."""

    def __init__(self) -> None:
        self._accounts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._party_of: dict[str, Hashable] = {}
        self.listed: set[str] = set()  # by the export's own master data; empty where it has none

    def see(self, number: str, account: str, party: Hashable | None) -> None:
        """The document (an invoice together with its cancellation) was posted to this account."""
        self._accounts[number][account] += 1
        if party is not None:
            self._party_of[number] = party

    def odd(self) -> Iterator[tuple[str, str]]:
        """(document, what is odd): one of each slip, wherever it shows first."""
        torn = {number for number, accounts in self._accounts.items() if len(accounts) > 1}
        for number in sorted(torn):
            yield number, f"Beleg und Zahlungen stehen auf verschiedenen Debitoren: {_listed(self._accounts[number])}"
        told = set(torn)
        for number, text in (*self._unlisted(), *self._strays(torn), *self._shared(torn)):
            if number not in told:
                told.add(number)
                yield number, text

    def _unlisted(self) -> Iterator[tuple[str, str]]:
        """Accounts that the master data do not know, unless they plainly hold only some."""
        used = {account for accounts in self._accounts.values() for account in accounts}
        missing = used - self.listed
        if self.listed and len(missing) < HABIT:
            for number, accounts in self._accounts.items():
                for account in missing & accounts.keys():
                    yield number, f"Debitor {account} fehlt in den Stammdaten des Exports"

    def _strays(self, torn: set[str]) -> Iterator[tuple[str, str]]:
        """Documents away from where their party's other documents stand."""
        homes: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)
        for number, account in self._whole(torn):
            homes[self._party_of[number]][account] += 1
        for number, account in self._whole(torn):
            accounts = homes[self._party_of[number]]
            home = max(accounts, key=lambda each: accounts[each])
            if account != home and accounts[account] < HABIT:
                yield number, f"Debitor {account}; sonst stehen solche Belege auf {home}"

    def _shared(self, torn: set[str]) -> Iterator[tuple[str, str]]:
        """The one account with two parties, where every other has one; collective accounts have many."""
        parties: defaultdict[str, Counter[Hashable]] = defaultdict(Counter)
        for number, account in self._whole(torn):
            parties[account][self._party_of[number]] += 1
        shared = [account for account, whose in parties.items() if len(whose) > 1]
        if len(shared) != 1 or len(parties) <= HABIT or len(parties[shared[0]]) >= HABIT:
            return
        whose = parties[shared[0]]
        rarer = min(whose, key=lambda party: whose[party])
        both = [number for number, account in self._whole(torn) if account == shared[0]]
        number = next(number for number in both if self._party_of[number] == rarer)
        yield number, f"Debitor {shared[0]} steht für zwei Kunden: {_listed(both)}"

    def _whole(self, torn: set[str]) -> Iterator[tuple[str, str]]:
        """(document, account) where both the account and the party are clear."""
        for number, accounts in self._accounts.items():
            if number in self._party_of and number not in torn:
                yield number, next(iter(accounts))


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)[:10])
