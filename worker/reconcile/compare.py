"""How one billing invoice and its sevDesk document differ, and which job repairs it. Pure.

Payment states are compared by the function that `sync_payments` uses, so that job repairs what is found here.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from uuid import UUID

from sevdesk_client.models import Invoice as SevInvoice
from worker.domain import lifecycle
from worker.domain.commands import FETCH, PUBLISH, SYNC, filled
from worker.domain.events import CancelledInSevdesk, Event, PaymentEvent, Renumbered, SentByHand
from worker.domain.invoice import SyncStatus
from worker.domain.notices import gone_step
from worker.steps import payments
from worker.steps.payments import DERIVED, DRAFT, Receivable


class Drift(StrEnum):
    """What differs."""

    EXISTENCE = "existence"  # missing in sevDesk, twice in sevDesk, or in sevDesk and not linked here
    NUMBER = "number"
    STATUS = "status"
    GROSS = "gross"
    PAID = "paid"
    CONTACT = "contact"
    PDF = "pdf"  # not stored, or changed since
    PROVIDER = "provider"  # accounting_provider is another one, though the document is the worker's
    CONTENT = "content"  # recipient, dates, header or positions of an adopted document


class Pdf(StrEnum):
    """The stored PDF. ALTERED: its SHA-256 is not the one in its row or in the event log."""

    INTACT = "intact"
    MISSING = "missing"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class OurInvoice:
    """One billing invoice, and what the worker stored about it."""

    receivable: Receivable
    contacts: frozenset[str]  # ids of all sevDesk contacts the recipient was ever linked to; empty: not known
    pdf: Pdf
    cancellation_id: str | None  # sevDesk's id of the cancellation invoice or credit note that we stored
    changing: bool  # it has an unfinished job, or its row was changed since the comparison began
    credited: bool = False  # what cancels it is a credit note

    @property
    def external_id(self) -> str | None:
        return self.receivable.handback.external_id

    @property
    def sync_status(self) -> SyncStatus:
        return self.receivable.handback.sync_status


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `repair` is the job kind that removes it; None if a person must."""

    drift: Drift
    invoice_id: UUID
    invoice_number: str
    external_id: str | None
    ours: str
    theirs: str
    next_step: str
    repair: str | None = None


@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """The fields of a sevDesk invoice that are compared. As `SevInvoice`s, 100,000 would take 400 MB."""

    id: str
    invoice_number: str | None
    status: int
    contact_id: str | None
    sum_gross: Decimal
    account_gross: Decimal | None
    paid_amount: Decimal
    pay_date: date | None
    update: datetime | None
    send_type: str | None
    send_date: datetime | None


def _document(invoice: SevInvoice) -> ListedInvoice:
    """To save memory, documents share equal contact ids and time zones, and amounts equal to 0 or the sum."""
    gross, paid = invoice.sum_gross, invoice.paid_amount
    return ListedInvoice(
        invoice.id,
        invoice.invoice_number,
        invoice.status,
        sys.intern(invoice.contact_id) if invoice.contact_id else None,
        gross,
        invoice.account_gross,
        gross if paid == gross else paid or payments.ZERO,
        invoice.pay_date,
        invoice.update.astimezone(UTC) if invoice.update else None,
        sys.intern(invoice.send_type) if invoice.send_type else None,
        invoice.send_date.astimezone(UTC) if invoice.send_date else None,
    )


