"""Many invoices of few customers at once: what they share is asked for and written once."""

from collections import Counter

from flow.billing import Billing
from flow.books import calls, state
from flow.conftest import RunWorker

from sevdesk_client.sandbox.http.server import Running

CUSTOMERS, INVOICES = 4, 24
# A publication's own: look-up, save, layout, number, PDF.
EACH = ("GET /Invoice", "POST /Invoice/Factory/saveInvoice", "PUT /Invoice/{id}/changeParameter",
        "PUT /Invoice/{id}/sendBy", "GET /Invoice/{id}/getPdf")  # fmt: skip
PER_CUSTOMER = ("GET /Contact", "POST /Contact", "GET /ContactAddress", "POST /ContactAddress",
                "GET /CommunicationWay", "POST /CommunicationWay")  # fmt: skip
ONCE = ("GET /SevUser", "GET /StaticCountry")


async def test_shared_work_is_done_once(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Five calls an invoice, six a customer, two in all; every invoice is there once and has its number."""
    deals = [await billing.deal(await billing.company(name=f"Kunde {n} GmbH")) for n in range(CUSTOMERS)]
    invoices = [await billing.invoice(deals[n % CUSTOMERS]) for n in range(INVOICES)]
    jobs = [await billing.enqueue("publish_invoice", invoice_id=invoice) for invoice in invoices]
    # With a real quarantine: on a busy machine a short one lets jobs look again, for safety.
    async with run_worker(write_quarantine=45.0):
        assert Counter([(await billing.ended(job_id))["state"] for job_id in jobs]) == {"done": INVOICES}
    assert Counter(await calls(sevdesk)) == {
        **dict.fromkeys(EACH, INVOICES), **dict.fromkeys(PER_CUSTOMER, CUSTOMERS), **dict.fromkeys(ONCE, 1)
    }  # fmt: skip
    there = await state(sevdesk)
    assert len(there["contacts"]) == CUSTOMERS
    assert len({invoice["invoiceNumber"] for invoice in there["invoices"]}) == INVOICES
