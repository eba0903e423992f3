"""Matches postings with our documents and payments, number by number, and compares days, accounts and sums. Pure.

Whatever there is one of for each document lies in a temporary file (`worker/datev/book.py`), not in memory.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

from worker.datev.accounts import Account, AccountAndKey, AccountCheck, AccountKind, check_account, without_reversal
from worker.datev.book import MONEY, TURNOVER, Book
from worker.datev.conventions import RevenueAccounts
from worker.datev.debtors import Debtors
from worker.datev.differences import ROUNDING, difference
from worker.datev.documents import ZERO, Document, Payment, rates_of
from worker.datev.extf import Posting
from worker.datev.findings import Finding, Findings
from worker.datev.images import guid_of
from worker.datev.messages import Message, message
from worker.datev.order import Order
from worker.datev.posted import Posted, PostingSide, places_of_number
from worker.datev.report import Period, Total
from worker.datev.settlements import is_skonto_tax, payment_difference, possible_sums

ACCOUNT_CURRENCY, CENT = "EUR", Decimal("0.01")


class Matching:
    """Takes postings one by one, then `compare` adds to `findings` whatever does not agree."""

    def __init__(self, book: Book, period: Period, order: Order, findings: Findings) -> None:
        """`book` has all documents and payments already."""
        self._book, self._period, self._order, self._findings = book, period, order, findings
        self._earnings = "E" in order.scope
        book.close_ours()
        for number in book.numbers_twice():
            self._add(message("number_twice"), number)
        self._totals: dict[AccountAndKey, Total] = {}
        self._not_compared: Counter[str] = Counter()  # by code of the message
        self._account_notes: Counter[Message] = Counter()
        self._revenue_accounts, self.debtors = RevenueAccounts(), Debtors(book)
        self.expected = book.expected(period.first, period.last) if self._earnings else 0
        self.expected_payments = self.matched = self.matched_payments = 0  # payments: document numbers

    def is_in_document_currency(self, posting: Posting) -> bool:
        """True if we know the posting's document and its currency is that of `amount`, not of `base_amount`."""
        document = self._book.document(self._number_of(posting))
        return document is not None and document.currency == posting.currency

    def add_turnover(self, side: PostingSide) -> None:
        """Takes a posting on a revenue or tax account. What is debited to the account counts as a cancellation."""
        number, paid = self._number_of(side.posting), side.contra.kind is AccountKind.MONEY
        if not number and paid and "C" in self._order.scope:
            self._not_compared["cash_revenue"] += 1
        elif side.account.kind is AccountKind.TAX and self._is_skonto_tax(number, side):
            self._book.add_deduction(number, side, -side.credited)
        elif not self._earnings:
            self._not_compared["revenue_not_asked"] += 1
        elif not number and side.contra.kind in (AccountKind.CREDITOR, AccountKind.OTHER):
            self._not_compared["revenue_without_debtor"] += 1
        elif not number:
            self._add_extra("revenue_without_document", side, side.credited)
        else:
            self._add_turnover(number, side, paid=paid)

    def _add_turnover(self, number: str, side: PostingSide, *, paid: bool) -> None:
        image = guid_of(side.posting.link) if self._order.images else ""
        self._book.add_posting(TURNOVER, number, side, side.account, side.number, side.credited, image)
        self._add_debtor(number, side.contra, side.contra_number)
        if side.contra.kind not in (AccountKind.DEBTOR, AccountKind.RECEIVABLE):
            self._add(message("contra_no_debtor", account=side.contra_number), number, side, note=paid)
            if paid:
                self._book.add_posting(MONEY, number, side, side.contra, side.contra_number, side.credited)

    def add_moved_revenue(self, side: PostingSide) -> None:
        """Takes a posting from one revenue account to another that the tax return keeps apart, or to tax."""
        if not self._earnings:
            self._not_compared["revenue_not_asked"] += 1
            return
        accounts = {"account": side.number, "contra": side.contra_number}
        self._add(message("revenue_moved", moved=side.posting.amount, **accounts), side.posting.number, side)

    def add_settlement(self, side: PostingSide) -> None:
        """Takes a posting of a debtor (`contra`) against money, a deduction, or a wrong account for its revenue."""
        number, amount = self._number_of(side.posting, payment=True), -side.credited
        self._add_debtor(number, side.contra, side.contra_number)
        money = side.account.kind is AccountKind.MONEY
        document = self._book.document(number) if self._earnings and not money else None
        if document and (amount < 0) == (document.gross >= 0):
            self._book.add_posting(TURNOVER, number, side, side.account, side.number, -amount)
        elif not self._book.payments_known:
            self._not_compared["payments_not_compared"] += 1
        elif not number and money:
            self._add_extra("payment_without_document", side, amount)
        elif not number:
            self._not_compared["debtors_otherwise"] += 1
        elif money:
            self._book.add_posting(MONEY, number, side, side.account, side.number, amount)
        else:
            self._book.add_deduction(number, side, amount)

    def compare(self) -> None:
        """Compares every document and payment; to be called once, after the last posting."""
        self._book.close_postings()
        self._pair_cancelled_under_own_number()
        # We know a payment of this number, and no document of the period. By pay date, it may be paid in part only.
        for number, posted in self._book.unknown() if not self._order.by_pay_date else ():
            self._add(message("revenue_unknown", posted=posted.total), number, posted)
        self.debtors.find_problems()
        for _, documents, found in self._book.groups() if self._earnings else ():
            for group, account, check in _checked_accounts(documents, found if _comparable(documents) else None):
                if check.fault is None:
                    self._revenue_accounts.add(group, account)
        for number, documents, found in self._book.groups() if self._earnings else ():
            self._compare_documents(number, documents, found)
        for number, problem in self.debtors.problems_left():  # numbers of which only payments are posted here
            self._add(problem, number)
        for number, payments, money in self._book.settled() if self._book.payments_known else ():
            self._compare_settled(number, payments, money)
        for what, count in sorted(self._account_notes.items(), key=lambda pair: pair[0].german):
            self._findings.add(Finding(message("account_note", what=what, documents=count), note=True))
        for code, count in sorted(self._not_compared.items()):
            self._findings.add(Finding(message(code, count=count), note=True))

    def totals(self) -> tuple[Total, ...]:
        return tuple(total for _, total in sorted(self._totals.items()))

    def _is_expected(self, document: Document) -> bool:
        inside = self._period.contains(document.day) and not document.optional
        return inside and (document.gross != 0 or not document.comparable)

    def _add_debtor(self, number: str, account: Account, written: str) -> None:
        if account.kind not in (AccountKind.DEBTOR, AccountKind.RECEIVABLE):
            return
        cancelled, customer = self._book.party_of(number)
        invoice = cancelled or number
        if invoice and account.kind is AccountKind.DEBTOR:
            self.debtors.add(invoice, written, customer)
        elif invoice:
            self.debtors.add(invoice, written, account.kind)  # a collective account counts as one customer

    def _number_of(self, posting: Posting, *, payment: bool = False) -> str:
        """The number of a posting's document, or empty."""
        for written in places_of_number(posting, payment=payment):
            if written and (number := self._book.number_of(written)):
                return number
        return self._book.cancellation_of(posting.number) or ""

    def _is_skonto_tax(self, number: str, side: PostingSide) -> bool:
        cancelled = self._book.cancellation_of(number) is not None
        return is_skonto_tax(side, self._book.document(number), cancelled=cancelled)

    def _pair_cancelled_under_own_number(self) -> None:
        """Joins cancellations posted under the number of the invoice they cancel, where both are one sum."""
        for invoice_number, number in self._book.cancelled_alone():
            invoice, cancellation = self._book.document(invoice_number), self._book.document(number)
            posted = self._book.posted(TURNOVER, invoice_number)
            if invoice is not None and cancellation is not None and posted is not None:
                gross = invoice.gross if self._period.contains(invoice.day) else ZERO
                if posted.total == gross + cancellation.gross:
                    self._book.pair(invoice_number, number, whole=gross != 0)

    def _compare_documents(self, number: str, documents: tuple[Document, ...], posted: Posted | None) -> None:
        """One document, or an invoice and its cancellation that are posted under one number."""
        if not _comparable(documents):
            self._add(message("document_unreadable"), number, posted)
            return
        gross = sum((d.gross for d in documents), ZERO)
        inside = all(self._period.contains(d.day) for d in documents)
        currency = documents[0].currency
        if posted is None:
            if gross and any(map(self._is_expected, documents)):
                self._add(message("posting_missing", gross=gross, day=documents[0].day), number)
        elif not inside and not documents[0].optional:
            self._add(message("document_outside"), number, posted)
        elif posted.currencies != {currency}:
            self._compare_converted(number, documents, posted)
        else:
            dated = not documents[0].optional
            right = not dated or self._compare_days(number, _amounts_by_day(documents, posted), posted)
            right = self._compare_sums(number, documents, gross, posted) and right
            if problem := self.debtors.take_problem(documents[0].cancels or number):
                self._add(problem, number, posted)
            elif right:
                self._add_matched(documents, posted)

    def _compare_converted(self, number: str, documents: tuple[Document, ...], posted: Posted) -> None:
        """Postings in another currency than the document's: only sums that sevDesk has converted can be compared.

        Each tax rate is converted and rounded by itself, so the sum may be a cent off for each rate after the first.
        """
        currency, converted = documents[0].currency, [document.account_gross for document in documents]
        if posted.currencies != {ACCOUNT_CURRENCY} or None in converted:
            booked = " + ".join(sorted(posted.currencies))
            what = message("currency_not_compared", currency=currency, posted=booked)
            self._add(what, number, posted, note=currency != ACCOUNT_CURRENCY)
            return
        expected = sum(filter(None, converted), ZERO)
        if abs(posted.total - expected) > CENT * (len(rates_of(documents)) - 1):
            sums = {"posted": posted.total, "expected": expected}
            self._add(message("amount_wrong_converted", currency=currency, **sums), number, posted)
        elif self._compare_days(number, {documents[0].day: posted.total}, posted):
            self._add_matched(documents, posted)

    def _compare_days(self, number: str, expected: dict[date, Decimal], posted: Posted) -> bool:
        wrong = sorted(posted.days.keys() - expected.keys())
        days = tuple(sorted(expected))
        for day in wrong:
            code = "day_wrong" if self._period.contains(day) else "day_outside"
            self._add(message(code, day=day, right=days), number, posted)
        if not wrong and posted.total == sum(expected.values()) and posted.days != expected:
            self._add(message("days_differ", days=days), number, posted)
            return False
        return not wrong

    def _compare_sums(self, number: str, documents: tuple[Document, ...], gross: Decimal, posted: Posted) -> bool:
        by_rate: dict[Decimal, Decimal] = dict.fromkeys(rates_of(documents), ZERO)
        rates_clear, right = True, True
        for (group, account, check), amount in zip(
            _checked_accounts(documents, posted), posted.sums.values(), strict=True
        ):
            if fault := check.fault or self._unusual(group, account, check):
                self._add(fault, number, posted)
                right = False
            elif check.note:
                self._account_notes[check.note] += 1
            if check.rate in by_rate and not check.fault:
                by_rate[check.rate] += amount
            else:
                rates_clear = False
        wrong = difference(documents, gross, posted.total, by_rate if rates_clear else {})
        wrong = wrong or _tax_difference(documents, posted)
        if wrong is not None:
            self._add(wrong, number, posted)
        return right and wrong is None

    def _unusual(self, group: Hashable, account: AccountAndKey, check: AccountCheck) -> Message | None:
        """What is unusual about the account by the chart or in this export, unless it is a convention."""
        if self._revenue_accounts.is_convention(group, account):
            return None
        return check.note or self._revenue_accounts.deviation(group, account)

    def _compare_settled(self, number: str, payments: list[Payment], posted: Posted | None) -> None:
        """Counts the document number where we know that the export has its payments, and whether they are right."""
        certain = sum((payment.amount for payment in payments if payment.day is not None), ZERO)
        if posted is not None and not posted.sums and not certain:
            return  # only a deduction
        right = self._compare_payments(number, payments, posted)
        if payments and (posted is not None or ZERO not in (possible_sums(payments) or (ZERO,))):
            self.expected_payments += 1
            self.matched_payments += right

    def _compare_payments(self, number: str, payments: list[Payment], posted: Posted | None) -> bool:
        """True if the money that is posted is ours, to the cent and day."""
        if posted is None:
            possible = possible_sums(payments)
            if possible == {ZERO}:
                pass  # taken back
            elif possible is None or ZERO in possible:
                self._not_compared["payments_without_day"] += 1
            elif self._order.by_pay_date and self._book.document(number) is None:
                self._not_compared["payments_of_open"] += 1
            else:
                expected = sum(payment.amount for payment in payments if payment.day is not None)
                self._add(message("payment_missing", expected=expected), number)
        elif not payments and (document := self._book.document(number)) and document.kind == "credit_note":
            self._not_compared["refunds_not_compared"] += 1  # what is paid back is not known here
        elif not payments and not posted.total:
            pass  # taken back
        elif not payments:
            self._add(message("payment_unknown", posted=posted.total), number, posted)
        elif posted.sums and payments[0].currency not in posted.currencies:
            self._add(message("payment_currency"), number, posted, note=True)
        elif wrong := payment_difference(payments, posted):
            self._add(wrong, number, posted)
        elif self._compare_payment_days(number, payments, posted):
            self._add_totals(posted)
            return True
        return False

    def _compare_payment_days(self, number: str, payments: list[Payment], posted: Posted) -> bool:
        """What one sync saw at once is one payment with the day of the last part; then only that day is known."""
        expected: dict[date, Decimal] = {}
        for payment in payments:
            if payment.day is None:
                return True
            expected[payment.day] = expected.get(payment.day, ZERO) + payment.amount
        if len(posted.days) > len(payments) and max(posted.days) == max(expected):
            return True
        return self._compare_days(number, expected, posted)

    def _add_matched(self, documents: tuple[Document, ...], posted: Posted) -> None:
        self.matched += sum(map(self._is_expected, documents))
        self._add_totals(posted)

    def _add_totals(self, posted: Posted) -> None:
        for key, amount in posted.sums.items():
            before = self._totals.get(key, Total(*key, posted.accounts[key].kind.value))
            self._totals[key] = before.plus(amount)

    def _add_extra(self, code: str, side: PostingSide, amount: Decimal) -> None:
        self._add(message(code, posted=amount, day=side.posting.day), side.posting.number, side)

    def _add(
        self, what: Message, number: str, place: PostingSide | Posted | None = None, *, note: bool = False
    ) -> None:
        file, line = (place.file, place.line) if place else (None, None)
        self._findings.add(Finding(what, file, line, number[:36] or None, note))


