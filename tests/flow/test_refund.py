"""Cancelling an invoice on which money has come, with `refund`: sevDesk's credit note is finished, exactly once."""

import json
from decimal import Decimal
from typing import Any

import pytest
from flow.billing import parameters
from flow.histories import BLIND, begin, do, nothing_open, open_office, outcomes, pay, retried, settle
from flow.model_office import Office, Trouble

from sevdesk_client.sandbox.endpoints import cancelling

office = open_office

CANCEL: dict[str, Any] = {"reason": "returned", "refund": True}


async def paid(office: Office, amount: str = "119") -> None:
    """Published, and paid."""
    await do(office, "publish_invoice")
    pay(office, amount)


async def check_credited(office: Office, job: Any, paid: str) -> None:
    """One finished credit note over the whole, on record here, and nothing left to do."""
    assert (job["state"], job["error"]) == ("done", None)
    [note] = office.account.credit_notes.values()
    assert (note.status, note.number, note.fields.sums.gross) == (200, note.number, Decimal(119))
    made = await office.billing.db.fetchrow("SELECT * FROM sevdesk_cancellations")
    shown = (made["kind"], made["is_draft"], made["cancellation_external_id"], made["cancellation_number"])
    assert shown == ("credit_note", False, str(note.id), note.number)
    assert made["refund_due"] == Decimal(paid)
    result = json.loads(job["result"])
    assert (result["cancellation_number"], result["refund_due"]) == (note.number, paid)
    row = await office.billing.row(office.invoice)
    statuses = row["document_status"], row["claim_status"], row["accounting_sync_status"], row["paid_amount"]
    assert statuses == ("cancelled", "cancelled", "cancelled", 0)
    assert office.documents()[0].cancelled_by is None
    events = await office.billing.events(office.invoice)
    assert [each for each in events if "c" in each and each in ONCE] == list(ONCE)
    assert await nothing_open(office)


ONCE = ("credit_note_drafted", "cancelled", "cancellation_pdf_stored")


async def test_paid_invoice_is_credited_and_cancelled(office: Office) -> None:
    """The draft that sevDesk makes is finished; number, PDF and refund are on record."""
    await paid(office)
    job = await do(office, "cancel_invoice", **CANCEL)
    await check_credited(office, job, "119")
    assert await outcomes(office, "cancel_invoice") == await outcomes(office, "finalize_credit_note") == ["done"]
    content = await office.billing.db.fetchval("SELECT content FROM sevdesk_documents WHERE kind = 'cancellation_pdf'")
    assert content.startswith(b"%PDF")


async def test_row_that_was_changed_since_makes_no_difference(office: Office) -> None:
    """The credit note is over what the invoice's document is over, and its PDF shows that."""
    await paid(office)
    await office.billing.db.execute("UPDATE billing_invoices SET gross_amount = 120")
    await check_credited(office, await do(office, "cancel_invoice", **CANCEL), "119")


async def test_partly_paid_invoice_is_credited(office: Office) -> None:
    """sevDesk would refuse to cancel it, and is asked for a credit note over the whole instead."""
    await paid(office, "19")
    job = await do(office, "cancel_invoice", **CANCEL)
    await check_credited(office, job, "19")
    assert await outcomes(office, "create_credit_note") == ["done"]


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("kind", ["lost", "dropped", "late"])
@pytest.mark.parametrize("amount", ["119", "19"])
async def test_lost_answers_leave_one_credit_note(office: Office, amount: str, kind: str, after: int) -> None:
    """Whichever write is lost, on the way there or back: one credit note, one number, one mail."""
    await paid(office, amount)
    job = await do(office, "cancel_invoice", Trouble(kind, after), **CANCEL, notify=True)
    if job["state"] == "parked":
        assert job["problem"] == "mail_outcome_unknown"
        job = await retried(office, job, "done" if office.account.mails else "not-done")
    await check_credited(office, job, amount)
    [note] = office.account.credit_notes.values()
    assert [mail["object"]["id"] for mail in office.account.mails] == [str(note.id)]
    assert (office.account.next_credit_note, note.number) == (int(note.number[3:]) + 1, f"GU-{note.number[3:]}")


