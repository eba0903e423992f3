"""`reconcile` finds every planted difference, cries wolf about nothing, and asks for the repairs that jobs can make."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from flow.billing import Billing
from flow.books import calls, control, forget_calls, pay
from flow.conftest import RunWorker
from flow.operators import Operator

from sevdesk_client.sandbox.account.records import Invoice as SandboxInvoice
from sevdesk_client.sandbox.http.server import Running
from worker.operator.connections import open_account
from worker.reconcile.read import Reconciliation, read_documents, reconcile, request_repairs, store_counts
from worker.settings import Settings
from worker.store import Store


class Books:
    """Both books: published pairs, and hands that reach into either."""

    def __init__(self, billing: Billing, sevdesk: Running, settings: Settings, run_worker: RunWorker) -> None:
        self.billing, self.sevdesk, self.settings, self.run_worker = billing, sevdesk, settings, run_worker

    async def publish(self, count: int, **columns: object) -> list[UUID]:
        """Invoices that are open on both sides."""
        invoices = [await self.billing.usual_invoice(**columns) for _ in range(count)]
        async with self.run_worker():
            jobs = [await self.billing.enqueue("publish_invoice", invoice_id=invoice) for invoice in invoices]
            assert {(await self.billing.ended(job))["state"] for job in jobs} == {"done"}
        return invoices

    async def there(self, invoice: UUID) -> SandboxInvoice:
        """sevDesk's copy, to be changed by hand."""
        external_id = (await self.billing.row(invoice))["external_id"]
        return self.sevdesk.sandbox.account.invoices[int(external_id)]

    async def here(self, invoice: UUID, change: str) -> None:
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
            return await request_repairs(store, found, await store_counts(store, found))
        finally:
            await store.close()


@pytest.fixture
def books(billing: Billing, sevdesk: Running, settings: Settings, run_worker: RunWorker) -> Books:
    """Two books that agree."""
    return Books(billing, sevdesk, settings, run_worker)


Plant = Callable[[Books, UUID], Awaitable[None]]


async def deleted(books: Books, invoice: UUID) -> None:
    await control(books.sevdesk, "POST", "delete", {"invoice_id": str((await books.there(invoice)).id)})


async def there_twice(books: Books, invoice: UUID) -> None:
    number = (await books.billing.row(invoice))["invoice_number"]
    seeded = await control(books.sevdesk, "POST", "seed", {"invoices": 1, "status": 100})
    books.sevdesk.sandbox.account.invoices[int(seeded["ids"][0])].note = number


async def renumbered(books: Books, invoice: UUID) -> None:
    (await books.there(invoice)).number = f"RE-9{uuid4().hex[:6]}"


async def reset_to_draft(books: Books, invoice: UUID) -> None:
    (await books.there(invoice)).status = 100


async def cancelled_there(books: Books, invoice: UUID) -> None:
    await control(books.sevdesk, "POST", "cancel", {"invoice_id": str((await books.there(invoice)).id)})


async def cancelled_here(books: Books, invoice: UUID) -> None:
    await books.here(
        invoice, "document_status = 'cancelled', claim_status = 'cancelled', accounting_sync_status = 'cancelled'"
    )


async def draft_here(books: Books, invoice: UUID) -> None:
    await books.here(invoice, "accounting_sync_status = 'drafted'")


async def closed_for_no_reason(books: Books, invoice: UUID) -> None:
    (await books.there(invoice)).status = 1000


async def other_gross(books: Books, invoice: UUID) -> None:
    await books.here(invoice, "gross_amount = 119.01")


async def partly_paid(books: Books, invoice: UUID) -> None:
    await pay(books.sevdesk, str((await books.there(invoice)).id), "50")


async def paid_in_full(books: Books, invoice: UUID) -> None:
    await pay(books.sevdesk, str((await books.there(invoice)).id), "119")


async def paid_only_here(books: Books, invoice: UUID) -> None:
    await books.here(invoice, "claim_status = 'paid', paid_amount = 119, paid_at = now()")


async def other_contact(books: Books, invoice: UUID) -> None:
    there = await books.there(invoice)
    there.fields = replace(there.fields, contact_id=there.fields.contact_id + 100_000)


async def pdf_lost(books: Books, invoice: UUID) -> None:
    await books.billing.db.execute("DELETE FROM sevdesk_documents WHERE invoice_id = $1", invoice)


async def pdf_spoilt(books: Books, invoice: UUID) -> None:
    await books.billing.db.execute("UPDATE sevdesk_documents SET content = '%PDF-?' WHERE invoice_id = $1", invoice)


