"""A thousand invoices, ten of each kind of drift: the sweep finds all of them, and nothing else."""

from collections.abc import Callable
from decimal import Decimal

from flow.billing import Billing
from flow.books import control
from flow.conftest import RunWorker

from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints import cancelling, paying
from sevdesk_client.sandbox.http.server import Running

INVOICES, EACH = 1000, 10
PUBLISHED = """
    INSERT INTO billing_invoices (invoice_number, document_kind, document_status, net_amount, tax_amount, gross_amount,
                                  issue_date, accounting_provider, accounting_sync_status, external_id,
                                  external_invoice_number)
    SELECT 'SEED-' || lpad(n::text, 6, '0'), 'AR', 'sent', 100, 19, 119, current_date, 'sevdesk', 'synced', id, number
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS sent(id, number, n)"""
MARKED_PAID = """
    UPDATE billing_invoices SET claim_status = 'paid', paid_amount = 119, paid_at = now()
    WHERE external_id = ANY ($1::text[])"""


def book(amount: str, *, closes: bool = False) -> Callable[[Account, Invoice], None]:
    """A payment of this amount in sevDesk."""
    return lambda account, invoice: paying.pay(account, invoice, Decimal(amount), account.today(), closes=closes)


def renumber(account: Account, invoice: Invoice) -> None:
    """A person gives it another number."""
    invoice.number = f"X-{invoice.id}"
    account.touch(invoice)


def change_nothing(account: Account, invoice: Invoice) -> None:
    """Open in sevDesk as before; here it is marked as paid, as if the payment had been unlinked."""


DRIFT: dict[str, tuple[Callable[[Account, Invoice], object], str]] = {
    "paid": (book("119"), "paid"),
    "partially_paid": (book("40"), "partially_paid"),
    "overpaid": (book("120"), "paid"),
    "discounted": (book("116.62", closes=True), "paid"),
    "payment_reversed": (change_nothing, "open"),
    "cancelled_in_sevdesk": (cancelling.cancel, "cancelled"),
    "deleted_in_sevdesk": (Account.remove, "open"),
    "renumbered": (renumber, "open"),
}


async def test_every_drift_is_found(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Each by its own event, exactly once; the others keep their rows and have no event."""
    account = sevdesk.sandbox.account
    await control(sevdesk, "POST", "seed", {"invoices": INVOICES})
    documents = list(account.invoices.values())
    await billing.db.execute(PUBLISHED, [str(each.id) for each in documents], [each.number for each in documents])
    await billing.db.execute("UPDATE sevdesk_sync_state SET watermark = now() + interval '1 hour'")
    wanted = {}
    for place, (event, (drift, claim)) in enumerate(DRIFT.items()):
        for document in documents[place * 100 : place * 100 + EACH]:
            drift(account, document)
            wanted[str(document.id)] = (event, claim)
    reversed_ = [external_id for external_id, (event, _) in wanted.items() if event == "payment_reversed"]
    await billing.db.execute(MARKED_PAID, reversed_)
    async with run_worker(mass_change_limit=len(wanted)):
        job = await billing.do("sync_payments", full=True)
    assert job["state"] == "done" and f'"changed": {len(wanted)}' in job["result"]
    found = await billing.db.fetch(
        """SELECT i.external_id, e.event_type, i.claim_status
           FROM billing_invoice_event_log e JOIN billing_invoices i ON i.id = e.invoice_id
           WHERE e.event_type <> 'payment_synced'"""
    )
    assert {row["external_id"]: (row["event_type"], row["claim_status"]) for row in found} == wanted
    assert len(found) == len(wanted) == EACH * len(DRIFT)
