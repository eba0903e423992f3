"""Skonto, heading and contact person: on the document as settings, columns or the job say, and in later comparisons."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing, parameters, time_to_day
from flow.books import control, pay, state
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.test_right_document import edit

from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings

TWO_IN_TEN = {"skonto_percent": Decimal(2), "skonto_days": 10}


async def document(billing: Billing, sevdesk: Running, invoice: UUID, **asked: Any) -> dict[str, Any]:
    """The invoice in sevDesk, once it is published."""
    job = await billing.do("publish_invoice", invoice_id=invoice, **asked)
    assert job["state"] == "done", job["error"]
    number = (await billing.row(invoice))["invoice_number"]
    [found] = [each for each in (await state(sevdesk))["invoices"] if each["customerInternalNote"] == number]
    return found


async def test_skonto_stands_on_the_document(billing: Billing, worker: object, sevdesk: Running) -> None:
    """In sevDesk's fields and as a sentence with the day; mailed without a question."""
    invoice = await billing.usual_invoice(foot_text="Danke.", **TWO_IN_TEN)
    made = await document(billing, sevdesk, invoice)
    assert (made["discount"], made["discountTime"]) == ("2", "10")
    day = f"{time_to_day() + timedelta(days=10):%d.%m.%Y}"
    assert made["footText"] == f"Danke.\nBei Zahlung bis zum {day} gewähren wir 2% Skonto."
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"


async def test_skonto_at_once(billing: Billing, worker: object, sevdesk: Running) -> None:
    """On the invoice's day only; sevDesk may show its 0 days as nothing."""
    invoice = await billing.usual_invoice(skonto_percent=Decimal(2), skonto_days=0)
    await edit(sevdesk, (await document(billing, sevdesk, invoice))["id"], discount_time=None)
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"


async def test_job_names_other_terms(billing: Billing, worker: object, sevdesk: Running) -> None:
    """They take the place of the columns, and the mail asks nothing, since nobody has changed anything."""
    invoice = await billing.usual_invoice()
    made = await document(billing, sevdesk, invoice, skonto_percent="2.5", skonto_days=7, contact_person_id="2000002")
    assert (made["discount"], made["discountTime"], made["contactPerson"]["id"]) == ("2.5", "7", "2000002")
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"


@pytest.mark.parametrize("asked", [{"skonto_percent": 2}, {"skonto_percent": 100, "skonto_days": 7}])
async def test_impossible_terms_reject_the_job(billing: Billing, worker: object, asked: dict[str, Any]) -> None:
    """One without the other, or a discount of everything."""
    job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice(), **asked)
    assert (job["state"], job["problem"]) == ("rejected", "payload_invalid")


async def test_changed_terms_are_noticed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """By the billing system after publication, or by somebody in sevDesk: neither is mailed unseen."""
    here, there = [await billing.usual_invoice(**TWO_IN_TEN) for _ in range(2)]
    await document(billing, sevdesk, here)
    external_id = (await document(billing, sevdesk, there))["id"]
    await billing.db.execute("UPDATE billing_invoices SET skonto_percent = 3 WHERE id = $1", here)
    job = await billing.do("send_invoice", invoice_id=here)
    assert (job["problem"], parameters(job)["columns"]) == ("changed_after_publication", "foot_text, skonto_percent")
    await edit(sevdesk, external_id, discount=Decimal(5))
    job = await billing.do("send_invoice", invoice_id=there)
    assert (job["problem"], parameters(job)["differences"]) == ("not_our_document", "skonto")


@pytest.mark.parametrize(
    ("paid", "after", "within"), [("116.62", 10, True), ("116.61", 10, False), ("116.62", 11, False)]
)
async def test_discounted_payment_is_judged(
    billing: Billing, worker: object, sevdesk: Running, paid: str, after: int, within: bool
) -> None:
    """Enough and in time, too little, or a day late; the claim is paid in any case, for sevDesk has closed it."""
    invoice = await billing.usual_invoice(issue_date=time_to_day() - timedelta(days=20), **TWO_IN_TEN)
    external_id = (await document(billing, sevdesk, invoice))["id"]
    day = time_to_day() - timedelta(days=20 - after)
    await pay(sevdesk, external_id, paid, day.isoformat(), kind="skonto")
    assert (await billing.do("sync_payments", invoice_id=invoice))["state"] == "done"
    told = await billing.event(invoice, "discounted")
    assert (told["within_terms"], told["skonto_expected"]) == (within, "116.62")
    assert told["skonto_until"] == (time_to_day() - timedelta(days=10)).isoformat()
    assert (await billing.row(invoice))["claim_status"] == "paid"


