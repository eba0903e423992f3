"""The recipient in sevDesk is kept as the billing system has it: one contact a party, up to date at each invoice."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from flow.billing import Billing, parameters
from flow.books import calls, forget_calls, new_contact, order_fault, state, until
from flow.stage import Stage
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from sevdesk_client.sandbox.http.server import Running

SAVE = "POST /Invoice/Factory/saveInvoice"


async def publish(billing: Billing, invoice: UUID) -> None:
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["error"]) == ("done", None)


async def links(billing: Billing) -> dict[UUID, str]:
    """Party -> sevDesk's contact."""
    return {r["party_id"]: r["contact_id"] for r in await billing.db.fetch("SELECT * FROM sevdesk_contacts")}


async def writes(sevdesk: Running) -> list[str]:
    return [call for call in await calls(sevdesk) if not call.startswith("GET") and "Invoice/{id}" not in call]


CHANGES: list[tuple[dict[str, str], str, Any]] = [
    ({"name": "Müller & Töchter GmbH"}, "PUT /Contact/{id}", lambda s: s["contacts"][0]["name"]),
    ({"vat_id": "DE123456789"}, "PUT /Contact/{id}", lambda s: s["contacts"][0]["vatNumber"]),
    ({"street": "Nebenstraße 6"}, "PUT /ContactAddress/{id}", lambda s: s["addresses"][0]["street"]),
    ({"zip": "10117"}, "PUT /ContactAddress/{id}", lambda s: s["addresses"][0]["zip"]),
    ({"city": "Potsdam"}, "PUT /ContactAddress/{id}", lambda s: s["addresses"][0]["city"]),
    ({"email": "neu@example.com"}, "PUT /CommunicationWay/{id}", lambda s: s["communication_ways"][0]["value"]),
]


@pytest.mark.parametrize(("change", "write", "shown"), CHANGES, ids=[next(iter(c[0])) for c in CHANGES])
async def test_change_is_written_before_invoice(
    billing: Billing, worker: object, sevdesk: Running, change: dict[str, str], write: str, shown: Any
) -> None:
    """One write to the linked contact, then the invoice; no second contact, and a third invoice writes nothing."""
    company = await billing.company()
    deal = await billing.deal(company)
    await publish(billing, await billing.invoice(deal))
    before = await links(billing)
    [(column, value)] = change.items()
    await billing.db.execute(f"UPDATE companies SET {column} = $1", value)  # noqa: S608 - one of ours above
    await forget_calls(sevdesk)
    await publish(billing, await billing.invoice(deal))
    assert await writes(sevdesk) == [write, SAVE]
    books = await state(sevdesk)
    assert shown(books) == value
    assert [len(books[part]) for part in ("contacts", "addresses", "communication_ways")] == [1, 1, 1]
    assert await links(billing) == before
    await forget_calls(sevdesk)
    await publish(billing, await billing.invoice(deal))
    assert await writes(sevdesk) == [SAVE]


