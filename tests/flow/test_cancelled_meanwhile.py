"""A person cancels in the billing system between the draft and its number: nothing is finished after that."""

from typing import Any

import pytest
from flow.histories import do, nothing_open, open_office, pay
from flow.model_office import Office, Trouble
from flow.test_credit_invoice import HALF, credit, noted, published

office = open_office

CANCELS = {
    "all": "document_status = 'cancelled', claim_status = 'cancelled', cancelled_at = now()",
    "document": "document_status = 'cancelled'",
    "date": "cancelled_at = now(), claim_status = 'cancelled'",
}


async def again(office: Office, job: Any) -> Any:
    """One more attempt of the parked job. The books are not looked at: the person has written into them."""
    await office.billing.retry(job["job_id"])
    assert await office.attempt() == job["job_id"]
    return await office.billing.job(job["job_id"])


@pytest.mark.parametrize("how", CANCELS)
async def test_credit_note_is_not_finished(office: Office, how: str) -> None:
    """Its draft is deleted, and the job rejected."""
    await published(office)
    job = await credit(office, HALF, Trouble("dropped", 1, blind=True))
    assert [note.status for note in office.account.credit_notes.values()] == [100]
    await office.billing.db.execute(f"UPDATE billing_invoices SET {CANCELS[how]}")  # noqa: S608 - ours
    job = await again(office, job)
    assert (job["state"], job["problem"]) == ("rejected", "invoice_cancelled")
    assert not office.account.credit_notes and await nothing_open(office)
    assert [row["status"] for row in await noted(office)] == ["deleted"]


@pytest.mark.parametrize("how", CANCELS)
async def test_invoice_is_not_finished(office: Office, how: str) -> None:
    """The draft gets no number, whatever becomes of its job."""
    job = await do(office, "publish_invoice", Trouble("dropped", 5, blind=True))
    assert job["state"] == "parked" and [each.status for each in office.documents()] == [100]
    await office.billing.db.execute(f"UPDATE billing_invoices SET {CANCELS[how]}")  # noqa: S608 - ours
    job = await again(office, job)
    assert job["problem"] in ("invoice_not_approved", "approval_withdrawn")
    assert [each.status for each in office.documents()] == [100]


async def test_refund_is_finished(office: Office) -> None:
    """Here the job is the cancellation itself, so its credit note is finished."""
    await do(office, "publish_invoice")
    pay(office, "119")
    await do(office, "sync_payments", invoice_id=None)
    job = await do(office, "cancel_invoice", Trouble("dropped", 1, blind=True), reason="returned", refund=True)
    await office.billing.db.execute(f"UPDATE billing_invoices SET {CANCELS['date']}")  # noqa: S608 - ours
    job = await again(office, job)
    assert (job["state"], job["error"]) == ("done", None)
    assert [note.status for note in office.account.credit_notes.values()] == [200] and await nothing_open(office)
