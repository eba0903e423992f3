"""Where the billing system and sevDesk differ, and what repairs it. Pure: both sides in, findings out.

What `sync_payments` would change is found by its own comparison, so a repair repairs exactly what was found. What
only a person can decide carries the next step and no repair.
"""

import pickle
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from uuid import UUID

from sevdesk_client.models import Invoice as SevInvoice
from worker.domain import lifecycle
from worker.domain.events import CancelledInSevdesk, Event, PaymentEvent, Renumbered
from worker.domain.invoice import SyncStatus
from worker.steps import payments
from worker.steps.payments import CANCELLATION, Claim
from worker.steps.step import DRAFT


class Drift(StrEnum):
    """What differs."""

    EXISTENCE = "existence"  # missing in sevDesk, there twice, or there and not linked
    NUMBER = "number"
    STATUS = "status"
    GROSS = "gross"
    PAID = "paid"
    CONTACT = "contact"
    PDF = "pdf"  # not stored, or not what was stored any more


class Pdf(StrEnum):
    """What is stored of an invoice's PDF: content against its SHA-256, and both against the event log."""

    INTACT = "intact"
    MISSING = "missing"
    SPOILT = "spoilt"


@dataclass(frozen=True, slots=True)
class Ours:
    """One billing invoice and what the worker remembers of it."""

    claim: Claim
    contacts: frozenset[str]  # every sevDesk contact that has stood for the recipient; empty: not known
    pdf: Pdf
    cancellation_id: str | None  # the SR we know of
    in_motion: bool  # a job is under way, or the row changed while we looked

    @property
    def external_id(self) -> str | None:
        return self.claim.handback.external_id

    @property
    def sync_status(self) -> SyncStatus:
        return self.claim.handback.sync_status


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `repair` is the job that mends it, None where a person must."""

    drift: Drift
    invoice_id: UUID
    invoice_number: str
    external_id: str | None
    ours: str
    theirs: str
    next_step: str
    repair: str | None = None


class Book:
    """sevDesk's documents by id and by marker. Kept packed: as models a hundred thousand would take 400 MB."""

    def __init__(self, documents: Iterable[SevInvoice] = ()) -> None:
        self._packed: dict[str, bytes] = {}
        self._marked: dict[str, tuple[str, ...]] = {}
        self.cancelled_by: dict[str, SevInvoice] = {}
        self.add(documents)

    def add(self, documents: Iterable[SevInvoice]) -> None:
        """More of them; one that is there already is replaced."""
        documents = list(documents)
        self.cancelled_by |= payments.cancellations(documents)
        for there in documents:
            self._packed[there.id] = _pack(there)
            marker = there.customer_internal_note
            if marker and there.invoice_type != CANCELLATION and there.id not in self._marked.get(marker, ()):
                self._marked[marker] = (*self._marked.get(marker, ()), there.id)

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    @property
    def markers(self) -> list[str]:
        """Every marker that a document carries, cancellations aside."""
        return list(self._marked)

    def get(self, external_id: str | None) -> SevInvoice | None:
        """The document with this id."""
        packed = self._packed.get(external_id or "")
        return None if packed is None else _unpack(packed)

    def others(self, number: str, external_id: str | None) -> list[SevInvoice]:
        """Documents that carry the marker, are not the linked one, and are not cancelled."""
        marked = (
            each for each in self._marked.get(number, ()) if each != external_id and each not in self.cancelled_by
        )
        return [_unpack(self._packed[each]) for each in marked]


_FIELDS = tuple(name for name in SevInvoice.model_fields if name != "header")  # free text, and nothing we compare


def _pack(there: SevInvoice) -> bytes:
    return pickle.dumps([getattr(there, name) for name in _FIELDS], protocol=5)


def _unpack(packed: bytes) -> SevInvoice:
    values = pickle.loads(packed)  # noqa: S301 - our own bytes, which never leave this process
    return SevInvoice.model_construct(**dict(zip(_FIELDS, values, strict=True)))


def compare(ours: Ours, book: Book) -> list[Finding]:
    """Every difference of one invoice; none while it is in motion."""
    if ours.in_motion:
        return []
    there = book.get(ours.external_id)
    findings = [*_others(ours, book)]
    if there is None:
        return [*_missing(ours), *findings]
    return [*findings, *_content(ours, there), *_state(ours, there, book), *_pdf(ours)]


def _found(
    ours: Ours, drift: Drift, here: object, theirs: object, next_step: str, repair: str | None = None
) -> Finding:
    claim = ours.claim
    return Finding(drift, claim.invoice_id, claim.number, ours.external_id, str(here), str(theirs), next_step, repair)


