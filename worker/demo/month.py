"""The demo's billing month: rows as the billing system would write them. Every call gives the same rows and ids.

The totals are computed in integer cents and without `worker.domain.money`, so that the demo checks that module.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from worker.demo.sample_invoices import CUSTOMERS, EMPLOYEES, INVOICES, Customer, ExpectedState, SampleInvoice

Row = dict[str, Any]

_NAMESPACE = UUID("6f0d1f0e-3c1b-5a58-9d0c-2b7c0a4f7e11")  # of the ids; any fixed value
_FIRST_DAY = date(2026, 10, 1)
_PAYMENT_TERM = 14  # days

_CLAIM_STATUS = {  # else open
    ExpectedState.PAID: "paid",
    ExpectedState.NOTHING_OWED: "paid",
    ExpectedState.PARTLY_PAID: "partially_paid",
}
# The customer's payment as a part of the gross sum: one nth of it; else none.
_PAID_PART = {ExpectedState.PAID: 1, ExpectedState.RETURNED: 1, ExpectedState.PARTLY_PAID: 3}

# Layouts of the sandbox's account by deal type and document kind; sevDesk's ids have 24 hex digits (official).
_TEMPLATES = {
    ("EB", "AR"): "5a0b1c2d3e4f5a6b7c8d9e01",
    ("EB", "SR"): "5a0b1c2d3e4f5a6b7c8d9e02",
    ("KOP", "AR"): "5a0b1c2d3e4f5a6b7c8d9e03",
    ("KOP", "SR"): "5a0b1c2d3e4f5a6b7c8d9e04",
}

# sevDesk's ids of the units (a capture).
_UNITIES = {"Stück": "1", "m²": "2", "lfm": "6", "pauschal": "7", "Std.": "9", "Tage": "13"}

# Columns that the worker writes, with their values before the invoice is published.
_UNPUBLISHED: Row = {
    "document_status": "approved",
    "claim_status": "open",
    "paid_amount": Decimal(0),
    "accounting_sync_status": "not_synced",
    **dict.fromkeys(("paid_at", "cancelled_at", "replaces_invoice_id", "accounting_provider", "accounting_synced_at")),
    **dict.fromkeys(("external_id", "external_invoice_number")),
}


@dataclass(frozen=True, slots=True)
class InvoicePlan:
    """What is to happen to one invoice: its payment of `amount` on a Berlin day, or 0 and None, and its e-mail."""

    invoice_id: UUID
    invoice_number: str
    row: Row  # of `billing_invoices`, as the billing system writes it
    expected: ExpectedState
    amount: Decimal
    paid_on: date | None
    mail_to: str  # the customer's e-mail address
    layout: str  # sevDesk's id of the template
    unities: list[str]  # sevDesk's id of each position's unit
    channel: str  # of `send_invoice`
    e_invoice: str | None  # ZUGFeRD or XRechnung; None: an ordinary invoice

    @property
    def is_refused(self) -> bool:
        """True if sevDesk is expected to refuse the invoice."""
        return self.expected is ExpectedState.REFUSED

    @property
    def is_mailed(self) -> bool:
        """True if sevDesk is expected to mail the invoice."""
        return self.channel == "email" and not self.is_refused

    @property
    def claim_status(self) -> str:
        """The `billing_invoices.claim_status` that is expected at the end."""
        return _CLAIM_STATUS.get(self.expected, "open")


@dataclass(frozen=True, slots=True)
class BillingMonth:
    """Rows by table, in an order that satisfies the foreign keys, and a plan for each invoice."""

    admin_id: UUID
    staff_id: UUID  # internal, but not an admin
    tables: dict[str, list[Row]]
    plans: list[InvoicePlan]


def billing_month() -> BillingMonth:
    """The sample invoices, approved and not published, with every row that they refer to."""
    deals = list(dict.fromkeys(_deal_key(n, sample) for n, sample in enumerate(INVOICES, 1)))
    positions = [[_Position.parse(text) for text in sample.positions] for sample in INVOICES]
    plans = [_plan(n, INVOICES[n - 1], each) for n, each in enumerate(positions, 1)]
    tables = {
        "contacts": [_person(key, person) for key, person in (EMPLOYEES | CUSTOMERS).items() if person.first_name],
        "companies": [_company(key, customer) for key, customer in CUSTOMERS.items() if not customer.first_name],
        "deals": [_deal(*key) for key in deals],
        "hubspot_associations": [row for key in deals for row in _associations(*key)],
        "billing_document_templates": [_template(*used_for, id_) for used_for, id_ in _TEMPLATES.items()],
        "billing_invoices": [plan.row for plan in plans],
        "billing_invoice_items": [
            _item(plan.invoice_id, n, position)
            for plan, invoice_positions in zip(plans, positions, strict=True)
            for n, position in enumerate(invoice_positions, 1)
        ],
    }
    return BillingMonth(_id("party", "admin"), _id("party", "staff"), tables, plans)


def _id(*parts: object) -> UUID:
    return uuid5(_NAMESPACE, "/".join(map(str, parts)))


def _deal_key(number: int, sample: SampleInvoice) -> tuple[str, str, str]:
    """Customer, deal type, and the project or, without one, the invoice."""
    return sample.customer, sample.deal_type, sample.project or f"{number}"


class _Position(NamedTuple):
    """One position of an invoice, its figures as text; `net` and `tax` in cents, computed with integers only."""

    quantity: str
    unit: str
    price: str
    rate: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "_Position":
        """Without a unit: hours or, if the quantity is whole, pieces. Raises ValueError."""
        parts = re.fullmatch(r"(\S+)(?: (\S+))? x (\S+) @ (\S+) (.*)", text)
        if parts is None:
            raise ValueError(text)
        quantity, unit, price, rate, name = parts.groups()
        return cls(quantity, unit or ("Std." if "." in quantity else "Stück"), price, rate, name)

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


def _plan(number: int, sample: SampleInvoice, positions: Sequence[_Position]) -> InvoicePlan:
    """The invoice and, if it is paid, a payment after a week."""
    issued = _FIRST_DAY + timedelta(days=(number - 1) % 28)
    net, tax = sum(each.net for each in positions), sum(each.tax for each in positions)
    id_, invoice_number = _id("invoice", number), f"R1-{_FIRST_DAY:%Y-%m}-{number:04d}"
    customer = CUSTOMERS[sample.customer]
    is_served = sample.document_kind == "SR"  # an advance (AR) is invoiced before the service
    row = {
        "id": id_,
        "invoice_number": invoice_number,
        "deal_id": _id("deal", *_deal_key(number, sample)),
        "contact_id": _id("party", sample.customer) if customer.label is None else None,
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
        "skonto_percent": None,
        "skonto_days": None,
        "head_text": "Vielen Dank für Ihren Auftrag.",
        "foot_text": f"Bitte zahlen Sie innerhalb von {_PAYMENT_TERM} Tagen ohne Abzug.",
        "is_e_invoice": sample.e_invoice is not None,
        "final_invoice_form": sample.final_form,
        **dict.fromkeys(("created_at", "updated_at"), datetime.combine(issued, time(7), UTC)),
        **_UNPUBLISHED,
    }
    part = _PAID_PART.get(sample.expected)
    return InvoicePlan(
        id_,
        invoice_number,
        row,
        expected=sample.expected,
        amount=_euros((net + tax) // part if part else 0),
        paid_on=issued + timedelta(days=7) if part else None,
        mail_to=_email(sample.customer, customer),
        layout=_TEMPLATES[sample.deal_type, sample.document_kind],
        unities=[_UNITIES[each.unit] for each in positions],
        channel=sample.channel,
        e_invoice=sample.e_invoice,
    )


def _euros(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _item(invoice_id: UUID, n: int, position: _Position) -> Row:
    return {
        "id": _id("item", invoice_id, n),
        "invoice_id": invoice_id,
        "position": n,
        "name": position.name,
        "description": None,
        "quantity": Decimal(position.quantity),
        "unit": position.unit,
        "unit_price": Decimal(position.price),
        "tax_rate": Decimal(position.rate),
    }


def _person(key: str, customer: Customer) -> Row:
    names = {"first_name": customer.first_name, "last_name": customer.name}
    return {**_party(key, customer), **names, "is_internal": key in EMPLOYEES, "is_admin": key == "admin"}


def _company(key: str, customer: Customer) -> Row:
    names = {"name": customer.name, "vat_id": customer.vat_id, "buyer_reference": customer.buyer_reference}
    return {**_party(key, customer), **names}


def _party(key: str, customer: Customer) -> Row:
    """The columns that persons and companies have in common."""
    id_ = _id("party", key)
    address = dict(zip(("street", "zip", "city", "country_code"), customer.address.split("|"), strict=True))
    return {"id": id_, "email": _email(key, customer), "phone": None, **address, "hubspot_id": str(id_.int % 10**10)}


def _email(key: str, customer: Customer) -> str:
    return f"{key}@example.com" if customer.first_name else f"rechnung.{key}@example.com"


def _template(deal_type: str, kind: str, sevdesk_id: str) -> Row:
    return {
        "id": _id("template", deal_type, kind),
        "name": f"{deal_type} {kind}",
        "deal_type": deal_type,
        "document_kind": kind,
        "sevdesk_template_id": sevdesk_id,
    }


def _deal(key: str, deal_type: str, project: str) -> Row:
    id_ = _id("deal", key, deal_type, project)
    name = f"{deal_type} {CUSTOMERS[key].name}"
    return {"id": id_, "name": name, "deal_type": deal_type, "hubspot_id": str(id_.int % 10**10)}


def _associations(key: str, deal_type: str, project: str) -> list[Row]:
    """What leads from the customer's deal to its recipient."""
    customer, deal = CUSTOMERS[key], ("deal", _id("deal", key, deal_type, project))
    if customer.label is None:
        return []
    party = ("contact" if customer.first_name else "company", _id("party", key))
    start, end = (party, deal) if customer.reversed else (deal, party)
    rows = [_association(start, end, customer.label)]
    if customer.beside_employee:
        rows.append(_association(("contact", _id("party", "staff")), deal, customer.label))
    return rows


def _association(start: tuple[str, UUID], end: tuple[str, UUID], label: str) -> Row:
    (from_type, from_id), (to_type, to_id) = start, end
    ends = {"from_type": from_type, "from_id": from_id, "to_type": to_type, "to_id": to_id}
    return {"id": _id("association", from_id, to_id, label), **ends, "label": label}
