"""The right document goes to the right party: to whoever it is addressed to, unless somebody changed it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flow.billing import Billing, parameters
from flow.books import calls, compared, control, forget_calls, new_contact, order_fault, pay, state

from sevdesk_client.sandbox.http.server import Running
from worker.domain.problems.words import in_words
from worker.reconcile.compare import Drift
from worker.settings import Settings

SAVE, FINALIZE = "POST /Invoice/Factory/saveInvoice", "PUT /Invoice/*/sendBy"


async def published(billing: Billing) -> UUID:
    """An invoice that is open in sevDesk."""
    invoice = await billing.usual_invoice()
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    return invoice


async def other_company(billing: Billing, invoice: UUID) -> UUID:
    """The deal's company becomes another one."""
    company = await billing.company(name="Andere AG", email="andere@example.com", city="Hamburg")
    await billing.db.execute("UPDATE hubspot_associations SET to_id = $1", company)
    return company


async def edit(sevdesk: Running, external_id: str, **fields: Any) -> None:
    """Somebody changes the document in sevDesk, at another second than we did."""
    invoice = sevdesk.sandbox.account.invoices[int(external_id)]
    invoice.fields = replace(invoice.fields, **fields)
    invoice.update -= timedelta(seconds=5)


async def addresses(sevdesk: Running) -> list[str]:
    """To whom sevDesk mailed, oldest first."""
    return [mail["to"] for mail in (await state(sevdesk))["mails"]]


async def test_changed_recipient_parks_the_mail(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Published for one company, the deal has another one now: nobody gets a mail, and both are named by their ids."""
    invoice = await published(billing)
    first = (await billing.event(invoice, "drafted"))["recipient_id"]
    second = await other_company(billing, invoice)
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"], await addresses(sevdesk)) == ("parked", "recipient_changed", [])
    told = parameters(job)
    assert (told["addressee"], told["named"]) == (f"company {first}", f"company {second}")


async def test_confirmed_mail_goes_to_the_addressee(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A person confirms: the mail goes to the company on the document, once."""
    invoice = await published(billing)
    await other_company(billing, invoice)
    job = await billing.do("send_invoice", invoice_id=invoice)
    await billing.retry(job["job_id"], "confirmed")
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert await addresses(sevdesk) == ["rechnung@example.com"]


async def test_named_again_is_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The deal gets its first company back: a plain retry mails."""
    invoice = await published(billing)
    first = UUID((await billing.event(invoice, "drafted"))["recipient_id"])
    await other_company(billing, invoice)
    job = await billing.do("send_invoice", invoice_id=invoice)
    await billing.db.execute("UPDATE hubspot_associations SET to_id = $1", first)
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert await addresses(sevdesk) == ["rechnung@example.com"]


async def test_resend_and_cancellation_go_to_the_addressee(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The recipient changed after the mail: a resend asks, and the cancellation goes to whom the invoice went."""
    invoice = await published(billing)
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    await other_company(billing, invoice)
    resend = await billing.do("send_invoice", invoice_id=invoice, resend=True)
    assert (resend["state"], resend["problem"]) == ("parked", "recipient_changed")
    cancelled = await billing.do("cancel_invoice", invoice_id=invoice, reason="Falsch", notify=True)
    assert (cancelled["state"], cancelled["error"]) == ("done", None)
    assert await addresses(sevdesk) == ["rechnung@example.com"] * 2


async def test_draft_follows_the_recipient(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Before the number is drawn the recipient may change: the draft is made anew, and the mail follows it."""
    invoice = await billing.usual_invoice()
    await order_fault(sevdesk, "status", FINALIZE, status=422, body={"error": {"message": "not now", "code": 7100}})
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert job["state"] == "parked"
    await other_company(billing, invoice)
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    assert await addresses(sevdesk) == ["andere@example.com"]
    [document] = (await state(sevdesk))["invoices"]
    assert document["addressName"] == "Andere AG"


async def test_new_mail_address_of_the_addressee_counts(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The same company has another e-mail address by now: the mail goes there."""
    invoice = await published(billing)
    await billing.db.execute("UPDATE companies SET email = 'neu@example.com'")
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    assert await addresses(sevdesk) == ["neu@example.com"]


# -- a document that somebody made or changed by hand ------------------------------------------------------------------

By = Callable[[Running, str], Awaitable[None]]


def changing(**fields: Any) -> By:
    """Set these fields by hand."""
    return lambda sevdesk, external_id: edit(sevdesk, external_id, **fields)


async def another_contact(sevdesk: Running, external_id: str) -> None:
    contact = await new_contact(sevdesk, "R1-C-other", "Andere AG")
    await edit(sevdesk, external_id, contact_id=int(contact))


def position(**fields: Any) -> By:
    """Change the first position."""

    async def change(sevdesk: Running, external_id: str) -> None:
        first, *rest = sevdesk.sandbox.account.invoices[int(external_id)].fields.positions
        await edit(sevdesk, external_id, positions=(replace(first, **fields), *rest))

    return change


BY_HAND = {
    "contact": another_contact,
    "name": changing(address_name="Andere AG"),
    "street": changing(address_street="Nebenstraße 1"),
    "zip": changing(address_zip="20095"),
    "city": changing(address_city="Hamburg"),
    "country": changing(address_country_id=2),
    "invoice_date": changing(invoice_date=date(2026, 1, 1)),
    "tax_rule": changing(tax_rule=11),
    "currency": changing(currency="CHF"),
    "header": changing(header="Angebot"),
    "position_name 1": position(name="Etwas anderes"),
    "position_quantity 1": position(quantity=Decimal(2), price=Decimal(50)),
    "position_tax_rate 1": position(tax_rate=Decimal(7)),
    "position_unit 1": position(unity_id=9),
}


@pytest.mark.parametrize("what", BY_HAND)
async def test_document_changed_by_hand_is_not_mailed(
    what: str, billing: Billing, worker: object, sevdesk: Running
) -> None:
    """Sums and marker as they were, one thing changed in sevDesk: the mail waits for a person, who is told what."""
    invoice = await published(billing)
    external_id = (await billing.row(invoice))["external_id"]
    await BY_HAND[what](sevdesk, external_id)
    job = await billing.do("send_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"], await addresses(sevdesk)) == ("parked", "not_our_document", [])
    assert what in parameters(job)["differences"].split(", ")
    await billing.retry(job["job_id"], "confirmed")
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert await addresses(sevdesk) == ["rechnung@example.com"]


@pytest.mark.parametrize("what", BY_HAND)
async def test_document_of_others_is_not_adopted(what: str, billing: Billing, worker: object, sevdesk: Running) -> None:
    """Finalized by hand with our marker and our sums, but different: it is not taken over, and nothing is made."""
    invoice = await published(billing)
    external_id = (await billing.row(invoice))["external_id"]
    await BY_HAND[what](sevdesk, external_id)
    await forget(billing, invoice)
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "not_our_document")
    assert what in parameters(job)["differences"].split(", ")
    assert ((await billing.row(invoice))["external_id"], len((await state(sevdesk))["invoices"])) == (None, 1)


