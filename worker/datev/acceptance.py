"""Checks a DATEV export: every posting is matched with our documents and payments, to the cent. Pure.

How sevDesk books was never captured, so all usual forms are accepted: debtor or collective account against revenue,
either of them as Konto; one posting for each tax rate or for each position; gross on automatic accounts, or net with
the tax in postings of its own; a cancellation with Soll and Haben swapped, with a negative amount or as Generalumkehr
on either side, under its own number or (as other programs do) under the number it cancels. Therefore the sums of each
document are compared, not single lines.
"""

from collections import Counter
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import BinaryIO

from worker.datev.accounts import CHARTS, Account, AccountKind, classify, kept_apart
from worker.datev.archive import Archive, ArchiveRefused, Member, MemberKind, printable_name
from worker.datev.book import Book
from worker.datev.extf import ExtfFile, Posting
from worker.datev.findings import Finding, Findings
from worker.datev.header import CATEGORY_POSTINGS, Header
from worker.datev.images import Images, UnreadableIndex
from worker.datev.matching import Matching
from worker.datev.messages import Message, message
from worker.datev.order import ORDINARY, Order, judgements
from worker.datev.posted import PostingSide
from worker.datev.report import ExportFile, Period, Report, Status

_CONTRA_KINDS = (AccountKind.MONEY, AccountKind.CREDITOR, AccountKind.OTHER)  # of revenue, beside claims
# Postings that decide which chart is used, when the header's is not the one that is set.
_SAMPLE = 500


def accept(book: Book, source: BinaryIO, period: Period, chart: str, order: Order = ORDINARY) -> Report:
    """Reads a downloaded archive (a seekable file) and compares it with the book of our documents and payments.

    No content of the archive raises an exception. `chart` is `SKR03` or `SKR04`. Raises `sqlite3.Error` if the disk is
    full, and `Abandoned` once the book is.
    """
    acceptance = _Acceptance(book, period, chart, order)
    try:
        acceptance.read_archive(Archive(source))
    except ArchiveRefused as refusal:
        return acceptance.refused(refusal.reason)
    return acceptance.report()


