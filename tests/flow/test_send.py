"""A mail goes out once for each time it is asked for, whatever happens to the call."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from flow.billing import Billing, parameters
from flow.books import calls, forget_calls, order_fault, state, until
from flow.conftest import RunWorker

from sevdesk_client.sandbox.http.server import Running

QUARANTINE = 1.0  # seconds; a write gives up after two thirds of it
MAIL = "POST /Invoice/*/sendViaEmail"


async def published(billing: Billing, sevdesk: Running) -> UUID:
    """An invoice published an hour ago, to rechnung@example.com."""
    invoice = await billing.usual_invoice()
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert job["state"] == "done"
    date_back(sevdesk)
    return invoice


def date_back(sevdesk: Running) -> None:
    """Move all send dates back by an hour: sevDesk's times have whole seconds, and tests are quicker than that."""
    for each in sevdesk.sandbox.account.invoices.values():
        each.send_date = each.send_date and each.send_date - timedelta(hours=1)


async def mails(sevdesk: Running) -> list[dict[str, Any]]:
    """What sevDesk has mailed, oldest first."""
    return (await state(sevdesk))["mails"]


async def all_faults_used(sevdesk: Running) -> bool:
    """Whether every ordered fault has happened."""
    return not any(fault["times"] for fault in (await state(sevdesk))["faults"])


async def test_invoice_is_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The recipient gets it with sevDesk's number, and we keep what went to whom, with which PDF."""
    invoice = await published(billing, sevdesk)
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None)
    row = await billing.row(invoice)
    number = row["external_invoice_number"]
    [mail] = await mails(sevdesk)
    assert (mail["to"], mail["subject"]) == ("rechnung@example.com", f"Rechnung {number}")
    assert number in mail["text"] and mail["object"]["id"] == row["external_id"]
    [kept] = await billing.db.fetch("SELECT * FROM sevdesk_mails")
    assert (kept["invoice_id"], kept["job_id"]) == (invoice, job["job_id"])
    assert (kept["recipient"], kept["subject"]) == (mail["to"], mail["subject"])
    assert kept["pdf_sha256"] == await billing.db.fetchval("SELECT sha256 FROM sevdesk_documents")
    assert row["document_status"] == "sent"


