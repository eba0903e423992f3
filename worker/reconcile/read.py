"""Reads our invoices and sevDesk's page by page for `compare`, and requests the repairs. Changes no invoice itself."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sevdesk_client.client import SevDeskClient
from worker.reconcile.compare import Drift, Finding, OurInvoice, Pdf, SevdeskBook, compare
from worker.steps.payments import Receivable
from worker.store import Store
from worker.store.operator_rows import ClockRow
from worker.store.rows import ComparedRow, ContactHistoryRow, handback_of

PAGE = 1000  # the most sevDesk gives at once (official); ours need no more either


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one comparison found. `in_motion`: how many were left out because they changed during the comparison."""

    started_at: datetime
    invoices: int  # ours that are linked
    documents: int  # sevDesk's
    in_motion: int
    findings: tuple[Finding, ...]
    calls: int  # list pages read from sevDesk

    @property
    def counts(self) -> dict[str, int]:
        """Findings by what differs."""
        return dict(Counter(finding.drift.value for finding in self.findings))


async def reconcile(store: Store, client: SevDeskClient) -> Reconciliation:
    """Compare all invoices with all of sevDesk's. Raises `SevDeskError` if those cannot be read to the end."""
    clock: ClockRow = await store.query("clock")
    started_at = clock["now"]
    book, calls = await read_book(client)
    # sevDesk first: what changes on our side after started_at is then known to be newer, and left out.
    seen, moving, suspects = 0, 0, list[UUID]()
    async for page in _linked(store, started_at):
        seen += len(page)
        moving += sum(ours.in_motion for ours in page)
        suspects += [ours.receivable.invoice_id for ours in page if compare(ours, book)]
    suspects += [ours.receivable.invoice_id async for ours in _unlinked(store, book, started_at) if compare(ours, book)]
    findings = [finding async for ours in _again(store, suspects, started_at) for finding in compare(ours, book)]
    settled = tuple(f for f in findings if not _just_changed(book, f, started_at))
    return Reconciliation(started_at, seen, len(book), moving, settled, calls)


async def read_book(client: SevDeskClient) -> tuple[SevdeskBook, int]:
    """Every document in sevDesk, and how many calls that took. Raises `SevDeskError`.

    Pages overlap by one. If a document is deleted in sevDesk meanwhile, all later ones move up by one and the overlap
    disappears; then the last page is read again, because the documents skipped would be reported as missing.
    """
    book = SevdeskBook()
    offset, before, calls = 0, set[str](), 0
    while True:
        page = await client.list_invoices(offset=offset, limit=PAGE)
        calls += 1
        ids = {there.id for there in page}
        book.add(page)
        if before and before.isdisjoint(ids):
            offset, before = max(0, offset - PAGE), set()
            continue
        if len(page) < PAGE:
            return book, calls
        offset, before = offset + PAGE - 1, ids


async def _linked(store: Store, started_at: datetime) -> AsyncIterator[list[OurInvoice]]:
    after: UUID | None = None
    rows: list[ComparedRow]
    while rows := await store.query("invoices_to_compare", after=after, most=PAGE, ids=None, numbers=None):
        yield [_ours(row, started_at) for row in rows]
        after = rows[-1]["id"]


async def _unlinked(store: Store, book: SevdeskBook, started_at: datetime) -> AsyncIterator[OurInvoice]:
    """Invoices of ours without a sevDesk id whose marker (our invoice number) exists in sevDesk."""
    for numbers in _chunks(book.markers):
        rows: list[ComparedRow] = await store.query(
            "invoices_to_compare", after=None, most=None, ids=None, numbers=numbers
        )
        for row in rows:
            yield _ours(row, started_at)


async def _again(store: Store, ids: Sequence[UUID], started_at: datetime) -> AsyncIterator[OurInvoice]:
    """The invoices with these ids as they are now, with every contact that was ever linked to their recipient."""
    for chunk in _chunks(list(dict.fromkeys(ids))):
        rows: list[ComparedRow] = await store.query(
            "invoices_to_compare", after=None, most=None, ids=chunk, numbers=None
        )
        parties = list({row["recipient_id"] for row in rows if row["recipient_id"] is not None})
        history: list[ContactHistoryRow] = await store.query("contact_history", parties=parties) if parties else []
        known: dict[UUID | None, set[str]] = {}
        for link in history:
            known.setdefault(link["party_id"], set()).add(link["contact_id"])
        for row in rows:
            ours = _ours(row, started_at)
            yield replace(ours, contacts=ours.contacts | known.get(row["recipient_id"], set()))


def _ours(row: ComparedRow, started_at: datetime) -> OurInvoice:
    receivable = Receivable(row["id"], row["invoice_number"], row["gross_amount"], handback_of(row))
    contact_id = row["contact_id"]
    return OurInvoice(
        receivable=receivable,
        contacts=frozenset([contact_id] if contact_id else []),
        pdf=_pdf(row),
        cancellation_id=row["cancellation_external_id"],
        in_motion=row["job_alive"] or row["updated_at"] > started_at,
    )


def _pdf(row: ComparedRow) -> Pdf:
    if row["pdf_intact"] is None:
        return Pdf.MISSING
    return Pdf.INTACT if row["pdf_intact"] and row["pdf_as_logged"] else Pdf.SPOILT


def _just_changed(book: SevdeskBook, finding: Finding, started_at: datetime) -> bool:
    """True if sevDesk changed it while we read: the next payment sync, or the next comparison, deals with it."""
    there = book.get(finding.external_id)
    moved = there is not None and there.update is not None and there.update > started_at
    return moved and finding.drift is not Drift.PDF


def _chunks(values: list[Any]) -> Iterable[list[Any]]:
    return (values[start : start + PAGE] for start in range(0, len(values), PAGE))


async def remember(store: Store, found: Reconciliation) -> int:
    """Store the counts for `status` and return the id of the new row."""
    number: int = await store.query(
        "insert_reconciliation",
        started_at=found.started_at,
        invoices=found.invoices,
        documents=found.documents,
        in_motion=found.in_motion,
        drift=found.counts,
    )
    return number


async def ask_repairs(store: Store, found: Reconciliation, run: int) -> list[str]:
    """Request one job per invoice and repair, and return the job ids; repeating it for the same `run` adds none."""
    wanted = dict.fromkeys((f.repair, f.invoice_id) for f in found.findings if f.repair is not None)
    return [
        await store.request_job(kind, {"invoice_id": str(invoice_id)}, key=f"reconcile:{run}:{kind}:{invoice_id}")
        for kind, invoice_id in wanted
    ]