class SevdeskDocuments:
    """All sevDesk documents, by id and by marker (`customerInternalNote`, our invoice number)."""

    def __init__(self, invoices: Iterable[SevInvoice] = ()) -> None:
        self._documents: dict[str, ListedInvoice] = {}
        self._marked: dict[str, tuple[str, ...]] = {}  # marker -> ids
        self.cancelled_by: dict[str, SevInvoice] = {}  # cancelled invoice's id -> cancellation invoice
        self.add(invoices)

    def add(self, invoices: Iterable[SevInvoice]) -> None:
        """Add documents; one whose id is known replaces the earlier one."""
        invoices = list(invoices)
        self.cancelled_by |= payments.cancellations(invoices)
        for invoice in invoices:
            self._documents[invoice.id] = _document(invoice)
            marker = invoice.customer_internal_note
            if marker and invoice.invoice_type not in DERIVED and invoice.id not in self._marked.get(marker, ()):
                self._marked[marker] = (*self._marked.get(marker, ()), invoice.id)

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def markers(self) -> list[str]:
        """All markers, without those of cancellations and reminders."""
        return list(self._marked)

    def get(self, external_id: str | None) -> ListedInvoice | None:
        """The document with this id."""
        return self._documents.get(external_id or "")

    def with_marker(self, number: str) -> list[ListedInvoice]:
        """Documents with this marker, cancelled or not."""
        return [self._documents[id] for id in self._marked.get(number, ())]

    def others(self, number: str, external_id: str | None) -> list[ListedInvoice]:
        """Documents with this marker, except the linked one and cancelled ones."""
        ids = (id for id in self._marked.get(number, ()) if id != external_id and id not in self.cancelled_by)
        return [self._documents[id] for id in ids]


def compare(ours: OurInvoice, documents: SevdeskDocuments) -> list[Difference]:
    """All differences of one invoice; none if `changing`, because it will be different in a moment."""
    if ours.changing:
        return []
    document = documents.get(ours.external_id)
    if document is None:
        return [*_missing(ours), *_others(ours, documents)]
    return [*_others(ours, documents), *_content(ours, document), *_state(ours, document, documents), *_pdf(ours)]


def _finding(
    ours: OurInvoice, drift: Drift, here: object, theirs: object, next_step: str, repair: str | None = None
) -> Difference:
    receivable = ours.receivable
    return Difference(
        drift, receivable.invoice_id, receivable.number, ours.external_id, str(here), str(theirs), next_step, repair
    )


def drift(findings: Sequence[Difference]) -> dict[str, str]:
    """The parameters of the notice about an invoice that differs; the first next step, for one may remove all."""
    told = "; ".join(f"{each.drift.value} is {each.ours} here, {each.theirs} in sevDesk" for each in findings)
    return {"findings": told, "step": findings[0].next_step}


def _missing(ours: OurInvoice) -> Iterator[Difference]:
    """A cancelled invoice without a cancellation invoice was a draft, which cancelling has deleted."""
    deleted = ours.sync_status is SyncStatus.CANCELLED and ours.cancellation_id is None
    if ours.external_id is not None and not deleted:
        about = (ours.external_id, ours.receivable.number)
        step = gone_step(*about, recorded=ours.sync_status is not SyncStatus.SYNCED)
        yield _finding(ours, Drift.EXISTENCE, f"id {ours.external_id}", "nothing", step)


def _others(ours: OurInvoice, documents: SevdeskDocuments) -> Iterator[Difference]:
    others = documents.others(ours.receivable.number, ours.external_id)
    if not others:
        return
    theirs = ", ".join(f"id {document.id} ({document.invoice_number or 'draft'})" for document in others)
    if ours.external_id is not None:
        step = "Delete or cancel the wrong one in sevDesk, so that one is left."
        yield _finding(ours, Drift.EXISTENCE, f"id {ours.external_id}", f"also {theirs}", step)
    elif ours.sync_status is SyncStatus.CANCELLED:
        yield _finding(ours, Drift.EXISTENCE, "cancelled", theirs, "Cancel it in sevDesk, or delete the draft there.")
    else:
        step = "Publish it, the copy is taken over if it says the same: "
        step += filled(f"{PUBLISH}.", number=ours.receivable.number)
        yield _finding(ours, Drift.EXISTENCE, "not linked", theirs, step)


def _content(ours: OurInvoice, document: ListedInvoice) -> Iterator[Difference]:
    if document.sum_gross != ours.receivable.gross:
        yield _finding(ours, Drift.GROSS, ours.receivable.gross, document.sum_gross,
                       "Correct the wrong side; what is finalized in sevDesk, by a cancellation.")  # fmt: skip
    if ours.contacts and document.contact_id not in ours.contacts:
        known = ", ".join(sorted(ours.contacts))
        yield _finding(ours, Drift.CONTACT, f"contact {known}", f"contact {document.contact_id}",
                       "Set the contact in sevDesk back, or cancel and publish for the right recipient.")  # fmt: skip


