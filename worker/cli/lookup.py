"""Which invoice or job an operator means."""

from dataclasses import dataclass
from uuid import UUID

from worker.cli.base import fail
from worker.store import Store
from worker.store.operator_rows import FoundJobRow, InvoiceIdRow


@dataclass(frozen=True, slots=True)
class Found:
    """A job (its own id was given), or an invoice."""

    invoice_id: UUID | None
    job_id: str | None = None


async def resolve(store: Store, subject: str) -> Found | None:
    """The invoice or job meant; None if there is none.

    Tried in this order: our invoice number, our id, sevDesk's number, sevDesk's id, a job's id.
    """
    row: InvoiceIdRow | None = await store.query("find_invoice", subject=subject)
    if row is not None:
        return Found(row["id"])
    job: FoundJobRow | None = await store.query("find_job", job_id=subject)
    return None if job is None else Found(job["invoice_id"], job["job_id"])


async def invoice_id_of(store: Store, subject: str) -> UUID:
    """The id of the invoice meant. Ends the command with exit code 1 if there is none."""
    found = await resolve(store, subject)
    if found is None or found.invoice_id is None:
        fail(f"No invoice has the number or id {subject!r}. Check it in the billing system.")
    return found.invoice_id
