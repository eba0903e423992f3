"""The demo's billing month: rows as the billing system would write them. Every call gives the same rows and ids.

The totals are computed in integer cents and without `worker.domain.money`, so that the demo checks that module.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from worker.demo.sample_invoices import CUSTOMERS, INVOICES, Customer, ExpectedState, SampleInvoice

Row = dict[str, object]

_NAMESPACE = UUID("6f0d1f0e-3c1b-5a58-9d0c-2b7c0a4f7e11")  # of the ids; any fixed value
_FIRST_DAY = date(2026, 10, 1)
_PAYMENT_TERM = 14  # days

_CLAIM_STATUS = {ExpectedState.PAID: "paid", ExpectedState.PARTLY_PAID: "partially_paid"}  # else open


@dataclass(frozen=True, slots=True)
class InvoicePlan:
    """What is to happen to one invoice: its payment of `amount` on a Berlin day, or 0 and None, and its e-mail."""

    invoice_id: UUID
    invoice_number: str
    expected: ExpectedState
    amount: Decimal
    paid_on: date | None
    mail_to: str  # the customer's e-mail address

    @property
    def claim_status(self) -> str:
        """The `billing_invoices.claim_status` that is expected after the payment sync."""
        return _CLAIM_STATUS.get(self.expected, "open")


@dataclass(frozen=True, slots=True)
class BillingMonth:
    """Rows by table, and a plan for each invoice."""

    admin_id: UUID
    staff_id: UUID  # internal, but not an admin
    contacts: list[Row] = field(default_factory=list)
    companies: list[Row] = field(default_factory=list)
    deals: list[Row] = field(default_factory=list)
    hubspot_associations: list[Row] = field(default_factory=list)
    billing_document_templates: list[Row] = field(default_factory=list)
    billing_invoices: list[Row] = field(default_factory=list)
    billing_invoice_items: list[Row] = field(default_factory=list)
    plans: list[InvoicePlan] = field(default_factory=list)

    def tables(self) -> dict[str, list[Row]]:
        """The rows of each table, in an order that satisfies the foreign keys."""
        return {
            "contacts": self.contacts,
            "companies": self.companies,
            "deals": self.deals,
            "hubspot_associations": self.hubspot_associations,
            "billing_document_templates": self.billing_document_templates,
            "billing_invoices": self.billing_invoices,
            "billing_invoice_items": self.billing_invoice_items,
        }


# Layouts of the sandbox's account by deal type and document kind; sevDesk's ids have 24 hex digits (official).
_TEMPLATES = {
    ("EB", "AR"): "5a0b1c2d3e4f5a6b7c8d9e01",
    ("EB", "SR"): "5a0b1c2d3e4f5a6b7c8d9e02",
    ("KOP", "AR"): "5a0b1c2d3e4f5a6b7c8d9e03",
    ("KOP", "SR"): "5a0b1c2d3e4f5a6b7c8d9e04",
}

# Columns that the worker writes, with their values before the invoice is published.
_UNPUBLISHED: Row = {
    "document_status": "approved",
    "claim_status": "open",
    "paid_amount": Decimal(0),
    "replaces_invoice_id": None,
    "paid_at": None,
    "cancelled_at": None,
    "accounting_provider": None,
    "external_id": None,
    "external_invoice_number": None,
    "accounting_sync_status": "not_synced",
    "accounting_synced_at": None,
}


def billing_month() -> BillingMonth:
    """The sample invoices, approved and not published, with every row that they refer to."""
    return _MonthBuilder().build()


class _MonthBuilder:
    """Adds rows to a month, each customer and deal once."""

    def __init__(self) -> None:
        self._added: set[UUID] = set()
        self._month = BillingMonth(admin_id=_id("employee", "admin"), staff_id=_id("employee", "staff"))

    def build(self) -> BillingMonth:
        self._add_employee("admin", "Ada", "Prüfer", is_admin=True)
        self._add_employee("staff", "Stefan", "Büroheld", is_admin=False)
        for (deal_type, kind), sevdesk_id in _TEMPLATES.items():
            self._month.billing_document_templates.append(
                {
                    "id": _id("template", deal_type, kind),
                    "name": f"{deal_type} {kind}",
                    "deal_type": deal_type,
                    "document_kind": kind,
                    "sevdesk_template_id": sevdesk_id,
                }
            )
        for number, sample in enumerate(INVOICES, 1):
            self._add_invoice(number, sample)
        return self._month

    def _is_new(self, id_: UUID) -> bool:
        known = id_ in self._added
        self._added.add(id_)
        return not known

    def _add_employee(self, key: str, first_name: str, last_name: str, *, is_admin: bool) -> None:
        id_, address = _id("employee", key), "Werkstraße 1|10115|Berlin|DE"
        row = _person_row(id_, Customer(last_name, address, "invoice contact", first_name), f"{key}@example.com")
        self._month.contacts.append({**row, "is_internal": True, "is_admin": is_admin})

    def _add_invoice(self, number: int, sample: SampleInvoice) -> None:
        id_, issued = _id("invoice", number), _FIRST_DAY + timedelta(days=(number - 1) % 28)
        positions = [_Position.parse(text) for text in sample.positions]
        net, tax = sum(each.net for each in positions), sum(each.tax for each in positions)
        customer = CUSTOMERS[sample.customer]
        self._add_customer(sample.customer, customer)
        is_served = sample.document_kind == "SR"  # an advance (AR) is invoiced before the service
        row: Row = {
            "id": id_,
            "invoice_number": f"R1-{_FIRST_DAY:%Y-%m}-{number:04d}",
            "deal_id": self._deal(sample, customer),
            "contact_id": _id("party", sample.customer) if customer.found_by == "invoice contact" else None,
            "document_template_id": _id("template", sample.deal_type, sample.document_kind),
            "document_kind": sample.document_kind,
            "currency": "EUR",
            "net_amount": _euros(net),
            "tax_amount": _euros(tax),
            "gross_amount": _euros(net + tax),
            "tax_rule": sample.tax_rule,
            "issue_date": issued,
            "service_from": issued - timedelta(days=14) if is_served else None,
            "service_to": issued - timedelta(days=1) if is_served else None,
            "payment_term_days": _PAYMENT_TERM,
            "head_text": "Vielen Dank für Ihren Auftrag.",
            "foot_text": f"Bitte zahlen Sie innerhalb von {_PAYMENT_TERM} Tagen ohne Abzug.",
            "is_e_invoice": False,
            "created_at": datetime.combine(issued, time(7), UTC),
            "updated_at": datetime.combine(issued, time(7), UTC),
        }
        self._month.billing_invoices.append({**row, **_UNPUBLISHED})
        self._month.billing_invoice_items.extend(_item_row(id_, n, each) for n, each in enumerate(positions, 1))
        mail_to = _email(sample.customer, customer)
        self._month.plans.append(_plan(id_, f"{row['invoice_number']}", sample.expected, net + tax, issued, mail_to))

    def _deal(self, sample: SampleInvoice, customer: Customer) -> UUID:
        """The id of the customer's deal of this type; adds the deal and its associations if it is new."""
        id_ = _id("deal", sample.customer, sample.deal_type)
        if self._is_new(id_):
            name = f"{sample.deal_type} {customer.name}"
            self._month.deals.append(
                {"id": id_, "name": name, "deal_type": sample.deal_type, "hubspot_id": _hubspot_id(id_)}
            )
            self._add_associations(id_, sample.customer, customer)
        return id_

    def _add_associations(self, deal_id: UUID, key: str, customer: Customer) -> None:
        party = ("contact" if customer.first_name else "company", _id("party", key))
        deal = ("deal", deal_id)
        match customer.found_by:
            case "label":
                self._associate(deal, party, "invoice_recipient")
            case "label reversed":
                self._associate(party, deal, "invoice_recipient")
            case "primary":
                self._associate(deal, party, "primary")
            case "primary reversed":
                self._associate(party, deal, "primary")
            case "two labels":  # a company comes before a person, here an employee of ours
                self._associate(("contact", self._month.staff_id), deal, "invoice_recipient")
                self._associate(deal, party, "invoice_recipient")

    def _associate(self, start: tuple[str, UUID], end: tuple[str, UUID], label: str) -> None:
        (from_type, from_id), (to_type, to_id) = start, end
        self._month.hubspot_associations.append(
            {
                "id": _id("association", from_id, to_id, label),
                "from_type": from_type,
                "from_id": from_id,
                "to_type": to_type,
                "to_id": to_id,
                "label": label,
            }
        )

    def _add_customer(self, key: str, customer: Customer) -> None:
        id_ = _id("party", key)
        if not self._is_new(id_):
            return
        if customer.first_name:
            self._month.contacts.append(_person_row(id_, customer, _email(key, customer)))
            return
        self._month.companies.append(
            {
                "id": id_,
                "name": customer.name,
                "vat_id": customer.vat_id,
                "buyer_reference": customer.buyer_reference,
                **_contact_columns(id_, customer, _email(key, customer)),
            }
        )


