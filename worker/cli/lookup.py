"""The invoice a command is about, or exit 1."""

from uuid import UUID

from worker.cli.base import fail
from worker.operator.lookup import resolve
from worker.store import Store


async def invoice_id_of(store: Store, subject: str) -> UUID:
    """The id of the invoice meant. Ends the command with exit code 1 if there is none."""
    found = await resolve(store, subject)
    if found is None or found.invoice_id is None:
        fail(f"No invoice has the number or id {subject!r}. Check it in the billing system.")
    return found.invoice_id
