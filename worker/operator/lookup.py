"""Finds the invoice or job that an operator names."""

from dataclasses import dataclass
from uuid import UUID

from worker.store import Store
from worker.store.rows import Row


@dataclass(frozen=True, slots=True)
class Found:
    """A job, if its own id was given, with its invoice if it has one; else an invoice."""

    invoice_id: UUID | None
    job_id: str | None = None


async def resolve(store: Store, subject: str) -> Found | None:
    """Tries our invoice number, our id, sevDesk's number, sevDesk's id and a job's id in this order. None: no match."""
    if subject != subject.encode(errors="ignore").decode():
        return None  # bytes of a command line that are not UTF-8; Postgres would refuse them
    row: Row | None = await store.query("find_subject", subject=subject)
    return None if row is None else Found(**row)
