"""An invoice is published when sevDesk shows it final and with its number, whatever the status of an answer was."""

from typing import Any

import pytest
from flow.books import calls, order_fault, pay, state
from flow.stage import Stage

SEND_BY, READ = "PUT /Invoice/*/sendBy", "GET /Invoice/*"


async def drafted(stage: Stage) -> tuple[str, Any]:
    """A job whose sendBy was lost before it reached sevDesk, and sevDesk's draft."""
    await order_fault(stage.sevdesk, "drop_before", SEND_BY)
    invoice = await stage.billing.usual_invoice()
    job_id = await stage.lost("publish_invoice", invoice_id=invoice)
    [draft] = (await state(stage.sevdesk))["invoices"]
    assert draft["status"] == "100"
    return job_id, draft


async def ended(stage: Stage, job_id: str) -> None:
    """The job is done, and number and status are those of sevDesk's one invoice."""
    job = await stage.billing.ended(job_id)
    assert (job["state"], job["error"]) == ("done", None)
    [remote] = (await state(stage.sevdesk))["invoices"]
    assert (remote["status"], remote["invoiceNumber"]) == ("200", "RE-1000")
    [row] = await stage.billing.db.fetch("SELECT external_invoice_number FROM billing_invoices")
    assert row["external_invoice_number"] == "RE-1000"


@pytest.mark.parametrize("done", [True, False])
async def test_send_by_that_shows_a_draft(stage: Stage, done: bool) -> None:
    """The answer shows the draft as it was: it is read back, and finalised once more if it is one."""
    async with stage.working():
        job_id, draft = await drafted(stage)
        await order_fault(stage.sevdesk, "body", SEND_BY, body={"objects": draft}, commit=done)
        await stage.hasten(job_id)
        await stage.seen(job_id, "outcome_unknown")
        await stage.hasten(job_id)
        await ended(stage, job_id)
    assert (await calls(stage.sevdesk)).count("PUT /Invoice/{id}/sendBy") == 3 - done


async def test_read_back_without_number(stage: Stage) -> None:
    """Final by its status, and the number is still to come: the job looks again."""
    async with stage.working():
        job_id, draft = await drafted(stage)
        await order_fault(stage.sevdesk, "lose_answer", SEND_BY)
        await stage.hasten(job_id)
        await stage.seen(job_id, "outcome_unknown")
        final = {"objects": [draft | {"status": "200"}]}
        await order_fault(stage.sevdesk, "body", "GET /Invoice/*", body=final)
        await order_fault(stage.sevdesk, "body", "GET /Invoice", body=final)
        await stage.hasten(job_id)
        job = await stage.seen(job_id, "sevdesk_unavailable")
        assert "has no number" in job["error"]
        await stage.billing.make_due(job_id)
        await ended(stage, job_id)


async def test_cancellation_without_number(stage: Stage) -> None:
    """Neither the answer nor what is read back is enough, until the number is there: it stands in the mail."""
    async with stage.working():
        invoice = await stage.billing.usual_invoice()
        for kind in ("publish_invoice", "send_invoice"):
            assert (await stage.billing.do(kind, invoice_id=invoice))["state"] == "done"
        [remote] = (await state(stage.sevdesk))["invoices"]
        closed = remote | {"status": "1000", "update": remote["create"]}
        storno = closed | {"id": str(int(remote["id"]) + 90), "invoiceType": "SR", "invoiceNumber": None}
        storno |= {"origin": {"id": remote["id"], "objectName": "Invoice"}}
        await order_fault(stage.sevdesk, "body", "POST /Invoice/*/cancelInvoice", body={"objects": storno})
        job_id = await stage.lost("cancel_invoice", invoice_id=invoice, reason="Fehler", notify=True)
        await order_fault(stage.sevdesk, "body", "GET /Invoice", body={"objects": [storno, closed]})
        await stage.hasten(job_id)
        assert "has no number" in (await stage.seen(job_id, "sevdesk_unavailable"))["error"]
        await stage.billing.make_due(job_id)
        job = await stage.billing.ended(job_id)
        assert (job["state"], job["error"]) == ("done", None)
        mail = (await state(stage.sevdesk))["mails"][-1]
    assert "RE-1001" in mail["subject"] and "None" not in mail["text"]


@pytest.mark.parametrize("whole", [True, False])
async def test_credit_note_without_number(stage: Stage, whole: bool) -> None:
    """As with a cancellation: an answer that shows no number is read back, until it is there."""
    about = {"refund": True} if whole else {"positions": [{"position": 1, "unit_price": "1"}]}
    async with stage.working():
        invoice = await stage.published()
        await pay(stage.sevdesk, await stage.there(invoice), "119.00" if not whole else "50.00")
        await stage.billing.do("sync_payments")
        await order_fault(stage.sevdesk, "lose_answer", "PUT /CreditNote/*/sendBy")
        kind = "cancel_invoice" if whole else "credit_invoice"
        job_id = await stage.lost(kind, invoice_id=invoice, reason="Fehler", **about)
        [note] = (await state(stage.sevdesk))["credit_notes"]
        for path in ("GET /CreditNote", "GET /CreditNote/*"):
            body = {"objects": [note | {"creditNoteNumber": None}]}
            await order_fault(stage.sevdesk, "body", path, body=body)
        await stage.hasten(job_id)
        assert "has no number" in (await stage.seen(job_id, "sevdesk_unavailable"))["error"]
        await stage.billing.make_due(job_id)
        job = await stage.billing.ended(job_id)
        assert (job["state"], job["error"]) == ("done", None)
        assert note["creditNoteNumber"] in job["result"]