async def test_event_names_no_address(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The log says who, why and how, and leaves the e-mail address to the mail's own row."""
    invoice = await published(billing, sevdesk)
    job = await billing.do("send_invoice", invoice_id=invoice)
    event = await billing.event(invoice, "mailed")
    assert (event["recipient_kind"], event["how"], event["job_id"]) == ("company", "sent", job["job_id"])
    assert event["recipient_reason"] and event["pdf_sha256"]
    assert "@" not in json.dumps(event)


async def test_sending_twice_mails_once(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The second job finds it sent and asks sevDesk nothing."""
    invoice = await published(billing, sevdesk)
    await billing.do("send_invoice", invoice_id=invoice)
    await forget_calls(sevdesk)
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    assert await calls(sevdesk) == []
    assert len(await mails(sevdesk)) == 1


async def test_deliberate_resend_mails_again(billing: Billing, worker: object, sevdesk: Running) -> None:
    """`resend` is a new intent each time it is asked, with a row of its own."""
    invoice = await published(billing, sevdesk)
    for resend in (False, True, True):
        assert (await billing.do("send_invoice", invoice_id=invoice, resend=resend))["state"] == "done"
    assert len(await mails(sevdesk)) == 3
    assert await billing.db.fetchval("SELECT count(DISTINCT job_id) FROM sevdesk_mails") == 3
    assert (await billing.row(invoice))["document_status"] == "sent"


async def test_repeated_resend_job_mails_once(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The same job enqueued twice, as a caller does who heard no answer, is one resend."""
    invoice = await published(billing, sevdesk)
    for _ in range(2):
        await billing.enqueue("send_invoice", job_id="same", invoice_id=invoice, resend=True)
        await billing.ended("same")
    assert len(await mails(sevdesk)) == 1


async def test_own_words_are_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Subject and text given with the job are used as they are."""
    invoice = await published(billing, sevdesk)
    words = {"subject": "Ihre Rechnung für Mai – danke!", "text": "Grüß Gott,\n\nanbei die Rechnung.\n\nR1"}
    await billing.do("send_invoice", invoice_id=invoice, **words)
    [mail] = await mails(sevdesk)
    assert {key: mail[key] for key in words} == words
    assert await billing.db.fetchval("SELECT subject FROM sevdesk_mails") == words["subject"]


@pytest.mark.parametrize(
    "fault",
    [
        # sevDesk mailed, the answer was lost
        {"kind": "lose_answer"},
        # it mails only after we gave up, but before anybody looks
        {"kind": "late_commit", "after_ms": 500},
        # it mailed and said it had failed
        {"kind": "status", "status": 500, "commit": True},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_unheard_mail_is_found(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, fault: dict[str, Any]
) -> None:
    """One mail: after the quarantine sevDesk is asked, and its new sendDate says that it went out."""
    async with run_worker(write_quarantine=QUARANTINE):
        invoice = await published(billing, sevdesk)
        await order_fault(sevdesk, call=MAIL, **fault)
        job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["attempt"]) == ("done", 2)
    assert len(await mails(sevdesk)) == 1
    assert (await billing.event(invoice, "mailed"))["how"] == "found_sent"
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_mails") == 1
    assert (await billing.row(invoice))["document_status"] == "sent"
    intent = await billing.db.fetchrow("SELECT * FROM sevdesk_intents WHERE action = 'send_via_email'")
    assert intent["outcome"] == "found_done"
    assert intent["closed_at"] - intent["intent_at"] >= timedelta(seconds=QUARANTINE)


@pytest.mark.parametrize(
    "fault",
    [
        # the connection broke before sevDesk did anything
        {"kind": "drop_before"},
        # sevDesk failed before it did anything
        {"kind": "status", "status": 500},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_unsent_mail_goes_out(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, fault: dict[str, Any]
) -> None:
    """One mail: after the quarantine sevDesk shows the invoice as it was, so it is mailed now."""
    async with run_worker(write_quarantine=QUARANTINE):
        invoice = await published(billing, sevdesk)
        await order_fault(sevdesk, call=MAIL, **fault)
        job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["attempt"]) == ("done", 2)
    assert len(await mails(sevdesk)) == 1
    assert (await billing.event(invoice, "mailed"))["how"] == "sent"
    outcomes = "SELECT outcome FROM sevdesk_intents WHERE action = 'send_via_email' ORDER BY id"
    assert [row["outcome"] for row in await billing.db.fetch(outcomes)] == ["found_not_done", "done"]


async def test_unheard_resend_is_found(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """A second mail changes sendDate only, and that is enough: two mails, not three."""
    async with run_worker(write_quarantine=QUARANTINE):
        invoice = await published(billing, sevdesk)
        await billing.do("send_invoice", invoice_id=invoice)
        date_back(sevdesk)
        await order_fault(sevdesk, "lose_answer", MAIL)
        assert (await billing.do("send_invoice", invoice_id=invoice, resend=True))["state"] == "done"
    assert len(await mails(sevdesk)) == 2
    assert (await billing.event(invoice, "mailed"))["how"] == "found_sent"


async def test_mail_in_second_of_publication(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """Mailed in the very second it was finalized: sendDate is the same, and sendType alone tells."""
    now = datetime.now(UTC)
    sevdesk.sandbox.account.clock = lambda: now
    async with run_worker(write_quarantine=QUARANTINE):
        invoice = await billing.usual_invoice()
        await billing.do("publish_invoice", invoice_id=invoice)
        await order_fault(sevdesk, "lose_answer", MAIL)
        job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None)
    assert len(await mails(sevdesk)) == 1
    assert (await billing.event(invoice, "mailed"))["how"] == "found_sent"


@pytest.mark.parametrize(("answer", "sent"), [(None, 1), ("done", 1), ("not-done", 2)])
async def test_untold_outcome_waits_for_a_person(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, answer: str | None, sent: int
) -> None:
    """Somebody else sent the document meanwhile, so nobody can tell: a person is asked, and the answer is followed."""
    async with run_worker(write_quarantine=QUARANTINE):
        invoice = await published(billing, sevdesk)
        await order_fault(sevdesk, "lose_answer", MAIL)
        job_id = await billing.enqueue("send_invoice", invoice_id=invoice)
        await until(lambda: all_faults_used(sevdesk))
        there = (await billing.row(invoice))["external_id"]
        async with httpx.AsyncClient(headers={"Authorization": sevdesk.token}) as http:
            printed = {"sendType": "VPR", "sendDraft": False}
            await http.put(f"{sevdesk.base_url}/Invoice/{there}/sendBy", json=printed)
        job = await billing.ended(job_id)
        assert (job["state"], job["problem"]) == ("parked", "mail_outcome_unknown")
        assert len(await mails(sevdesk)) == 1
        assert (await billing.row(invoice))["document_status"] == "approved"
        await billing.retry(job_id, answer=answer)
        job = await billing.ended(job_id)
    assert (job["state"] == "done") == (answer is not None)
    assert len(await mails(sevdesk)) == sent
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_mails") == (answer is not None)


async def test_refused_mail_is_parked(billing: Billing, worker: object, sevdesk: Running) -> None:
    """SevDesk says no: nothing was mailed, nothing is repeated, and the reason is sevDesk's."""
    invoice = await published(billing, sevdesk)
    refusal = {"error": {"message": "The mail server is not configured", "code": None}, "objects": None}
    await order_fault(sevdesk, "status", MAIL, status=422, body=refusal)
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["attempt"], job["problem"]) == ("parked", 1, "sevdesk_refused")
    assert "mail server is not configured" in parameters(job)["answer"]
    assert await mails(sevdesk) == []
    assert (await billing.row(invoice))["document_status"] == "approved"


async def test_unpublished_invoice_is_not_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """First publish, then send: the job waits for a person and sevDesk is not asked."""
    invoice = await billing.usual_invoice()
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "invoice_not_published")
    number = (await billing.row(invoice))["invoice_number"]
    assert f"Publish it first: sevdesk-worker enqueue publish_invoice invoice_id={number}" in job["next_step"]
    assert await calls(sevdesk) == []


