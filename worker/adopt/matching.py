"""Which of sevDesk's documents an invoice is, if that is certain. Pure.

Certain is: its id is on record, or exactly one document is named by the invoice's number (marker, sevDesk's number, a
words of the header); gross sum, currency and day agree; the document is not addressed to another customer of ours; and
no other invoice claims it. Amount and day alone never decide.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from worker.adopt.documents import Document, Documents
from worker.domain.adoption import Finding, finding
from worker.domain.adoption_events import Adopted, AdoptedBy
from worker.domain.invoice import DocumentStatus, Handback, SyncStatus
from worker.domain.recipients import PartyKey
from worker.steps.payments import DRAFT

MAX_IDS = 10  # of candidates that are named


@dataclass(frozen=True, slots=True)
class OldInvoice:
    """An invoice of the billing system that is or may be in sevDesk."""

    id: UUID
    number: str
    gross: Decimal
    currency: str
    day: date
    provider: str | None
    party: PartyKey | None  # its recipient; None for none or several
    left_to_other: bool  # another program publishes it (publish_only)
    handback: Handback


@dataclass(frozen=True, slots=True)
class Verdict:
    """`document` is the invoice's for certain; `event` if that is not on record yet; `finding` is for a person."""

    document: Document | None = None
    event: Adopted | None = None
    finding: Finding | None = None


def claimed(invoice: OldInvoice, documents: Documents) -> Iterable[str]:
    """Ids of the documents that this invoice claims."""
    known = invoice.handback.external_id
    return [known] if known is not None else [it.id for it, _ in _exact(invoice, documents)]


def judge(invoice: OldInvoice, documents: Documents, claims: Counter[str]) -> Verdict:
    """`claims`: how many invoices claim each document."""
    if invoice.handback.external_id is not None:
        return _with_id(invoice, invoice.handback.external_id, documents, claims)
    exact = _exact(invoice, documents)
    approved = invoice.handback.document_status is DocumentStatus.APPROVED
    if approved and not invoice.left_to_other:
        return Verdict(finding=_published_already(invoice, documents))
    if len(exact) == 1 and invoice.handback.sync_status is not SyncStatus.CANCELLED:
        [(document, by)] = exact
        return _claimed_once(invoice, document, by, claims)
    may_be = [it.id for it, _ in exact] or list(documents.named(invoice.number))
    if approved:  # what is still a draft, the other program has not finished
        finished = [id for id in may_be if (it := documents.get(id)) is not None and it.is_final]
        doubt = finding("adopt_other_unclear", number=invoice.number, ids=_ids(finished))
        return Verdict(finding=doubt if finished else None)
    may_be = may_be or list(documents.alike(invoice.gross, invoice.currency, invoice.day))
    if may_be:
        return Verdict(finding=finding("adopt_candidates", number=invoice.number, ids=_ids(may_be)))
    return Verdict(finding=finding("adopt_no_candidate", number=invoice.number))


def judge_on_page(invoice: OldInvoice, page: Documents, claims: Counter[str]) -> Verdict:
    """As `judge`, by a part of sevDesk's documents: an id that is not among them says nothing."""
    known = invoice.handback.external_id
    if known is None or page.get(known) is not None:
        return judge(invoice, page, claims)
    return Verdict(finding=_published_already(invoice, page))


def _published_already(invoice: OldInvoice, documents: Documents) -> Finding | None:
    agreeing = _agreeing(invoice, documents)
    ids = _ids(it.id for it, _ in agreeing)
    return finding("adopt_published_already", number=invoice.number, ids=ids) if agreeing else None


def _with_id(invoice: OldInvoice, external_id: str, documents: Documents, claims: Counter[str]) -> Verdict:
    document, about = documents.get(external_id), {"number": invoice.number, "external_id": external_id}
    cancelled = invoice.handback.sync_status is SyncStatus.CANCELLED
    if document is None:  # of a cancelled one the draft was deleted
        return Verdict(finding=None if cancelled else finding("adopt_document_missing", **about))
    own_draft = document.status == DRAFT and invoice.handback.sync_status in (SyncStatus.DRAFTED, SyncStatus.PARKED)
    if own_draft or invoice.handback.document_status is DocumentStatus.DRAFT:  # publishing goes on with it
        return Verdict(finding=_published_already(invoice, documents))
    if differing := _differences(invoice, document):
        return Verdict(finding=finding("adopt_document_differs", **about, differences=", ".join(differing)))
    return _claimed_once(invoice, document, "external_id", claims)


def _claimed_once(invoice: OldInvoice, document: Document, by: AdoptedBy, claims: Counter[str]) -> Verdict:
    if claims[document.id] > 1:
        about = {"number": invoice.number, "external_id": document.id}
        return Verdict(finding=finding("adopt_document_shared", **about))
    return Verdict(document, None if _on_record(invoice, document) else _adopted(document, by))


def _on_record(invoice: OldInvoice, document: Document) -> bool:
    """True too for what is cancelled: there is nothing left to link."""
    handback = invoice.handback
    if handback.sync_status is SyncStatus.CANCELLED or handback.document_status is DocumentStatus.CANCELLED:
        return True
    complete = handback.sync_status is SyncStatus.SYNCED and invoice.provider is not None
    return complete and handback.external_invoice_number is not None and handback.external_id == document.id


def _adopted(document: Document, by: AdoptedBy) -> Adopted:
    assert document.number is not None  # it is final
    return Adopted(external_id=document.id, number=document.number, gross=document.gross, by=by)


def _exact(invoice: OldInvoice, documents: Documents) -> list[tuple[Document, AdoptedBy]]:
    """Two programs may count alike: what is addressed to another customer is named by chance, unless by our marker."""
    agreeing = _agreeing(invoice, documents)
    return [(it, by) for it, by in agreeing if by == "marker" or not _of_another(invoice, documents, it)]


def _of_another(invoice: OldInvoice, documents: Documents, document: Document) -> bool:
    owner = documents.owners.get(document.contact_id or "")
    return owner is not None and invoice.party is not None and owner != invoice.party


def _agreeing(invoice: OldInvoice, documents: Documents) -> list[tuple[Document, AdoptedBy]]:
    named = documents.named(invoice.number, invoice.handback.external_invoice_number)
    found = [(document, by) for id, by in named.items() if (document := documents.get(id)) is not None]
    return [(document, by) for document, by in found if not _differences(invoice, document)]


def _differences(invoice: OldInvoice, document: Document) -> list[str]:
    """What differs, as codes of `domain/problems/words.py`."""
    known = invoice.handback.external_invoice_number
    differing = {
        "gross": document.gross != invoice.gross,
        "currency": document.currency != invoice.currency,
        "invoice_date": document.day != invoice.day,
        "number_in_sevdesk": known is not None and known != document.number,
        "unfinished": not document.is_final,
    }
    return [code for code, differs in differing.items() if differs]


def _ids(ids: Iterable[str]) -> str:
    found = sorted(set(ids))
    return ", ".join(found[:MAX_IDS]) + (" ..." if len(found) > MAX_IDS else "")
