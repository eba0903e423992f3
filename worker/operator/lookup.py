"""Finds the invoice or job that an operator names."""

from dataclasses import dataclass
from uuid import UUID

from worker.store import Store
from worker.store.operator_rows import FoundJobRow, InvoiceIdRow


@dataclass(frozen=True, slots=True)
class Found:
    """A job, if its own id was given, with its invoice if it has one; else an invoice."""

    invoice_id: UUID | None
    job_id: str | None = None


async def resolve(store: Store, subject: str) -> Found | None:
    """Tries our invoice number, our id, sevDesk's number, sevDesk's id and a job's id in this order. None: no match."""
    row: InvoiceIdRow | None = await store.query("find_invoice", subject=subject)
    if row is not None:
        return Found(row["id"])
    job: FoundJobRow | None = await store.query("find_job", job_id=subject)
    return None if job is None else Found(job["invoice_id"], job["job_id"])
