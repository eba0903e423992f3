"""Writes events into sevdesk_contacts, _invoices, _documents, _mails, _bounces and _cancellations."""

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
    events.MailBounced,
    events.Cancelled,
    events.CancelledInSevdesk,
    events.CreditNoteDrafted,
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
        case events.MailBounced():
            statement = "store_bounce"
        case (
            events.Cancelled(cancellation=Cancellation() as made)
            | events.CancelledInSevdesk(cancellation=made)
            | events.CreditNoteDrafted(cancellation=made)
        ):
            statement, values = "store_cancellation", asdict(made)
        case _:
            return
    await run_statement(connection, statement, invoice_id=invoice_id, job_id=job.job_id, **values)