async def test_recipient_without_address_is_parked(billing: Billing, worker: object, sevdesk: Running) -> None:
    """No e-mail address, no mail, and the next step says what is missing."""
    invoice = await published(billing, sevdesk)
    await billing.db.execute("UPDATE companies SET email = NULL")
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "recipient_missing_email")
    assert await mails(sevdesk) == []


FOUR = {
    "to": "buch@example.com,einkauf@example.com",
    "cc": "chef@example.com,BUCH@example.com",
    "bcc": "archiv@example.com",
}


async def test_all_named_addresses_get_it(billing: Billing, worker: object, sevdesk: Running) -> None:
    """One mail, the first address as sevDesk's one recipient, the others as copies: in the ledger, not in the log."""
    invoice = await published(billing, sevdesk)
    job = await billing.do("send_invoice", invoice_id=invoice, **FOUR)
    assert (job["state"], job["error"]) == ("done", None)
    [mail] = await mails(sevdesk)
    expected = ("buch@example.com", "einkauf@example.com,chef@example.com", "archiv@example.com")
    assert (mail["to"], mail["cc"], mail["bcc"]) == expected
    [kept] = await billing.db.fetch("SELECT * FROM sevdesk_mails")
    assert (kept["recipient"], kept["cc"], kept["bcc"]) == expected
    event = await billing.event(invoice, "mailed")
    assert event["copies"] == 3 and event["recipient_reason"].endswith("The job named the addresses.")
    assert "@" not in json.dumps(event)


async def test_copies_go_beside_the_recipient(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Without `to` the document's recipient gets it; one who has no address needs `to`."""
    invoice = await published(billing, sevdesk)
    await billing.do("send_invoice", invoice_id=invoice, cc="chef@example.com")
    await billing.db.execute("UPDATE companies SET email = NULL")
    parked = await billing.do("send_invoice", invoice_id=invoice, cc="chef@example.com", resend=True)
    assert parked["problem"] == "recipient_missing_email"
    await billing.do("send_invoice", invoice_id=invoice, to="buch@example.com", resend=True)
    sent = [(mail["to"], mail["cc"]) for mail in await mails(sevdesk)]
    assert sent == [("rechnung@example.com", "chef@example.com"), ("buch@example.com", None)]


@pytest.mark.parametrize(("kind", "outcome"), [("lose_answer", "found_sent"), ("drop_before", "sent")])
async def test_unheard_mail_to_many_is_one(
    billing: Billing, run_worker: RunWorker, sevdesk: Running, kind: str, outcome: str
) -> None:
    """A lost answer costs nobody a second mail, and the ledger names everybody who got the first."""
    async with run_worker(write_quarantine=QUARANTINE):
        invoice = await published(billing, sevdesk)
        await order_fault(sevdesk, kind, MAIL)
        job = await billing.do("send_invoice", invoice_id=invoice, **FOUR)
    assert (job["state"], job["attempt"]) == ("done", 2)
    [mail] = await mails(sevdesk)
    [kept] = await billing.db.fetch("SELECT * FROM sevdesk_mails")
    assert (kept["recipient"], kept["cc"], kept["bcc"]) == (mail["to"], mail["cc"], mail["bcc"])
    assert (await billing.event(invoice, "mailed"))["how"] == outcome


async def test_faulty_address_is_rejected_unseen(billing: Billing, worker: object, sevdesk: Running) -> None:
    """By field and place; neither the ledger's sentences nor the event log repeat it."""
    invoice = await published(billing, sevdesk)
    job = await billing.do("send_invoice", invoice_id=invoice, cc="chef@example.com,geheim@nirgendwo")
    assert (job["state"], job["problem"]) == ("rejected", "payload_invalid")
    assert "cc: address 2 is not one plain e-mail address: Domain" in job["error"]
    assert "geheim" not in job["error"] + json.dumps(await billing.event(invoice, "rejected"))
    assert await mails(sevdesk) == []


@pytest.mark.parametrize("kind", ["company", "person"])
@pytest.mark.parametrize("email", ["a@example.com\nBcc: b@example.com", "a@example.com;b@example.com", "Jörg <a@b.de>"])
async def test_bad_address_stops_before_anything(
    billing: Billing, worker: object, sevdesk: Running, kind: str, email: str
) -> None:
    """Of companies and persons: sevDesk is told nothing, and a published document is not mailed either."""
    deal, party = await billing.deal(), await getattr(billing, kind)(email=email)
    await billing.associate(deal, "company" if kind == "company" else "contact", party, "invoice_recipient")
    invoice = await billing.invoice(deal)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "recipient_email_invalid")
    assert await calls(sevdesk) == []
    table = "companies" if kind == "company" else "contacts"
    await billing.db.execute(f"UPDATE {table} SET email = 'a@example.com' WHERE id = $1", party)  # noqa: S608
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    await billing.db.execute(f"UPDATE {table} SET email = $2 WHERE id = $1", party, email)  # noqa: S608
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "recipient_email_invalid")
    assert await mails(sevdesk) == []
