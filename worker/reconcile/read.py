"""Reads all our invoices and all sevDesk documents by pages, compares them, and requests the repair jobs."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sevdesk_client.client import SevDeskClient
from worker.domain.problems.words import in_words
from worker.reconcile.compare import Difference, Drift, OurInvoice, Pdf, SevdeskDocuments, compare, drift
from worker.reconcile.credit_notes import compare_credit_notes
from worker.steps.document import head_differences, position_differences
from worker.steps.pages import Counted, read_pages
from worker.steps.payments import CREDIT_NOTE, Receivable
from worker.store import Store
from worker.store.connection import LATEST
from worker.store.rows import (
    AdoptedRow,
    ClockRow,
    ComparedRow,
    LinkedContactRow,
    OtherProviderRow,
    UnknownValue,
    from_row,
    handback_of,
)

PAGE = 1000  # rows per SQL statement

Unreadable = dict[UUID, Difference]  # by invoice, so that one is reported once


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The result of one comparison."""

    started_at: datetime
    invoices: int  # ours that have an external_id
    documents: int  # sevDesk's
    changing: int  # ours that were not compared, see OurInvoice
    findings: tuple[Difference, ...]
    calls: int  # requests to sevDesk

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by drift."""
        return dict(Counter(finding.drift.value for finding in self.findings))

    @property
    def taking_away(self) -> set[UUID]:
        """Invoices whose repair would record that they are gone, cancelled or numbered otherwise."""
        drifts = (Drift.EXISTENCE, Drift.STATUS, Drift.NUMBER)
        return {it.invoice_id for it in self.findings if it.repair == "sync_payments" and it.drift in drifts}

    def takes_much_away(self, limit: int, lately: int) -> bool:
        """Whether that, and what payment syncs took away `lately`, needs a person's word: see `MassChange`."""
        many = len(self.taking_away) + lately
        return bool(self.taking_away) and many > limit and 100 * many > self.invoices


async def reconcile(store: Store, client: SevDeskClient) -> Reconciliation:
    """Compare all invoices. Raises SevDeskError if a page of sevDesk's cannot be read."""
    clock: ClockRow = await store.query("clock")
    started_at = clock["now"]
    documents, calls = await read_documents(client)
    # Ours are read after sevDesk's, so a row that was changed later than `started_at` may not match; it is left out.
    invoices, changing, different, unreadable = 0, 0, list[UUID](), Unreadable()
    async for page in _linked(store, started_at, unreadable):
        invoices += len(page)
        changing += sum(ours.changing for ours in page)
        different += [ours.receivable.invoice_id for ours in page if compare(ours, documents)]
    different += [
        ours.receivable.invoice_id
        async for ours in _unlinked(store, documents, started_at, unreadable)
        if compare(ours, documents)
    ]
    findings = [
        finding
        async for ours in read_again(store, different, started_at, unreadable)
        for finding in compare(ours, documents)
    ]
    changed, reads = await _changed_since_adopted(store, client, documents)
    credited, more = await compare_credit_notes(store, client)
    others = await _other_provider(store)
    findings, calls = [*unreadable.values(), *findings, *others, *changed, *credited], calls + reads + more
    certain = tuple(finding for finding in findings if not _just_changed(documents, finding, started_at))
    return Reconciliation(started_at, invoices, len(documents), changing, certain, calls)


async def _other_provider(store: Store) -> list[Difference]:
    """Invoices of ours that are compared no more, as the billing system calls them another program's."""
    rows: list[OtherProviderRow] = await store.query("given_to_other_provider", invoice_id=None)
    step = "Set its accounting_provider back to 'sevdesk' in the billing system."
    return [
        Difference(Drift.PROVIDER, row["invoice_id"], row["number"], row["external_id"],
                   f"accounting_provider '{row['provider']}'", f"id {row['external_id']}", step)
        for row in rows
    ]  # fmt: skip


async def _changed_since_adopted(
    store: Store, client: SevDeskClient, documents: SevdeskDocuments
) -> tuple[list[Difference], int]:
    """Documents that others made and that no longer say what they said when they were taken over.

    Reads those that sevDesk has updated since, with two requests each; also returns the number of requests.
    """
    findings, reads = list[Difference](), 0
    rows: list[AdoptedRow] = await store.query("adopted_documents")
    for row in rows:
        listed = documents.get(row["external_id"])
        if listed is None or listed.update == row["seen_update"]:
            continue
        remote, positions = await client.get_invoice(listed.id), await client.list_positions(listed.id)
        reads += 2
        found = head_differences(row["content"], remote) + position_differences(row["content"], positions)
        if found:
            step = "Look at it in sevDesk; correct it there, or cancel it."
            theirs = f"other {in_words(', '.join(found), 'en')}"
            findings.append(
                Difference(Drift.CONTENT, row["id"], row["invoice_number"], listed.id, "as taken over", theirs, step)
            )
    return findings, reads


async def read_documents(
    client: SevDeskClient, *, update_after: datetime | None = None
) -> tuple[SevdeskDocuments, int]:
    """All sevDesk documents, or those changed since then, and the number of requests."""
    documents, fetch = SevdeskDocuments(), Counted(partial(client.list_invoices, update_after=update_after))
    async for page in read_pages("GET /Invoice", fetch):
        documents.add(page)
    return documents, fetch.calls


