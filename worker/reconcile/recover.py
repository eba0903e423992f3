"""What sevDesk has of our invoices that a restored database has forgotten, and which jobs bring it back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sevdesk_client.client import SevDeskClient
from worker.domain.invoice import DocumentStatus, SyncStatus
from worker.reconcile.compare import Difference, SevdeskDocuments, compare
from worker.reconcile.credit_notes import read_credit_notes
from worker.reconcile.read import Unreadable, pages, read_again, read_documents, request_each
from worker.steps.payments import DRAFT
from worker.store import Store
from worker.store.rows import ClockRow, Row

# sevDesk's clock may differ from the one that `since` was read from.
MARGIN = timedelta(minutes=2)
PUBLISHABLE = (DocumentStatus.APPROVED, DocumentStatus.SENT)
KNOWN = (SyncStatus.SYNCED, SyncStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Something that sevDesk has and the database does not. `repair`: the job kind that brings it; None: a person."""

    what: str  # invoice, credit_note, or a `Drift`
    number: str  # ours; of a credit note its marker
    invoice_id: UUID | None
    external_id: str | None
    ours: str
    theirs: str
    next_step: str
    repair: str | None = None


@dataclass(frozen=True, slots=True)
class Recovery:
    """`documents`: how many sevDesk has changed since then; `calls`: requests to sevDesk."""

    since: datetime
    documents: int
    calls: int
    findings: tuple[Forgotten, ...]

    @property
    def for_person(self) -> int:
        """How many findings no job repairs."""
        return sum(each.repair is None for each in self.findings)


async def look_back(store: Store, client: SevDeskClient, since: datetime) -> Recovery:
    """Compare what sevDesk changed since then with our rows, or since our latest write if that is earlier.

    Raises `SevDeskError`.
    """
    clock: ClockRow = await store.query("clock")
    since = await store.query("forgotten_since", since=since)
    documents, calls = await read_documents(client, update_after=since - MARGIN)
    findings, linked = list[Forgotten](), list[UUID]()
    for numbers in pages(documents.markers):
        rows: list[Row] = await store.query("invoices_marked", numbers=numbers)
        known = {row["number"]: row for row in rows}
        linked += [row["invoice_id"] for row in rows if row["sync_status"] in KNOWN]
        findings += _unrecorded(numbers, known, documents)
    unreadable: Unreadable = {}
    async for ours in read_again(store, linked, clock["now"], unreadable):
        if documents.get(ours.external_id) is not None:
            found = compare(replace(ours, changing=False), documents)  # while restored, its jobs write nothing
            findings += map(_forgotten, found)
    findings += map(_forgotten, unreadable.values())
    notes, more = await _credit_notes(store, client, since - MARGIN)
    return Recovery(since, len(documents), calls + more, (*findings, *notes))


def _forgotten(found: Difference) -> Forgotten:
    return Forgotten(found.drift.value, found.invoice_number, found.invoice_id, found.external_id, found.ours,
                     found.theirs, found.next_step, found.repair)  # fmt: skip


def _unrecorded(numbers: Iterable[str], known: dict[str, Row], documents: SevdeskDocuments) -> Iterable[Forgotten]:
    """Finalized documents of invoices that are lost, or not published as far as the database knows."""
    for number in numbers:
        row = known.get(number)
        if row is not None and row["sync_status"] in KNOWN:
            continue
        for document in documents.with_marker(number):
            theirs = f"id {document.id} ({document.invoice_number or 'draft'})"
            if row is None:
                step = "Enter it in the billing system again under this number and publish it: it is taken over."
                yield Forgotten("invoice", number, None, document.id, "no such invoice", theirs, step)
            elif document.status != DRAFT:
                status = f"{row['sync_status']}, {row['document_status']}"
                may = row["document_status"] in PUBLISHABLE
                step = "publish_invoice takes it over." if may else "Approve and publish it again: it is taken over."
                repair = "publish_invoice" if may else None
                yield Forgotten("invoice", number, row["invoice_id"], document.id, status, theirs, step, repair)


async def _credit_notes(store: Store, client: SevDeskClient, since: datetime) -> tuple[list[Forgotten], int]:
    notes, calls = await read_credit_notes(client)
    known = {row["external_id"] for row in await store.query("known_credit_notes")}
    step = "A job that asked for it takes it over when it runs; if none is left, do not ask for another."
    return [
        Forgotten("credit_note", note.customer_internal_note or "", None, note.id, "not on record",
                  f"credit note {note.credit_note_number or 'draft'}", step)
        for note in notes.values()
        if note.id not in known and (note.update is None or note.update >= since)
    ], calls  # fmt: skip


async def bring_back(store: Store, found: Recovery) -> list[str]:
    """Let writes leave again, and ask for the jobs that repair; returns the jobs' ids."""
    recovered: Row = await store.query("recovered")
    key = f"recover:{recovered['epoch']}"
    jobs = await request_each(store, ((each.repair, each.invoice_id) for each in found.findings), key)
    return [*jobs, await store.request_job("sync_payments", {}, key=f"{key}:sync_payments:feed")]
