"""PUBLISH_IN_ORDER: sevDesk's numbers rise with the invoices' dates and numbers, whatever the order of the jobs."""

from datetime import timedelta

from flow.billing import Billing, time_to_day
from flow.conftest import RunWorker
from flow.test_final_invoices import REST

MIXED = ((0, "INV-10"), (1, "INV-1"), (0, "INV-9"), (0, "INV-2"), (1, "INV-11"), (0, "INV-100"))  # days ago, number


async def test_numbers_rise_with_invoices(billing: Billing, run_worker: RunWorker) -> None:
    """Asked for in another order, done by two workers; one that is parked holds nobody up."""
    today = time_to_day()
    asked = []
    for days, number in (*MIXED, (9, "INV-0")):
        wrong = {"gross_amount": "1.00"} if number == "INV-0" else {}
        invoice = await billing.usual_invoice(invoice_number=number, issue_date=today - timedelta(days=days), **wrong)
        asked.append(await billing.request("publish_invoice", invoice_id=invoice))
    async with run_worker(publish_in_order=True), run_worker(publish_in_order=True):
        states = [(await billing.ended(job_id))["state"] for job_id in asked]
    assert states == ["done"] * len(MIXED) + ["parked"]
    rows = await billing.db.fetch(
        "SELECT invoice_number FROM billing_invoices WHERE external_id IS NOT NULL ORDER BY external_invoice_number"
    )
    expected = ["INV-1", "INV-11", "INV-2", "INV-9", "INV-10", "INV-100"]
    assert [row["invoice_number"] for row in rows] == expected


async def test_deals_are_not_locked_up(billing: Billing, run_worker: RunWorker) -> None:
    """A final invoice waits for the later advance of its deal, which therefore does not wait for it."""
    today, deal = time_to_day(), await billing.deal(await billing.company())
    final = await billing.invoice(deal, document_kind="SR", issue_date=today - timedelta(days=3), **REST)
    advance = await billing.invoice(deal, issue_date=today)
    jobs = [await billing.request("publish_invoice", invoice_id=invoice) for invoice in (final, advance)]
    async with run_worker(publish_in_order=True):
        assert [(await billing.ended(job_id))["state"] for job_id in jobs] == ["done", "done"]
    numbers = [(await billing.row(invoice))["external_invoice_number"] for invoice in (advance, final)]
    assert numbers == sorted(numbers)