async def forget(billing: Billing, invoice: UUID) -> None:
    """As if the worker had never published it; the document in sevDesk stays."""
    await billing.db.execute("UPDATE billing_invoices SET external_id = NULL, external_invoice_number = NULL, "
                             "accounting_sync_status = 'not_synced'")  # fmt: skip
    await billing.db.execute("DELETE FROM sevdesk_intents")


async def test_same_document_is_adopted(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Finalized by hand, and all as we would have it: it is taken over and mailed, its positions not read again."""
    invoice = await published(billing)
    before = (await billing.row(invoice))["external_id"]
    await forget(billing, invoice)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    assert (await billing.row(invoice))["external_id"] == before
    assert (await billing.events(invoice))[-3:] == ["drafted", "finalized", "pdf_stored"]
    await forget_calls(sevdesk)
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    assert await calls(sevdesk) == ["GET /Invoice/{id}", "POST /Invoice/{id}/sendViaEmail"]


async def test_comparison_costs_no_call(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A mail takes two calls as ever; one more, for the positions, once sevDesk's copy has been touched."""
    first, second = await published(billing), await published(billing)
    await pay(sevdesk, (await billing.row(second))["external_id"], "19.00")
    paid = sevdesk.sandbox.account.invoices[int((await billing.row(second))["external_id"])]
    paid.update += timedelta(seconds=5)
    counted = []
    for invoice in (first, second):
        await forget_calls(sevdesk)
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
        counted.append(len(await calls(sevdesk)))
    assert counted == [2, 3]


async def test_draft_changed_by_hand_is_made_anew(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A draft is ours until it has a number: what somebody changed in it is replaced by what the invoice says."""
    invoice = await billing.usual_invoice()
    await order_fault(sevdesk, "status", FINALIZE, status=422, body={"error": {"message": "not now", "code": 7100}})
    job = await billing.do("publish_invoice", invoice_id=invoice)
    await edit(sevdesk, (await billing.row(invoice))["external_id"], address_city="Hamburg")
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    [document] = (await state(sevdesk))["invoices"]
    assert (document["addressCity"], document["status"]) == ("Berlin", "200")


async def test_cancellation_for_others_is_not_mailed(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The cancellation invoice shows another address than the invoice: a person must look at it first."""
    invoice = await published(billing)
    assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="Falsch"))["state"] == "done"
    [cancellation] = [each for each in sevdesk.sandbox.account.invoices.values() if each.type == "SR"]
    await edit(sevdesk, str(cancellation.id), address_name="Andere AG")
    job = await billing.do("cancel_invoice", invoice_id=invoice, reason="Falsch", notify=True)
    assert (job["state"], job["problem"], await addresses(sevdesk)) == ("parked", "not_our_document", [])
    await billing.retry(job["job_id"], "confirmed")
    assert (await billing.ended(job["job_id"]))["state"] == "done"


async def test_lost_draft_is_still_ours(billing: Billing, run_worker: Any, sevdesk: Running) -> None:
    """The answer to saving is lost, so the draft is found by its marker: it agrees, is finalized and can be mailed."""
    invoice = await billing.usual_invoice()
    await order_fault(sevdesk, "lose_answer", SAVE)
    async with run_worker(write_quarantine=1.0):
        assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
        assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    assert len((await control(sevdesk, "GET", "state"))["invoices"]) == 1


@pytest.mark.parametrize("what", ["city", "position_quantity 1"])
async def test_reconcile_reads_adopted_documents(
    what: str, billing: Billing, worker: object, sevdesk: Running, settings: Settings
) -> None:
    """What somebody changed in a document since it was taken over is told, with its name and without its value."""
    invoice = await published(billing)
    await forget(billing, invoice)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"
    assert (await compared(settings)).findings == ()
    await BY_HAND[what](sevdesk, (await billing.row(invoice))["external_id"])
    [finding] = (await compared(settings)).findings
    assert (finding.drift, finding.invoice_id, finding.repair) == (Drift.CONTENT, invoice, None)
    assert in_words(what, "en") in finding.theirs and "Hamburg" not in finding.theirs