async def _rows(store: Store, **which: object) -> list[ComparedRow]:
    parameters = dict.fromkeys(("after", "most", "ids", "numbers")) | which
    rows: list[ComparedRow] = await store.query("invoices_to_compare", **parameters)
    return rows


async def _linked(store: Store, started_at: datetime, unreadable: Unreadable) -> AsyncIterator[list[OurInvoice]]:
    after: UUID | None = None
    while rows := await _rows(store, after=after, most=PAGE):
        yield _readable(rows, started_at, unreadable)
        after = rows[-1]["invoice_id"]


async def _unlinked(
    store: Store, documents: SevdeskDocuments, started_at: datetime, unreadable: Unreadable
) -> AsyncIterator[OurInvoice]:
    """Our invoices without an external_id whose number is a marker in sevDesk."""
    for numbers in pages(documents.markers):
        for ours in _readable(await _rows(store, numbers=numbers), started_at, unreadable):
            yield ours


async def read_again(
    store: Store, ids: Sequence[UUID], started_at: datetime, unreadable: Unreadable
) -> AsyncIterator[OurInvoice]:
    """These invoices as they are now, with all sevDesk contacts their recipient was ever linked to."""
    for page in pages(list(dict.fromkeys(ids))):
        rows = await _rows(store, ids=page)
        parties = list({row["recipient_id"] for row in rows if row["recipient_id"] is not None})
        history: list[LinkedContactRow] = await store.query("contact_history", parties=parties) if parties else []
        known: dict[UUID | None, set[str]] = {}
        for link in history:
            known.setdefault(link["party_id"], set()).add(link["contact_id"])
        recipients = {row["invoice_id"]: row["recipient_id"] for row in rows}
        for ours in _readable(rows, started_at, unreadable):
            yield replace(ours, contacts=ours.contacts | known.get(recipients[ours.receivable.invoice_id], set()))


def _readable(rows: Iterable[ComparedRow], started_at: datetime, unreadable: Unreadable) -> list[OurInvoice]:
    """Those whose statuses the worker knows; a finding about each other one is added to `unreadable`."""
    readable = []
    for row in rows:
        try:
            readable.append(_ours(row, started_at))
        except UnknownValue as error:
            about = (
                row["number"],
                row["external_id"],
                str(error),
                "not compared",
                error.problem.next_step(job=row["number"]),
            )
            unreadable[row["invoice_id"]] = Difference(Drift.STATUS, row["invoice_id"], *about)
    return readable


def _ours(row: ComparedRow, started_at: datetime) -> OurInvoice:
    contact_id = row["contact_id"]
    return OurInvoice(
        receivable=from_row(Receivable, row, handback=handback_of(row)),
        contacts=frozenset([contact_id] if contact_id else []),
        pdf=_pdf(row),
        cancellation_id=row["cancellation_external_id"],
        credited=row["cancellation_kind"] == CREDIT_NOTE,
        changing=row["job_alive"] or started_at < row["updated_at"] < LATEST,
    )


def _pdf(row: ComparedRow) -> Pdf:
    if row["pdf_intact"] is None:
        return Pdf.MISSING
    return Pdf.INTACT if row["pdf_intact"] and row["pdf_as_logged"] else Pdf.ALTERED


def _just_changed(documents: SevdeskDocuments, finding: Difference, started_at: datetime) -> bool:
    """True if the document changed while we read: the next comparison decides. Stored PDFs do not depend on it."""
    document = documents.get(finding.external_id)
    changed = document is not None and document.update is not None and document.update > started_at
    return changed and finding.drift is not Drift.PDF


def pages(values: list[Any]) -> Iterable[list[Any]]:
    """The values in lists of at most PAGE."""
    return (values[start : start + PAGE] for start in range(0, len(values), PAGE))


async def store_result(store: Store, result: Reconciliation) -> int:
    """Store the counts, which `status` shows, and a notice per invoice. Returns the id of the counts' row."""
    findings: dict[UUID, list[Difference]] = {}
    for each in result.findings:
        findings.setdefault(each.invoice_id, []).append(each)
    rows = [{"invoice_id": invoice_id, "parameters": drift(told)} for invoice_id, told in findings.items()]
    await store.query("replace_drift", findings=rows)
    number: int = await store.query(
        "insert_reconciliation",
        started_at=result.started_at,
        invoices=result.invoices,
        documents=result.documents,
        changing=result.changing,
        drift=result.counts,
    )
    return number


async def request_repairs(store: Store, result: Reconciliation, run: int) -> list[str]:
    """Request one job per invoice and repair through the outbox; calling it again for the same run requests nothing."""
    return await request_each(store, ((f.repair, f.invoice_id) for f in result.findings), f"reconcile:{run}")


async def request_each(store: Store, wanted: Iterable[tuple[str | None, UUID | None]], key: str) -> list[str]:
    """Request each job kind for each invoice once; returns the jobs' ids. Without a kind nothing is wanted."""
    return [
        await store.request_job(kind, {"invoice_id": str(invoice_id)}, key=f"{key}:{kind}:{invoice_id}")
        for kind, invoice_id in dict.fromkeys(wanted)
        if kind is not None
    ]