class _Acceptance:
    def __init__(self, book: Book, period: Period, chart: str, order: Order) -> None:
        self._book, self._period, self._chart, self._order = book, period, chart, order
        self._findings = Findings()
        self._matching = Matching(book, period, order, self._findings)
        self._images = Images()
        self._files: list[ExportFile] = []
        self._postings = 0
        self._not_checked: Counter[str] = Counter()
        self._clients: set[tuple[str, str]] = set()

    def read_archive(self, archive: Archive) -> None:
        """Reads every member to its end. Raises `ArchiveRefused`."""
        for member in archive.members:
            self._book.go_on()
            name = printable_name(member.name)
            if member.kind is MemberKind.TABLE:
                with archive.open(member) as stream:
                    self._read_table(ExtfFile(stream, name, self._findings))
                    while stream.read(1 << 16):  # zipfile compares the check sum at the end
                        pass
                continue
            if problem := self._read_other(archive, member):
                self._findings.add(Finding(problem, name))
            self._files.append(ExportFile(name, member.kind.value))

    def _read_other(self, archive: Archive, member: Member) -> Message | None:
        """Reads an image, an index or another member; what is wrong with it. Raises `ArchiveRefused`."""
        match member.kind:
            case MemberKind.IMAGE:
                self._images.names.add(PurePosixPath(member.name).name)
            case MemberKind.PACKAGE:
                self._images.packed = True
            case MemberKind.INDEX if self._order.images:
                with archive.open(member) as stream:
                    try:
                        self._images.read_index(stream)
                    except UnreadableIndex:
                        return message("file_index", name=printable_name(member.name))
                return None
        problem = archive.verify(member)
        unknown = member.kind is MemberKind.UNKNOWN
        return message("file_unknown", name=printable_name(member.name)) if unknown else problem

    def _read_table(self, file: ExtfFile) -> None:
        header = file.header
        if header is None or file.refusal is not None:
            self._files.append(ExportFile(file.name, "unreadable"))
            self._findings.add(Finding(file.refusal or message("file_not_extf"), file.name))
        elif header.category != CATEGORY_POSTINGS:
            self._matching.debtors.list_accounts(file.debtors())
            self._files.append(ExportFile(file.name, f"category {header.category}"))
        else:
            before = self._postings
            chart, postings = self._check_header(file, header), iter(file)
            sample = list(islice(postings, _SAMPLE if chart != self._chart else 0))
            chart = self._likelier_chart(chart, sample, header.account_length)
            for posting in chain(sample, postings):
                self._book.go_on()
                self._postings += 1
                self._add_posting(posting, file.name, header, chart)
            self._files.append(ExportFile(file.name, "bookings", self._postings - before))

    def refused(self, reason: Message) -> Report:
        self._findings = Findings()
        self._findings.add(Finding(reason))
        return self._report(Status.REFUSED, message("unreadable"))

    def report(self) -> Report:
        kinds = {file.kind for file in self._files}
        # Whether sevDesk writes a Buchungsstapel without postings is not established.
        nothing = not self._matching.expected and not self._book.has_dated_payments()
        if "bookings" not in kinds and (not nothing or "unreadable" in kinds):
            self._findings.add(Finding(message("file_no_batch")))
            return self._report(Status.REFUSED, message("unreadable"))
        if "bookings" not in kinds:
            self._findings.add(Finding(message("nothing_to_post"), note=True))
        self._matching.compare()
        images = self._compare_images()
        if self._not_checked:
            counts = {kind: self._not_checked[kind] for kind in ("transfers", "moved", "others")}
            self._findings.add(Finding(message("other_postings", **counts), note=True))
        return self._report(Status.WITH_FINDINGS if self._findings.counts else Status.ACCEPTED, images)

    def _compare_images(self) -> Message | None:
        if self._order.images:
            return self._images.compare(self._book.image_links, self._findings)
        if self._images:
            self._findings.add(Finding(message("images_unasked"), note=True))
        return None

    def _report(self, status: Status, images: Message | None) -> Report:
        judged = judgements(self._order, payments_known=self._book.payments_known, images=images)
        payments = self._matching.expected_payments
        if status is Status.REFUSED:
            judged = dict.fromkeys(judged, message("unreadable"))
            payments = self._book.expected_payments()
        return Report(
            status=status,
            period=self._period,
            chart=self._chart,
            order=self._order,
            not_judged=judged,
            files=tuple(self._files),
            postings=self._postings,
            documents=self._matching.expected,
            matched=self._matching.matched,
            payments=payments,
            matched_payments=self._matching.matched_payments,
            totals=self._matching.totals(),
            findings=self._findings,
        )

    def _check_header(self, file: ExtfFile, header: Header) -> str:
        """Compares the header with the order; returns the chart it names, or the one that is set."""
        period, first, last = self._period, header.first, header.last
        if first and last and (last < period.first or first > period.last):
            file.add_fault(message("period_other", first=first, last=last), 1)
        elif first and last and (first < period.first or last > period.last):
            file.add_note(message("period_wider", first=first, last=last), 1)
        if header.locked is not None and header.locked is not self._order.enshrine:
            file.add_note(message("header_locked" if header.locked else "header_not_locked"), 1)
        self._clients.add((header.consultant, header.client))
        if len(self._clients) == 2:
            file.add_fault(message("header_clients"), 1)
        chart = CHARTS.get(header.chart_code)
        if chart is None and not header.chart_code:
            file.add_note(message("chart_unnamed"), 1)
        elif chart != self._chart:
            named = chart or f"{header.chart_code[:6]!r}"
            file.add_fault(message("chart_differs", named=named, chart=self._chart), 1)
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
        revenue = AccountKind.REVENUE in (account.kind, contra.kind)
        if revenue and kept_apart(account, contra):
            self._matching.add_moved_revenue(sides[0])
        else:
            self._not_checked["transfers" if _is_claim(account) else "moved" if revenue else "others"] += 1


def _is_turnover(side: PostingSide) -> bool:
    """True for revenue against a claim, money or another account, and for tax against a claim."""
    if side.account.kind is AccountKind.REVENUE:
        return _is_claim(side.contra) or side.contra.kind in _CONTRA_KINDS
    return side.account.kind is AccountKind.TAX and _is_claim(side.contra)


def _is_claim(account: Account) -> bool:
    """True for an account of receivables (Forderungen): a debtor, or the collective account."""
    return account.kind in (AccountKind.DEBTOR, AccountKind.RECEIVABLE)
