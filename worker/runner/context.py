"""Builds the `StepContext` that a step works on from the rows of the database."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from worker.domain.check_levels import DEFAULTS
from worker.domain.emails import several
from worker.domain.invoice import (
    Association,
    Cancellation,
    Invoice,
    Item,
    Party,
    PartyKind,
    SevdeskDocument,
    SyncStatus,
)
from worker.domain.jobs import Payload
from worker.domain.ledger import Job
from worker.domain.recipients import Recipient, addressed_to, resolve
from worker.settings import Settings
from worker.steps.step import LedgerMail, Sending, StepContext
from worker.store import Store
from worker.store.rows import Row, from_row, handback_of


async def load_context(
    store: Store, job: Job, payload: Payload, invoice_id: UUID, settings: Settings
) -> StepContext | None:
    """Everything the steps need, read in at most three round trips; None if there is no such invoice.

    Raises one of `CONNECTION_LOST`.
    """
    row: Row | None = await store.query("load_invoice", invoice_id=invoice_id)
    if row is None:
        return None
    invoice = from_row(Invoice, row, items=tuple(Item(*columns) for columns in row["items"]))
    associations = tuple(Association(*columns) for columns in row["associations"])
    document = _document(row["document"])
    companies, contacts = _candidates(invoice, associations, document)
    rows: list[Row] = await store.query("load_parties", company_ids=companies, contact_ids=contacts)
    found = [from_row(Party, party, kind=PartyKind(party["kind"])) for party in rows]
    parties = {(party.kind, party.id): party for party in found}
    handback = handback_of(row)
    recipient = recipient_now = resolve(invoice, associations, parties)
    if document is not None and handback.sync_status in (SyncStatus.SYNCED, SyncStatus.CANCELLED):
        recipient = addressed_to((document.party_kind, document.party_id), parties)
    link = await store.load_contact_link(recipient.party) if isinstance(recipient, Recipient) else None
    kinds = {"AR": settings.sevdesk_invoice_type_ar, "SR": settings.sevdesk_invoice_type_sr}
    return from_row(
        StepContext,
        row,
        job_id=job.job_id,
        payload=payload,
        invoice=invoice,
        handback=handback,
        recipient=recipient,
        recipient_now=recipient_now,
        document=document,
        confirmed=job.confirmed,
        levels={**DEFAULTS, **settings.check_levels},
        issue_date_max_age=settings.issue_date_max_age,
        warned=frozenset(row["warned"]),
        changes_told=frozenset(row["changes_told"]),
        mail_ledger=tuple(_ledger_mail(*columns) for columns in row["mail_ledger"]),
        sent=_sending(row["sending"]),
        link=link,
        sevdesk_type=kinds[invoice.document_kind],
        cancellation=_cancellation(row["cancellation"]),
    )


def _cancellation(columns: tuple[Any, ...] | None) -> Cancellation | None:
    names = (field.name for field in fields(Cancellation))
    return None if columns is None else Cancellation(**dict(zip(names, columns, strict=True)))


def _ledger_mail(job_id: str, recipient: str, cc: str | None, bcc: str | None, bounce: str | None) -> LedgerMail:
    addresses = (recipient, *several(cc), *several(bcc))
    return LedgerMail(job_id, frozenset(address.casefold() for address in addresses), bounce)


def _sending(columns: tuple[Any, ...] | None) -> Sending | None:
    """The latest event about sending: its type, channel and job."""
    match columns:
        case None | ("mail_bounced", _, _):
            return None
        case (event_type, channel, job_id):
            return Sending(channel or {"mailed": "email", "sent_by_hand": "by hand"}[event_type], job_id or "")
        case _:
            raise AssertionError(columns)


def _document(row: Row | None) -> SevdeskDocument | None:
    if row is None:
        return None
    seen = datetime.fromisoformat(row["seen_update"]) if row["seen_update"] else None
    party = {"party_kind": PartyKind(row["party_kind"]), "party_id": UUID(row["party_id"])}
    return from_row(SevdeskDocument, row, **party, seen_update=seen)


def _candidates(
    invoice: Invoice, associations: tuple[Association, ...], document: SevdeskDocument | None
) -> tuple[list[UUID], list[UUID]]:
    """Ids of the companies and of the contacts that may be the recipient, or are that of the document in sevDesk."""
    ends = [(a.from_type, a.from_id) for a in associations] + [(a.to_type, a.to_id) for a in associations]
    ends += [(document.party_kind, document.party_id)] if document else []
    companies = [id_ for kind, id_ in ends if kind == "company"]
    contacts = [id_ for kind, id_ in ends if kind == "contact"]
    return companies, contacts + ([invoice.contact_id] if invoice.contact_id else [])