async def test_everything_changed_at_once(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Name, address and e-mail: three writes, in this order, all before the invoice that carries them."""
    deal = await billing.deal(await billing.company())
    await publish(billing, await billing.invoice(deal))
    await billing.db.execute("UPDATE companies SET name = 'Neu AG', street = 'Platz 1', email = 'n@example.com'")
    await forget_calls(sevdesk)
    invoice = await billing.invoice(deal)
    await publish(billing, invoice)
    updates = ["PUT /Contact/{id}", "PUT /ContactAddress/{id}", "PUT /CommunicationWay/{id}"]
    assert await writes(sevdesk) == [*updates, SAVE]
    newest = max((await state(sevdesk))["invoices"], key=lambda each: int(each["id"]))
    assert (newest["addressName"], newest["addressStreet"]) == ("Neu AG", "Platz 1")
    linked = ["contact_linked", "address_written", "email_written"]
    assert (await billing.events(invoice))[:3] == linked
    assert (await billing.event(invoice, "contact_linked"))["how"] == "updated"


async def test_person_instead_of_company(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Another recipient is another contact with a link of its own; the first one stays for its invoices."""
    company = await billing.company()
    deal = await billing.deal(company)
    await publish(billing, await billing.invoice(deal))
    person = await billing.person()
    await billing.associate(deal, "contact", person, "invoice_recipient")
    await publish(billing, await billing.invoice(deal))
    there = await links(billing)
    assert set(there) == {company, person} and len(set(there.values())) == 2
    contacts = {each["id"]: each for each in (await state(sevdesk))["contacts"]}
    assert contacts[there[company]]["name"] == "Müller & Söhne GmbH"
    assert (contacts[there[person]]["surename"], contacts[there[person]]["familyname"]) == ("Jörg", "Weiß")
    assert contacts[there[person]]["customerNumber"] == f"R1-P-{person}"
    # And back again: the old link is used, nothing is made anew.
    await billing.db.execute("DELETE FROM hubspot_associations WHERE to_id = $1", person)
    await publish(billing, await billing.invoice(deal))
    assert await links(billing) == there
    assert len((await state(sevdesk))["contacts"]) == 2


async def test_contact_made_by_hand_is_taken(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Found by its customer number, linked, and brought up to date."""
    company = await billing.company()
    by_hand = await new_contact(sevdesk, f"R1-C-{company}", "Alter Name")
    invoice = await billing.invoice(await billing.deal(company))
    await publish(billing, invoice)
    assert await links(billing) == {company: by_hand}
    [contact] = (await state(sevdesk))["contacts"]
    assert contact["name"] == "Müller & Söhne GmbH"


async def test_duplicates_park_with_candidates(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Two contacts with one customer number: a person decides, and then the job goes on."""
    company = await billing.company()
    number = f"R1-C-{company}"
    ids = sorted([await new_contact(sevdesk, number, name) for name in ("Eins", "Zwei")])
    invoice = await billing.invoice(await billing.deal(company))
    job = await billing.do("publish_invoice", invoice_id=invoice)
    assert (job["state"], job["problem"]) == ("parked", "contact_ambiguous")
    assert job["error"] == f"sevDesk has 2 contacts with customer number {number}: {', '.join(ids)}."
    assert "Merge or renumber them in sevDesk" in job["next_step"]
    assert await links(billing) == {}
    assert (await state(sevdesk))["invoices"] == []
    async with httpx.AsyncClient(headers={"Authorization": sevdesk.token}) as http:
        answer = await http.put(f"{sevdesk.base_url}/Contact/{ids[1]}", json={"customerNumber": "renumbered"})
    assert answer.is_success
    await billing.retry(job["job_id"])
    assert (await billing.ended(job["job_id"]))["state"] == "done"
    assert await links(billing) == {company: ids[0]}


async def test_lost_contact_parks(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A linked contact that is gone is not replaced by guessing."""
    company = await billing.company()
    deal = await billing.deal(company)
    await publish(billing, await billing.invoice(deal))
    await billing.db.execute("UPDATE sevdesk_contacts SET contact_id = '999999999'")
    await billing.db.execute("UPDATE companies SET name = 'Neu AG'")
    job = await billing.do("publish_invoice", invoice_id=await billing.invoice(deal))
    assert (job["state"], job["problem"]) == ("parked", "contact_gone")
    assert parameters(job) == {"contact_id": "999999999"}
    assert len((await state(sevdesk))["contacts"]) == 1


async def is_logged(lines: list[Any], event: str) -> bool:
    return any(line["event"] == event for line in lines)


async def test_correlation_reaches_everything(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The caller's id stands in sevDesk's headers for each call, in log lines, ledger and event log."""
    invoice = await billing.usual_invoice()
    await forget_calls(sevdesk)
    statement = "SELECT sevdesk_request_job('publish_invoice', $1::jsonb, correlation_id => 'request-4711')"
    with capture_logs(processors=[merge_contextvars]) as lines:
        job = await billing.ended(await billing.db.fetchval(statement, json.dumps({"invoice_id": str(invoice)})))
        await until(lambda: is_logged(lines, "job.done"))
    ours = [line for line in lines if line["event"].startswith(("job.", "sevdesk."))]
    assert len(ours) > 10 and {line["correlation_id"] for line in ours} == {"request-4711"}
    assert (job["state"], job["correlation_id"]) == ("done", "request-4711")
    asked = list(sevdesk.sandbox.requests)
    assert len(asked) > 10
    assert {entry.get("correlation_id") for entry in asked} == {"request-4711"}
    rows = await billing.db.fetch("SELECT correlation_id FROM billing_invoice_event_log WHERE invoice_id = $1", invoice)
    assert {row["correlation_id"] for row in rows} == {"request-4711"}
    await forget_calls(sevdesk)
    await billing.do("sync_payments")
    assert all("correlation_id" not in entry for entry in sevdesk.sandbox.requests) and sevdesk.sandbox.requests


async def test_invoice_may_name_its_own_recipient(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Its association labelled `invoice_recipient` comes before its deal's, and the event log says why."""
    deal = await billing.deal(await billing.company(), label="invoice_recipient")
    invoice, other = await billing.invoice(deal), await billing.company(name="Bauherr AG", email="bau@example.com")
    await billing.associate(invoice, "company", other, "invoice_recipient", of="invoice")
    await publish(billing, invoice)
    assert set(await links(billing)) == {other}
    assert (await billing.event(invoice, "drafted"))["recipient_reason"] == (
        f"Company {other} is the invoice_recipient of invoice {invoice}."
    )
    assert (await billing.do("send_invoice", invoice_id=invoice))["state"] == "done"
    assert [mail["to"] for mail in (await state(sevdesk))["mails"]] == ["bau@example.com"]


@pytest.mark.parametrize("written", ["at", "At", " AT "])
async def test_country_is_taken_in_any_case(billing: Billing, worker: object, sevdesk: Running, written: str) -> None:
    """It is the same country, also to the checks: tax-free to Austria, with Austria's id in sevDesk."""
    company = await billing.company(country_code=written, vat_id="ATU12345675")
    untaxed = {"items": (("4", "25", "0"),), "tax_amount": "0.00", "gross_amount": "100.00", "tax_rule": 3}
    invoice = await billing.invoice(await billing.deal(company), **untaxed)
    await publish(billing, invoice)
    assert "legal_warning" not in await billing.events(invoice)
    [document] = (await state(sevdesk))["invoices"]
    assert document["addressCountry"]["id"] == "2"
    assert document["address"] == "Müller & Söhne GmbH\nHauptstraße 5\n10115 Berlin\nÖsterreich"
    await billing.db.execute("UPDATE companies SET country_code = 'AT'")
    await forget_calls(sevdesk)
    await publish(billing, await billing.invoice(await billing.deal(company), **untaxed))
    assert "PUT /ContactAddress/{id}" not in await calls(sevdesk)


async def test_what_is_cleared_is_cleared_there(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A VAT id that was wrong is gone from the next e-invoice, too, whose XML takes it from the contact."""
    deal = await billing.deal(await billing.company(vat_id="DE123456789", buyer_reference="4711"))
    await publish(billing, await billing.invoice(deal, is_e_invoice=True))
    await billing.db.execute("UPDATE companies SET vat_id = NULL, buyer_reference = NULL")
    await publish(billing, await billing.invoice(deal, is_e_invoice=True))
    [contact] = (await state(sevdesk))["contacts"]
    assert (contact["vatNumber"], contact["buyerReference"]) == ("", "-")


async def test_what_is_cleared_is_cleared_after_a_lost_write(stage: Stage) -> None:
    """Nobody knows whether sevDesk has got it, so it is written once more."""
    async with stage.working():
        deal = await stage.billing.deal(await stage.billing.company(vat_id="DE123456789"))
        await publish(stage.billing, await stage.billing.invoice(deal))
        await stage.billing.db.execute("UPDATE companies SET vat_id = NULL")
        await order_fault(stage.sevdesk, "drop_before", "PUT /Contact/*")
        job_id = await stage.lost("publish_invoice", invoice_id=await stage.billing.invoice(deal))
        await stage.hasten(job_id)
        assert (await stage.billing.ended(job_id))["state"] == "done"
        [contact] = (await state(stage.sevdesk))["contacts"]
        assert contact["vatNumber"] == ""


async def test_what_only_sevdesk_has_of_a_person_stays(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The billing system has VAT ids of companies only; an accountant has entered that of a tradesman."""
    person = await billing.person()
    await publish(billing, await billing.invoice(contact_id=person))
    [id] = (await links(billing)).values()
    async with httpx.AsyncClient(headers={"Authorization": sevdesk.token}) as http:
        await http.put(f"{sevdesk.base_url}/Contact/{id}", json={"vatNumber": "DE123456789"})
    await billing.db.execute("UPDATE contacts SET last_name = 'Weiß-Braun' WHERE id = $1", person)
    await publish(billing, await billing.invoice(contact_id=person))
    [contact] = (await state(sevdesk))["contacts"]
    assert (contact["familyname"], contact["vatNumber"]) == ("Weiß-Braun", "DE123456789")


async def test_what_others_entered_before_stays(billing: Billing, worker: object, sevdesk: Running) -> None:
    """Of a contact that is taken over; the billing system may know less of it."""
    company = await billing.company()
    by_hand = await new_contact(sevdesk, f"R1-C-{company}", "Alter Name")
    async with httpx.AsyncClient(headers={"Authorization": sevdesk.token}) as http:
        await http.put(f"{sevdesk.base_url}/Contact/{by_hand}", json={"vatNumber": "DE123456789"})
    await publish(billing, await billing.invoice(await billing.deal(company)))
    [contact] = (await state(sevdesk))["contacts"]
    assert (contact["name"], contact["vatNumber"]) == ("Müller & Söhne GmbH", "DE123456789")


@pytest.mark.parametrize(
    ("part", "column", "write"),
    [("addresses", "street", "POST /ContactAddress"), ("communication_ways", "email", "POST /CommunicationWay")],
)
async def test_what_was_deleted_by_hand_is_made_anew(
    billing: Billing, worker: object, sevdesk: Running, part: str, column: str, write: str
) -> None:
    """Somebody has tidied up the contact in sevDesk, and then the billing system has a new address."""
    deal = await billing.deal(await billing.company())
    await publish(billing, await billing.invoice(deal))
    records = getattr(sevdesk.sandbox.account, part)
    for record in list(records.values()):
        records.remove(record)
    await billing.db.execute(f"UPDATE companies SET {column} = 'neu@example.com'")  # noqa: S608 - one of ours above
    await forget_calls(sevdesk)
    await publish(billing, await billing.invoice(deal))
    assert await writes(sevdesk) == [write, SAVE]
    assert len((await state(sevdesk))[part]) == 1


async def test_company_that_was_made_as_a_person(billing: Billing, worker: object, sevdesk: Running) -> None:
    """A sole trader, entered by hand under our number with given and family name: a contact has one kind of name."""
    company = await billing.company()
    by_hand = await new_contact(sevdesk, f"R1-C-{company}", surename="Jörg", familyname="Müller")
    await publish(billing, await billing.invoice(await billing.deal(company)))
    assert await links(billing) == {company: by_hand}
    [contact] = (await state(sevdesk))["contacts"]
    assert (contact["name"], contact["surename"], contact["familyname"]) == ("Müller & Söhne GmbH", "", "")


async def test_person_who_was_made_as_an_organization(billing: Billing, worker: object, sevdesk: Running) -> None:
    """The same the other way round."""
    person = await billing.person()
    by_hand = await new_contact(sevdesk, f"R1-P-{person}", name="Jörg Weiß")
    await publish(billing, await billing.invoice(contact_id=person))
    assert await links(billing) == {person: by_hand}
    [contact] = (await state(sevdesk))["contacts"]
    assert (contact["name"], contact["surename"], contact["familyname"]) == ("", "Jörg", "Weiß")