def _missing(ours: Ours) -> Iterator[Finding]:
    """Cancelled without a document of its own: the draft was deleted, so nothing is missing."""
    deleted = ours.sync_status is SyncStatus.CANCELLED and ours.cancellation_id is None
    if ours.external_id is not None and not deleted:
        yield _found(ours, Drift.EXISTENCE, f"id {ours.external_id}", "nothing",
                     "Look into sevDesk's deletion log; restore it there or cancel the invoice here.")  # fmt: skip


def _others(ours: Ours, book: Book) -> Iterator[Finding]:
    others = book.others(ours.claim.number, ours.external_id)
    if not others:
        return
    theirs = ", ".join(f"id {there.id} ({there.invoice_number or 'draft'})" for there in others)
    if ours.external_id is not None:
        step = "Delete or cancel the wrong one in sevDesk, so that one is left."
        yield _found(ours, Drift.EXISTENCE, f"id {ours.external_id}", f"also {theirs}", step)
    elif ours.sync_status is SyncStatus.CANCELLED:
        yield _found(ours, Drift.EXISTENCE, "cancelled", theirs, "Cancel it in sevDesk, or delete the draft there.")
    else:
        step = f"Publish it, the copy is taken over: enqueue publish_invoice invoice_id={ours.claim.invoice_id}."
        yield _found(ours, Drift.EXISTENCE, "not linked", theirs, step)


def _content(ours: Ours, there: SevInvoice) -> Iterator[Finding]:
    if there.sum_gross != ours.claim.gross:
        yield _found(ours, Drift.GROSS, ours.claim.gross, there.sum_gross,
                     "Correct the wrong side; what is finalized in sevDesk, by a cancellation.")  # fmt: skip
    if ours.contacts and there.contact_id not in ours.contacts:
        known = ", ".join(sorted(ours.contacts))
        yield _found(ours, Drift.CONTACT, f"contact {known}", f"contact {there.contact_id}",
                     "Set the contact in sevDesk back, or cancel and publish for the right recipient.")  # fmt: skip


def _state(ours: Ours, there: SevInvoice, book: Book) -> Iterator[Finding]:
    match ours.sync_status:
        case SyncStatus.SYNCED:
            yield from _synced(ours, there, book.cancelled_by)
        case SyncStatus.DRAFTED if there.status != DRAFT:
            step = f"Publish it, the number is taken over: enqueue publish_invoice invoice_id={ours.claim.invoice_id}."
            yield _found(ours, Drift.STATUS, "draft", f"finalized as {there.invoice_number}", step)
        case SyncStatus.CANCELLED if there.id not in book.cancelled_by:
            theirs = f"status {there.status}, no cancellation invoice"
            yield _found(ours, Drift.STATUS, "cancelled", theirs, "Cancel it in sevDesk.")


def _synced(ours: Ours, there: SevInvoice, cancelled_by: Mapping[str, SevInvoice]) -> Iterator[Finding]:
    claim = ours.claim
    if there.status == DRAFT:
        yield _found(ours, Drift.STATUS, "finalized", "draft", "Finalize it in sevDesk again: it was reset there.")
        return
    if payments.unexplained(claim, there, cancelled_by):
        yield _found(ours, Drift.STATUS, claim.handback.claim_status, "closed, neither paid nor cancelled",
                     "Look at the invoice in sevDesk.")  # fmt: skip
    events = payments.compare(claim, there, cancelled_by)
    repair: str | None = "sync_payments"
    step = "sync_payments for this invoice brings it over."
    try:
        reduce(lifecycle.apply, events, claim.handback)
    except lifecycle.IllegalMove as conflict:
        repair, step = None, f"Correct the invoice's status on one side: {conflict}."
    for event in events:
        if found := _of_event(ours, event, step, repair):
            yield found


def _of_event(ours: Ours, event: Event, step: str, repair: str | None) -> Finding | None:
    match event:
        case Renumbered(before=before, number=number):
            return _found(ours, Drift.NUMBER, before or "none", number, step, repair)
        case CancelledInSevdesk(cancellation=cancellation):
            return _found(ours, Drift.STATUS, ours.claim.handback.claim_status,
                          f"cancelled by {cancellation.number}", step, repair)  # fmt: skip
        case PaymentEvent():
            here = f"{event.paid_before}, {event.claim_before}"
            theirs = f"{event.paid_now}, status {event.sevdesk_status}"
            theirs += f", paid on {event.paid_on}" if event.paid_on else ""
            return _found(ours, Drift.PAID, here, theirs, step, repair)
        case _:
            return None


def _pdf(ours: Ours) -> Iterator[Finding]:
    if ours.sync_status is SyncStatus.SYNCED and ours.pdf is not Pdf.INTACT:
        said = {Pdf.MISSING: "no PDF stored", Pdf.SPOILT: "the stored PDF does not match its SHA-256"}[ours.pdf]
        yield _found(ours, Drift.PDF, said, "has one", "fetch_invoice_pdf fetches it again.", "fetch_invoice_pdf")