async def pdf_swapped(books: Books, invoice: UUID) -> None:
    statement = """UPDATE sevdesk_documents SET content = '%PDF-!', sha256 = encode(sha256('%PDF-!'), 'hex')
                   WHERE invoice_id = $1"""
    await books.billing.db.execute(statement, invoice)


async def unlinked(books: Books, invoice: UUID) -> None:
    await books.here(
        invoice, "external_id = NULL, external_invoice_number = NULL, accounting_sync_status = 'not_synced'"
    )


# What was planted -> the class it must be found as, and the job that repairs it.
PLANTED: dict[Plant, tuple[str, str | None]] = {
    deleted: ("existence", None),
    there_twice: ("existence", None),
    unlinked: ("existence", None),
    renumbered: ("number", "sync_payments"),
    reset_to_draft: ("status", None),
    cancelled_there: ("status", "sync_payments"),
    cancelled_here: ("status", None),
    draft_here: ("status", None),
    closed_for_no_reason: ("status", None),
    other_gross: ("gross", None),
    partly_paid: ("paid", "sync_payments"),
    paid_in_full: ("paid", "sync_payments"),
    paid_only_here: ("paid", "sync_payments"),
    other_contact: ("contact", None),
    pdf_lost: ("pdf", "fetch_invoice_pdf"),
    pdf_spoilt: ("pdf", "fetch_invoice_pdf"),
    pdf_swapped: ("pdf", "fetch_invoice_pdf"),
}


async def test_every_planted_difference_is_found(books: Books) -> None:
    """All of them once, under their own names, and no sound one; what jobs can repair is repaired after --fix."""
    invoices = await books.publish(2 * len(PLANTED))
    for invoice, difference in zip(invoices, PLANTED, strict=False):
        await difference(books, invoice)
    planted = dict(zip(invoices, PLANTED.values(), strict=False))
    found = await books.compare()
    assert {f.invoice_id: (f.drift.value, f.repair) for f in found.findings} == planted
    assert len(found.findings) == len(planted)
    assert set(found.counts) == {"existence", "number", "status", "gross", "paid", "contact", "pdf"}
    assert all(f.next_step for f in found.findings)
    await assert_repaired(books, planted)


async def assert_repaired(books: Books, planted: dict[UUID, tuple[str, str | None]]) -> None:
    """After --fix and a working worker only that is left which a person must decide."""
    asked = await books.fix()
    repairable = {invoice for invoice, (_, repair) in planted.items() if repair}
    assert len(asked) == len(repairable)
    async with books.run_worker():
        assert {(await books.billing.ended(job))["state"] for job in asked} == {"done"}
    left = {f.invoice_id for f in (await books.compare()).findings}
    assert left == set(planted) - repairable


async def test_healthy_books_agree(books: Books) -> None:
    """Paid, partly paid, Skonto, overpaid, cancelled, parked, made by hand, changed recipients: no false alarm."""
    billing, sevdesk = books.billing, books.sevdesk
    invoices = await books.publish(8)
    await control(sevdesk, "POST", "seed", {"invoices": 30, "prefix": "HAND-"})
    wrong = await billing.usual_invoice(gross_amount="120.00")
    draft = await billing.usual_invoice()
    for invoice, amount in zip(invoices, ("119", "50", "130"), strict=False):
        await pay(sevdesk, str((await books.there(invoice)).id), amount)
    await pay(sevdesk, str((await books.there(invoices[3])).id), "115", kind="skonto")
    await control(sevdesk, "POST", "cancel", {"invoice_id": str((await books.there(invoices[4])).id)})
    async with books.run_worker():
        await billing.do("publish_invoice", invoice_id=wrong)
        await billing.do("cancel_invoice", invoice_id=invoices[5], reason="Doppelt", notify=True)
        await billing.do("cancel_invoice", invoice_id=draft, reason="Doppelt")
        await billing.do("sync_payments")
        await billing.do("send_invoice", invoice_id=invoices[6])
        await billing.do("fetch_invoice_pdf", invoice_id=invoices[7])
    await billing.db.execute("UPDATE sevdesk_contacts SET contact_id = contact_id || '0'")
    found = await books.compare()
    assert [(f.drift, f.ours, f.theirs) for f in found.findings] == []
    assert found.invoices == 8 and found.documents == 8 + 30 + 2


