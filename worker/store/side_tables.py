"""Writes events into sevdesk_contacts, _invoices, _documents, _mails and _cancellations."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from worker.domain.events import (
    ADOPTED,
    AddressWritten,
    Cancelled,
    CancelledInSevdesk,
    ContactEvent,
    ContactLinked,
    CreditNoteDrafted,
    DocumentStored,
    Drafted,
    EmailWritten,
    Event,
    Finalized,
    MailSent,
)
from worker.domain.invoice import Cancellation
from worker.domain.ledger import Job
from worker.store.connection import QUERIES

# The events that need more than the invoice's row and the event log.
SIDE_TABLE_EVENTS = (
    ContactEvent,
    Drafted,
    Finalized,
    DocumentStored,
    MailSent,
    Cancelled,
    CancelledInSevdesk,
    CreditNoteDrafted,
)


async def write_side_tables(connection: Any, job: Job, invoice_id: UUID, event: Event) -> None:
    """Store what the event holds. Must run in the transaction that logs the event. Raises one of `CONNECTION_LOST`."""
    match event:
        case ContactEvent():
            await _link(connection, event)
        case Drafted():
            await QUERIES.store_document_content(
                connection,
                invoice_id=invoice_id,
                external_id=event.external_id,
                party_kind=event.recipient_kind.value,
                party_id=event.recipient_id,
                content=dict(event.content),
                adopted=event.how == ADOPTED,
                seen_update=event.seen_update,
            )
        case Finalized():
            await QUERIES.store_seen_update(
                connection, invoice_id=invoice_id, external_id=event.external_id, seen_update=event.seen_update
            )
        case DocumentStored():
            await QUERIES.store_document(
                connection,
                invoice_id=invoice_id,
                kind=event.document,
                filename=event.filename,
                mimetype=event.mimetype,
                sha256=event.sha256,
                content=event.content,
            )
        case MailSent():
            await QUERIES.store_mail(
                connection,
                invoice_id=invoice_id,
                job_id=job.job_id,
                document=event.document,
                recipient=event.recipient,
                subject=event.subject,
                pdf_sha256=event.pdf_sha256,
            )
        case (
            Cancelled(cancellation=Cancellation() as made)
            | CancelledInSevdesk(cancellation=made)
            | CreditNoteDrafted(cancellation=made)
        ):
            await QUERIES.store_cancellation(connection, invoice_id=invoice_id, **asdict(made))


async def _link(connection: Any, event: ContactEvent) -> None:
    party = {"party_kind": event.party_kind.value, "party_id": event.party_id, "digest": event.digest}
    match event:
        case ContactLinked():
            await QUERIES.link_contact(connection, contact_id=event.contact_id, **party)
        case AddressWritten():
            await QUERIES.link_address(connection, address_id=event.address_id, **party)
        case EmailWritten():
            await QUERIES.link_email(connection, email_id=event.email_id, **party)
