"""Writes events into sevdesk_contacts, _invoices, _documents, _mails, _cancellations and _credit_notes."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from worker.domain import events
from worker.domain.invoice import Cancellation
from worker.domain.ledger import Job
from worker.store.connection import run_statement

# The events that need more than the invoice's row and the event log.
SIDE_TABLE_EVENTS = (
    events.ContactEvent,
    events.Drafted,
    events.Finalized,
    events.DocumentStored,
    events.MailSent,
    events.Cancelled,
    events.CancelledInSevdesk,
    events.CreditNoteDrafted,
    events.CreditSaved,
    events.CreditDeleted,
    events.Credited,
)


async def write_side_tables(connection: Any, job: Job, invoice_id: UUID, event: events.Event) -> None:
    """Store what the event holds. Must run in the transaction that logs the event. Raises one of `CONNECTION_LOST`."""
    values = asdict(event)
    match event:
        case events.ContactLinked():
            statement = "link_contact"
        case events.AddressWritten():
            statement = "link_address"
        case events.EmailWritten():
            statement = "link_email"
        case events.Drafted():
            statement = "store_document_content"
        case events.Finalized():
            statement = "store_seen_update"
        case events.DocumentStored():
            statement, values = "store_document", values | {"document": event.document, "mimetype": event.mimetype}
        case events.MailSent():
            statement, values = "store_mail", values | {"document": event.document}
        case (
            events.Cancelled(cancellation=Cancellation() as made)
            | events.CancelledInSevdesk(cancellation=made)
            | events.CreditNoteDrafted(cancellation=made)
        ):
            drafted = isinstance(event, events.CreditNoteDrafted)
            statement, values = "store_cancellation", asdict(made) | {"is_draft": drafted}
        case events.CreditSaved():
            statement = "store_credit_draft"
        case events.CreditDeleted():
            statement = "store_credit_deleted"
        case events.Credited():
            statement = "store_credit"
        case _:
            return
    await run_statement(connection, statement, invoice_id=invoice_id, job_id=job.job_id, **values)
    if isinstance(event, events.CreditPdfStored):
        await run_statement(connection, "store_credit_pdf", **values)
