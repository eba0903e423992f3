"""Which debtor accounts the export uses: a customer's documents stand on one, and a debtor is one customer.

What at least `CONVENTION` documents share is taken as intended (`worker/datev/conventions.py`). The accounts lie in the
temporary file of `worker/datev/book.py`.
"""

import json
from collections.abc import Hashable, Iterable, Iterator

from worker.datev.book import Book
from worker.datev.conventions import CONVENTION
from worker.datev.messages import Message, message


class Debtors:
    """Records on which debtor accounts each document and its payments stand, and which customer it belongs to."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def add(self, number: str, account: str, customer: Hashable | None) -> None:
        """Records one posting of a document; a cancellation goes under the number of its invoice."""
        self._book.rows("add_debtor", number, account, customer)

    def list_accounts(self, accounts: Iterable[str]) -> None:
        """Takes the accounts in the export's own master data."""
        for account in accounts:
            self._book.rows("add_listed", account)

    def find_problems(self) -> None:
        """To be called once, after the last posting: at most one problem for each document, and one for each slip."""
        self._book.run("summarize_debtors")
        for found in (self._split, self._missing_in_master_data, self._unusual, self._shared):
            for number, code, values in found():
                self._book.rows("add_debtor_problem", number, code, json.dumps(values))

    def take_problem(self, number: str) -> Message | None:
        """The problem of this document, which is then no longer there."""
        row = self._book.row("debtor_problem", number)
        if row is None:
            return None
        self._book.rows("delete_debtor_problem", number)
        return message(row[0], **json.loads(row[1]))

    def problems_left(self) -> Iterator[tuple[str, Message]]:
        """(number, problem) of the other ones."""
        for number, code, parameters in self._book.rows("debtor_problems"):
            yield number, message(code, **json.loads(parameters))

    def _split(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        for (number,) in self._book.rows("split"):
            yield number, "debtor_split", {"debtors": self._listed("accounts_of", number)}

    def _missing_in_master_data(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Accounts that the master data lack, unless so many are missing that the data are plainly incomplete."""
        missing = list(self._book.rows("unlisted", CONVENTION))
        for (account,) in missing if len(missing) < CONVENTION else ():
            for (number,) in self._book.rows("numbers_on", account):
                yield number, "debtor_unlisted", {"account": account}

    def _unusual(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Documents on another account than most documents of the same customer."""
        for number, account, usual in self._book.rows("unusual", CONVENTION):
            yield number, "debtor_unusual", {"account": account, "usual": usual}

    def _shared(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """The only account with two customers where all others have one; collective accounts have many customers."""
        shared, used = list(self._book.rows("shared")), self._book.row("accounts_used")
        if len(shared) != 1 or not used or used[0] <= CONVENTION or shared[0][1] >= CONVENTION:
            return
        account = shared[0][0]
        if found := self._book.row("rarer", account):
            yield found[0], "debtor_shared", {"account": account, "documents": self._listed("documents_on", account)}

    def _listed(self, statement: str, value: str) -> str:
        return ", ".join(row[0] for row in self._book.rows(statement, value))
