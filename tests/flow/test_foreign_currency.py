"""An invoice in another currency than the account's: compared in its own, whichever sevDesk's sums are in."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing, parameters
from flow.books import control, pay

from sevdesk_client.sandbox.http.server import Running
from worker.operator.connections import open_account
from worker.reconcile.compare import Drift
from worker.reconcile.read import reconcile
from worker.settings import Settings
from worker.store import Store

DAY = date(2026, 10, 5)


async def published(billing: Billing, sevdesk: Running, **switches: Any) -> tuple[UUID, str]:
    """An invoice over 119.00 USD, which are 103.72 EUR in the sandbox, and its id in sevDesk."""
    await control(sevdesk, "PUT", "switches", switches)
    invoice = await billing.usual_invoice(currency="USD", issue_date=DAY)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert job["state"] == "done", job["error"]
    return invoice, (await billing.row(invoice))["external_id"]


@pytest.mark.parametrize("foreign_sums", ["account", "document"])
async def test_sums_agree_in_dollars(billing: Billing, worker: object, sevdesk: Running, foreign_sums: str) -> None:
    """Saved, finalized, mailed and cancelled to the cent."""
    invoice, _ = await published(billing, sevdesk, foreign_sums=foreign_sums)
    assert (await billing.event(invoice, "finalized"))["gross"] == "119"
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="Doppelt"))["state"] == "done"
    assert (await billing.event(invoice, "cancelled"))["cancellation"]["gross"] == "-119"


async def test_equal_figures_in_euros_park(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Our figures equal sevDesk's in the account's currency, and so not those of its document: no draft is kept."""
    await control(sevdesk, "PUT", "switches", {"cent_off": True})
    invoice = await billing.usual_invoice(currency="USD")
    job = await billing.do("publish_invoice", invoice_id=invoice)
    told = parameters(job)
    assert (job["problem"], told["gross"], told["currency"]) == ("sevdesk_sums_differ", "119.01", "USD")


@pytest.mark.parametrize("foreign_paid", ["account", "document"])
async def test_full_payment_is_certain(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings, foreign_paid: str
) -> None:
    """A part leaves the claim open and is named; the rest makes it paid, whichever currency paidAmount is in."""
    invoice, external_id = await published(billing, sevdesk, foreign_paid=foreign_paid)
    await pay(sevdesk, external_id, "50")
    assert (await billing.do("sync_payments", invoice_id=invoice))["problem"] == "foreign_payment_unclear"
    assert (await billing.row(invoice))["claim_status"] == "open"
    assert await drifts(settings) == [Drift.PAID]
    await pay(sevdesk, external_id, "69")
    assert (await billing.do("sync_payments", invoice_id=invoice))["state"] == "done"
    row = await billing.row(invoice)
    assert (row["claim_status"], row["paid_amount"]) == ("paid", Decimal(119))
    assert await drifts(settings) == []


async def test_person_enters_an_unclear_payment(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Closed with less: once somebody has set the claim, the sync says nothing more about it."""
    invoice, external_id = await published(billing, sevdesk)
    await pay(sevdesk, external_id, "116", kind="skonto")
    assert (await billing.do("sync_payments", invoice_id=invoice))["problem"] == "foreign_payment_unclear"
    await billing.db.execute("UPDATE billing_invoices SET claim_status = 'paid', paid_amount = 116, paid_at = now()")
    assert (await billing.do("sync_payments", invoice_id=invoice))["state"] == "done"
    assert (await billing.row(invoice))["paid_amount"] == Decimal(116)


@pytest.mark.usefixtures("quick_exports")
@pytest.mark.parametrize("foreign_sums", ["account", "document"])
async def test_datev_postings_are_compared(
    billing: Billing, worker: object, sevdesk: Running, foreign_sums: str
) -> None:
    """Posted in EUR or in USD, a wrong amount is found and a right one is not."""
    await published(billing, sevdesk, foreign_sums=foreign_sums)
    month = {"start_date": "2026-10-01", "end_date": "2026-10-31"}
    right = await billing.do("export_datev", **month)
    assert ('"accepted"' in right["result"], right["state"]) == (True, "done"), right["result"]
    await control(sevdesk, "PUT", "switches", {"datev_faults": ["wrong_amount"]})
    wrong = await billing.do("export_datev", **month)
    assert '"amount": 1' in wrong["result"]


async def drifts(settings: Settings) -> list[Drift]:
    """What a comparison of the whole book finds."""
    store = await Store.connect(settings.database_url, size=1)
    try:
        async with open_account(settings) as account:
            return [finding.drift for finding in (await reconcile(store, account.client)).findings]
    finally:
        await store.close()
