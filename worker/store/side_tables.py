"""Writes what events hold into tables of their own: contacts, documents, mails, cancellations and the like."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from worker.domain import events
from worker.domain.invoice import Cancellation
from worker.domain.ledger import Change, Job
from worker.domain.notices import moves
from worker.store.connection import run_statement

# Why a job that a cancellation made needless is dismissed.
MOOT = "The invoice was cancelled, so there is nothing left to do."

# The events that need more than the invoice's row and the event log, and the statements that store what they hold.
STATEMENTS: Mapping[type[events.Event], str] = {
    events.ContactLinked: "link_contact",
    events.AddressWritten: "link_address",
    events.EmailWritten: "link_email",
    events.DocumentStored: "store_document",
    events.EInvoiceChecked: "store_verdict",
    events.MailSent: "store_mail",
    events.MailBounced: "store_bounce",
    events.Cancelled: "store_cancellation",
    events.CancelledInSevdesk: "store_cancellation",
    events.CreditNoteDrafted: "store_cancellation",
    events.CreditSaved: "store_credit_draft",
    events.CreditDeleted: "store_credit_deleted",
    events.Credited: "store_credit",
    events.MissingInSevdesk: "store_missing",
    events.DeletedInSevdesk: "forget_missing",
}
SIDE_TABLE_EVENTS = tuple(STATEMENTS)


def document_rows(invoice_id: UUID, made: Sequence[events.Event]) -> list[dict[str, Any]]:
    """`documents` of `record_changes`: the row of an invoice that was drafted or finalized, else none."""
    row: dict[str, Any] = {}
    for event in made:
        match event:
            case events.Drafted():
                row = asdict(event) | {"adopted": event.how == events.ADOPTED}
            case events.Finalized():
                row |= {name: getattr(event, name) for name in ("external_id", "seen_update", "account_gross")}
    return [row | {"invoice_id": invoice_id}] if row else []


def notice_rows(changes: Sequence[Change], job: Job) -> list[dict[str, Any]]:
    """`notices` of `record_changes`."""
    confirmed = frozenset(job.confirmed)
    return [
        {"invoice_id": change.invoice_id, "code": code, "parameters": parameters}
        for change in changes
        for code, parameters in moves(change, confirmed).items()
    ]


async def _dismiss_moot_jobs(connection: Any, invoice_id: UUID) -> None:
    """End parked jobs that would publish, send, cancel or credit what is cancelled."""
    for row in await run_statement(connection, "moot_jobs", invoice_id=invoice_id):
        await dismiss(connection, row["job_id"], by="worker", reason=MOOT)


async def dismiss(connection: Any, job_id: str, *, by: str, reason: str) -> tuple[bool, str | None]:
    """End a parked job for good: whether that was possible, and sevDesk's id of a draft that it leaves there."""
    if await run_statement(connection, "dismiss_job", job_id=job_id, by=by, reason=reason) is None:
        return False, None
    return True, await run_statement(connection, "notice_left_draft", job_id=job_id)


async def write_side_tables(connection: Any, job: Job, invoice_id: UUID, event: events.Event) -> None:
    """Store what the event holds. Must run in the transaction that logs the event. Raises one of `CONNECTION_LOST`."""
    await _write_rows(connection, job, invoice_id, event)
    if isinstance(event, events.Cancelled | events.CancelledInSevdesk):
        await _dismiss_moot_jobs(connection, invoice_id)


async def _write_rows(connection: Any, job: Job, invoice_id: UUID, event: events.Event) -> None:
    values = asdict(event)
    match event:
        case events.Cancelled(cancellation=None):
            return
        case (
            events.Cancelled(cancellation=Cancellation() as made)
            | events.CancelledInSevdesk(cancellation=made)
            | events.CreditNoteDrafted(cancellation=made)
        ):
            values = asdict(made)
        case events.DocumentStored():
            values |= {"document": event.document, "mimetype": event.mimetype}
        case events.MailSent():
            values |= {"document": event.document}
    statement = next(name for kind, name in STATEMENTS.items() if isinstance(event, kind))
    await run_statement(connection, statement, invoice_id=invoice_id, job_id=job.job_id, **values)
    if isinstance(event, events.CreditPdfStored):
        await run_statement(connection, "store_credit_pdf", **values)
