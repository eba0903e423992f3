"""Billing system and sevDesk that disagree: each kind of difference, planted by hand."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4

from flow.billing import Billing
from flow.books import control, pay
from flow.conftest import RunWorker

from sevdesk_client.sandbox.account.records import Invoice as SandboxInvoice
from sevdesk_client.sandbox.http.server import Running
from worker.operator.connections import open_account
from worker.reconcile.read import Reconciliation, reconcile, request_repairs, store_result
from worker.settings import Settings
from worker.store import Store


class BothSystems:
    """Billing system and sevDesk, and ways to change one of them behind the other's back."""

    def __init__(self, billing: Billing, sevdesk: Running, settings: Settings, run_worker: RunWorker) -> None:
        self.billing, self.sevdesk, self.settings, self.run_worker = billing, sevdesk, settings, run_worker

    async def publish(self, count: int, **columns: object) -> list[UUID]:
        """Invoices that are open on both sides."""
        invoices = [await self.billing.usual_invoice(**columns) for _ in range(count)]
        async with self.run_worker():
            jobs = [await self.billing.enqueue("publish_invoice", invoice_id=invoice) for invoice in invoices]
            assert {(await self.billing.ended(job))["state"] for job in jobs} == {"done"}
        return invoices

    async def sevdesk_invoice(self, invoice: UUID) -> SandboxInvoice:
        """sevDesk's copy, to be changed by hand."""
        external_id = (await self.billing.row(invoice))["external_id"]
        return self.sevdesk.sandbox.account.invoices[int(external_id)]

    async def change_row(self, invoice: UUID, change: str) -> None:
        """Our row, changed by hand."""
        await self.billing.db.execute(f"UPDATE billing_invoices SET {change} WHERE id = $1", invoice)  # noqa: S608

    async def compare(self) -> Reconciliation:
        """One comparison, as the command makes it."""
        store = await Store.connect(self.settings.database_url, size=1)
        try:
            async with open_account(self.settings) as account:
                return await reconcile(store, account.client)
        finally:
            await store.close()

    async def fix(self) -> list[str]:
        """What --fix does."""
        store = await Store.connect(self.settings.database_url, size=1)
        try:
            async with open_account(self.settings) as account:
                found = await reconcile(store, account.client)
            return await request_repairs(store, found, await store_result(store, found))
        finally:
            await store.close()


Difference = Callable[[BothSystems, UUID], Awaitable[None]]


async def deleted(systems: BothSystems, invoice: UUID) -> None:
    await control(systems.sevdesk, "POST", "delete", {"invoice_id": str((await systems.sevdesk_invoice(invoice)).id)})


async def twice_in_sevdesk(systems: BothSystems, invoice: UUID) -> None:
    number = (await systems.billing.row(invoice))["invoice_number"]
    seeded = await control(systems.sevdesk, "POST", "seed", {"invoices": 1, "status": 100})
    systems.sevdesk.sandbox.account.invoices[int(seeded["ids"][0])].note = number


async def renumbered(systems: BothSystems, invoice: UUID) -> None:
    (await systems.sevdesk_invoice(invoice)).number = f"RE-9{uuid4().hex[:6]}"


async def reset_to_draft(systems: BothSystems, invoice: UUID) -> None:
    (await systems.sevdesk_invoice(invoice)).status = 100


async def cancelled_in_sevdesk(systems: BothSystems, invoice: UUID) -> None:
    await control(systems.sevdesk, "POST", "cancel", {"invoice_id": str((await systems.sevdesk_invoice(invoice)).id)})


async def cancelled_in_billing(systems: BothSystems, invoice: UUID) -> None:
    await systems.change_row(
        invoice, "document_status = 'cancelled', claim_status = 'cancelled', accounting_sync_status = 'cancelled'"
    )


async def draft_in_billing(systems: BothSystems, invoice: UUID) -> None:
    await systems.change_row(invoice, "accounting_sync_status = 'drafted'")


async def closed_for_no_reason(systems: BothSystems, invoice: UUID) -> None:
    (await systems.sevdesk_invoice(invoice)).status = 1000


async def other_gross(systems: BothSystems, invoice: UUID) -> None:
    await systems.change_row(invoice, "gross_amount = 119.01")


async def partly_paid(systems: BothSystems, invoice: UUID) -> None:
    await pay(systems.sevdesk, str((await systems.sevdesk_invoice(invoice)).id), "50")


async def paid_in_full(systems: BothSystems, invoice: UUID) -> None:
    await pay(systems.sevdesk, str((await systems.sevdesk_invoice(invoice)).id), "119")


async def paid_in_billing_only(systems: BothSystems, invoice: UUID) -> None:
    await systems.change_row(invoice, "claim_status = 'paid', paid_amount = 119, paid_at = now()")


async def other_contact(systems: BothSystems, invoice: UUID) -> None:
    copy = await systems.sevdesk_invoice(invoice)
    copy.fields = replace(copy.fields, contact_id=copy.fields.contact_id + 100_000)


async def pdf_deleted(systems: BothSystems, invoice: UUID) -> None:
    await systems.billing.db.execute("DELETE FROM sevdesk_documents WHERE invoice_id = $1", invoice)


async def pdf_altered(systems: BothSystems, invoice: UUID) -> None:
    await systems.billing.db.execute("UPDATE sevdesk_documents SET content = '%PDF-?' WHERE invoice_id = $1", invoice)


async def pdf_and_digest_altered(systems: BothSystems, invoice: UUID) -> None:
    statement = """UPDATE sevdesk_documents SET content = '%PDF-!', sha256 = encode(sha256('%PDF-!'), 'hex')
                   WHERE invoice_id = $1"""
    await systems.billing.db.execute(statement, invoice)


async def unlinked(systems: BothSystems, invoice: UUID) -> None:
    await systems.change_row(
        invoice, "external_id = NULL, external_invoice_number = NULL, accounting_sync_status = 'not_synced'"
    )


# What was planted -> the class it must be found as, and the job that repairs it.
PLANTED: dict[Difference, tuple[str, str | None]] = {
    deleted: ("existence", None),
    twice_in_sevdesk: ("existence", None),
    unlinked: ("existence", None),
    renumbered: ("number", "sync_payments"),
    reset_to_draft: ("status", None),
    cancelled_in_sevdesk: ("status", "sync_payments"),
    cancelled_in_billing: ("status", None),
    draft_in_billing: ("status", None),
    closed_for_no_reason: ("status", None),
    other_gross: ("gross", None),
    partly_paid: ("paid", "sync_payments"),
    paid_in_full: ("paid", "sync_payments"),
    paid_in_billing_only: ("paid", "sync_payments"),
    other_contact: ("contact", None),
    pdf_deleted: ("pdf", "fetch_invoice_pdf"),
    pdf_altered: ("pdf", "fetch_invoice_pdf"),
    pdf_and_digest_altered: ("pdf", "fetch_invoice_pdf"),
}
