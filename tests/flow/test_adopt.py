"""An account that has grown for three years is taken over: what is certain is linked, every doubt is listed."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing
from flow.books import calls, control, order_fault, until
from flow.conftest import RunWorker
from flow.old_world import CENT, FIRST_DAY, Customer, OldWorld, old_world
from flow.operators import Operator
from flow.processes import worker_process

from sevdesk_client.sandbox.account.records import CommunicationWay, Contact, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.http.server import Running
from worker.adopt.take_over import Adoption, TakeOver
from worker.domain.adoption import LISTED
from worker.operator.connections import open_account
from worker.settings import Settings
from worker.steps import pages
from worker.store import Store

# What a takeover asks sevDesk, and the payment sync beside it, which looks for what was linked while it read;
# nothing of that is a write.
READS = {"GET /SevUser", "GET /Invoice", "GET /Invoice/{id}", "GET /Contact", "GET /CreditNote", "GET /ContactAddress"}
KILLS = 4


def books(account: Account) -> Any:
    """What would be different after a write."""
    parts = (account.invoices, account.contacts, account.addresses)
    kept = [sorted((each.id, each.update) for each in part.values()) for part in parts]
    return kept, sorted(account.credit_notes), account.last_id, account.next_number, len(account.mails)


async def looked(settings: Settings) -> Adoption:
    """A dry run."""
    store = await Store.connect(settings.database_url, size=1)
    try:
        async with open_account(settings) as account:
            return await TakeOver(store, account.client).run()
    finally:
        await store.close()


async def rows(billing: Billing) -> list[tuple[Any, ...]]:
    """All that a takeover might change, times included."""
    invoices = await billing.db.fetch("SELECT * FROM billing_invoices ORDER BY id")
    links = await billing.db.fetch("SELECT * FROM sevdesk_contacts ORDER BY contact_id")
    log = await billing.db.fetchval("SELECT count(*) FROM billing_invoice_event_log")
    return [tuple(row) for row in (*invoices, *links)] + [(log,)]


async def linked(billing: Billing) -> dict[str, str]:
    statement = """SELECT invoice_number, external_id FROM billing_invoices
                   WHERE accounting_sync_status IN ('synced', 'cancelled') AND accounting_provider = 'sevdesk'"""
    return {row["invoice_number"]: row["external_id"] for row in await billing.db.fetch(statement)}


async def contacts(billing: Billing) -> dict[Any, str]:
    found = await billing.db.fetch("SELECT party_id, contact_id FROM sevdesk_contacts")
    return {row["party_id"]: row["contact_id"] for row in found}


def assert_listed(world: OldWorld, found: Adoption) -> None:
    """Every doubt and every document without counterpart, each once; nothing else but candidates of doubts."""
    by_number = {f.parameters["number"]: f.code for f in found.findings if "number" in f.parameters}
    assert by_number == world.doubts
    alone = {f.parameters["external_id"] for f in found.findings if f.code == "adopt_document_unknown"}
    assert world.foreign <= alone
    assert len(world.account.credit_notes) == found.counts["adopt_credit_note_unknown"]
    parties = {f.parameters["party"] for f in found.findings if f.code == "adopt_contact_ambiguous"}
    assert parties == {f"{each.kind} {each.id}" for each in world.everybody if each.in_doubt}


def assert_no_write(world: OldWorld, before: Any, asked: list[str]) -> None:
    assert set(asked) <= READS
    assert books(world.account) == before


async def assert_first_month_makes_no_duplicate(billing: Billing, world: OldWorld, customers: list[Customer]) -> None:
    """An invoice for each customer: one document each, and no new contact."""
    account = world.account
    people, documents = len(account.contacts), len(account.invoices)
    jobs = [
        await billing.enqueue(
            "publish_invoice", invoice_id=await billing.invoice(customer.deal, contact_id=customer.person)
        )
        for customer in customers
    ]
    assert {(await billing.ended(job))["state"] for job in jobs} == {"done"}
    assert len(account.contacts) == people
    assert len(account.invoices) == documents + len(customers)


@pytest.mark.parametrize("size", [300, pytest.param(20_000, marks=pytest.mark.long)])
async def test_old_world_is_taken_over(
    billing: Billing, settings: Settings, sevdesk: Running, run_worker: RunWorker, tmp_path: Path, size: int
) -> None:
    """All that is certain is linked and nothing else, although workers are killed; twice changes nothing."""
    account = sevdesk.sandbox.account
    world = old_world(account, size, seed=7)
    await world.store(billing)
    before, untouched = books(account), await rows(billing)
    dry = await looked(settings)
    assert await rows(billing) == untouched
    assert dry.linked == len(world.exact)
    assert_listed(world, dry)
    job_id = await billing.enqueue("adopt")
    chance, asked = random.Random(size), sevdesk.sandbox.requests
    for kill in range(KILLS):  # in turn while it reads and while it records
        enough_calls = len(asked) + chance.randrange(1, dry.calls)
        enough_rows = chance.randrange(1, dry.linked)

        async def reached(kill: int = kill, calls: int = enough_calls, linked: int = enough_rows) -> bool:
            job = await billing.job(job_id)
            ended = job is not None and job["state"] == "done"
            return ended or (len(asked) >= calls if kill % 2 == 0 else await recorded(billing) >= linked)

        async with worker_process(settings, tmp_path) as process:
            await until(reached, seconds=600)
            await process.kill()
    async with run_worker():
        job = await billing.ended(job_id, seconds=600)
        assert (job["state"], job["error"]) == ("done", None)
        assert await linked(billing) == world.exact
        assert await contacts(billing) == {each.id: each.right for each in world.everybody if each.right}
        assert_no_write(world, before, await calls(sevdesk))
        await bring_statuses_in_line(billing, world, json.loads(job["result"])["sync_job"])
        settled = await rows(billing)
        again = json.loads((await billing.do("adopt"))["result"])
        assert (again["linked"], again["contacts_linked"]) == (0, 0)
        assert await rows(billing) == settled
        assert_listed(world, await looked(settings))
        assert_no_write(world, before, await calls(sevdesk))
        await decide(billing, world)
        await assert_first_month_makes_no_duplicate(billing, world, [c for c in world.everybody if c.right])


async def recorded(billing: Billing) -> int:
    """How many invoices have their event by now."""
    return await billing.db.fetchval("SELECT count(*) FROM billing_invoice_event_log WHERE event_type = 'adopted'")


async def bring_statuses_in_line(billing: Billing, world: OldWorld, sync_job: str) -> None:
    """The payment sync asks before it records so many cancellations; then both books agree."""
    await billing.ended(sync_job, seconds=600)
    # A scheduled sync of a killed worker may have asked before; then that one is confirmed.
    for job in await billing.db.fetch("SELECT job_id, problem FROM sevdesk_jobs WHERE state = 'parked'"):
        assert job["problem"] == "mass_change"
        await billing.retry(job["job_id"], "confirmed")
        assert (await billing.ended(job["job_id"], seconds=600))["state"] == "done"
    found = await billing.db.fetch("SELECT invoice_number, claim_status FROM billing_invoices")
    claims = {row["invoice_number"]: row["claim_status"] for row in found if row["invoice_number"] in world.exact}
    wanted = dict.fromkeys(world.exact, "open") | dict.fromkeys(world.paid, "paid")
    assert claims == wanted | dict.fromkeys(world.cancelled, "cancelled")


async def decide(billing: Billing, world: OldWorld) -> None:
    """A person gives one of each customer's two contacts its customer number; then it is linked."""
    doubtful = [each for each in world.customers if each.in_doubt]
    for customer in doubtful:
        chosen: Contact = world.account.contacts[customer.contacts[0]]
        chosen.fields["customerNumber"] = customer.customer_number
        world.account.contacts.put(chosen)
        customer.right = str(chosen.id)
    assert json.loads((await billing.do("adopt"))["result"])["contacts_linked"] == len(doubtful)
    assert (await contacts(billing)).items() >= {each.id: each.right for each in doubtful}.items()


