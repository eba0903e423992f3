"""From rows to nouns: builds the `Case` a step works on."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from worker.domain.invoice import Association, Cancellation, Invoice, Party, PartyKind
from worker.domain.jobs import Payload
from worker.domain.recipients import Recipient, resolve
from worker.settings import Settings
from worker.steps.step import Case
from worker.store import Job, Store
from worker.store.rows import handback_of, invoice_of


async def load_case(store: Store, job: Job, payload: Payload, invoice_id: UUID, settings: Settings) -> Case | None:
    """Everything the steps need, in three round trips; None when there is no such invoice."""
    row = await store.load_invoice(invoice_id)
    if row is None:
        return None
    invoice = invoice_of(row)
    associations = tuple(_association(a) for a in row["associations"])
    parties = await store.load_parties(*_candidates(invoice, associations))
    recipient = resolve(invoice, associations, {(p.kind, p.id): p for p in map(_party, parties)})
    link = await store.load_contact_link(recipient.party) if isinstance(recipient, Recipient) else None
    kinds = {"AR": settings.sevdesk_invoice_type_ar, "SR": settings.sevdesk_invoice_type_sr}
    return Case(
        job_id=job.job_id,
        payload=payload,
        invoice=invoice,
        handback=handback_of(row),
        recipient=recipient,
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


def _cancellation(row: Mapping[str, Any] | None) -> Cancellation | None:
    if row is None:
        return None
    sums = {name: None if row[name] is None else Decimal(row[name]) for name in ("net", "tax", "gross")}
    return Cancellation(kind=row["kind"], external_id=row["external_id"], number=row["number"], **sums)


def _association(row: Mapping[str, Any]) -> Association:
    return Association(row["from_type"], UUID(row["from_id"]), row["to_type"], UUID(row["to_id"]), row["label"])


def _party(row: Mapping[str, Any]) -> Party:
    return Party(**{**row, "kind": PartyKind(row["kind"])})


def _candidates(invoice: Invoice, associations: tuple[Association, ...]) -> tuple[list[UUID], list[UUID]]:
    """Ids of the companies and the contacts that `resolve` may ask for."""
    ends = [(a.from_type, a.from_id) for a in associations] + [(a.to_type, a.to_id) for a in associations]
    companies = [id_ for kind, id_ in ends if kind == "company"]
    contacts = [id_ for kind, id_ in ends if kind == "contact"]
    return companies, contacts + ([invoice.contact_id] if invoice.contact_id else [])
