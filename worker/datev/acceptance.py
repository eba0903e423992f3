"""Checks a DATEV export: every posting is matched with our documents and payments, to the cent. Pure.

How sevDesk books was never captured, so all usual forms are accepted: debtor or collective account against revenue,
either of them as Konto; one posting for each tax rate or for each position; gross on automatic accounts, or net with
the tax in postings of its own; a cancellation with Soll and Haben swapped, with a negative amount or as Generalumkehr,
under its own number or (as other programs do) under the number it cancels. Therefore the sums of each document are
compared, not single lines.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import chain, islice
from typing import BinaryIO

from worker.datev.accounts import CHARTS, Account, AccountKind, classify
from worker.datev.archive import LIMITS, Archive, ArchiveRefused, Limits, MemberKind, printable_name
from worker.datev.documents import Document, Payment
from worker.datev.extf import ExtfFile, Posting
from worker.datev.findings import Finding, Findings
from worker.datev.header import CATEGORY_POSTINGS, Header
from worker.datev.matching import Matching, PostingSide
from worker.datev.report import ExportFile, Period, Report, Status

# Postings that decide which chart is used, when the header's is not the one that is set.
_SAMPLE = 500


def accept(
    source: BinaryIO,
    documents: Iterable[Document],
    payments: Iterable[Payment] | None,
    period: Period,
    chart: str,
    limits: Limits = LIMITS,
) -> Report:
    """Reads a downloaded archive (a seekable file) and reports. No content of the archive raises an exception.

    `payments` None means that they are not known, so payment postings are only counted. `chart` is `SKR03` or `SKR04`.
    """
    acceptance = _Acceptance(documents, payments, period, chart)
    try:
        acceptance.read_archive(Archive(source, limits))
    except ArchiveRefused as refusal:
        return acceptance.refused(str(refusal))
    return acceptance.report()


class _Acceptance:
    def __init__(
        self, documents: Iterable[Document], payments: Iterable[Payment] | None, period: Period, chart: str
    ) -> None:
        self._period, self._chart = period, chart
        self._findings = Findings()
        self._matching = Matching(documents, payments, period, self._findings)
        self._files: list[ExportFile] = []
        self._postings = 0
        self._not_checked: Counter[str] = Counter()
        self._clients: set[tuple[str, str]] = set()

    def read_archive(self, archive: Archive) -> None:
        """Reads every member to its end. Raises `ArchiveRefused`."""
        for member in archive.members:
            name = printable_name(member.name)
            if member.kind is MemberKind.TABLE:
                with archive.open(member) as stream:
                    self._read_table(ExtfFile(stream, name, self._findings))
                    while stream.read(1 << 16):  # zipfile compares the check sum at the end
                        pass
                continue
            if problem := archive.verify(member):
                self._findings.add(Finding("file", problem, name))
            self._files.append(ExportFile(name, member.kind.value))
            if member.kind is MemberKind.UNKNOWN:
                self._findings.add(Finding("file", f"Unbekannte Datei im Archiv: {name}.", name))

    def _read_table(self, file: ExtfFile) -> None:
        header = file.header
        if header is None or file.refused is not None:
            self._files.append(ExportFile(file.name, "unreadable"))
            self._findings.add(Finding("file", file.refused or "Die Datei ist nicht lesbar.", file.name))
        elif header.category != CATEGORY_POSTINGS:
            self._matching.debtors.listed.update(file.debtors())
            self._files.append(ExportFile(file.name, f"category {header.category}"))
        else:
            before = self._postings
            chart, postings = self._check_header(file, header), iter(file)
            sample = list(islice(postings, _SAMPLE if chart != self._chart else 0))
            chart = self._likelier_chart(chart, sample, header.account_length)
            for posting in chain(sample, postings):
                self._postings += 1
                self._add_posting(posting, file.name, header, chart)
            self._files.append(ExportFile(file.name, "bookings", self._postings - before))

    def refused(self, reason: str) -> Report:
        self._findings = Findings([Finding("archive", reason)], counts=Counter(archive=1))
        return self._report(Status.REFUSED)

    def report(self) -> Report:
        if not any(file.kind == "bookings" for file in self._files):
            self._findings.add(Finding("file", "Das Archiv enthält keinen lesbaren Buchungsstapel."))
            return self._report(Status.REFUSED)
        self._matching.compare()
        if self._not_checked:
            listed = ", ".join(f"{count} {kind}" for kind, count in sorted(self._not_checked.items()))
            text = f"Nicht geprüft, weil sie weder Forderung noch Erlös berühren: {listed}."
            self._findings.add(Finding("other", text, note=True))
        return self._report(Status.WITH_FINDINGS if self._findings.counts else Status.ACCEPTED)

    def _report(self, status: Status) -> Report:
        return Report(
            status=status,
            period=self._period,
            chart=self._chart,
            files=tuple(self._files),
            postings=self._postings,
            documents=self._matching.expected,
            matched=self._matching.matched,
            payments=self._matching.expected_payments,
            matched_payments=self._matching.matched_payments,
            totals=self._matching.totals(),
            findings=self._findings,
        )

    def _check_header(self, file: ExtfFile, header: Header) -> str:
        """Compares the header with the order; returns the chart it names, or the one that is set."""
        period, first, last = self._period, header.first, header.last
        if first and last and (last < period.first or first > period.last):
            file.add_fault("period", f"Der Stapel gilt für {first:%d.%m.%Y} bis {last:%d.%m.%Y}.", 1)
        elif first and last and (first < period.first or last > period.last):
            text = f"Der Stapel reicht über den Zeitraum hinaus: {first:%d.%m.%Y}-{last:%d.%m.%Y}."
            file.add_note("period", text, 1)
        self._clients.add((header.consultant, header.client))
        if len(self._clients) == 2:
            file.add_fault("header", "Die Stapel nennen verschiedene Berater oder Mandanten.", 1)
        chart = CHARTS.get(header.chart_code)
        if chart is None and not header.chart_code:
            file.add_note("chart", "Der Stapel nennt keinen Kontenrahmen (Feld 27).", 1)
        elif chart != self._chart:
            named = chart or f"{header.chart_code[:6]!r}"
            file.add_fault("chart", f"Der Stapel nennt den Kontenrahmen {named}, eingestellt ist {self._chart}.", 1)
        return chart or self._chart

    def _likelier_chart(self, named: str, postings: list[Posting], length: int) -> str:
        """The chart by which more postings touch revenue, so that a wrong header is one finding, not one a posting."""

        def revenues(chart: str) -> int:
            numbers = ((posting.account, posting.contra_account) for posting in postings)
            return sum(any(classify(n, length, chart).kind is AccountKind.REVENUE for n in pair) for pair in numbers)

        return max((named, self._chart), key=revenues)

    def _add_posting(self, posting: Posting, file: str, header: Header, chart: str) -> None:
        account = classify(posting.account, header.account_length, chart)
        contra = classify(posting.contra_account, header.account_length, chart)
        currency, debited = posting.currency, posting.debited
        if posting.base_amount is not None and not self._matching.is_in_document_currency(posting):
            currency, debited = posting.base_currency, posting.base_debited
        numbers = posting.account, posting.contra_account
        sides = (
            PostingSide(posting, file, currency, account, numbers[0], contra, numbers[1], -debited),
            PostingSide(posting, file, currency, contra, numbers[1], account, numbers[0], debited),
        )
        for side in sides:
            if _is_turnover(side):
                self._matching.add_turnover(side)
                return
        for side in sides:
            if _is_claim(side.contra) and not _is_claim(side.account):
                self._matching.add_settlement(side)
                return
        self._not_checked["Umbuchungen" if _is_claim(account) else "sonstige Buchungen"] += 1


def _is_turnover(side: PostingSide) -> bool:
    """True for revenue against a claim, money or another account, and for tax against a claim."""
    if side.account.kind is AccountKind.REVENUE:
        return _is_claim(side.contra) or side.contra.kind in (AccountKind.MONEY, AccountKind.OTHER)
    return side.account.kind is AccountKind.TAX and _is_claim(side.contra)


def _is_claim(account: Account) -> bool:
    """True for an account of receivables (Forderungen): a debtor, or the collective account."""
    return account.kind in (AccountKind.DEBTOR, AccountKind.RECEIVABLE)
