"""What stands in the export: postings seen from one account, their sums by document, and the number they name. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

from worker.datev.accounts import Account, AccountAndKey
from worker.datev.documents import ZERO
from worker.datev.extf import Posting


@dataclass(frozen=True, slots=True)
class PostingSide:
    """A posting seen from one of its two accounts, the other being the contra account."""

    posting: Posting
    file: str
    currency: str
    account: Account
    number: str  # of the account, as written
    contra: Account
    contra_number: str
    credited: Decimal  # what `account` is credited with in `currency`; negative if it is debited

    @property
    def line(self) -> int:
        return self.posting.line


@dataclass(slots=True)
class Posted:
    """Everything posted under one document number: sums by account and tax key, and by day."""

    file: str  # place of the first posting
    line: int
    accounts: dict[AccountAndKey, Account] = field(default_factory=dict)
    sums: dict[AccountAndKey, Decimal] = field(default_factory=dict)
    days: dict[date, Decimal] = field(default_factory=dict)
    currencies: frozenset[str] = frozenset()
    deductions: Decimal = ZERO  # settled without money: Skonto, fees
    image: str = ""  # GUID of the document image

    def add(self, side: PostingSide, account: Account, number: str, amount: Decimal) -> None:
        key = AccountAndKey(number, side.posting.key)
        self.accounts[key] = account
        self.sums[key] = self.sums.get(key, ZERO) + amount
        self.days[side.posting.day] = self.days.get(side.posting.day, ZERO) + amount
        if side.currency not in self.currencies:
            self.currencies = _with_currency(self.currencies, side.currency)

    @property
    def total(self) -> Decimal:
        return sum(self.sums.values(), ZERO)


@lru_cache(100)
def _with_currency(currencies: frozenset[str], currency: str) -> frozenset[str]:
    """The same object for the same currencies, since nearly all documents share theirs."""
    return currencies | {currency}


def at_number(posted: dict[str, Posted], number: str, side: PostingSide) -> Posted:
    """What is posted under a number, which begins with this posting if there is nothing yet."""
    if (found := posted.get(number)) is None:
        found = posted[number] = Posted(side.file, side.line)
    return found


class Numbers:
    """Our document numbers, by all spellings that a posting may have."""

    def __init__(self, numbers: Iterable[str], cancellations: Mapping[str, str]) -> None:
        """`cancellations`: number of a cancelled invoice -> number of what cancels it."""
        self._cancellations = cancellations
        self._by_spelling = _by_spelling(dict.fromkeys(numbers))

    def of(self, posting: Posting, *, payment: bool = False) -> str:
        """The number of a posting's document, or empty. A payment may name it in Belegfeld 2 or in its text."""
        places = [posting.number]
        if payment or not posting.number:
            places += [posting.reference, *re.split(r"[\s,;:()]+", posting.text)]
        for written in places:
            if written and (number := self._by_spelling.get(written) or self._by_spelling.get(_permitted(written))):
                return number
        return self._cancellations.get(posting.number, "")


def _by_spelling(numbers: Iterable[str]) -> dict[str, str]:
    """By what Belegfeld 1 may hold: fewer characters (official), at most 36, in old versions 12."""
    by_spelling: dict[str, str] = {}
    for limit in (36, 12):
        cut = Counter(_permitted(number)[:limit] for number in numbers)
        for number in numbers:
            short = _permitted(number)[:limit]
            if cut[short] == 1:
                by_spelling.setdefault(short, number)
    by_spelling.update((number, number) for number in numbers)
    return by_spelling


def _permitted(number: str) -> str:
    """A number in the characters that Belegfeld 1 permits (official): letters, digits and `$ & % * + - /`."""
    return re.sub(r"[^A-Za-z0-9$&%*+\-/]", "", number).upper()
