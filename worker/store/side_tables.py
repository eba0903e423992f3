"""Writes events into sevdesk_contacts, sevdesk_documents, sevdesk_mails and sevdesk_cancellations."""

from typing import Any
from uuid import UUID

from worker.domain.events import (
    AddressWritten,
    CancellationMailed,
    CancellationPdfStored,
    Cancelled,
    CancelledInSevdesk,
    ContactLinked,
    CreditNoteDrafted,
    EmailWritten,
    Event,
    Mailed,
    PdfStored,
    XmlStored,
)
from worker.domain.invoice import Cancellation
from worker.domain.ledger import Job
from worker.store.connection import QUERIES

# The events that need more than the invoice's row and the event log.
SIDE_TABLE_EVENTS = (
    ContactLinked,
    AddressWritten,
    EmailWritten,
    PdfStored,
    XmlStored,
    CancellationPdfStored,
    Mailed,
    CancellationMailed,
    Cancelled,
    CancelledInSevdesk,
    CreditNoteDrafted,
)


async def write_side_tables(connection: Any, job: Job, invoice_id: UUID, event: Event) -> None:
    """Store what the event holds. Must run in the transaction that logs the event. Raises one of `CONNECTION_LOST`."""
    match event:
        case ContactLinked() | AddressWritten() | EmailWritten():
            await _link(connection, event)
        case PdfStored():
            await _document(connection, invoice_id, "invoice_pdf", event)
        case XmlStored():
            await _document(connection, invoice_id, "invoice_xml", event)
        case CancellationPdfStored():
            await _document(connection, invoice_id, "cancellation_pdf", event)
        case Mailed():
            await _mail(connection, job, invoice_id, "invoice", event)
        case CancellationMailed():
            await _mail(connection, job, invoice_id, "cancellation", event)
        case (
            Cancelled(cancellation=Cancellation() as made)
            | CancelledInSevdesk(cancellation=made)
            | CreditNoteDrafted(cancellation=made)
        ):
            await QUERIES.store_cancellation(
                connection,
                invoice_id=invoice_id,
                kind=made.kind,
                external_id=made.external_id,
                number=made.number,
                net=made.net,
                tax=made.tax,
                gross=made.gross,
            )


async def _link(connection: Any, event: ContactLinked | AddressWritten | EmailWritten) -> None:
    party = {"party_kind": event.party_kind.value, "party_id": event.party_id, "digest": event.digest}
    match event:
        case ContactLinked():
            await QUERIES.link_contact(connection, contact_id=event.contact_id, **party)
        case AddressWritten():
            await QUERIES.link_address(connection, address_id=event.address_id, **party)
        case EmailWritten():
            await QUERIES.link_email(connection, email_id=event.email_id, **party)


async def _document(
    connection: Any, invoice_id: UUID, kind: str, event: PdfStored | XmlStored | CancellationPdfStored
) -> None:
    await QUERIES.store_document(
        connection,
        invoice_id=invoice_id,
        kind=kind,
        filename=event.filename,
        mimetype="application/xml" if isinstance(event, XmlStored) else "application/pdf",
        sha256=event.sha256,
        content=event.content,
    )


async def _mail(connection: Any, job: Job, invoice_id: UUID, document: str, event: Mailed | CancellationMailed) -> None:
    await QUERIES.store_mail(
        connection,
        invoice_id=invoice_id,
        job_id=job.job_id,
        document=document,
        recipient=event.recipient,
        subject=event.subject,
        pdf_sha256=event.pdf_sha256,
    )