async def test_what_is_changing_is_left_out(books: Books) -> None:
    """A job under way, and a row that changed after we began: both are somebody's work, not drift."""
    first, second = await books.publish(2)
    for invoice in (first, second):
        await partly_paid(books, invoice)
    await books.billing.request("fetch_invoice_pdf", invoice_id=first)
    await books.here(second, "updated_at = now() + interval '1 minute'")
    found = await books.compare()
    assert (found.findings, found.changing) == ((), 2)
    await books.here(second, "updated_at = now()")
    assert [f.invoice_id for f in (await books.compare()).findings] == [second]


async def test_change_while_reading_is_left_out(books: Books) -> None:
    """sevDesk learnt of the money after we began: the payment sync brings it, no alarm is needed."""
    (invoice,) = await books.publish(1)
    await partly_paid(books, invoice)
    there = await books.there(invoice)
    there.update = there.update + timedelta(minutes=1)
    assert (await books.compare()).findings == ()


async def test_book_is_read_by_pages(books: Books) -> None:
    """2,500 documents cost three calls, and no invoice is asked for by itself."""
    await books.publish(2)
    await control(books.sevdesk, "POST", "seed", {"invoices": 2500})
    await forget_calls(books.sevdesk)
    found = await books.compare()
    assert found.documents == 2502 and found.calls == 3
    assert await calls(books.sevdesk) == ["GET /Invoice"] * 3


async def test_deletion_while_reading_hides_nothing(books: Books) -> None:
    """What moves up to a page that was read already is read all the same."""
    await control(books.sevdesk, "POST", "seed", {"invoices": 2500})
    account = books.sevdesk.sandbox.account
    async with open_account(books.settings) as sevdesk:
        list_invoices, newest = sevdesk.client.list_invoices, sorted(account.invoices, reverse=True)

        async def listed(**asked: object) -> object:
            page = await list_invoices(**asked)  # type: ignore[arg-type]
            if asked["offset"] == 0 and newest[0] in account.invoices:
                for ident in newest[:5]:
                    account.remove(account.invoices[ident])
            return page

        sevdesk.client.list_invoices = listed  # type: ignore[method-assign,assignment]
        documents, requests = await read_documents(sevdesk.client)
    assert all(documents.get(str(ident)) for ident in newest[5:])
    assert requests > 3


async def test_command_tells_and_reports(books: Books, tmp_path: Path) -> None:
    """Exit 3 and a table, JSON, a report that needs no other file, and the last result in status."""
    number = "<b>&R1"
    (invoice,) = await books.publish(1, invoice_number=number)
    operator = Operator(books.settings, tmp_path)
    code, said, _ = await operator.run("reconcile")
    assert code == 0 and "1 linked invoices and 1 documents in sevDesk (1 calls) compared: no difference." in said
    await partly_paid(books, invoice)
    answer = await operator.json("reconcile", "--html", "drift.html", code=3)
    assert answer["drift"] == {"paid": 1} and answer["repairs_asked"] == []
    assert answer["findings"][0]["invoice_number"] == number
    page = (tmp_path / "drift.html").read_text()
    assert "1 differences; 1 of them a job repairs" in page and "&lt;b&gt;&amp;R1" in page
    assert not re.search(r"https?:|<script|src=|@import|url\(", page)
    code, said, _ = await operator.run("reconcile", "--fix")
    assert code == 3 and number in said and "1 repair jobs asked for." in said
    assert (await operator.json("status"))["last_reconciliation"]["drift"] == {"paid": 1}
    assert Decimal((await books.billing.row(invoice))["paid_amount"]) == 0  # only the job writes
    asked = await books.billing.db.fetch("SELECT kind, state FROM sevdesk_jobs WHERE job_id LIKE 'reconcile:%'")
    assert [tuple(row) for row in asked] == [("sync_payments", "requested")]


async def test_unreadable_sevdesk_is_one_sentence(books: Books, tmp_path: Path) -> None:
    """Without a token, or with a wrong one, nothing is compared and nothing is remembered."""
    operator = Operator(books.settings, tmp_path)
    code, said, problem = await operator.run("reconcile", SEVDESK_API_TOKEN="")
    assert (code, said) == (2, "") and "SEVDESK_API_TOKEN is not set" in problem
    code, said, problem = await operator.run("reconcile", SEVDESK_API_TOKEN="0" * 32)
    assert (code, said) == (1, "") and "Nothing was compared" in problem and "0" * 32 not in problem
    assert (await operator.json("status"))["last_reconciliation"] is None
