"""Matches postings with our documents and payments, number by number, and compares days, accounts and sums. Pure.

Only sums are kept for each document number, so memory grows with the documents and not with the file.
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from worker.datev.accounts import Account, AccountAndKey, AccountCheck, AccountKind, check_account, without_reversal
from worker.datev.conventions import Debtors, RevenueAccounts
from worker.datev.differences import ROUNDING, difference
from worker.datev.documents import ZERO, Document, Payment, rates_of
from worker.datev.extf import Posting
from worker.datev.findings import Finding, Findings
from worker.datev.report import Period, Total, euros

ACCOUNT_CURRENCY, CENT = "EUR", Decimal("0.01")


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
class _Posted:
    """Everything posted under one document number: sums by account and tax key, and by day."""

    file: str  # place of the first posting
    line: int
    accounts: dict[AccountAndKey, Account] = field(default_factory=dict)
    sums: dict[AccountAndKey, Decimal] = field(default_factory=dict)
    days: dict[date, Decimal] = field(default_factory=dict)
    currencies: set[str] = field(default_factory=set)
    deductions: Decimal = ZERO  # settled without money: Skonto, fees

    def add(self, side: PostingSide, account: Account, number: str, amount: Decimal) -> None:
        key = AccountAndKey(number, side.posting.key)
        self.accounts[key] = account
        self.sums[key] = self.sums.get(key, ZERO) + amount
        self.days[side.posting.day] = self.days.get(side.posting.day, ZERO) + amount
        self.currencies.add(side.currency)

    @property
    def total(self) -> Decimal:
        return sum(self.sums.values(), ZERO)


class Matching:
    """Takes postings one by one, then `compare` adds to `findings` whatever does not agree."""

    def __init__(
        self,
        documents: Iterable[Document],
        payments: Iterable[Payment] | None,
        period: Period,
        findings: Findings,
    ) -> None:
        """`payments` None: they are not known, so payment postings are only counted."""
        self._period, self._findings = period, findings
        self._documents: dict[str, Document] = {}
        for document in documents:
            if document.number in self._documents:
                self._add("doubled", "Die Belegnummer kommt in unseren Daten mehrfach vor", document.number)
            self._documents[document.number] = document
        self._payments: dict[str, list[Payment]] = {}
        self._payments_known = payments is not None
        for payment in payments or ():
            self._payments.setdefault(payment.number, []).append(payment)
        self._numbers = self._numbers_by_spelling()
        self._cancellations = {d.cancels: d.number for d in self._documents.values() if d.cancels}
        self._turnover: dict[str, _Posted] = {}
        self._settlements: dict[str, _Posted] = {}
        self._totals: dict[AccountAndKey, Total] = {}
        self._not_compared: Counter[str] = Counter()
        self._account_notes: Counter[str] = Counter()
        self._revenue_accounts, self.debtors = RevenueAccounts(), Debtors()
        self._debtor_problems: dict[str, str] = {}
        inside = (d for d in self._documents.values() if period.contains(d.day))
        self.expected = sum(d.gross != 0 or not d.comparable for d in inside)
        self.expected_payments = len(self._payments)
        self.matched = self.matched_payments = 0

    def is_in_document_currency(self, posting: Posting) -> bool:
        """True if we know the posting's document and its currency is that of `amount`, not of `base_amount`."""
        document = self._documents.get(self._number_of(posting))
        return document is not None and document.currency == posting.currency

    def add_turnover(self, side: PostingSide) -> None:
        """Takes a posting on a revenue or tax account. What is debited to the account counts as a cancellation."""
        number = self._number_of(side.posting)
        if not number:
            if side.contra.kind is AccountKind.OTHER:
                self._not_compared["Erlöse ohne Debitor"] += 1
            else:
                self._add_extra(side, side.credited, "Erlös ohne Beleg bei uns")
            return
        _at(self._turnover, number, side).add(side, side.account, side.number, side.credited)
        self._add_debtor(number, side.contra, side.contra_number)
        if side.contra.kind not in (AccountKind.DEBTOR, AccountKind.RECEIVABLE):
            paid = side.contra.kind is AccountKind.MONEY
            self._add("account", f"Gegenkonto {side.contra_number} ist kein Debitor", number, side, note=paid)
            if paid:
                _at(self._settlements, number, side).add(side, side.contra, side.contra_number, side.credited)

    def add_settlement(self, side: PostingSide) -> None:
        """Takes a posting of a debtor (`contra`) against money, a deduction, or a wrong account for its revenue."""
        number, amount = self._number_of(side.posting, payment=True), -side.credited
        self._add_debtor(number, side.contra, side.contra_number)
        document = self._documents.get(number)
        if side.account.kind is not AccountKind.MONEY and document and (amount < 0) == (document.gross >= 0):
            _at(self._turnover, number, side).add(side, side.account, side.number, -amount)
        elif not self._payments_known:
            self._not_compared["Zahlungen"] += 1
        elif not number:
            self._add_extra(side, amount, "Zahlung ohne Gegenstück bei uns")
        else:
            posted = _at(self._settlements, number, side)
            posted.deductions += side.posting.discount
            if side.account.kind is AccountKind.MONEY:
                posted.add(side, side.account, side.number, amount)
            else:
                posted.deductions += amount

    def compare(self) -> None:
        """Compares every document and payment; to be called once, after the last posting."""
        groups = list(self._cancelled_under_own_number())
        for number, posted in self._turnover.items():
            if number not in self._documents:  # we know a payment of this number, and no document of the period
                self._add("extra", f"Erlös über {euros(posted.total)}, den wir nicht kennen", number, posted)
        groups += [(number, (each,), self._turnover.get(number)) for number, each in self._documents.items()]
        self._debtor_problems = self.debtors.problems()
        for _, documents, found in groups:
            for group, account, check in _checked_accounts(documents, found if _comparable(documents) else None):
                if check.fault is None:
                    self._revenue_accounts.add(group, account)
        for number, documents, found in groups:
            self._compare_documents(number, documents, found)
        for number, text in self._debtor_problems.items():  # numbers of which only payments are posted here
            self._add("account", text, number)
        if self._payments_known:
            for number in {*self._payments, *self._settlements}:
                self._compare_payments(number, self._payments.get(number, []), self._settlements.get(number))
        for text, count in sorted(self._account_notes.items()):
            self._findings.add(Finding("account", f"{text} ({count} Belege).", note=True))
        for kind, count in sorted(self._not_compared.items()):
            self._findings.add(Finding("other", f"Nicht abgeglichen: {count} {kind}.", note=True))

    def totals(self) -> tuple[Total, ...]:
        return tuple(total for _, total in sorted(self._totals.items()))

    def _numbers_by_spelling(self) -> dict[str, str]:
        """Our numbers by what Belegfeld 1 may hold: fewer characters (official), at most 36, in old versions 12."""
        numbers = dict.fromkeys((*self._documents, *self._payments))
        by_spelling: dict[str, str] = {}
        for limit in (36, 12):
            cut = Counter(_permitted(number)[:limit] for number in numbers)
            for number in numbers:
                short = _permitted(number)[:limit]
                if cut[short] == 1:
                    by_spelling.setdefault(short, number)
        return {**by_spelling, **{number: number for number in numbers}}

    def _number_of(self, posting: Posting, *, payment: bool = False) -> str:
        """The number of a posting's document, or empty. A payment may name it in Belegfeld 2 or in its text."""
        places = [posting.number]
        if payment or not posting.number:
            places += [posting.reference, *re.split(r"[\s,;:()]+", posting.text)]
        for written in places:
            if written and (number := self._numbers.get(written) or self._numbers.get(_permitted(written))):
                return number
        return self._cancellations.get(posting.number, "")

    def _add_debtor(self, number: str, account: Account, written: str) -> None:
        document = self._documents.get(number)
        invoice = document.cancels if document is not None and document.cancels else number
        if invoice and account.kind is AccountKind.DEBTOR:
            self.debtors.add(invoice, written, document.customer if document else None)
        elif invoice and account.kind is AccountKind.RECEIVABLE:
            self.debtors.add(invoice, written, account.kind)  # a collective account counts as one customer

    def _cancelled_under_own_number(self) -> Iterator[tuple[str, tuple[Document, ...], _Posted | None]]:
        """Takes out cancellations posted under the number of the invoice they cancel, where both are one sum."""
        for invoice_number, number in self._cancellations.items():
            invoice, cancellation = self._documents.get(invoice_number), self._documents[number]
            posted = self._turnover.get(invoice_number)
            if number in self._turnover or invoice is None or posted is None:
                continue
            gross = invoice.gross if self._period.contains(invoice.day) else ZERO
            if posted.total == gross + cancellation.gross:
                del self._documents[invoice_number], self._documents[number], self._turnover[invoice_number]
                yield invoice_number, (invoice, cancellation) if gross else (cancellation,), posted

    def _compare_documents(self, number: str, documents: tuple[Document, ...], posted: _Posted | None) -> None:
        """One document, or an invoice and its cancellation that are posted under one number."""
        if not _comparable(documents):
            self._add(
                "amount", "Ein Betrag des Belegs ist bei uns keine Zahl oder zu groß; nicht verglichen", number, posted
            )
            return
        gross = sum((d.gross for d in documents), ZERO)
        inside = all(self._period.contains(d.day) for d in documents)
        currency = documents[0].currency
        if posted is None:
            if inside and gross:
                self._add("missing", f"Die Buchung fehlt: {euros(gross)} vom {documents[0].day:%d.%m.%Y}", number)
        elif not inside:
            self._add("date", "Der Beleg gehört nicht in den Zeitraum", number, posted)
        elif posted.currencies != {currency}:
            self._compare_converted(number, documents, posted)
        else:
            right = self._compare_days(number, ((d.day, d.gross) for d in documents), posted)
            right = self._compare_sums(number, documents, gross, posted) and right
            if text := self._debtor_problems.pop(documents[0].cancels or number, ""):
                self._add("account", text, number, posted)
            elif right:
                self.matched += len(documents)
                self._add_totals(posted)

    def _compare_converted(self, number: str, documents: tuple[Document, ...], posted: _Posted) -> None:
        """Postings in another currency than the document's: only sums that sevDesk has converted can be compared.

        Each tax rate is converted and rounded by itself, so the sum may be a cent off for each rate after the first.
        """
        currency, converted = documents[0].currency, [document.account_gross for document in documents]
        if posted.currencies != {ACCOUNT_CURRENCY} or None in converted:
            booked = " und ".join(sorted(posted.currencies))
            text = f"Der Beleg lautet auf {currency}, gebucht ist {booked}; nicht verglichen"
            self._add("currency", text, number, posted, note=currency != ACCOUNT_CURRENCY)
            return
        expected = sum(filter(None, converted), ZERO)
        if abs(posted.total - expected) > CENT * (len(rates_of(documents)) - 1):
            text = f"gebucht sind {euros(posted.total)}, umgerechnet aus {currency} sind es {euros(expected)}"
            self._add("amount", f"Falscher Betrag: {text}", number, posted)
        elif self._compare_days(number, ((document.day, posted.total) for document in documents[:1]), posted):
            self.matched += len(documents)
            self._add_totals(posted)

    def _compare_days(self, number: str, amounts: Iterable[tuple[date, Decimal]], posted: _Posted) -> bool:
        expected: dict[date, Decimal] = {}
        for day, amount in amounts:
            expected[day] = expected.get(day, ZERO) + amount
        wrong = sorted(posted.days.keys() - expected.keys())
        right = " oder ".join(f"{day:%d.%m.%Y}" for day in sorted(expected))
        for day in wrong:
            outside = "" if self._period.contains(day) else ", außerhalb des Zeitraums"
            self._add("date", f"Belegdatum {day:%d.%m.%Y}{outside}; richtig ist {right}", number, posted)
        if not wrong and posted.total == sum(expected.values()) and posted.days != expected:
            self._add("date", f"Die Beträge verteilen sich anders auf die Tage {right}", number, posted)
            return False
        return not wrong

    def _compare_sums(self, number: str, documents: tuple[Document, ...], gross: Decimal, posted: _Posted) -> bool:
        by_rate: dict[Decimal, Decimal] = dict.fromkeys(rates_of(documents), ZERO)
        rates_clear, right = True, True
        for (group, account, check), amount in zip(
            _checked_accounts(documents, posted), posted.sums.values(), strict=True
        ):
            if fault := check.fault or self._unusual(group, account, check):
                self._add("account", fault, number, posted)
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
            self._add(*wrong, number, posted)
        return right and wrong is None

    def _unusual(self, group: Hashable, account: AccountAndKey, check: AccountCheck) -> str | None:
        """In German, what is unusual about the account by the chart or in this export, unless it is a convention."""
        if self._revenue_accounts.is_convention(group, account):
            return None
        return check.note or self._revenue_accounts.deviation(group, account)

    def _compare_payments(self, number: str, payments: list[Payment], posted: _Posted | None) -> None:
        expected = sum((payment.amount for payment in payments), ZERO)
        if posted is None:
            if expected:
                self._add("missing", f"Die Zahlung fehlt: {euros(expected)}", number)
            return
        total = posted.total
        if not posted.sums and not expected:
            return  # only a deduction
        document = self._documents.get(number)
        if not payments and document is not None and document.kind == "credit_note":
            self._not_compared["Auszahlungen zu Gutschriften"] += 1  # what is paid back is not known here
        elif not payments:
            self._add("extra", f"Zahlung über {euros(total)} ohne Gegenstück bei uns", number, posted)
        elif posted.sums and payments[0].currency not in posted.currencies:
            self._add("currency", "Die Zahlung ist in anderer Währung gebucht", number, posted, note=True)
        elif expected not in (total, total + posted.deductions):
            text = f"Zahlung {euros(total)}, richtig ist {euros(expected)}"
            self._add("doubled" if total == 2 * expected else "amount", text, number, posted)
        else:
            dated = [(payment.day, payment.amount) for payment in payments if payment.day is not None]
            if len(dated) < len(payments) or self._compare_days(number, dated, posted):
                self.matched_payments += 1
                self._add_totals(posted)

    def _add_totals(self, posted: _Posted) -> None:
        for key, amount in posted.sums.items():
            before = self._totals.get(key, Total(*key, posted.accounts[key].kind.value))
            self._totals[key] = before.plus(amount)

    def _add_extra(self, side: PostingSide, amount: Decimal, text: str) -> None:
        self._add("extra", f"{text}: {euros(amount)} vom {side.posting.day:%d.%m.%Y}", side.posting.number, side)

    def _add(
        self, kind: str, text: str, number: str, place: PostingSide | _Posted | None = None, *, note: bool = False
    ) -> None:
        file, line = (place.file, place.line) if place else (None, None)
        self._findings.add(Finding(kind, f"{text}.", file, line, number[:36] or None, note))