def _state(ours: OurInvoice, document: ListedInvoice, documents: SevdeskDocuments) -> Iterator[Difference]:
    match ours.sync_status:
        case SyncStatus.SYNCED:
            yield from _synced(ours, document, documents.cancelled_by)
        case SyncStatus.DRAFTED if document.status != DRAFT:
            step = "Publish it, the number is taken over: "
            step += filled(f"{PUBLISH}.", number=ours.receivable.number)
            yield _finding(ours, Drift.STATUS, "draft", f"finalized as {document.invoice_number}", step)
        case SyncStatus.CANCELLED if document.id not in documents.cancelled_by and not ours.credited:
            theirs = f"status {document.status}, no cancellation invoice"
            yield _finding(ours, Drift.STATUS, "cancelled", theirs, "Cancel it in sevDesk.")


def _synced(ours: OurInvoice, document: ListedInvoice, cancelled_by: Mapping[str, SevInvoice]) -> Iterator[Difference]:
    receivable = ours.receivable
    if document.status == DRAFT:
        yield _finding(ours, Drift.STATUS, "finalized", "draft", "Finalize it in sevDesk again: it was reset there.")
        return
    if not receivable.is_comparable:
        here = f"gross {receivable.gross}, paid {receivable.handback.paid_amount}"
        step = "Correct gross_amount or paid_amount of the invoice here: no payment is compared until then."
        yield _finding(ours, Drift.PAID, here, document.paid_amount, step)
    if payments.unclear(receivable, document):
        yield _finding(ours, Drift.PAID, receivable.handback.paid_amount, f"{document.paid_amount} in some currency",
                       filled(f"Look at the invoice in sevDesk, then: {SYNC}.", number=receivable.number))  # fmt: skip
    if payments.unexplained(receivable, document, cancelled_by):
        yield _finding(ours, Drift.STATUS, receivable.handback.claim_status, "closed, neither paid nor cancelled",
                       "Look at the invoice in sevDesk.")  # fmt: skip
    events = payments.compare(receivable, document, cancelled_by)
    repair: str | None = "sync_payments"
    step = filled(f"Bring it over: {SYNC}.", number=receivable.number)
    try:
        reduce(lifecycle.apply, events, receivable.handback)
    except lifecycle.IllegalTransition as conflict:
        repair, step = None, f"Correct the invoice's status on one side: {conflict}."
    for event in events:
        if found := _event_finding(ours, event, step, repair):
            yield found


def _event_finding(ours: OurInvoice, event: Event, step: str, repair: str | None) -> Difference | None:
    match event:
        case Renumbered(before=before, number=number):
            return _finding(ours, Drift.NUMBER, before or "none", number, step, repair)
        case CancelledInSevdesk(cancellation=cancellation):
            return _finding(ours, Drift.STATUS, ours.receivable.handback.claim_status,
                            f"cancelled by {cancellation.number}", step, repair)  # fmt: skip
        case SentByHand(send_type=send_type):
            return _finding(ours, Drift.STATUS, ours.receivable.handback.document_status,
                            f"sent by hand ({send_type})", step, repair)  # fmt: skip
        case PaymentEvent():
            here = f"{event.paid_before}, {event.claim_before}"
            theirs = f"{event.paid_now}, status {event.sevdesk_status}"
            theirs += f", paid on {event.paid_on}" if event.paid_on else ""
            return _finding(ours, Drift.PAID, here, theirs, step, repair)
        case _:
            return None


def _pdf(ours: OurInvoice) -> Iterator[Difference]:
    if ours.sync_status is SyncStatus.SYNCED and ours.pdf is not Pdf.INTACT:
        step = filled(f"Fetch it again: {FETCH}.", number=ours.receivable.number)
        here = {Pdf.MISSING: "no PDF stored", Pdf.ALTERED: "the stored PDF does not match its SHA-256"}[ours.pdf]
        yield _finding(ours, Drift.PDF, here, "has one", step, "fetch_invoice_pdf")