async def test_command_reports_in_three_forms(
    billing: Billing, settings: Settings, sevdesk: Running, worker: object, tmp_path: Path
) -> None:
    """A dry run changes nothing; the run links; both say what is left, as table, JSON and HTML in both languages."""
    world = old_world(sevdesk.sandbox.account, 100, seed=3)
    await world.store(billing)
    untouched, operator = await rows(billing), Operator(settings, tmp_path)
    said = await operator.json("adopt", "--dry-run", "--html", "report.html", code=3)
    assert await rows(billing) == untouched
    assert (said["would_link"]["linked"], said["job"]) == (len(world.exact), None)
    code, out, _ = await operator.run("adopt")
    assert code == 3 and f"{len(world.exact)} invoices and" in out and "adopt_contact_ambiguous" in out
    said = await operator.json("adopt", code=3)
    assert (said["job"]["linked"], said["left"]["linked"], said["known"]) == (0, 0, len(world.exact))
    assert {each["code"] for each in said["findings"]} >= LISTED
    assert all(each["cause"]["de"] and each["next_step"]["en"] for each in said["findings"])
    page = (tmp_path / "report.html").read_text()
    assert "may be one of these documents" in page and "könnte einer dieser Belege sein" in page


def make_e_invoice(account: Account, invoice: Invoice) -> None:
    """With what its XML needs."""
    place = {"address_street": "Weg 1", "address_zip": "10115", "address_city": "Berlin"}
    invoice.fields = replace(invoice.fields, is_e_invoice=True, payment_method_id=21919, **place)
    contact = account.contacts[invoice.fields.contact_id]
    contact.fields["buyerReference"] = "-"
    way = CommunicationWay(*account.new_record(), contact.id, 8, "EMAIL", "rechnung@example.com", main=True)
    account.communication_ways.put(way)


