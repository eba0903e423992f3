"""Two columns side by side: what our documents and payments say, and what the postings say. Pure.

Kept for each document number are sums, not postings, so memory grows with the documents and not with the file.
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from worker.datev.accounts import Account, Kind, Verdict, judge, tax_key
from worker.datev.conventions import Debtors, Usual
from worker.datev.documents import Document, Payment, rates_of, share_of
from worker.datev.extf import Posting
from worker.datev.findings import Finding, Findings
from worker.datev.report import Period, Total, euros

ZERO = Decimal(0)
# sevDesk may share the rounding among tax rates otherwise than we do, as long as the whole document is right.
_ROUNDING = Decimal("0.02")


@dataclass(frozen=True, slots=True)
class Entry:
    """A posting, the file it stands in, and the currency its amount is taken in."""

    posting: Posting
    file: str
    currency: str


@dataclass(slots=True)
class _Column:
    """What the postings say for one number: turnover or money by (account, tax key), with the days seen."""

    file: str
    line: int
    account_of: dict[tuple[str, str], Account] = field(default_factory=dict)
    sums: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    count: int = 0
    days: dict[date, Decimal] = field(default_factory=dict)
    currencies: set[str] = field(default_factory=set)
    reduced: Decimal = ZERO  # settled otherwise than with money: Skonto, fees

    def enter(self, entry: Entry, account: Account, number: str, amount: Decimal) -> None:
        key = number, entry.posting.key
        self.account_of[key] = account
        self.sums[key] = self.sums.get(key, ZERO) + amount
        self.count += 1
        self.days[entry.posting.day] = self.days.get(entry.posting.day, ZERO) + amount
        self.currencies.add(entry.currency)

    @property
    def total(self) -> Decimal:
        return sum(self.sums.values(), ZERO)


class Books:
    """Enter postings one by one, then `settle`: what does not agree lands in `findings`."""

    def __init__(
        self,
        documents: Iterable[Document],
        payments: Iterable[Payment] | None,
        period: Period,
        findings: Findings,
    ) -> None:
        self._period, self._findings = period, findings
        self._documents: dict[str, Document] = {}
        for document in documents:
            if document.number in self._documents:
                self._find("doubled", "Die Belegnummer kommt in unseren Daten mehrfach vor", document.number)
            self._documents[document.number] = document
        self._payments: dict[str, list[Payment]] | None = None if payments is None else {}
        for payment in payments or ():
            assert self._payments is not None
            self._payments.setdefault(payment.number, []).append(payment)
        self._spellings = self._spelled()
        # number of a cancelled invoice -> number of its cancellation
        self._origins = {d.cancels: d.number for d in self._documents.values() if d.cancels}
        self._claims: dict[str, _Column] = {}
        self._settlements: dict[str, _Column] = {}
        self._totals: dict[tuple[str, str], Total] = {}
        self._uncounted: Counter[str] = Counter()
        self._odd: Counter[str] = Counter()
        self._usual, self.debtors = Usual(), Debtors()
        self._astray: dict[str, str] = {}
        self.expected = sum(period.holds(d.day) and d.gross != 0 for d in self._documents.values())
        self.expected_payments = len(self._payments or ())
        self.matched = self.matched_payments = 0

    def wants(self, posting: Posting) -> bool:
        """Whether the posting's document is in its foreign currency, so that `amount` is to be compared, not `base`."""
        document = self._documents.get(self._number_of(posting))
        return document is not None and document.currency == posting.currency

    def enter_claim(self, entry: Entry, account: Account, number: str, amount: Decimal, against: Account) -> None:
        """`amount` of turnover (below zero for a cancellation) on a revenue or tax account."""
        posting, known = entry.posting, self._number_of(entry.posting)
        if not known and against.kind is Kind.OTHER:
            self._uncounted["Erlöse ohne Debitor"] += 1
            return
        if not known:
            self._extra(entry, amount, "Erlös ohne Beleg bei uns")
            return
        column = self._claims.setdefault(known, _Column(entry.file, posting.line))
        column.enter(entry, account, number, amount)
        other = posting.contra if number == posting.account else posting.account
        self._see_debtor(known, against, other)
        if against.kind not in (Kind.DEBTOR, Kind.RECEIVABLE):
            self._find("account", f"Gegenkonto {other} ist kein Debitor", known, entry, note=against.kind is Kind.MONEY)
        if against.kind is Kind.MONEY and self._payments is not None:
            self._settlements.setdefault(known, _Column(entry.file, posting.line)).enter(entry, against, other, amount)

    def enter_settlement(self, entry: Entry, account: Account, number: str, amount: Decimal, debtor: Account) -> None:
        """A debtor against something else than revenue: money, a deduction, or revenue on a wrong account."""
        posting, known = entry.posting, self._number_of(entry.posting, payment=True)
        self._see_debtor(known, debtor, posting.contra if number == posting.account else posting.account)
        document = self._documents.get(known)
        if account.kind is not Kind.MONEY and document is not None and (amount < 0) == (document.gross >= 0):
            column = self._claims.setdefault(known, _Column(entry.file, posting.line))
            column.enter(entry, account, number, -amount)
            return
        if self._payments is None:
            self._uncounted["Zahlungen"] += 1
            return
        if not known:
            self._extra(entry, amount, "Zahlung ohne Gegenstück bei uns")
            return
        column = self._settlements.setdefault(known, _Column(entry.file, posting.line))
        column.reduced += posting.discount
        if account.kind is Kind.MONEY:
            column.enter(entry, account, number, amount)
        else:
            column.reduced += amount

    def settle(self) -> None:
        """Compares every number once all postings are entered."""
        claims = list(self._folded())
        for number, column in self._claims.items():
            if number not in self._documents:  # a payment's number, whose invoice is of an earlier period
                where = Finding("extra", "", column.file, column.line)
                self._find("extra", f"Erlös über {euros(column.total)}, den wir nicht kennen", number, where)
        claims += [(number, (each,), self._claims.get(number)) for number, each in self._documents.items()]
        self._astray = dict(self.debtors.odd())
        for _, documents, found in claims:
            for sort, way, verdict in self._verdicts(documents, found):
                if verdict.fault is None:
                    self._usual.see(sort, way)
        for number, documents, found in claims:
            self._settle_claim(number, documents, found)
        for number, told in self._astray.items():  # only payments of theirs are here
            self._find("account", told, number)
        if self._payments is not None:
            for number in {*self._payments, *self._settlements}:
                self._settle_payment(number, self._payments.get(number, []), self._settlements.get(number))
        for told, count in sorted(self._odd.items()):
            self._findings.add(Finding("account", f"{told} ({count} Belege).", note=True))
        for kind, count in sorted(self._uncounted.items()):
            self._findings.add(Finding("other", f"Nicht abgeglichen: {count} {kind}.", note=True))

    def totals(self) -> tuple[Total, ...]:
        """What was matched, by account and tax key."""
        return tuple(total for _, total in sorted(self._totals.items()))

    def _spelled(self) -> dict[str, str]:
        """Our numbers as Belegfeld 1 may spell them: fewer characters (official), at most 36 or, of old, 12 of them."""
        known = dict.fromkeys((*self._documents, *(self._payments or ())))
        spellings: dict[str, str] = {}
        for limit in (36, 12):
            cut = Counter(_spelling(number)[:limit] for number in known)
            for number in known:
                short = _spelling(number)[:limit]
                if cut[short] == 1:
                    spellings.setdefault(short, number)
        return {**spellings, **{number: number for number in known}}

    def _number_of(self, posting: Posting, *, payment: bool = False) -> str:
        """The document a posting belongs to, or empty. Payments may carry another number and name it elsewhere."""
        places = [posting.number]
        if payment or not posting.number:
            places += [posting.second, *re.split(r"[\s,;:()]+", posting.text)]
        for written in places:
            if written and (known := self._spellings.get(written) or self._spellings.get(_spelling(written))):
                return known
        return self._origins.get(posting.number, "")

    def _see_debtor(self, number: str, account: Account, written: str) -> None:
        document = self._documents.get(number)
        whole = document.cancels if document is not None and document.cancels else number
        if whole and account.kind is Kind.DEBTOR:
            self.debtors.see(whole, written, document.party if document else None)
        elif whole and account.kind is Kind.RECEIVABLE:
            self.debtors.see(whole, written, account.kind)  # stands for everybody

    def _folded(self) -> Iterator[tuple[str, tuple[Document, ...], _Column | None]]:
        """Cancellations posted under the number of the invoice they cancel: their sums stand there together."""
        for origin_number, number in self._origins.items():
            origin, document = self._documents.get(origin_number), self._documents[number]
            column = self._claims.get(origin_number)
            if number in self._claims or origin is None or column is None:
                continue
            due = origin.gross if self._period.holds(origin.day) else ZERO
            if column.total == due + document.gross:
                del self._documents[origin_number], self._documents[number], self._claims[origin_number]
                yield origin_number, (origin, document) if due else (document,), column

    def _settle_claim(self, number: str, documents: tuple[Document, ...], column: _Column | None) -> None:
        due = sum((d.gross for d in documents), ZERO)
        inside = all(self._period.holds(d.day) for d in documents)
        if column is None:
            if inside and due:
                self._find("missing", f"Die Buchung fehlt: {euros(due)} vom {documents[0].day:%d.%m.%Y}", number)
            return
        where = Finding("", "", column.file, column.line)
        if not inside:
            self._find("date", "Der Beleg gehört nicht in den Zeitraum", number, where)
            return
        if column.currencies != {documents[0].currency}:
            foreign = documents[0].currency != "EUR"
            told = (
                f"Der Beleg lautet auf {documents[0].currency}, gebucht ist {' und '.join(sorted(column.currencies))}"
            )
            self._find("currency", f"{told}; nicht verglichen", number, where, note=foreign)
            self.matched += foreign * len(documents)
            return
        good = self._judge_days(number, _by_day((d.day, d.gross) for d in documents), column, where)
        good = self._judge_sums(number, documents, due, column, where) and good
        if told := self._astray.pop(documents[0].cancels or number, ""):
            self._find("account", told, number, where)
            good = False
        if good:
            self.matched += len(documents)
            self._count(column)

    def _judge_days(self, number: str, due: dict[date, Decimal], column: _Column, where: Finding) -> bool:
        wrong = sorted(column.days.keys() - due.keys())
        right = " oder ".join(f"{day:%d.%m.%Y}" for day in sorted(due))
        for day in wrong:
            told = "" if self._period.holds(day) else ", außerhalb des Zeitraums"
            self._find("date", f"Belegdatum {day:%d.%m.%Y}{told}; richtig ist {right}", number, where)
        if not wrong and column.total == sum(due.values()) and column.days != due:
            self._find("date", f"Die Beträge verteilen sich anders auf die Tage {right}", number, where)
            return False
        return not wrong

    def _judge_sums(
        self, number: str, documents: tuple[Document, ...], due: Decimal, column: _Column, where: Finding
    ) -> bool:
        by_rate: dict[Decimal, Decimal] = dict.fromkeys(rates_of(documents), ZERO)
        certain, good = True, True
        for (sort, way, verdict), amount in zip(self._verdicts(documents, column), column.sums.values(), strict=True):
            if fault := verdict.fault or self._strange(sort, way, verdict):
                self._find("account", fault, number, where)
                good = False
            elif verdict.note:
                self._odd[verdict.note] += 1
            if verdict.rate in by_rate and not verdict.fault:
                by_rate[verdict.rate] += amount
            else:
                certain = False
        wrong = _difference(documents, due, column, by_rate if certain else None)
        wrong = wrong or _tax_difference(documents, column)
        if wrong is not None:
            self._find(wrong[0], wrong[1], number, where)
        return good and wrong is None

    def _verdicts(
        self, documents: tuple[Document, ...], column: _Column | None
    ) -> Iterator[tuple[Hashable, tuple[str, str], Verdict]]:
        """(sort of documents, way, verdict) for each account and tax key, in the order of the column's sums."""
        if column is None:
            return
        first, rates = documents[0], rates_of(documents)
        beside = any(account.kind is Kind.TAX for account in column.account_of.values())
        for (number, written), account in column.account_of.items():
            key = tax_key(written)
            verdict = judge(account, number, key, first.tax_rule, rates, tax_beside=beside)
            yield (first.tax_rule, first.advance, account.kind, verdict.rate, beside), (number, key), verdict

    def _strange(self, sort: Hashable, way: tuple[str, str], verdict: Verdict) -> str | None:
        """What is odd by the chart, or done otherwise than usual; not when it is a habit of this export."""
        if self._usual.is_habit(sort, way):
            return None
        return verdict.note or self._usual.other_habit(sort, way)

    def _settle_payment(self, number: str, payments: list[Payment], column: _Column | None) -> None:
        due = sum((payment.amount for payment in payments), ZERO)
        if column is None:
            if due:
                self._find("missing", f"Die Zahlung fehlt: {euros(due)}", number)
            return
        where, found = Finding("", "", column.file, column.line), column.total
        if not column.count and not due:
            return  # only a deduction
        if not payments:
            self._find("extra", f"Zahlung über {euros(found)} ohne Gegenstück bei uns", number, where)
        elif column.count and payments[0].currency not in column.currencies:
            self._find("currency", "Die Zahlung ist in anderer Währung gebucht", number, where, note=True)
        elif due not in (found, found + column.reduced):
            doubled = found == 2 * due
            told = f"Zahlung {euros(found)}, richtig ist {euros(due)}"
            self._find("doubled" if doubled else "amount", told, number, where)
        else:
            known = [(payment.day, payment.amount) for payment in payments if payment.day is not None]
            if len(known) < len(payments) or self._judge_days(number, _by_day(known), column, where):
                self.matched_payments += 1
                self._count(column)

    def _count(self, column: _Column) -> None:
        for (account, key), amount in column.sums.items():
            kept = self._totals.get((account, key), Total(account, key, column.account_of[account, key].kind.value))
            self._totals[account, key] = kept.plus(amount)

    def _extra(self, entry: Entry, amount: Decimal, told: str) -> None:
        self._find("extra", f"{told}: {euros(amount)} vom {entry.posting.day:%d.%m.%Y}", entry.posting.number, entry)

    def _find(
        self, kind: str, text: str, number: str, at: Entry | Finding | None = None, *, note: bool = False
    ) -> None:
        line = at.posting.line if isinstance(at, Entry) else at.line if at else None
        self._findings.add(Finding(kind, f"{text}.", at.file if at else None, line, number[:36] or None, note))


