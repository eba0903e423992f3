"""Another program publishes into the same account: its invoices, and what it makes of them in sevDesk."""

from datetime import date
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from flow.billing import Billing
from flow.old_world import Customer, OldWorld

from sevdesk_client.sandbox.http.server import Running

NO_DEAL = "UPDATE billing_invoices SET deal_id = NULL WHERE id = $1"


async def others(billing: Billing, *, dealless: bool = False, **columns: Any) -> UUID:
    """An invoice that the other program publishes: its deal is of the other type, or it has none."""
    deal = await billing.deal(await billing.company(), deal_type="KOP")
    invoice = await billing.invoice(deal, **columns)
    if dealless:
        await billing.db.execute(NO_DEAL, invoice)
    return invoice


async def publish_there(
    billing: Billing, sevdesk: Running, invoice: UUID, gross: str = "119.00", *,
    number: str = "AR-1", header: str = "Rechnung {number}", day: date | None = None, draft: bool = False,
) -> Any:  # fmt: skip
    """What the other program makes of it: without our marker, with our number in the header."""
    row, account = await billing.row(invoice), sevdesk.sandbox.account
    world = OldWorld(account, Random(1))
    customer = Customer(row["id"], row["deal_id"], [world.contact("Firma")], None)
    shown = header.format(number=row["invoice_number"])
    made = world.document(customer, Decimal(gross), day or row["issue_date"], number, header=shown)
    if draft:
        made.status, made.number, made.enshrined = 100, None, None
        account.add(made)
    return made