async def test_linked_invoices_are_archived(billing: Billing, worker: object, sevdesk: Running) -> None:
    """With `archive` each finalized invoice gets its PDF, an e-invoice its XML, by a job of its own; each once."""
    account = sevdesk.sandbox.account
    world = old_world(account, 10, seed=1)
    await world.store(billing)
    electronic = [number for number in world.exact if number not in world.cancelled][:2]
    for number in electronic:
        make_e_invoice(account, account.invoices[int(world.exact[number])])
    statement = "UPDATE billing_invoices SET is_e_invoice = true WHERE invoice_number = ANY($1)"
    await billing.db.execute(statement, electronic)

    async def archive() -> int:
        asked = json.loads((await billing.do("adopt", archive=True))["result"])["pdfs_asked"]
        for row in await billing.db.fetch("SELECT job_id FROM sevdesk_jobs WHERE kind = 'fetch_invoice_pdf'"):
            job = await billing.ended(row["job_id"])
            assert job["state"] == "done" or job["problem"] == "invoice_cancelled", job["error"]
        return asked

    async def stored(kind: str) -> set[str]:
        statement = """SELECT DISTINCT i.invoice_number FROM sevdesk_documents d
                       JOIN billing_invoices i ON i.id = d.invoice_id WHERE d.kind = $1"""
        return {row["invoice_number"] for row in await billing.db.fetch(statement, kind)}

    assert await archive() == len(world.exact)
    assert await stored("invoice_pdf") >= world.exact.keys() - world.cancelled
    assert await stored("invoice_xml") == set(electronic)
    assert await archive() == 0
    await billing.db.execute("DELETE FROM sevdesk_documents WHERE kind = 'invoice_xml'")
    assert await archive() == len(electronic) and await stored("invoice_xml") == set(electronic)


async def test_cancellation_without_marker_is_found(
    billing: Billing, hasty_worker: object, sevdesk: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an adopted invoice, on a later page of its contact's documents; by the sync, and after a lost answer."""
    monkeypatch.setattr(pages, "PAGE", 100)
    world = old_world(sevdesk.sandbox.account, 20, seed=1)
    await world.store(billing)
    job = await billing.do("adopt")
    assert (await billing.ended(json.loads(job["result"])["sync_job"]))["state"] == "done"
    first, second = [number for number in world.exact if number not in world.cancelled | world.paid][:2]
    rows = await billing.db.fetch("SELECT invoice_number, id FROM billing_invoices")
    ours = {row["invoice_number"]: row["id"] for row in rows}
    await control(sevdesk, "POST", "cancel", {"invoice_id": world.exact[first]})
    for place in range(120):
        there = world.account.invoices[int(world.exact[first])]
        customer = next(each for each in world.customers if there.fields.contact_id in each.contacts)
        later = world.document(replace(customer, contacts=[there.fields.contact_id]), CENT, FIRST_DAY, f"LATER-{place}")
        assert later.origin_id is None
    assert (await billing.do("sync_payments", invoice_id=ours[first]))["state"] == "done"
    assert (await billing.row(ours[first]))["claim_status"] == "cancelled"
    before = len(world.account.invoices)
    await order_fault(sevdesk, "lose_answer", "POST /Invoice/*/cancelInvoice")
    job = await billing.do("cancel_invoice", invoice_id=ours[second], reason="Doppelt")
    assert (job["state"], job["error"]) == ("done", None)
    assert len(world.account.invoices) == before + 1