def _difference(
    documents: tuple[Document, ...], due: Decimal, column: _Column, by_rate: dict[Decimal, Decimal] | None
) -> tuple[str, str] | None:
    """How the postings of a document miss its sums: kind and words; None when they agree."""
    found = column.total
    told = f"gebucht sind {euros(found)}, der Beleg lautet auf {euros(due)}"
    if found != due:
        if due and found == -due:
            return "amount", f"Soll und Haben sind vertauscht: {told}"
        if due and found and found % due == 0 and found / due > 1:
            return "doubled", f"Der Beleg ist {found / due:f}-mal gebucht: {told}"
        return _part(documents, by_rate, told) or ("amount", f"Falscher Betrag: {told}")
    for rate, amount in (by_rate or {}).items():
        share = share_of(documents, rate)
        if abs(amount - share) > _ROUNDING:
            return "amount", f"Zum Satz {rate.normalize():f} % sind {euros(amount)} gebucht statt {euros(share)}"
    return None


def _tax_difference(documents: tuple[Document, ...], column: _Column) -> tuple[str, str] | None:
    """Where tax is posted beside the revenue, all of it is."""
    taxes = [column.sums[key] for key, account in column.account_of.items() if account.kind is Kind.TAX]
    due = sum((share.tax for document in documents for share in document.shares), ZERO)
    if taxes and abs(sum(taxes) - due) > _ROUNDING:
        return "account", f"Auf Steuerkonten stehen {euros(sum(taxes, ZERO))}, die Steuer des Belegs ist {euros(due)}"
    return None


def _part(documents: tuple[Document, ...], by_rate: dict[Decimal, Decimal] | None, told: str) -> tuple[str, str] | None:
    """A document of several tax rates of which one part is missing or doubled."""
    if by_rate is None or len(by_rate) < 2:
        return None
    wrong = {rate: amount for rate, amount in by_rate.items() if abs(amount - share_of(documents, rate)) > _ROUNDING}
    for rate, amount in wrong.items():
        if len(wrong) == 1 and amount == 0:
            return "missing", f"Der Teil zum Satz {rate.normalize():f} % fehlt: {told}"
        if len(wrong) == 1 and amount == 2 * share_of(documents, rate):
            return "doubled", f"Der Teil zum Satz {rate.normalize():f} % ist doppelt: {told}"
    return None


def _by_day(amounts: Iterable[tuple[date, Decimal]]) -> dict[date, Decimal]:
    sums: dict[date, Decimal] = {}
    for day, amount in amounts:
        sums[day] = sums.get(day, ZERO) + amount
    return sums


def _spelling(number: str) -> str:
    """Official: Belegfeld 1 holds letters, digits and `$ & % * + - /` only."""
    return re.sub(r"[^A-Za-z0-9$&%*+\-/]", "", number).upper()
