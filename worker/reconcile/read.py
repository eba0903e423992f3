"""Reads both books page by page for `compare`, and asks for the repairs. Changes no invoice itself."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sevdesk_client.client import SevDeskClient
from worker.reconcile.compare import Book, Drift, Finding, Ours, Pdf, compare
from worker.steps.payments import Claim
from worker.store import Store
from worker.store.rows import handback_of

PAGE = 1000  # the most sevDesk gives at once (official); ours need no more either


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one comparison found. `in_motion`: left out, because a job or somebody was changing them meanwhile."""

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
    """Compare both books whole. Raises `SevDeskError` when sevDesk's cannot be read to the end."""
    started_at: datetime = (await store.query("clock"))["now"]
    book, calls = await read_book(client)
    # Theirs first: whatever changes on our side from now on is newer than what we compare it with, and left out.
    seen, moving, suspects = 0, 0, list[UUID]()
    async for page in _linked(store, started_at):
        seen += len(page)
        moving += sum(ours.in_motion for ours in page)
        suspects += [ours.claim.invoice_id for ours in page if compare(ours, book)]
    suspects += [ours.claim.invoice_id async for ours in _unlinked(store, book, started_at) if compare(ours, book)]
    findings = [finding async for ours in _again(store, suspects, started_at) for finding in compare(ours, book)]
    settled = tuple(f for f in findings if not _just_changed(book, f, started_at))
    return Reconciliation(started_at, seen, len(book), moving, settled, calls)


async def read_book(client: SevDeskClient) -> tuple[Book, int]:
    """Every document, and how many calls that took.

    Pages overlap by one: when something is deleted in sevDesk while we read, all behind it move up and the overlap is
    gone; then we go back a page, for otherwise we would report what we skipped as missing.
    """
    book = Book()
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


async def _linked(store: Store, started_at: datetime) -> AsyncIterator[list[Ours]]:
    after: UUID | None = None
    while rows := await store.query("book", after=after, most=PAGE, ids=None, numbers=None):
        yield [_ours(row, started_at) for row in rows]
        after = rows[-1]["id"]


async def _unlinked(store: Store, book: Book, started_at: datetime) -> AsyncIterator[Ours]:
    """Ours that sevDesk knows by their marker, but that we have no id for."""
    for numbers in _chunks(book.markers):
        for row in await store.query("book", after=None, most=None, ids=None, numbers=numbers):
            yield _ours(row, started_at)


async def _again(store: Store, ids: Sequence[UUID], started_at: datetime) -> AsyncIterator[Ours]:
    """The suspects as they are now, with every contact that has stood for their recipient."""
    for chunk in _chunks(list(dict.fromkeys(ids))):
        rows = await store.query("book", after=None, most=None, ids=chunk, numbers=None)
        parties = list({row["recipient_id"] for row in rows if row["recipient_id"] is not None})
        known: dict[UUID, set[str]] = {}
        for row in await store.query("contact_history", parties=parties) if parties else ():
            known.setdefault(row["party_id"], set()).add(row["contact_id"])
        for row in rows:
            ours = _ours(row, started_at)
            yield replace(ours, contacts=ours.contacts | known.get(row["recipient_id"], set()))


def _ours(row: Mapping[str, Any], started_at: datetime) -> Ours:
    claim = Claim(row["id"], row["invoice_number"], row["gross_amount"], handback_of(row))
    contact_id = row["contact_id"]
    return Ours(
        claim=claim,
        contacts=frozenset([contact_id] if contact_id else []),
        pdf=_pdf(row),
        cancellation_id=row["cancellation_external_id"],
        in_motion=row["job_alive"] or row["updated_at"] > started_at,
    )


def _pdf(row: Mapping[str, Any]) -> Pdf:
    if row["pdf_intact"] is None:
        return Pdf.MISSING
    return Pdf.INTACT if row["pdf_intact"] and row["pdf_as_logged"] else Pdf.SPOILT


def _just_changed(book: Book, finding: Finding, started_at: datetime) -> bool:
    """sevDesk changed it while we read: the payment sync sees that by itself, and the next comparison what is left."""
    there = book.get(finding.external_id)
    moved = there is not None and there.update is not None and there.update > started_at
    return moved and finding.drift is not Drift.PDF


def _chunks(values: list[Any]) -> Iterable[list[Any]]:
    return (values[start : start + PAGE] for start in range(0, len(values), PAGE))


async def remember(store: Store, found: Reconciliation) -> int:
    """Keep the counts for `status`; answers with the run's number."""
    number: int = await store.query(
        "remember_reconciliation",
        started_at=found.started_at,
        invoices=found.invoices,
        documents=found.documents,
        in_motion=found.in_motion,
        drift=found.counts,
    )
    return number


async def ask_repairs(store: Store, found: Reconciliation, run: int) -> list[str]:
    """One job per invoice and repair, through the outbox; asked twice for the same run is asked once."""
    wanted = dict.fromkeys((f.repair, f.invoice_id) for f in found.findings if f.repair is not None)
    return [
        await store.request_job(kind, {"invoice_id": str(invoice_id)}, key=f"reconcile:{run}:{kind}:{invoice_id}")
        for kind, invoice_id in wanted
    ]
