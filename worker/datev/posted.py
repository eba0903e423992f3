"""What stands in the export: postings seen from one account, their sums by document, and the number they name. Pure."""

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

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
    currencies: set[str] = field(default_factory=set)
    deductions: Decimal = ZERO  # settled without money: Skonto, fees
    image: str = ""  # GUID of the document image

    def add(self, written: AccountAndKey, account: Account, day: date, currency: str, amount: Decimal) -> None:
        self.accounts[written] = account
        self.sums[written] = self.sums.get(written, ZERO) + amount
        self.days[day] = self.days.get(day, ZERO) + amount
        self.currencies.add(currency)

    @property
    def total(self) -> Decimal:
        return sum(self.sums.values(), ZERO)


def places_of_number(posting: Posting, *, payment: bool) -> list[str]:
    """Where the number of a posting's document may stand. A payment may name it in Belegfeld 2 or in its text."""
    places = [posting.number]
    if payment or not posting.number:
        places += [posting.reference, *re.split(r"[\s,;:()]+", posting.text)]
    return places


def permitted(number: str) -> str:
    """A number in the characters that Belegfeld 1 permits (official): letters, digits and `$ & % * + - /`."""
    return re.sub(r"[^A-Za-z0-9$&%*+\-/]", "", number).upper()
