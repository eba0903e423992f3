"""Finds the invoice that a command is about."""

from uuid import UUID

from worker.cli.base import fail
from worker.operator.lookup import resolve
from worker.store import Store


async def invoice_id_of(store: Store, subject: str) -> UUID:
    """The invoice's id. Ends the command with exit code 1 if there is no such invoice."""
    found = await resolve(store, subject)
    if found is None or found.invoice_id is None:
        fail(f"No invoice has the number or id {subject!r}. Check it in the billing system.")
    return found.invoice_id
