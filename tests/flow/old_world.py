"""A company that has worked for three years without this worker: its billing rows, and its account in sevDesk.

Each invoice and each customer is of one kind; the world remembers what must become of it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from flow.billing import Billing

from sevdesk_client.sandbox.account.records import Address, Contact, DocumentFields, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import Sums
from sevdesk_client.sandbox.endpoints import cancelling, paying
from sevdesk_client.sandbox.endpoints.credit_notes import add_credit_note

FIRST_DAY = date(2023, 1, 2)
DAYS = 3 * 365
CENT = Decimal("0.01")
INVOICE = """
    INSERT INTO billing_invoices (id, invoice_number, deal_id, contact_id, document_kind, document_status, net_amount,
           tax_amount, gross_amount, issue_date, external_id, accounting_sync_status, accounting_provider,
           external_invoice_number)
    VALUES ($1, $2, $3, $4, 'AR', $5, $6, $7, $8, $9, $10, $11, $12, $13)"""
COMPANY = """INSERT INTO companies (id, name, vat_id, street, zip, city, country_code)
             VALUES ($1, $2, $3, $4, $5, $6, 'DE')"""
PERSON = """INSERT INTO contacts (id, first_name, last_name, street, zip, city, country_code)
            VALUES ($1, $2, $3, $4, $5, $6, 'DE')"""
DEAL = "INSERT INTO deals (id, name, deal_type) VALUES ($1, 'Deal', 'EB')"
RECIPIENT = """INSERT INTO hubspot_associations (from_type, from_id, to_type, to_id, label)
               VALUES ('deal', $1, $2, $3, $4)"""


@dataclass
class Customer:
    """A company or person, its deal, and the contacts that its documents are addressed to in turn."""

    id: UUID
    deal: UUID | None  # None: its invoices name the person themselves
    contacts: list[int]
    right: str | None  # the contact that must be linked; None: a doubt, or there is none
    in_doubt: bool = False
    kind: str = "company"  # or contact

    @property
    def person(self) -> UUID | None:
        """The contact that its invoices name."""
        return self.id if self.deal is None else None

    @property
    def customer_number(self) -> str:
        return f"R1-{'C' if self.kind == 'company' else 'P'}-{self.id}"


@dataclass
class OldWorld:
    """`exact`: our number -> sevDesk's id that must be linked. `doubts`: our numbers that must be listed, by code."""

    account: Account
    chance: random.Random
    customers: list[Customer] = field(default_factory=list)
    quiet: list[Customer] = field(default_factory=list)  # customers without invoices
    exact: dict[str, str] = field(default_factory=dict)
    doubts: dict[str, str] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)  # documents without counterpart
    cancelled: set[str] = field(default_factory=set)  # our numbers
    paid: set[str] = field(default_factory=set)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    companies: list[tuple[Any, ...]] = field(default_factory=list)
    people: list[tuple[Any, ...]] = field(default_factory=list)

    @property
    def everybody(self) -> list[Customer]:
        return self.customers + self.quiet

    def uuid(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)

    def contact(self, name: str | None, **fields: str) -> int:
        number = fields.pop("customerNumber", f"K{self.account.next_customer}")
        self.account.next_customer += 1
        own = {"name": name, "customerNumber": number, **fields}
        return self.account.contacts.put(Contact(*self.account.new_record(), own, 3)).id

    def address(self, contact: int, place: tuple[str, str, str]) -> None:
        own = dict(zip(("street", "zip", "city"), place, strict=True))
        self.account.addresses.put(Address(*self.account.new_record(), contact, 1, 47, own))

    def document(self, customer: Customer, gross: Decimal, day: date, number: str, **more: Any) -> Invoice:
        net = (gross / Decimal("1.19")).quantize(CENT)
        sums = Sums(net, gross - net, gross)
        contact = self.chance.choice(customer.contacts)
        fields = DocumentFields(contact_id=contact, contact_person_id=2000001, invoice_date=day, tax_rule=1,
                                tax_text="Umsatzsteuer 19%", currency="EUR", header=more.pop("header", None),
                                sums=sums)  # fmt: skip
        made = Invoice(*self.account.new_record(), fields, None, number, status=200, **more)
        made.enshrined, made.send_type = made.create, "VPDF"
        return self.account.add(made)

    def row(self, customer: Customer, number: str, gross: Decimal, day: date, status: str = "sent",
            external_id: str | None = None, sync: str = "not_synced", provider: str | None = None,
            external_number: str | None = None) -> None:  # fmt: skip
        net = (gross / Decimal("1.19")).quantize(CENT)
        self.rows.append((self.uuid(), number, customer.deal, customer.person, status, net, gross - net, gross, day,
                          external_id, sync, provider, external_number))  # fmt: skip

    async def store(self, billing: Billing) -> None:
        """Insert the billing system's part."""
        await billing.db.executemany(COMPANY, self.companies)
        await billing.db.executemany(PERSON, self.people)
        with_deal = [each for each in self.everybody if each.deal is not None]
        await billing.db.executemany(DEAL, [(each.deal,) for each in with_deal])
        labels = {"company": "primary", "contact": "invoice_recipient"}
        await billing.db.executemany(RECIPIENT, [(it.deal, it.kind, it.id, labels[it.kind]) for it in with_deal])
        await billing.db.executemany(INVOICE, self.rows)


