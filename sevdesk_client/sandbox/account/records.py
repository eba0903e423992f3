"""The account's records, one dataclass per sevDesk model."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from sevdesk_client.sandbox.account.formats import Object, berlin_day, head_json, timestamp
from sevdesk_client.sandbox.account.sums import NO_SUMS, ZERO, Discount, Sums

CLIENT_ID = 1000001
USER_ID = 2000001
CLIENT = {"id": str(CLIENT_ID), "objectName": "SevClient"}
DEFAULT_TEMPLATE = "57986aee6bd2d53306068da1"
DEFAULT_PAPER = "57d7ff34f23ada297d265f21"
DEFAULT_LAYOUT = {"template": DEFAULT_TEMPLATE, "letterpaper": DEFAULT_PAPER, "language": "de_DE"}


@dataclass(slots=True)
class Record:
    """What every record has."""

    id: int
    create: datetime
    update: datetime


def record_json(model: str, record: Record) -> Object:
    """The keys that the JSON of every record starts with."""
    times = {"create": timestamp(record.create), "update": timestamp(record.update)}
    return {**head_json(model, record.id), **times}


@dataclass(slots=True)
class Contact(Record):
    """An organisation (`name`) or a person (`surename`, `familyname`)."""

    fields: Object
    category_id: int
    parent_id: int | None = None

    @property
    def is_person(self) -> bool:
        """True without `name`; GET /Contact lists persons only with depth=1 (official)."""
        return not self.fields.get("name") and bool(self.fields.get("familyname") or self.fields.get("surename"))


@dataclass(slots=True)
class Address(Record):
    """One address of a contact; category 47 is the invoice address (live, two peers)."""

    contact_id: int
    country_id: int
    category_id: int
    fields: Object


@dataclass(slots=True)
class CommunicationWay(Record):
    """An e-mail address, telephone number or web page of a contact."""

    contact_id: int
    key_id: int
    type: str
    value: str
    main: bool


@dataclass(frozen=True, slots=True)
class Position:
    """One position of an invoice; `price` is net if the document's `show_net` is set, else gross."""

    id: int
    name: str
    text: str | None
    quantity: Decimal
    price: Decimal
    tax_rate: Decimal
    discount: Decimal
    unity_id: int
    number: int
    sums: Sums


# sevDesk's keys of a document's texts, and the fields that hold them.
DOCUMENT_TEXTS = {
    **{"header": "header", "headText": "head_text", "footText": "foot_text", "address": "address"},
    **{"addressName": "address_name", "addressStreet": "address_street"},
    **{"addressZip": "address_zip", "addressCity": "address_city"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFields:
    """A document's text, dates, address, tax, positions and sums. Immutable: seeded invoices share one instance."""

    contact_id: int
    contact_person_id: int
    invoice_date: datetime | date
    header: str | None = None
    head_text: str | None = None
    foot_text: str | None = None
    time_to_pay: int | None = None
    discount: Decimal = ZERO
    discount_time: int | None = None
    address_name: str | None = None
    address_street: str | None = None
    address_zip: str | None = None
    address_city: str | None = None
    address_country_id: int = 1
    address: str | None = None
    delivery_date: datetime | date | None = None
    delivery_date_until: datetime | date | None = None
    tax_rule: int
    tax_rate: Decimal = ZERO
    tax_text: str
    currency: str
    exchange_rate: Decimal | None = None  # account's currency per unit, for the sums; None: they are not converted
    paid_rate: Decimal | None = None  # the same for paidAmount
    small_settlement: bool = False
    show_net: bool = True
    payment_method_id: int | None = None
    is_e_invoice: bool = False
    positions: tuple[Position, ...] = ()
    discounts: tuple[Discount, ...] = ()
    rates: tuple[tuple[Decimal, Sums], ...] = ()  # (tax rate, its sums), which add up to `sums`
    sums: Sums = NO_SUMS

    @property
    def due_date(self) -> date:
        """The invoice date plus timeToPay, at most 3650 days, so that no date overflows."""
        return berlin_day(self.invoice_date) + timedelta(days=min(self.time_to_pay or 0, 3650))

    def negated(self) -> "DocumentFields":
        """The same document with every quantity and sum negated."""
        lines = tuple(replace(each, quantity=-each.quantity, sums=-each.sums) for each in self.positions)
        rates = tuple((rate, -sums) for rate, sums in self.rates)
        return replace(self, positions=lines, rates=rates, sums=-self.sums)


@dataclass(slots=True)
class Invoice(Record):
    """An invoice and its state. Status 100 draft, 200 open, 750 partly paid, 1000 paid or cancelled."""

    fields: DocumentFields
    note: str | None
    number: str | None
    type: str = "RE"
    status: int = 100
    send_type: str = "0"
    send_date: datetime | None = None
    enshrined: datetime | None = None
    pay_date: date | None = None
    paid: Decimal = ZERO
    origin_id: int | None = None
    cancelled_by: int | None = None
    credit_note_id: int | None = None
    dunning_level: int | None = None
    layout: dict[str, str] = field(default_factory=lambda: DEFAULT_LAYOUT)  # shared default: replace, do not mutate


@dataclass(slots=True)
class CreditNote(Record):
    """A credit note against an invoice; its sums are positive (measured by one peer)."""

    origin_id: int | None  # the invoice, if sevDesk itself made the credit note from it (measured by one peer)
    fields: DocumentFields
    note: str | None
    number: str
    status: int = 100
    source_id: int = 0  # refSrcInvoice
    send_type: str | None = None
    send_date: datetime | None = None
    enshrined: datetime | None = None
    paid: Decimal = ZERO
    layout: dict[str, str] = field(default_factory=lambda: DEFAULT_LAYOUT)

    def as_invoice(self, *, negated: bool = False) -> Invoice:
        """An invoice with the same content, for what prints, shows or posts both alike."""
        fields = self.fields.negated() if negated else self.fields
        invoice = Invoice(self.id, self.create, self.update, fields, self.note, self.number, "CN", self.status)
        invoice.enshrined, invoice.layout = self.enshrined, self.layout
        return invoice


@dataclass(slots=True)
class Transaction(Record):
    """A bank transaction: status 100 unbooked, 400 booked."""

    account_id: int
    amount: Decimal
    value_date: date
    invoice_id: int | None
    status: int
