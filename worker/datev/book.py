"""Our documents and payments, and what is posted under their numbers, in a temporary file. Otherwise pure.

The file is SQLite's own: without a name, in the folder for temporary files, and gone when it is closed. So the memory
that a check takes does not grow with the documents of the period. Days are stored as ordinals, amounts as texts.
"""

import json
import sqlite3
from collections.abc import Hashable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from worker.datev.accounts import Account, AccountAndKey
from worker.datev.documents import Document, Payment, TaxSubtotal
from worker.datev.posted import Posted, PostingSide, permitted

# The two ledgers of postings, by what is compared with them.
TURNOVER, MONEY = 0, 1

_POSTINGS_BEGIN = 16  # columns of a document that precede those of its postings in `unpaired`


def _statements(text: str) -> dict[str, str]:
    return dict(part.split("\n", 1) for part in text.split("-- name: ")[1:])


_SQL = _statements(Path(__file__).with_name("book.sql").read_text(encoding="utf-8"))


class Abandoned(Exception):
    """Nobody wants the answer any more."""


class Book:
    """First takes our documents and payments, then `close_ours`; then postings, then `close_postings`; then it answers.

    To be used by one thread at a time, but for `abandon`. A full disk raises `sqlite3.Error`.
    """

    def __init__(self, *, payments_known: bool = True) -> None:
        """`payments_known` False: nobody knows them, or asked for them, so that payment postings are only counted."""
        self.database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._abandoned = False
        self.run("tables")
        self.payments_known = payments_known
        self._meanings: dict[Account, int] = {}  # as many as the chart of accounts tells apart
        self._files: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.close()

    def abandon(self) -> None:
        """From now on whoever uses it gets `Abandoned`, or `sqlite3.Error` where a statement is running."""
        self._abandoned = True
        self.database.interrupt()

    def go_on(self) -> None:
        """Raises `Abandoned` if that is so; to be called in every long loop, as `rows` and `row` do."""
        if self._abandoned:
            raise Abandoned

    def run(self, name: str) -> None:
        """Runs the statements of that name. What follows is one transaction, for one of each row would cost more."""
        self.go_on()
        self.database.executescript(f"{_SQL[name]} BEGIN;")

    # -- ours ----------------------------------------------------------------------------------------------------------

    def add_document(self, document: Document) -> None:
        """Of two documents with one number, the later one counts."""
        d = document
        subtotals = json.dumps([[str(s.rate), str(s.net), str(s.tax)] for s in d.subtotals])
        account_gross = None if d.account_gross is None else str(d.account_gross)
        issue_day = d.issue_day and d.issue_day.toordinal()
        values = (d.number, d.kind, d.day.toordinal(), str(d.gross), subtotals, d.tax_rule, d.currency, account_gross,
                  d.cancels, d.customer, d.comparable, issue_day, d.optional, d.advance)  # fmt: skip
        self.rows("add_document", *values)
        self._add_name(d.number)

    def add_payment(self, payment: Payment) -> None:
        day = payment.day and payment.day.toordinal()
        self.rows("add_payment", payment.number, str(payment.amount), day, payment.currency)
        self._add_name(payment.number)

    def _add_name(self, number: str) -> None:
        name = permitted(number)
        self.rows("add_name", number, name[:36], name[:12])

    def close_ours(self) -> None:
        """No document and no payment comes any more."""
        self.run("close_ours")

    def document(self, number: str) -> Document | None:
        row = self.row("document", number)
        return None if row is None else _document(row)

    def party_of(self, number: str) -> tuple[str | None, Hashable | None]:
        """The number of the invoice that this document cancels, and the customer, as far as known."""
        return self.row("party_of", number) or (None, None)

    def numbers_twice(self) -> Iterator[str]:
        """The numbers of several documents, each as often as it comes again."""
        for number, times in self.rows("numbers_twice"):
            yield from [number] * (times - 1)

    def expected(self, first: date, last: date) -> int:
        """How many documents an export of these days must contain."""
        return self._count("expected", first.toordinal(), last.toordinal())

    def expected_payments(self) -> int:
        """How many document numbers have payments of a known day that were not taken back."""
        return self._count("expected_payments")

    def has_dated_payments(self) -> bool:
        return bool(self._count("has_dated_payments"))

    def number_of(self, written: str) -> str | None:
        """The number that is spelled so, as it is or in the characters that Belegfeld 1 permits."""
        row = self.row("number_of", written) or self.row("number_of", permitted(written))
        return None if row is None else str(row[0])

    def cancellation_of(self, number: str) -> str | None:
        """The number of what cancels this invoice."""
        row = self.row("cancellation_of", number)
        return None if row is None else str(row[0])

    def payments_of(self, number: str) -> list[Payment]:
        rows = self.rows("payments_of", number)
        return [Payment(of, Decimal(amount), _day(day), currency) for of, amount, day, currency in rows]

    # -- postings ------------------------------------------------------------------------------------------------------

    def add_posting(
        self,
        ledger: int,
        number: str,
        side: PostingSide,
        account: Account,
        written: str,
        amount: Decimal,
        image: str = "",
    ) -> None:
        """Counts `amount` for an account (its number as `written`); with money, also the discount of the posting."""
        meaning = self._meanings.setdefault(account, len(self._meanings))
        deduction = str(side.posting.discount) if ledger == MONEY and side.posting.discount else None
        values = (written, side.posting.key, meaning, side.posting.day.toordinal(), side.currency, str(amount))
        self._insert(ledger, number, side, *values, deduction, image or None)

    def add_deduction(self, number: str, side: PostingSide, amount: Decimal) -> None:
        """Counts what reduces a claim without money."""
        self._insert(MONEY, number, side, None, None, None, None, None, None, str(amount), None)

    def _insert(self, ledger: int, number: str, side: PostingSide, *values: Any) -> None:
        file = self._files.setdefault(side.file, len(self._files))
        self.rows("add_posting", ledger, number, file, side.line, side.posting.reversal, *values)

    def close_postings(self) -> None:
        """No posting comes any more.

        Exporters write a Generalumkehr on the side of what it reverses, or on the other one, as it is entered at DATEV.
        It can only lower what was invoiced, which tells the one from the other.
        """
        self.rows("close_postings")
        if self._count("reversals_that_add") > 0:
            self.rows("turn_reversals")
        self._meaning_of, self._file_of = list(self._meanings), list(self._files)

    def posted(self, ledger: int, number: str) -> Posted | None:
        return self._gathered(self.rows("posted", number, ledger))

    def pair(self, invoice: str, cancellation: str, *, whole: bool) -> None:
        """Counts what is posted under the invoice's number for both, or without `whole` for the cancellation alone."""
        self.rows("add_pair", invoice, cancellation, whole)

    def cancelled_alone(self) -> Iterator[tuple[str, str]]:
        """(invoice, cancellation) where nothing is posted under the number of the cancellation."""
        for (invoice,) in self.rows("cancelled"):
            number = self.cancellation_of(invoice)
            if number is not None and self.posted(TURNOVER, number) is None:
                yield invoice, number

    def groups(self) -> Iterator[tuple[str, tuple[Document, ...], Posted | None]]:
        """(number, documents, postings) of each pair, then of each other document."""
        for invoice, number, whole in self.rows("pairs"):
            both = self.document(invoice) if whole else None, self.document(number)
            yield invoice, tuple(filter(None, both)), self.posted(TURNOVER, invoice)
        for number, of_document in groupby(self.rows("unpaired"), itemgetter(0)):
            together = list(of_document)
            found = [row[_POSTINGS_BEGIN:] for row in together if row[_POSTINGS_BEGIN] is not None]
            yield number, (_document(together[0]),), self._gathered(found)

    def unknown(self) -> Iterator[tuple[str, Posted]]:
        """Turnover under numbers of which we have no document (but a payment)."""
        for (number,) in self.rows("unknown"):
            if posted := self.posted(TURNOVER, number):
                yield number, posted

    def settled(self) -> Iterator[tuple[str, list[Payment], Posted | None]]:
        """(number, payments, money posted) of each number that has any."""
        for (number,) in self.rows("settled"):
            yield number, self.payments_of(number), self.posted(MONEY, number)

    def image_links(self) -> Iterator[tuple[str, str]]:
        """(number, GUID of the image or empty) of each document with postings under its own number."""
        yield from self.rows("image_links")

    # ------------------------------------------------------------------------------------------------------------------

    def _gathered(self, rows: Iterable[tuple[Any, ...]]) -> Posted | None:
        posted = None
        for file, line, account, key, meaning, day, currency, amount, deduction, image in rows:
            if posted is None:
                posted = Posted(self._file_of[file], line)
            if deduction is not None:
                posted.deductions += Decimal(deduction)
            if account is not None:
                written = AccountAndKey(account, key)
                posted.add(written, self._meaning_of[meaning], date.fromordinal(day), currency, Decimal(amount))
            posted.image = posted.image or image or ""
        return posted

    def rows(self, name: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """The rows that the statement of that name answers with, if any."""
        self.go_on()
        return self.database.execute(_SQL[name], values)

    def row(self, name: str, *values: Any) -> tuple[Any, ...] | None:
        """The first of these rows."""
        self.go_on()
        found: tuple[Any, ...] | None = self.database.execute(_SQL[name], values).fetchone()
        return found

    def _count(self, name: str, *values: Any) -> int:
        row = self.row(name, *values)
        return int(row[0]) if row else 0


def _document(row: tuple[Any, ...]) -> Document:
    (number, kind, day, gross, subtotals, tax_rule, currency, account_gross, cancels, customer, comparable, issue_day,
     optional, advance) = row[:14]  # fmt: skip
    return Document(
        number=number,
        kind=kind,
        day=date.fromordinal(day),
        gross=Decimal(gross),
        subtotals=tuple(TaxSubtotal(*map(Decimal, each)) for each in json.loads(subtotals)),
        tax_rule=tax_rule,
        currency=currency,
        account_gross=None if account_gross is None else Decimal(account_gross),
        cancels=cancels,
        customer=customer,
        comparable=bool(comparable),
        issue_day=_day(issue_day),
        optional=bool(optional),
        advance=bool(advance),
    )


def _day(ordinal: int | None) -> date | None:
    return None if ordinal is None else date.fromordinal(ordinal)
