"""A reminder (MA) has the invoice's marker and number in sevDesk; it is never taken for the invoice."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from flow.billing import Billing
from flow.books import NO_TLS, control, pay, state
from flow.test_foreign_currency import drifts

from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings


@pytest.fixture(params=[True, False], ids=["listed", "unlisted"])
async def reminded(request: Any, billing: Billing, worker: object, sevdesk: Running) -> UUID:
    """An open invoice that a person in sevDesk sent a reminder of; lists show reminders, or not."""
    await control(sevdesk, "PUT", "switches", {"reminders_listed": request.param})
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    body = {"invoice": {"id": (await billing.row(invoice))["external_id"], "objectName": "Invoice"}}
    async with httpx.AsyncClient(headers={"Authorization": sevdesk.token}, verify=NO_TLS) as http:
        answer = await http.post(f"{sevdesk.base_url}/Invoice/Factory/createInvoiceReminder", json=body)
    assert answer.json()["objects"]["invoiceType"] == "MA"
    return invoice


async def test_invoice_itself_is_mailed_and_paid(
    billing: Billing, sevdesk: Running, settings: Settings, reminded: UUID
) -> None:
    """The mail carries the invoice, its payment is its own, and no comparison objects."""
    external_id = (await billing.row(reminded))["external_id"]
    assert (await billing.do("send_invoice", invoice_id=reminded))["state"] == "done"
    assert [mail["object"]["id"] for mail in (await state(sevdesk))["mails"]] == [external_id]
    await pay(sevdesk, external_id, "119")
    assert (await billing.do("sync_payments", full=True))["state"] == "done"
    row = await billing.row(reminded)
    assert (row["claim_status"], row["external_id"]) == ("paid", external_id)
    assert await drifts(settings) == []


async def test_invoice_itself_is_cancelled(billing: Billing, sevdesk: Running, reminded: UUID) -> None:
    """The Storno stands against the invoice."""
    external_id = (await billing.row(reminded))["external_id"]
    assert (await billing.do("cancel_invoice", invoice_id=reminded, reason="Doppelt"))["state"] == "done"
    [storno] = [each for each in (await state(sevdesk))["invoices"] if each["invoiceType"] == "SR"]
    assert storno["origin"]["id"] == external_id


async def test_reminder_is_not_adopted(billing: Billing, sevdesk: Running, reminded: UUID) -> None:
    """With the invoice deleted in sevDesk and its reminder left, publishing makes a new document."""
    external_id = (await billing.row(reminded))["external_id"]
    await control(sevdesk, "POST", "delete", {"invoice_id": external_id})
    await billing.do("sync_payments", invoice_id=reminded)
    assert (await billing.do("publish_invoice", invoice_id=reminded))["state"] == "done"
    made = {each["id"]: each["invoiceType"] for each in (await state(sevdesk))["invoices"]}
    now = (await billing.row(reminded))["external_id"]
    assert (now != external_id, made[now]) == (True, "RE")