def _id(*parts: object) -> UUID:
    return uuid5(_NAMESPACE, "/".join(map(str, parts)))


def _item_row(invoice_id: UUID, n: int, position: "_Position") -> Row:
    return {
        "id": _id("item", invoice_id, n),
        "invoice_id": invoice_id,
        "position": n,
        "name": position.name,
        "description": None,
        "quantity": Decimal(position.quantity),
        "unit": "Std." if "." in position.quantity else "Stück",
        "unit_price": Decimal(position.price),
        "tax_rate": Decimal(position.rate),
    }


def _person_row(id_: UUID, customer: Customer, email: str) -> Row:
    names: Row = {"id": id_, "first_name": customer.first_name, "last_name": customer.name}
    return {**names, "is_internal": False, "is_admin": False, **_contact_columns(id_, customer, email)}


def _email(key: str, customer: Customer) -> str:
    return f"{key}@example.com" if customer.first_name else f"rechnung.{key}@example.com"


def _contact_columns(id_: UUID, customer: Customer, email: str) -> Row:
    street, zip_, city, country = customer.address.split("|")
    address: Row = {"street": street, "zip": zip_, "city": city, "country_code": country}
    return {"email": email, "phone": None, **address, "hubspot_id": _hubspot_id(id_)}


def _hubspot_id(id_: UUID) -> str:
    return str(id_.int % 10**10)