def _comparable(documents: tuple[Document, ...]) -> bool:
    return all(document.comparable for document in documents)


def _amounts_by_day(documents: tuple[Document, ...], posted: Posted) -> dict[date, Decimal]:
    """The day of each document with its gross sum. By pay date, postings may bear the invoice date instead.

    That one may be of an earlier fiscal year, while a posting has the year of its file: so the year does not count.
    """
    expected: dict[date, Decimal] = {}
    for document in documents:
        day, written = document.day, next(iter(posted.days))
        if document.issue_day and (written.month, written.day) == (document.issue_day.month, document.issue_day.day):
            day = written
        expected[day] = expected.get(day, ZERO) + document.gross
    return expected


def _checked_accounts(
    documents: tuple[Document, ...], posted: Posted | None
) -> Iterator[tuple[Hashable, AccountAndKey, AccountCheck]]:
    """(group, account, check) of each account and tax key, in the order of `posted.sums`.

    Documents of one group are expected on one account: same tax rule, advance or not, kind of account, rate.
    """
    if posted is None:
        return
    first, rates = documents[0], rates_of(documents)
    tax_posted = any(account.kind is AccountKind.TAX for account in posted.accounts.values())
    for at, account in posted.accounts.items():
        written = AccountAndKey(at.account, without_reversal(at.key))
        credits = account.reduces and first.kind == "credit_note"
        judged = replace(account, kind=AccountKind.REVENUE) if credits else account
        check = check_account(judged, written, first.tax_rule, rates, tax_posted=tax_posted)
        # A final invoice takes its advances back from their own account.
        takes_back = account.advance and not first.advance and posted.sums[at] * first.gross <= 0
        yield (first.tax_rule, first.advance, account.kind, check.rate, tax_posted, takes_back), written, check


def _tax_difference(documents: tuple[Document, ...], posted: Posted) -> Message | None:
    """The finding if some tax has postings of its own, but not all of it."""
    taxes = [posted.sums[key] for key, account in posted.accounts.items() if account.kind is AccountKind.TAX]
    expected = sum((subtotal.tax for document in documents for subtotal in document.subtotals), ZERO)
    if taxes and abs(sum(taxes) - expected) > ROUNDING:
        return message("tax_differs", posted=sum(taxes, ZERO), expected=expected)
    return None