def _at(posted: dict[str, _Posted], number: str, side: PostingSide) -> _Posted:
    return posted.setdefault(number, _Posted(side.file, side.line))


def _comparable(documents: tuple[Document, ...]) -> bool:
    return all(document.comparable for document in documents)


def _checked_accounts(
    documents: tuple[Document, ...], posted: _Posted | None
) -> Iterator[tuple[Hashable, AccountAndKey, AccountCheck]]:
    """(group, account, check) of each account and tax key, in the order of `posted.sums`.

    Documents of one group are expected on one account: same tax rule, advance or not, kind of account, rate.
    """
    if posted is None:
        return
    first, rates = documents[0], rates_of(documents)
    tax_posted = any(account.kind is AccountKind.TAX for account in posted.accounts.values())
    for (number, key), account in posted.accounts.items():
        written = AccountAndKey(number, without_reversal(key))
        check = check_account(account, written, first.tax_rule, rates, tax_posted=tax_posted)
        yield (first.tax_rule, first.advance, account.kind, check.rate, tax_posted), written, check


def _tax_difference(documents: tuple[Document, ...], posted: _Posted) -> tuple[str, str] | None:
    """The finding if some tax has postings of its own, but not all of it."""
    taxes = [posted.sums[key] for key, account in posted.accounts.items() if account.kind is AccountKind.TAX]
    expected = sum((subtotal.tax for document in documents for subtotal in document.subtotals), ZERO)
    if taxes and abs(sum(taxes) - expected) > ROUNDING:
        booked = euros(sum(taxes, ZERO))
        return "account", f"Auf Steuerkonten stehen {booked}, die Steuer des Belegs ist {euros(expected)}"
    return None


def _permitted(number: str) -> str:
    """A number in the characters that Belegfeld 1 permits (official): letters, digits and `$ & % * + - /`."""
    return re.sub(r"[^A-Za-z0-9$&%*+\-/]", "", number).upper()