@dataclass(frozen=True, slots=True)
class _Position:
    """One position of an invoice, its figures as text; `net` and `tax` in cents, computed with integers only."""

    quantity: str
    price: str
    rate: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "_Position":
        quantity, rest = text.split(" x ", 1)
        price, rest = rest.split(" @ ", 1)
        rate, name = rest.split(" ", 1)
        return cls(quantity, price, rate, name)

    @property
    def net(self) -> int:
        return _nearest(_scaled(self.quantity, 3) * _scaled(self.price, 4), 10**5)

    @property
    def tax(self) -> int:
        return _nearest(self.net * int(self.rate), 100)


def _scaled(figure: str, places: int) -> int:
    """A decimal figure times 10 to the power of `places`."""
    whole, _, part = figure.partition(".")
    return int(whole + part.ljust(places, "0"))


def _nearest(numerator: int, denominator: int) -> int:
    """The quotient as the nearest integer; halves are rounded away from zero."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def _euros(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _plan(
    invoice_id: UUID, number: str, expected: ExpectedState, gross: int, issued: date, mail_to: str
) -> InvoicePlan:
    """A payment after a week: of the gross sum (in cents), or of a third of it, or none."""
    cents = {ExpectedState.PAID: gross, ExpectedState.PARTLY_PAID: gross // 3}.get(expected, 0)
    paid_on = issued + timedelta(days=7) if cents else None
    return InvoicePlan(invoice_id, number, expected, _euros(cents), paid_on, mail_to)
