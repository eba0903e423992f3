"""An invoice goes by mail, post or portal, once; what people send in sevDesk is seen; a mail may come back."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing
from flow.books import calls, control, forget_calls, order_fault, pay, until
from flow.conftest import RunWorker
from flow.test_send import MAIL, QUARANTINE, all_faults_used, date_back, mails, published

from sevdesk_client.sandbox.account.records import Invoice as Document
from sevdesk_client.sandbox.http.server import Running

MARK = "PUT /Invoice/*/sendBy"
TYPES = {"post": "VP", "portal": "VPDF"}


async def document(billing: Billing, sevdesk: Running, invoice: UUID) -> Document:
    """sevDesk's copy."""
    return sevdesk.sandbox.account.invoices[int((await billing.row(invoice))["external_id"])]


async def by_hand(billing: Billing, sevdesk: Running, invoice: UUID, send_type: str) -> None:
    """A person mails or prints it in sevDesk."""
    there = (await billing.row(invoice))["external_id"]
    await control(sevdesk, "POST", "send", {"invoice_id": there, "send_type": send_type})


async def result_of(billing: Billing, kind: str, invoice: UUID, **payload: Any) -> dict[str, Any]:
    """The result of a job that is done."""
    job = await billing.do(kind, invoice_id=invoice, **payload)
    assert (job["state"], job["error"]) == ("done", None)
    result: dict[str, Any] = json.loads(job["result"])
    return result


async def status(billing: Billing, invoice: UUID) -> str:
    """`document_status` of the billing row."""
    return str((await billing.row(invoice))["document_status"])


# -- post and portal ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", TYPES)
async def test_other_channels_mark_it_sent(billing: Billing, worker: object, sevdesk: Running, channel: str) -> None:
    """Marked in sevDesk and here, once, without a mail; row, event and result name the channel."""
    invoice = await published(billing, sevdesk)
    before = (await document(billing, sevdesk, invoice)).send_date
    await forget_calls(sevdesk)
    result = await result_of(billing, "send_invoice", invoice, channel=channel)
    assert (result["channel"], result["sent_before"], result["document_status"]) == (channel, None, "sent")
    again = await result_of(billing, "send_invoice", invoice, channel=channel)
    assert (again["channel"], again["sent_before"]) == (None, channel)
    copy = await document(billing, sevdesk, invoice)
    assert copy.send_type == TYPES[channel] and copy.send_date != before
    assert await mails(sevdesk) == []
    assert [call for call in await calls(sevdesk) if "sendBy" in call] == ["PUT /Invoice/{id}/sendBy"]
    event = await billing.event(invoice, "marked_sent")
    assert (event["channel"], event["how"], event["recipient_kind"]) == (channel, "marked", "company")


@pytest.mark.parametrize(("kind", "how"), [("lose_answer", "found_marked"), ("drop_before", "marked")])
@pytest.mark.parametrize("channel", TYPES)
async def test_unheard_mark_is_one(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, channel: str, kind: str, how: str
) -> None:
    """A lost answer is recognized by what sevDesk shows; what did not happen is done."""
    async with run_worker(write_quarantine=QUARANTINE):
        invoice = await published(billing, sevdesk)
        await order_fault(sevdesk, kind, MARK)
        job = await billing.do("send_invoice", invoice_id=invoice, channel=channel)
    assert (job["state"], job["attempt"], json.loads(job["result"])["channel"]) == ("done", 2, channel)
    assert (await billing.event(invoice, "marked_sent"))["how"] == how
    assert (await document(billing, sevdesk, invoice)).send_type == TYPES[channel]
    assert [each for each in await billing.events(invoice) if each == "marked_sent"] == ["marked_sent"]


async def test_letter_needs_a_postal_address(billing: Billing, worker: object, sevdesk: Running) -> None:
    """No e-mail address is no hindrance, half an address is one; a portal wants neither."""
    invoice = await published(billing, sevdesk)
    await billing.db.execute("UPDATE companies SET email = NULL, street = NULL")
    job = await billing.do("send_invoice", invoice_id=invoice, channel="post")
    assert (job["state"], job["problem"]) == ("parked", "recipient_address_incomplete")
    await billing.db.execute("UPDATE companies SET street = 'Hauptstr. 1'")
    assert (await result_of(billing, "send_invoice", invoice, channel="post"))["channel"] == "post"
    await billing.db.execute("UPDATE companies SET street = NULL")
    assert (await result_of(billing, "send_invoice", invoice, channel="portal", resend=True))["channel"] == "portal"