async def test_draft_that_waits_is_finished(office: Office) -> None:
    """Asked without `refund`, it parks and says how to go on; asked again with it, the same draft is finished."""
    await paid(office)
    waiting = await do(office, "cancel_invoice", reason="returned")
    assert (waiting["state"], waiting["problem"]) == ("parked", "credit_note_draft")
    assert "refund=true" in waiting["next_step"]
    job = await do(office, "cancel_invoice", **CANCEL)
    await check_credited(office, job, "119")
    # What waited for the same is moot.
    assert (await office.billing.job(waiting["job_id"]))["state"] == "dismissed"


async def test_finished_by_hand_is_adopted(office: Office) -> None:
    """Somebody was faster in sevDesk's own pages."""
    await paid(office)
    cancelling.cancel(office.account, office.documents()[0])
    [note] = office.account.credit_notes.values()
    note.status = 200
    await check_credited(office, await do(office, "cancel_invoice", **CANCEL), "119")
    assert await outcomes(office, "cancel_invoice") == await outcomes(office, "finalize_credit_note") == []


async def test_changed_draft_is_not_finished(office: Office) -> None:
    """A credit note that is not over the whole invoice waits for a person."""
    await paid(office)
    await do(office, "cancel_invoice", reason="returned")
    [note] = office.account.credit_notes.values()
    note.fields = office.account.invoices[note.source_id].fields.negated()
    job = await do(office, "cancel_invoice", **CANCEL)
    assert (job["state"], job["problem"], note.status) == ("parked", "credit_note_sums_differ", 100)


@pytest.mark.parametrize("amount", ["119", "19"])
async def test_advance_says_so_before(office: Office, amount: str) -> None:
    """sevDesk makes no credit note for its type AR; it is not even asked."""
    await paid(office, amount)
    office.documents()[0].type = "AR"
    job = await do(office, "cancel_invoice", **CANCEL)
    assert (job["state"], job["problem"], parameters(job)["type"]) == ("parked", "credit_note_not_for_advance", "AR")
    assert await outcomes(office, "cancel_invoice") == await outcomes(office, "create_credit_note") == []


async def test_payment_gone_meanwhile_changes_nothing(office: Office) -> None:
    """While the finishing is under way the payment is unlinked by nobody: a credit note forbids it, and it ends."""
    await paid(office)
    await begin(office, "cancel_invoice", Trouble("late", 1, **BLIND), **CANCEL)
    await settle(office)
    [job] = await office.parked()
    await check_credited(office, await retried(office, job), "119")


async def test_open_invoice_gets_a_storno(office: Office) -> None:
    """`refund` makes no difference where nothing was paid."""
    await do(office, "publish_invoice")
    job = await do(office, "cancel_invoice", **CANCEL)
    assert (job["state"], json.loads(job["result"])["refund_due"]) == ("done", None)
    assert len(office.documents("SR")) == 1 and not office.account.credit_notes


async def test_paid_storno_tells_the_refund(office: Office) -> None:
    """Where sevDesk makes an SR of a paid invoice, `refund` answers the question what to do with the money."""
    office.account.switches.change({"cancel_paid": "storno"})
    await paid(office)
    job = await do(office, "cancel_invoice", **CANCEL)
    assert (job["state"], json.loads(job["result"])["refund_due"]) == ("done", "119")


async def test_sync_leaves_the_credited_alone(office: Office) -> None:
    """The invoice is still paid in sevDesk; here it is cancelled, and stays so."""
    await paid(office)
    await do(office, "cancel_invoice", **CANCEL)
    before = await office.billing.events(office.invoice)
    for scope in ({}, {"full": True}):
        assert (await do(office, "sync_payments", **scope, invoice_id=None))["state"] == "done"
    assert await office.billing.events(office.invoice) == before
