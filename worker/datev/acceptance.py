"""Accepts a DATEV export: every posting is matched with our documents and payments, to the cent. Pure.

What a booking looks like was never captured from sevDesk, so several usual forms are understood: debtor or collective
account against revenue, either of them as `Konto`; one posting for each tax rate or each position; gross on automatic
accounts, or net with the tax posted beside it; a cancellation with Soll and Haben swapped, with a negative amount or as
Generalumkehr, under its own number or (as other programs do) under the number it cancels. Therefore sums of a document
are compared, not single lines: a sum that is right to the cent is right however it was split.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain, islice
from typing import BinaryIO

from worker.datev.accounts import CHARTS, Account, Kind, classify
from worker.datev.archive import LIMITS, Archive, ArchiveRefused, Limits, shown
from worker.datev.archive import Kind as MemberKind
from worker.datev.documents import Document, Payment, Share
from worker.datev.extf import Posting, Stack
from worker.datev.findings import Finding, Findings
from worker.datev.header import BOOKINGS
from worker.datev.matching import Books, Entry
from worker.datev.report import FileSeen, Period, Report, Status

__all__ = ["Document", "Payment", "Period", "Report", "Share", "Status", "accept", "check"]

ZERO = Decimal(0)
_SAMPLE = 500  # postings that show which chart an export with a contradicting header is written in


def accept(
    source: BinaryIO,
    documents: Iterable[Document],
    payments: Iterable[Payment] | None,
    period: Period,
    chart: str,
    limits: Limits = LIMITS,
) -> Report:
    """The report on a downloaded archive (a seekable file). `chart` is `SKR03` or `SKR04`. Never raises for its bytes.

    `payments` None means that they are not known, so payment postings are only counted.
    """
    acceptance = _Acceptance(documents, payments, period, chart)
    try:
        acceptance.read_archive(Archive(source, limits))
    except ArchiveRefused as refusal:
        return acceptance.refused(str(refusal))
    return acceptance.report()


def check(
    stacks: Iterable[Stack],
    documents: Iterable[Document],
    payments: Iterable[Payment] | None,
    period: Period,
    chart: str,
) -> Report:
    """As `accept`, for EXTF files that are open already. Each stack is iterated once."""
    acceptance = _Acceptance(documents, payments, period, chart)
    for stack in stacks:
        acceptance.read_stack(stack)
    return acceptance.report()


@dataclass(frozen=True, slots=True)
class _Sides:
    """A posting seen from one of its accounts: `other` gains `effect` in debit, `number` loses it."""

    account: Account
    number: str
    other: Account
    effect: Decimal


class _Acceptance:
    """One acceptance under way."""

    def __init__(
        self, documents: Iterable[Document], payments: Iterable[Payment] | None, period: Period, chart: str
    ) -> None:
        self._period, self._chart = period, chart
        self._findings = Findings()
        self._books = Books(documents, payments, period, self._findings)
        self._files: list[FileSeen] = []
        self._postings = 0
        self._others: Counter[str] = Counter()
        self._clients: set[tuple[str, str]] = set()

    def read_archive(self, archive: Archive) -> None:
        """Every member, in order: postings are entered, everything else is read through and named."""
        for member in archive.members:
            if member.kind is MemberKind.TABLE:
                with archive.open(member) as stream:
                    self.read_stack(Stack(stream, shown(member.name)))
                    while stream.read(1 << 16):  # to the end, so that the check sum is checked
                        pass
                continue
            if problem := archive.verify(member):
                self._find("file", problem, member.name)
            self._files.append(FileSeen(shown(member.name), member.kind.value))
            if member.kind is MemberKind.UNKNOWN:
                self._find("file", f"Unbekannte Datei im Archiv: {shown(member.name)}.", member.name)

    def read_stack(self, stack: Stack) -> None:
        """One EXTF file. Only category 21 holds postings."""
        header = stack.header
        if header is None or stack.refused is not None:
            self._files.append(FileSeen(stack.name, "unreadable"))
            self._findings.add(Finding("file", stack.refused or "Die Datei ist nicht lesbar.", stack.name))
        elif header.category != BOOKINGS:
            self._books.debtors.listed.update(stack.accounts())
            self._files.append(FileSeen(stack.name, f"category {header.category}"))
        else:
            before = self._postings
            chart, postings = self._judge_header(stack), iter(stack)
            first = list(islice(postings, _SAMPLE if chart != self._chart else 0))
            chart = self._likelier(chart, first, header.account_length)
            for posting in chain(first, postings):
                self._postings += 1
                self._enter(posting, stack, chart)
            self._files.append(FileSeen(stack.name, "bookings", self._postings - before))
        self._findings.add_all(stack.findings)

    def refused(self, reason: str) -> Report:
        """The report on an archive that cannot be read."""
        self._findings = Findings()
        self._findings.add(Finding("archive", reason))
        return self._made(Status.REFUSED)

    def report(self) -> Report:
        """The report, once everything is read."""
        if not any(file.kind == "bookings" for file in self._files):
            self._findings.add(Finding("file", "Das Archiv enthält keinen lesbaren Buchungsstapel."))
            return self._made(Status.REFUSED)
        self._books.settle()
        if self._others:
            told = ", ".join(f"{count} {kind}" for kind, count in sorted(self._others.items()))
            text = f"Nicht geprüft, weil sie weder Forderung noch Erlös berühren: {told}."
            self._findings.add(Finding("other", text, note=True))
        return self._made(Status.WITH_FINDINGS if self._findings.counts else Status.ACCEPTED)

    def _made(self, status: Status) -> Report:
        readable = status is not Status.REFUSED
        return Report(
            status=status,
            period=self._period,
            chart=self._chart,
            files=tuple(self._files),
            postings=self._postings,
            documents=self._books.expected,
            matched=self._books.matched if readable else 0,
            payments=self._books.expected_payments,
            matched_payments=self._books.matched_payments if readable else 0,
            totals=self._books.totals() if readable else (),
            findings=self._findings,
        )

    def _judge_header(self, stack: Stack) -> str:
        """Compares the header with what was asked for; the chart to read the accounts by."""
        header = stack.header
        assert header is not None
        period, first, last = self._period, header.first, header.last
        if first and last and (last < period.first or first > period.last):
            stack.find("period", f"Der Stapel gilt für {first:%d.%m.%Y} bis {last:%d.%m.%Y}.", 1)
        elif first and last and (first < period.first or last > period.last):
            stack.note("period", f"Der Stapel reicht über den Zeitraum hinaus: {first:%d.%m.%Y}-{last:%d.%m.%Y}.", 1)
        self._clients.add((header.adviser, header.client))
        if len(self._clients) == 2:
            stack.find("header", "Die Stapel nennen verschiedene Berater oder Mandanten.", 1)
        chart = CHARTS.get(header.chart)
        if chart is None and not header.chart:
            stack.note("chart", "Der Stapel nennt keinen Kontenrahmen (Feld 27).", 1)
        elif chart != self._chart:
            named = chart or f"{header.chart[:6]!r}"
            stack.find("chart", f"Der Stapel nennt den Kontenrahmen {named}, eingestellt ist {self._chart}.", 1)
        return chart or self._chart

    def _likelier(self, named: str, postings: list[Posting], length: int) -> str:
        """The chart by which more postings are revenue: a wrong header shall be one finding, not one per posting."""

        def revenues(chart: str) -> int:
            accounts = ((classify(p.account, length, chart), classify(p.contra, length, chart)) for p in postings)
            return sum(Kind.REVENUE in (account.kind, contra.kind) for account, contra in accounts)

        return max((named, self._chart), key=revenues)

    def _enter(self, posting: Posting, stack: Stack, chart: str) -> None:
        assert stack.header is not None
        length = stack.header.account_length
        konto, contra = classify(posting.account, length, chart), classify(posting.contra, length, chart)
        entry, effect = Entry(posting, stack.name, posting.currency), posting.effect
        if posting.base is not None and not self._books.wants(posting):
            entry, effect = Entry(posting, stack.name, posting.base_currency), posting.base_effect
        there = _Sides(konto, posting.account, contra, -effect)
        back = _Sides(contra, posting.contra, konto, effect)
        for sides in (there, back):
            if self._is_turnover(sides):
                self._books.enter_claim(entry, sides.account, sides.number, sides.effect, sides.other)
                return
        for sides in (there, back):
            if _is_claim_on(sides.other) and not _is_claim_on(sides.account):
                self._books.enter_settlement(entry, sides.account, sides.number, -sides.effect, sides.other)
                return
        self._others["Umbuchungen" if _is_claim_on(konto) else "sonstige Buchungen"] += 1

    @staticmethod
    def _is_turnover(sides: _Sides) -> bool:
        """Revenue against anything but revenue; tax only beside it, on the same debtor."""
        if sides.account.kind is Kind.REVENUE:
            return _is_claim_on(sides.other) or sides.other.kind in (Kind.MONEY, Kind.OTHER)
        return sides.account.kind is Kind.TAX and _is_claim_on(sides.other)

    def _find(self, kind: str, text: str, file: str) -> None:
        self._findings.add(Finding(kind, text, shown(file)))


def _is_claim_on(account: Account) -> bool:
    return account.kind in (Kind.DEBTOR, Kind.RECEIVABLE)


def shares_of(items: Iterable[tuple[Decimal, Decimal, Decimal]]) -> tuple[Share, ...]:
    """Shares by tax rate from (rate, net, tax) of each position, already rounded to cents."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for rate, net, tax in items:
        known_net, known_tax = sums.get(rate, (ZERO, ZERO))
        sums[rate] = known_net + net, known_tax + tax
    return tuple(Share(rate, net, tax) for rate, (net, tax) in sorted(sums.items()))


def month(year: int, number: int) -> Period:
    """A calendar month as the period."""
    after = date(year + number // 12, number % 12 + 1, 1)
    return Period(date(year, number, 1), date.fromordinal(after.toordinal() - 1))
