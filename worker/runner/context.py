"""Builds the `StepContext` that a step works on from the rows of the database."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from worker.domain.check_levels import DEFAULTS
from worker.domain.invoice import Association, Cancellation, Invoice, Party, PartyKind, SevdeskDocument, SyncStatus
from worker.domain.jobs import Payload
from worker.domain.ledger import Job
from worker.domain.recipients import Recipient, addressed_to, resolve
from worker.settings import Settings
from worker.steps.step import StepContext
from worker.store import Store
from worker.store.rows import (
    AssociationRow,
    CancellationRow,
    Number,
    PartyRow,
    SevdeskDocumentRow,
    handback_of,
    invoice_of,
)


async def load_context(
    store: Store, job: Job, payload: Payload, invoice_id: UUID, settings: Settings
) -> StepContext | None:
    """Everything the steps need, read in at most three round trips; None if there is no such invoice.

    Raises one of `CONNECTION_LOST`.
    """
    row = await store.load_invoice(invoice_id)
    if row is None:
        return None
    invoice = invoice_of(row)
    associations = tuple(_association(a) for a in row["associations"])
    document = _document(row["document"])
    rows = await store.load_parties(*_candidates(invoice, associations, document))
    parties = {(party.kind, party.id): party for party in map(_party, rows)}
    handback, recipient_now = handback_of(row), resolve(invoice, associations, parties)
    recipient = recipient_now
    if document is not None and handback.sync_status in (SyncStatus.SYNCED, SyncStatus.CANCELLED):
        recipient = addressed_to((document.party_kind, document.party_id), parties)
    link = await store.load_contact_link(recipient.party) if isinstance(recipient, Recipient) else None
    kinds = {"AR": settings.sevdesk_invoice_type_ar, "SR": settings.sevdesk_invoice_type_sr}
    return StepContext(
        job_id=job.job_id,
        payload=payload,
        invoice=invoice,
        handback=handback,
        recipient=recipient,
        recipient_now=recipient_now,
        document=document,
        confirmed=job.confirmed,
        levels={**DEFAULTS, **settings.check_levels},
        warned=frozenset(row["warned"]),
        link=link,
        template_id=row["template_id"],
        contact_person_id=row["contact_person_id"],
        sevdesk_type=kinds[invoice.document_kind],
        mails=row["mails"],
        pdf_sha256=row["pdf_sha256"],
        has_xml=row["has_xml"],
        draft_sha256=row["draft_sha256"],
        attempted=row["attempted"],
        cancellation=_cancellation(row["cancellation"]),
        cancellation_pdf_sha256=row["cancellation_pdf_sha256"],
        cancellation_mails=row["cancellation_mails"],
    )


def _cancellation(row: CancellationRow | None) -> Cancellation | None:
    if row is None:
        return None
    net, tax, gross = _decimal(row["net"]), _decimal(row["tax"]), _decimal(row["gross"])
    kind, external_id, number = row["kind"], row["external_id"], row["number"]
    return Cancellation(kind=kind, external_id=external_id, number=number, net=net, tax=tax, gross=gross)


def _decimal(number: Number | None) -> Decimal | None:
    return None if number is None else Decimal(number)


def _association(row: AssociationRow) -> Association:
    return Association(row["from_type"], UUID(row["from_id"]), row["to_type"], UUID(row["to_id"]), row["label"])


def _party(row: PartyRow) -> Party:
    columns: dict[str, Any] = {**row}
    return Party(**columns | {"kind": PartyKind(row["kind"])})


def _document(row: SevdeskDocumentRow | None) -> SevdeskDocument | None:
    if row is None:
        return None
    seen = row["seen_update"] and datetime.fromisoformat(row["seen_update"])
    party = PartyKind(row["party_kind"]), UUID(row["party_id"])
    return SevdeskDocument(row["external_id"], *party, row["content"], seen or None)


def _candidates(
    invoice: Invoice, associations: tuple[Association, ...], document: SevdeskDocument | None
) -> tuple[list[UUID], list[UUID]]:
    """Ids of the companies and of the contacts that may be the recipient, or are that of the document in sevDesk."""
    ends = [(a.from_type, a.from_id) for a in associations] + [(a.to_type, a.to_id) for a in associations]
    ends += [(document.party_kind, document.party_id)] if document else []
    companies = [id_ for kind, id_ in ends if kind == "company"]
    contacts = [id_ for kind, id_ in ends if kind == "contact"]
    return companies, contacts + ([invoice.contact_id] if invoice.contact_id else [])
