"""Cases in which a takeover could link the wrong document or contact: it links none of them, and lists each."""

import random
import unicodedata
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker
from flow.old_world import CENT, CUSTOMERS, FIRST_DAY, Customer, Make, OldWorld, same_number
from flow.processes import worker_process
from flow.test_adopt import assert_no_write, books, calls, linked, looked, rows

from sevdesk_client.sandbox.endpoints import cancelling
from sevdesk_client.sandbox.http.server import Running
from worker.settings import Settings

KILLS = 3


def reissued(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """Cancelled there, and issued again with the same heading, sum and day."""
    for letter in "AB":
        there = world.document(customer, gross, day, f"{letter}{number}X", header=f"Rechnung {number}")
        if letter == "A":
            cancelling.cancel(world.account, there)
    world.row(customer, number, gross, day)
    world.doubts[number] = "adopt_candidates"


def decomposed(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """An umlaut of the number is two signs there, and the number has a blank."""
    ours = f"Größe {number}"
    there = world.document(customer, gross, day, f"C{number}X", header=unicodedata.normalize("NFD", f"Re. {ours}: Bau"))
    world.row(customer, ours, gross, day)
    world.exact[ours] = str(there.id)


def other_currency(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """The same figure in dollars is another sum."""
    there = world.document(customer, gross, day, number)
    there.fields = replace(there.fields, currency="USD")
    world.account.add(there)
    world.row(customer, number, gross, day)
    world.doubts[number] = "adopt_candidates"


def part_of_a_longer_number(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """A heading with a number that begins like ours, over the same sum on the same day."""
    world.document(customer, gross, day, f"D{number}X", header=f"Rechnung {number}-2")
    world.row(customer, number, gross, day)
    world.doubts[number] = "adopt_candidates"


def draft_there(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """A draft with our number in its heading is not published."""
    there = world.document(customer, gross, day, "E", header=f"Rechnung {number}")
    there.status, there.number, there.enshrined = 100, None, None
    world.account.add(there)
    world.row(customer, number, gross, day)
    world.doubts[number] = "adopt_candidates"


def next_day(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """Our number and sum, another day."""
    world.document(customer, gross, date(2022, 1, 1), number)
    world.row(customer, number, gross, day)
    world.doubts[number] = "adopt_candidates"


def of_another_customer(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """Two programs count alike: sevDesk's number is ours by chance, sum and day too, but the contact is another's."""
    if int(number[4:]) % 2:
        contact = world.contact("Jemand anders", customerNumber=f"R1-C-{world.uuid()}")
    else:
        vat_id = f"DE3{number[4:]}00"
        world.companies.append((world.uuid(), "Jemand GmbH", vat_id, "Weg 1", "10115", "Berlin"))
        contact = world.contact("Umbenannt", vatNumber=vat_id)
    world.document(replace(customer, contacts=[contact]), gross, day, number)
    world.row(customer, number, gross, day)
    world.doubts[number] = "adopt_candidates"


KINDS: tuple[Make, ...] = (
    same_number, reissued, decomposed, other_currency, part_of_a_longer_number, draft_there, next_day,
    of_another_customer, of_another_customer,
)  # fmt: skip


def mean_world(world: OldWorld, invoices: int) -> OldWorld:
    for place in range(invoices):
        customer = world.chance.choice([each for each in world.customers if not each.in_doubt])
        gross = CENT * (10_000 + place * 7)
        KINDS[place % len(KINDS)](world, customer, f"INV-{place:06d}", gross, FIRST_DAY)
    return world


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_wrong_is_linked(
    billing: Billing, settings: Settings, sevdesk: Running, run_worker: RunWorker, tmp_path: Path, seed: int
) -> None:
    """Although workers are killed; a second run changes nothing."""
    account = sevdesk.sandbox.account
    world = OldWorld(account, random.Random(seed))
    for place, make in enumerate(CUSTOMERS * 2):
        make(world, place)
    mean_world(world, 200)
    await world.store(billing)
    before = books(account)
    dry = await looked(settings)
    assert {f.parameters["number"]: f.code for f in dry.findings if "number" in f.parameters} == world.doubts
    job_id, chance = await billing.enqueue("adopt"), random.Random(seed)
    for _ in range(KILLS):
        enough = len(sevdesk.sandbox.requests) + chance.randrange(1, 12)

        async def reached(calls: int = enough) -> bool:
            job = await billing.job(job_id)
            return (job is not None and job["state"] == "done") or len(sevdesk.sandbox.requests) >= calls

        async with worker_process(settings, tmp_path) as process:
            await until(reached, seconds=60)
            await process.kill()
    async with run_worker():
        job = await billing.ended(job_id, seconds=120)
        assert (job["state"], job["error"]) == ("done", None)
        assert await linked(billing) == world.exact
        assert_no_write(world, before, await calls(sevdesk))
        settled = await rows(billing)
        await billing.do("adopt")
        assert await rows(billing) == settled


async def test_each_contact_is_asked_for_its_addresses_once(
    billing: Billing, settings: Settings, sevdesk: Running
) -> None:
    """However many parties and contacts have one name: the address tells which is whose."""
    world = OldWorld(sevdesk.sandbox.account, random.Random(1))
    for house in range(1, 7):
        place = (f"Bahnhofstr. {house}", "10115", "Berlin")
        world.address(world.contact("Meier GmbH"), place)
        world.companies.append((world.uuid(), "Meier GmbH", None, *place))
    await world.store(billing)
    found = await looked(settings)
    asked = [request for request in sevdesk.sandbox.requests if request["path"] == "/ContactAddress"]
    assert (found.contacts_linked, found.doubts, len(asked)) == (6, [], 6)
