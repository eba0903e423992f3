"""Which invoice or job an operator means."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from worker.cli.base import fail
from worker.store import Store


@dataclass(frozen=True, slots=True)
class Found:
    """A job (its own id was given), or an invoice."""

    invoice_id: UUID | None
    job_id: str | None = None


async def resolve(store: Store, subject: str) -> Found | None:
    """By invoice number (ours first, then sevDesk's), by the invoice's id here or there, else by a job's id."""
    row: Any = await store.query("find_invoice", subject=subject)
    if row is not None:
        return Found(row["id"])
    job = await store.query("find_job", job_id=subject)
    return None if job is None else Found(job["invoice_id"], job["job_id"])


async def invoice_id_of(store: Store, subject: str) -> UUID:
    """The invoice, or exit 1."""
    found = await resolve(store, subject)
    if found is None or found.invoice_id is None:
        fail(f"No invoice has the number or id {subject!r}. Check it in the billing system.")
    return found.invoice_id