def old_world(account: Account, invoices: int, seed: int) -> OldWorld:
    """The same world for the same seed."""
    world = OldWorld(account, random.Random(seed))
    for place in range(max(len(CUSTOMERS), invoices // 20)):
        CUSTOMERS[place % len(CUSTOMERS)](world, place)
    for place in range(invoices):
        customer = world.chance.choice(world.customers)
        gross = Decimal(10_000 + world.chance.randrange(90_000_000)) / 100
        day = FIRST_DAY + timedelta(days=place * DAYS // invoices)
        # A third of what is certain has its id, as an earlier integration left it; every tenth is a doubt.
        INVOICES[place % len(INVOICES)](world, customer, f"INV-{place:06d}", gross, day)
    return world


# -- customers ---------------------------------------------------------------------------------------------------------


def _company(world: OldWorld, place: int, vat_id: str | None = None, name: str | None = None) -> tuple[UUID, str, Any]:
    id, name = world.uuid(), name or f"Bäckerei Größmann & Söhne {place} GmbH"
    where = (f"Straße des Übermuts {place}", "10115", "Köln")
    world.companies.append((id, name, vat_id, *where))
    return id, name, where


def _customer(
    world: OldWorld, id: UUID, contacts: list[int], right: int | None, *, quiet: bool = False, person: bool = False,
    deal: bool = True,
) -> None:  # fmt: skip
    shown, kind = None if right is None else str(right), "contact" if person else "company"
    made = Customer(id, world.uuid() if deal else None, contacts, shown, right is None, kind)
    (world.quiet if quiet else world.customers).append(made)


def with_number(world: OldWorld, place: int) -> None:
    """Renamed in sevDesk; has our customer number; and an older contact of the same name is still there."""
    id, name, _ = _company(world, place)
    right = world.contact("Alter Name AG", customerNumber=f"R1-C-{id}")
    _customer(world, id, [right, world.contact(name)], right)


def with_vat_id(world: OldWorld, place: int) -> None:
    """Renamed and without invoices; the VAT id, written with blanks, is the same."""
    id, _, _ = _company(world, place, vat_id=f"DE1{place:08d}")
    right = world.contact("Umbenannt SE", vatNumber=f"DE 1{place:08d}")
    _customer(world, id, [right], right, quiet=True)


def with_name(world: OldWorld, place: int) -> None:
    """Umlauts in name and address; a namesake lives elsewhere."""
    id, name, where = _company(world, place)
    right, namesake = world.contact(name), world.contact(name)
    world.address(right, where)
    world.address(namesake, ("Anderswo 1", "20095", "Hamburg"))
    _customer(world, id, [right], right, quiet=True)


def by_invoices(world: OldWorld, place: int) -> None:
    """Renamed, without VAT id or address: only its own invoices tell."""
    id, _, _ = _company(world, place)
    right = world.contact("Ganz anders KG")
    _customer(world, id, [right], right)


def double(world: OldWorld, place: int) -> None:
    """Two contacts with the same name and address, both with invoices."""
    id, name, where = _company(world, place)
    twins = [world.contact(name), world.contact(name)]
    for twin in twins:
        world.address(twin, where)
    _customer(world, id, twins, None)


def double_with_vat_id(world: OldWorld, place: int) -> None:
    """Two contacts with its name and with invoices, of which one has its VAT id."""
    id, name, _ = _company(world, place, vat_id=f"DE2{place:08d}")
    right = world.contact(name, vatNumber=f"DE2{place:08d}")
    _customer(world, id, [right, world.contact(name)], right)


def twins(world: OldWorld, place: int) -> None:
    """Two companies of ours with the name and address of one contact."""
    name = f"Zwilling {place} OHG"
    contact, where = world.contact(name), ("Gasse 1", "80331", "München")
    world.address(contact, where)
    for _ in range(2):
        id = world.uuid()
        world.companies.append((id, name, None, *where))
        _customer(world, id, [contact], None, quiet=True)


def with_clerk(world: OldWorld, place: int) -> None:
    """Renamed; some documents are addressed to a person who works there."""
    id, _, _ = _company(world, place)
    right = world.contact("Noch anders KG")
    clerk = world.contact(None, surename="Jörg", familyname="Weiß")
    _customer(world, id, [right, clerk], right)


def _person(world: OldWorld, place: int) -> tuple[UUID, dict[str, str], Any]:
    id, where = world.uuid(), (f"Gässchen {place}", "50667", "Köln")
    name = {"surename": "Zoë Ångström", "familyname": f"Müller-Lüdenscheidt {place}"}
    world.people.append((id, *name.values(), *where))
    return id, name, where


def person_with_number(world: OldWorld, place: int) -> None:
    """Has another name since a marriage; the customer number is ours."""
    id, name, _ = _person(world, place)
    right = world.contact(None, surename="Zoë", familyname="Mädchenname", customerNumber=f"R1-P-{id}")
    _customer(world, id, [right, world.contact(None, **name)], right, person=True)


def person_of_invoices(world: OldWorld, place: int) -> None:
    """Renamed, and named by the invoices themselves, without a deal."""
    id, _, _ = _person(world, place)
    right = world.contact(None, surename="Zoë", familyname="Mädchenname")
    _customer(world, id, [right], right, person=True, deal=False)


def person_as_company(world: OldWorld, place: int) -> None:
    """Its documents are addressed to an organisation."""
    id, _, _ = _person(world, place)
    _customer(world, id, [world.contact("Praxis für Übermut")], None, person=True)


def person_with_name(world: OldWorld, place: int) -> None:
    """A namesake lives elsewhere, and a company has the same name and address."""
    id, name, where = _person(world, place)
    right, namesake = world.contact(None, **name), world.contact(None, **name)
    company = world.contact(" ".join(name.values()))
    for contact in (right, company):
        world.address(contact, where)
    world.address(namesake, ("Anderswo 1", "20095", "Hamburg"))
    _customer(world, id, [right], right, quiet=True, person=True)


def double_person(world: OldWorld, place: int) -> None:
    """Two contacts with the same name and address, both with invoices."""
    id, name, where = _person(world, place)
    twins = [world.contact(None, **name) for _ in range(2)]
    for twin in twins:
        world.address(twin, where)
    _customer(world, id, twins, None, person=True, deal=False)


CUSTOMERS: tuple[Callable[[OldWorld, int], None], ...] = (
    with_number, with_vat_id, with_name, by_invoices, double, double_with_vat_id, by_invoices, twins,
    with_clerk, person_with_number, person_of_invoices, person_as_company, person_with_name, double_person,
)  # fmt: skip

# -- invoices ----------------------------------------------------------------------------------------------------------

Make = Callable[[OldWorld, Customer, str, Decimal, date], None]


def has_id(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """Written by the earlier integration, which knew no provider."""
    there = world.document(customer, gross, day, f"RE-A{number[4:]}")
    world.row(customer, number, gross, day, external_id=str(there.id), sync="synced", external_number=there.number)
    world.exact[number] = str(there.id)


def has_id_only(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """Its statuses were never brought in line, and it is paid."""
    there = world.document(customer, gross, day, f"RE-B{number[4:]}")
    world.row(customer, number, gross, day, external_id=str(there.id), sync="queued")
    paying.pay(world.account, there, gross, day, closes=False)
    world.exact[number] = str(there.id)
    world.paid.add(number)


def same_number(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """An integration without markers gave it our number; a reminder has that number, too."""
    there = world.document(customer, gross, day, number)
    world.document(customer, gross, day, number, type="MA")
    world.row(customer, number, gross, day)
    world.exact[number] = str(there.id)


def in_header(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """Made by hand; another document mentions it over another sum."""
    there = world.document(customer, gross, day, f"RE-C{number[4:]}", header=f"Rechnung {number}: Übertrag")
    other = world.document(customer, gross + 1, day, f"RE-D{number[4:]}", header=f"Mahngebühr zu {number}")
    world.row(customer, number, gross, day)
    world.exact[number] = str(there.id)
    world.foreign.add(str(other.id))


def cancelled_there(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """Somebody cancelled it in sevDesk."""
    has_id(world, customer, number, gross, day)
    cancelling.cancel(world.account, world.account.invoices[int(world.exact[number])])
    world.cancelled.add(number)


def credited_there(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """Paid, and a credit note was written by hand."""
    has_id(world, customer, number, gross, day)
    there = world.account.invoices[int(world.exact[number])]
    paying.pay(world.account, there, gross, day, closes=False)
    add_credit_note(world.account, there)
    world.paid.add(number)


def by_hand(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """The billing system knows nothing of it."""
    world.foreign.add(str(world.document(customer, gross, day, f"HAND-{number[4:]}").id))


def doubtful(world: OldWorld, customer: Customer, number: str, gross: Decimal, day: date) -> None:
    """One of nine kinds in turn."""
    kind = int(number[4:]) // len(INVOICES) % 9
    there = None
    if kind == 0:  # amount and day alone
        there = world.document(customer, gross, day, f"RE-E{number[4:]}")
        world.doubts[number] = "adopt_candidates"
        world.row(customer, number, gross, day)
    elif kind == 1:  # our number over another sum
        there = world.document(customer, gross + CENT, day, number)
        world.doubts[number] = "adopt_candidates"
        world.row(customer, number, gross, day)
    elif kind == 2:
        there = world.document(customer, gross + CENT, day, f"RE-F{number[4:]}")
        world.doubts[number] = "adopt_document_differs"
        world.row(customer, number, gross, day, external_id=str(there.id))
        return
    elif kind == 3:
        world.doubts[number] = "adopt_document_missing"
        world.row(customer, number, gross, day, external_id=f"9{number[4:]}", sync="not_synced")
    elif kind == 4:
        world.doubts[number] = "adopt_no_candidate"
        world.row(customer, number, gross + 10_000_000, day)
    elif kind == 5:  # two rows, one document
        there = world.document(customer, gross, day, f"RE-G{number[4:]}")
        for each in (number, f"{number}-2"):
            world.doubts[each] = "adopt_document_shared"
            world.row(customer, each, gross, day, external_id=str(there.id))
        return
    elif kind == 6:  # to be published, though it is there
        world.document(customer, gross, day, number)
        world.doubts[number] = "adopt_published_already"
        world.row(customer, number, gross, day, status="approved", sync="parked")
        return
    elif kind == 7:  # the same number twice
        for letter in "HI":
            world.document(customer, gross, day, f"RE-{letter}{number[4:]}", header=f"Rechnung {number}")
        world.doubts[number] = "adopt_candidates"
        world.row(customer, number, gross, day)
        return
    else:  # finalized here, a draft there
        there = world.document(customer, gross, day, f"RE-J{number[4:]}")
        there.status, there.number, there.enshrined = 100, None, None
        world.account.add(there)
        world.doubts[number] = "adopt_document_differs"
        world.row(customer, number, gross, day, external_id=str(there.id), sync="not_synced")
        return
    if there is not None:
        world.foreign.add(str(there.id))


INVOICES: tuple[Make, ...] = (
    has_id, has_id_only, same_number, in_header, has_id, same_number, by_hand, cancelled_there, credited_there,
    doubtful,
)  # fmt: skip