async def test_other_deductions_have_no_terms(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Closed with less, though the document grants nothing."""
    invoice = await billing.usual_invoice()
    await pay(sevdesk, (await document(billing, sevdesk, invoice))["id"], "100", kind="other")
    await billing.do("sync_payments", invoice_id=invoice)
    told = await billing.event(invoice, "discounted")
    assert (told["within_terms"], told["skonto_expected"], told["skonto_until"]) == (None, None, None)


async def test_draft_with_other_terms_is_made_anew(billing: Billing, worker: object, sevdesk: Running) -> None:
    """sevDesk has cut 2.5 to 2: the draft waits unnumbered, and with whole per cents a new one goes out."""
    await control(sevdesk, "PUT", "switches", {"skonto_decimals": "cut"})
    invoice = await billing.usual_invoice(skonto_percent=Decimal("2.5"), skonto_days=10)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["problem"], [each["status"] for each in (await state(sevdesk))["invoices"]]) == (
        "skonto_not_kept", ["100"]
    )  # fmt: skip
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["problem"] == "skonto_not_kept"
    await billing.db.execute("UPDATE billing_invoices SET skonto_percent = 2")
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert [(each["status"], each["discount"]) for each in (await state(sevdesk))["invoices"]] == [("200", "2")]


async def test_heading_is_a_setting(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """The document has it; another setting later raises no question, and a changed kind still does."""
    invoice = await billing.usual_invoice()
    async with run_worker(document_header="Rechnung {number}"):
        made = await document(billing, sevdesk, invoice)
        assert made["header"] == f"Rechnung {made['customerInternalNote']}"
    async with run_worker(document_header="Beleg {number} ({kind})"):
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
        await billing.db.execute("UPDATE billing_invoices SET document_kind = 'SR'")
        job = await billing.do("send_invoice", invoice_id=invoice, resend=True)
        assert parameters(job)["columns"] == "document_kind"


async def test_adoption_expects_the_heading(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """A document with another heading than the settings', of which nothing is on record, is not taken over."""
    invoice = await billing.usual_invoice()
    async with run_worker():
        await document(billing, sevdesk, invoice)
    await billing.db.execute("""
        DELETE FROM sevdesk_invoices; DELETE FROM sevdesk_intents;
        UPDATE billing_invoices SET accounting_sync_status = 'not_synced', external_id = NULL,
               external_invoice_number = NULL""")
    async with run_worker(document_header="Beleg {number}"):
        job = await billing.do("publish_invoice", invoice_id=invoice)
        assert (job["problem"], parameters(job)["differences"]) == ("not_our_document", "header")
    async with run_worker():
        await billing.retry(job["job_id"])
        assert (await billing.ended(job["job_id"]))["state"] == "done"


async def test_contact_person_by_deal_type(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The deal type's, else the general one, else the account's first user."""
    first = await document(billing, sevdesk, await billing.usual_invoice())
    assert first["contactPerson"]["id"] == "2000001"
    await billing.do("update_config", contact_person_id="2000001", contact_person_kop="2000002")
    company = await billing.company()
    for deal_type, person in (("EB", "2000001"), ("KOP", "2000002")):
        deal = await billing.deal(company, deal_type=deal_type)
        made = await document(billing, sevdesk, await billing.invoice(deal))
        assert made["contactPerson"]["id"] == person


async def test_unknown_contact_person_parks(
    billing: Billing, worker: object, sevdesk: Running, settings: Settings, tmp_path: Path
) -> None:
    """Nothing is made in sevDesk; `preview` says the same, and a user who was added since is known at once."""
    await billing.do("update_config", contact_person_eb="2000009")
    invoice = await billing.usual_invoice(**TWO_IN_TEN)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["problem"], parameters(job)["known"]) == ("contact_person_not_listed", "2000001, 2000002")
    assert (await state(sevdesk))["invoices"] == []
    shown = await Operator(settings, tmp_path).json("preview", str(invoice), code=3)
    assert shown["problem"]["code"] == "contact_person_not_listed"
    assert (shown["body"]["invoice"]["discount"], shown["body"]["invoice"]["discountTime"]) == (2, 10)
    test = await billing.do("test_connection")
    assert "2000009" in test["result"] and "contact_person_eb" in test["result"]
    await billing.do("update_config", contact_person_eb=None)
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
