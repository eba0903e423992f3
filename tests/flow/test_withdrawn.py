"""What became of an invoice between its publication and its mail: nothing that was withdrawn goes out."""

from pathlib import Path

import pytest
from flow.billing import Billing, parameters
from flow.books import control
from flow.operators import Operator
from flow.test_send import mails, published

from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings


@pytest.mark.parametrize("status", ["draft", "cancelled"])
@pytest.mark.parametrize("channel", ["email", "post"])
async def test_withdrawn_invoice_is_not_sent(
    billing: Billing, worker: object, sevdesk: Running, status: str, channel: str
) -> None:
    """The billing system took its approval back, or cancelled it alone: the job waits until it is approved again."""
    invoice = await published(billing, sevdesk)
    await billing.db.execute("UPDATE billing_invoices SET document_status = $2 WHERE id = $1", invoice, status)
    job = await billing.do("send_invoice", invoice_id=invoice, channel=channel)
    assert (job["state"], job["problem"]) == ("parked", "status_forbids_sending")
    assert parameters(job)["status"] == status and await mails(sevdesk) == []
    await billing.db.execute("UPDATE billing_invoices SET document_status = 'approved' WHERE id = $1", invoice)
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert (await billing.row(invoice))["document_status"] == "sent"
    assert len(await mails(sevdesk)) == (channel == "email")


@pytest.mark.parametrize("marked", [True, False])
async def test_invoice_cancelled_there_is_not_mailed(
    marked: bool, billing: Billing, worker: object, sevdesk: Running
) -> None:
    """Somebody cancelled it in sevDesk, with our marker copied or not, and no payment sync has noticed yet."""
    invoice = await published(billing, sevdesk)
    await control(sevdesk, "POST", "cancel", {"invoice_id": (await billing.row(invoice))["external_id"]})
    account = sevdesk.sandbox.account
    [storno] = [each for each in account.invoices.values() if each.type == "SR"]
    storno.note = storno.note if marked else None
    account.add(storno)
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("rejected", "cancelled_before_mail")
    assert await mails(sevdesk) == []


async def test_paid_invoice_is_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """sevDesk gives a paid invoice the same status as a cancelled one."""
    invoice = await published(billing, sevdesk)
    await control(sevdesk, "POST", "payments", {"invoice_id": (await billing.row(invoice))["external_id"]})
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None) and len(await mails(sevdesk)) == 1


async def test_letter_ends_the_waiting_mail(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A mail waits for an address, the invoice goes by post: taken up again, the job finds that nothing is left."""
    invoice = await published(billing, sevdesk)
    await billing.db.execute("UPDATE companies SET email = NULL")
    mail = await billing.do("send_invoice", invoice_id=invoice)
    assert (mail["state"], mail["problem"]) == ("parked", "recipient_missing_email")
    assert (await billing.do("send_invoice", invoice_id=invoice, channel="post"))["state"] == "done"
    await billing.retry(mail["job_id"])
    assert (await billing.ended(mail["job_id"]))["state"] == "done" and await mails(sevdesk) == []


@pytest.mark.parametrize("kind", ["publish_invoice", "send_invoice", "fetch_invoice_pdf", "cancel_invoice"])
async def test_lost_id_stops_each_job(billing: Billing, worker: object, sevdesk: Running, kind: str) -> None:
    """The billing system emptied external_id of a published invoice: nothing is made or sent until it is back."""
    invoice = await published(billing, sevdesk)
    external_id = (await billing.row(invoice))["external_id"]
    await billing.db.execute("UPDATE billing_invoices SET external_id = NULL WHERE id = $1", invoice)
    reason = {"reason": "wrong"} if kind == "cancel_invoice" else {}
    job = await billing.do(kind, invoice_id=invoice, **reason)
    assert (job["state"], job["problem"]) == ("parked", "sevdesk_id_missing")
    await billing.db.execute("UPDATE billing_invoices SET external_id = $2 WHERE id = $1", invoice, external_id)
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"


async def test_paid_amount_must_be_a_number(billing: Billing, worker: object) -> None:
    """NaN in the worker's own column stops the publication, and nothing else."""
    invoice = await billing.usual_invoice(paid_amount="NaN")
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "totals_invalid")
    assert parameters(job)["totals"] == "paid_amount NaN"


async def test_mail_survives_a_paid_amount(billing: Billing, worker: object, sevdesk: Running) -> None:
    """NaN since the publication: the document is right all the same, and is mailed."""
    invoice = await published(billing, sevdesk)
    await billing.db.execute("UPDATE billing_invoices SET paid_amount = 'NaN' WHERE id = $1", invoice)
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None) and len(await mails(sevdesk)) == 1


async def test_refund_leaves_no_draft(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The job that waited with sevDesk's draft is dismissed when the refund finishes that draft: none is left."""
    invoice = await published(billing, sevdesk)
    await control(sevdesk, "POST", "payments", {"invoice_id": (await billing.row(invoice))["external_id"]})
    await billing.do("sync_payments", invoice_id=invoice)
    waits = await billing.do("cancel_invoice", invoice_id=invoice, reason="returned")
    assert (waits["state"], waits["problem"]) == ("parked", "credit_note_draft")
    assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="returned", refund=True))["state"] == "done"
    assert (await billing.job(waits["job_id"]))["state"] == "dismissed"
    codes = await billing.db.fetch("SELECT code FROM sevdesk_notices WHERE closed_at IS NULL")
    assert [row["code"] for row in codes] == ["refund_due"]


async def test_preview_names_what_can_be_done(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings, tmp_path: Path
) -> None:
    """Where no job waits, its next step asks for the publication; where one waits, it takes that up again."""
    operator = Operator(settings, tmp_path)
    invoice = await billing.usual_invoice(invoice_number="0042", payment_term_days=400)
    step = (await operator.json("preview", "0042", code=3))["problem"]["next_step"]
    assert step.endswith("then: sevdesk-worker enqueue publish_invoice invoice_id=0042.")
    job = await billing.do("publish_invoice", invoice_id=invoice)
    step = (await operator.json("preview", "0042", code=3))["problem"]["next_step"]
    assert step.endswith(f"then: sevdesk-worker retry {job['job_id']}.")


async def test_digits_may_be_text(billing: Billing, settings: Settings, tmp_path: Path) -> None:
    """A user's id and a reason of digits only are taken as the texts that they are."""
    operator = Operator(settings, tmp_path)
    assert (await operator.run("enqueue", "update_config", "contact_person_id=2000001"))[0] == 0
    await billing.usual_invoice(invoice_number="0042")
    assert (await operator.run("enqueue", "cancel_invoice", "invoice_id=0042", "reason=4711"))[0] == 0