async def test_resend_crosses_channels(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Sent is sent, by whatever way; only `resend` sends again, by another one too."""
    invoice = await published(billing, sevdesk)
    await result_of(billing, "send_invoice", invoice, channel="post")
    assert (await result_of(billing, "send_invoice", invoice))["sent_before"] == "post"
    assert await mails(sevdesk) == []
    assert (await result_of(billing, "send_invoice", invoice, resend=True))["channel"] == "email"
    assert (await result_of(billing, "send_invoice", invoice, channel="post"))["sent_before"] == "email"
    assert len(await mails(sevdesk)) == 1


async def test_letter_takes_no_mail_fields(billing: Billing, worker: object) -> None:
    """A subject with the channel post is a mistake of whoever asks."""
    invoice = await billing.usual_invoice()
    job = await billing.do("send_invoice", invoice_id=invoice, channel="post", subject="Rechnung")
    assert (job["state"], job["problem"]) == ("rejected", "payload_invalid")


# -- by hand -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("send_type", ["VM", "VPR", "VP"])
async def test_hand_made_sending_is_seen(billing: Billing, worker: object, sevdesk: Running, send_type: str) -> None:
    """The feed sets `sent`, tells it once and pays for no call; then only `resend` mails."""
    invoice = await published(billing, sevdesk)
    await by_hand(billing, sevdesk, invoice, send_type)
    await forget_calls(sevdesk)
    for full in (False, False, True):
        await billing.do("sync_payments", **({"full": True} if full else {}))
    assert [call.split("?")[0] for call in await calls(sevdesk)] == ["GET /Invoice"] * 3
    assert await status(billing, invoice) == "sent"
    assert (await billing.events(invoice)).count("sent_by_hand") == 1
    assert (await billing.event(invoice, "sent_by_hand"))["send_type"] == send_type
    assert (await result_of(billing, "send_invoice", invoice))["sent_before"] == "by hand"
    assert await mails(sevdesk) == []
    assert (await result_of(billing, "send_invoice", invoice, resend=True))["channel"] == "email"


async def test_paid_stays_paid_when_sent_by_hand(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Money and sending are told together, and neither moves the other's status."""
    invoice = await published(billing, sevdesk)
    await by_hand(billing, sevdesk, invoice, "VPR")
    await pay(sevdesk, (await billing.row(invoice))["external_id"], "119")
    await billing.do("sync_payments")
    row = await billing.row(invoice)
    assert (row["document_status"], row["claim_status"]) == ("sent", "paid")


async def test_own_sending_is_not_by_hand(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Finalized, downloaded, mailed with a lost answer, posted: whatever a sync meets, it is ours."""
    async with run_worker(write_quarantine=600.0):
        one, other = await published(billing, sevdesk), await published(billing, sevdesk)
        await by_hand(billing, sevdesk, other, "VPDF")
        await billing.do("sync_payments")
        await order_fault(sevdesk, "lose_answer", MAIL)
        await order_fault(sevdesk, "lose_answer", MARK)
        waiting = [
            await billing.enqueue("send_invoice", invoice_id=one),
            await billing.enqueue("send_invoice", invoice_id=other, channel="post"),
        ]
        await until(lambda: all_faults_used(sevdesk))
        await billing.do("sync_payments", full=True)
        assert {await status(billing, each) for each in (one, other)} == {"approved"}
        await billing.db.execute("UPDATE sevdesk_intents SET settles_at = now() WHERE closed_at IS NULL")
        await billing.db.execute("UPDATE sevdesk_queue SET due_at = now() WHERE phase = 'waiting'")
        assert {(await billing.ended(job))["state"] for job in waiting} == {"done"}
        await billing.do("sync_payments", full=True)
    for invoice in (one, other):
        assert await status(billing, invoice) == "sent"
        assert "sent_by_hand" not in await billing.events(invoice)


# -- back again --------------------------------------------------------------------------------------------------------


async def test_bounced_mail_is_sent_afresh(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Told once; the next job mails without `resend`; the ledger keeps both; no sync takes ours for others."""
    invoice = await published(billing, sevdesk)
    first = await billing.do("send_invoice", invoice_id=invoice)
    date_back(sevdesk)
    report = {"email": "Rechnung@example.com", "reason": "550 Frau Muster unbekannt"}
    assert not (await result_of(billing, "mail_bounced", invoice, **report))["reported_before"]
    assert (await result_of(billing, "mail_bounced", invoice, **report))["reported_before"]
    assert await status(billing, invoice) == "approved"
    await billing.do("sync_payments", full=True)
    assert await status(billing, invoice) == "approved" and len(await mails(sevdesk)) == 1
    await billing.db.execute("UPDATE companies SET email = 'neu@example.com'")
    assert (await result_of(billing, "send_invoice", invoice))["channel"] == "email"
    assert [mail["to"] for mail in await mails(sevdesk)] == ["rechnung@example.com", "neu@example.com"]
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_mails") == 2
    kept = await billing.db.fetchrow("SELECT * FROM sevdesk_bounces")
    assert (kept["mail_job_id"], kept["address"], kept["reason"]) == (first["job_id"], *report.values())
    assert (await result_of(billing, "mail_bounced", invoice, **report))["reported_before"]
    assert (await billing.events(invoice)).count("mail_bounced") == 1 and await status(billing, invoice) == "sent"


async def test_mail_after_a_bounced_one(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The latest mail decides, though an earlier one arrived, and though sevDesk's clock is ahead of Postgres'."""
    invoice = await published(billing, sevdesk)
    await billing.do("send_invoice", invoice_id=invoice)
    await billing.do("send_invoice", invoice_id=invoice, resend=True)
    [document] = sevdesk.sandbox.account.invoices.values()
    document.send_date += timedelta(minutes=1)
    await result_of(billing, "mail_bounced", invoice)
    assert (await result_of(billing, "send_invoice", invoice))["channel"] == "email"
    assert len(await mails(sevdesk)) == 3 and await status(billing, invoice) == "sent"


async def test_bounced_copy_leaves_it_sent(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The recipient has got the mail, so no job may send it again; that one's own bounce still counts."""
    invoice = await published(billing, sevdesk)
    await billing.do("send_invoice", invoice_id=invoice, cc="a@example.com,B@example.com", bcc="c@example.com")
    for copy in ("b@example.com", "c@example.com"):
        job = await billing.do("mail_bounced", invoice_id=invoice, email=copy)
        assert (job["state"], job["problem"]) == ("rejected", "bounce_of_copy")
    assert (await result_of(billing, "send_invoice", invoice))["channel"] is None and len(await mails(sevdesk)) == 1
    assert await status(billing, invoice) == "sent"
    await result_of(billing, "mail_bounced", invoice, email="rechnung@example.com")
    assert await status(billing, invoice) == "approved"


async def test_bounce_may_name_the_address_in_ascii(billing: Billing, worker: object, sevdesk: Running) -> None:
    """As mail servers write a domain with an umlaut in their reports."""
    invoice = await published(billing, sevdesk)
    await billing.do("send_invoice", invoice_id=invoice, to="rechnung@müller.de")
    await result_of(billing, "mail_bounced", invoice, email="Rechnung@xn--mller-kva.de")
    assert await status(billing, invoice) == "approved"


async def test_bounce_keeps_personal_data_apart(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Address and reason are in the bounce's own row, not in event log and payload."""
    invoice = await published(billing, sevdesk)
    await billing.do("send_invoice", invoice_id=invoice)
    job = await billing.do("mail_bounced", invoice_id=invoice, email="rechnung@example.com", reason="Frau Muster fort")
    assert "@" not in job["payload"] and "Muster" not in job["payload"]
    event = json.dumps(await billing.event(invoice, "mail_bounced"))
    assert "@" not in event and "Muster" not in event


async def test_bounce_needs_its_mail(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Never mailed, mailed to somebody else, or sent again since: refused with a sentence, and nothing changes."""
    invoice = await published(billing, sevdesk)
    job = await billing.do("mail_bounced", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("rejected", "bounce_without_mail")
    await billing.do("send_invoice", invoice_id=invoice)
    job = await billing.do("mail_bounced", invoice_id=invoice, email="andere@example.com")
    assert (job["state"], job["problem"]) == ("rejected", "bounce_without_mail")
    await billing.do("send_invoice", invoice_id=invoice, channel="post", resend=True)
    job = await billing.do("mail_bounced", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("rejected", "bounce_superseded")
    assert await status(billing, invoice) == "sent"


async def test_hand_made_mail_after_bounce_is_seen(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The bounced mail left its sendDate; a later one is another sending."""
    invoice = await published(billing, sevdesk)
    await billing.do("send_invoice", invoice_id=invoice)
    date_back(sevdesk)
    await billing.do("mail_bounced", invoice_id=invoice)
    await by_hand(billing, sevdesk, invoice, "VM")
    await billing.do("sync_payments")
    assert await status(billing, invoice) == "sent"
    assert (await billing.events(invoice))[-1] == "sent_by_hand"


# -- the address really used -------------------------------------------------------------------------------------------


async def test_ledger_names_the_address_used(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """The answer is lost and the address changes before anybody looks: the ledger has the one that got the mail."""
    async with run_worker(write_quarantine=QUARANTINE):
        invoice = await published(billing, sevdesk)
        await order_fault(sevdesk, "lose_answer", MAIL)
        job_id = await billing.enqueue("send_invoice", invoice_id=invoice)
        await until(lambda: all_faults_used(sevdesk))
        assert "@" in await billing.db.fetchval("SELECT addresses::text FROM sevdesk_intents WHERE closed_at IS NULL")
        await billing.db.execute("UPDATE companies SET email = 'neu@example.com'")
        assert (await billing.ended(job_id))["state"] == "done"
    assert await billing.db.fetchval("SELECT recipient FROM sevdesk_mails") == "rechnung@example.com"
    assert (await billing.event(invoice, "mailed"))["how"] == "found_sent"
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_intents WHERE addresses IS NOT NULL") == 0
