"""A billing month for the demo and the benchmarks: rows as the billing system would write them. All of it is invented.

The first invoices are the collected cases of `worker.demo.cases`, the rest is ordinary business. The same seed gives
the same rows, down to the ids. The totals are computed here in integer cents and not by `worker.money`, so that the
demo is a check of the oracle and not its echo.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from worker.demo.cases import CASES, Case, Customer, Ending, customer_of, ordinary

Row = dict[str, object]

_SPACE = UUID("6f0d1f0e-3c1b-5a58-9d0c-2b7c0a4f7e11")  # any fixed value: it only keeps our ids apart from others'
_PAYMENT_TERM = 14  # days

_CLAIMS = {Ending.FULL: "paid", Ending.PARTIAL: "partially_paid", Ending.LATE: "open", Ending.REFUSED: "open"}


@dataclass(frozen=True, slots=True)
class Payment:
    """What the bank brings for one invoice: `amount` in its currency on a Berlin day, or 0 and None."""

    invoice_id: UUID
    invoice_number: str
    ending: Ending
    amount: Decimal
    paid_on: date | None
    mail_to: str  # the customer's address: where the invoice must have arrived, if it is sent at all

    @property
    def claim_status(self) -> str:
        """What `billing_invoices.claim_status` must say after the payment sync."""
        return _CLAIMS[self.ending]


@dataclass(frozen=True, slots=True)
class Month:
    """Rows by table, in an order that satisfies foreign keys, and the payments to come, one per invoice."""

    admin_id: UUID
    staff_id: UUID  # internal, but no admin
    contacts: list[Row] = field(default_factory=list)
    companies: list[Row] = field(default_factory=list)
    deals: list[Row] = field(default_factory=list)
    hubspot_associations: list[Row] = field(default_factory=list)
    billing_document_templates: list[Row] = field(default_factory=list)
    billing_invoices: list[Row] = field(default_factory=list)
    billing_invoice_items: list[Row] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)

    def tables(self) -> dict[str, list[Row]]:
        """Every table's name with its rows, in the order to insert them."""
        return {
            "contacts": self.contacts,
            "companies": self.companies,
            "deals": self.deals,
            "hubspot_associations": self.hubspot_associations,
            "billing_document_templates": self.billing_document_templates,
            "billing_invoices": self.billing_invoices,
            "billing_invoice_items": self.billing_invoice_items,
        }


# Layouts that the sandbox's account has; sevDesk's ids are 24 hex digits (official).
_TEMPLATES = {
    ("EB", "AR"): "5a0b1c2d3e4f5a6b7c8d9e01",
    ("EB", "SR"): "5a0b1c2d3e4f5a6b7c8d9e02",
    ("KOP", "AR"): "5a0b1c2d3e4f5a6b7c8d9e03",
    ("KOP", "SR"): "5a0b1c2d3e4f5a6b7c8d9e04",
}

# Columns that the billing system leaves to the worker, as they are before it has seen the invoice.
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


def billing_month(*, seed: str = "2026-10", count: int = len(CASES), first_day: date = date(2026, 10, 1)) -> Month:
    """`count` approved invoices issued from `first_day` on, nothing published yet, with all that they refer to.

    Months of different seeds share no id and no invoice number, so they may be loaded side by side.
    """
    return _Writer(seed, first_day).month(count)


class _Writer:
    """Writes rows into a month, each customer and deal once."""

    def __init__(self, seed: str, first_day: date) -> None:
        self._seed = seed
        self._first_day = first_day
        self._written: set[UUID] = set()
        self._month = Month(admin_id=self._id("employee", "admin"), staff_id=self._id("employee", "staff"))

    def month(self, count: int) -> Month:
        self._employee("admin", "Ada", "Prüfer", is_admin=True)
        self._employee("staff", "Stefan", "Büroheld", is_admin=False)
        for (deal_type, kind), sevdesk_id in _TEMPLATES.items():
            self._month.billing_document_templates.append(
                {
                    "id": self._id("template", deal_type, kind),
                    "name": f"{deal_type} {kind}",
                    "deal_type": deal_type,
                    "document_kind": kind,
                    "sevdesk_template_id": sevdesk_id,
                }
            )
        for n in range(count):
            self._invoice(n, CASES[n] if n < len(CASES) else ordinary(self._seed, n))
        return self._month

    def _id(self, *what: object) -> UUID:
        return uuid5(_SPACE, "/".join(map(str, (self._seed, *what))))

    def _is_new(self, id_: UUID) -> bool:
        known = id_ in self._written
        self._written.add(id_)
        return not known

    def _employee(self, key: str, first_name: str, last_name: str, *, is_admin: bool) -> None:
        id_, address = self._id("employee", key), "Werkstraße 1|10115|Berlin|DE"
        row = self._person_row(id_, Customer(last_name, address, "contact", first_name), f"{key}@example.com")
        self._month.contacts.append({**row, "is_internal": True, "is_admin": is_admin})

    def _invoice(self, n: int, case: Case) -> None:
        id_, issued = self._id("invoice", n), self._first_day + timedelta(days=n % 28)
        positions = [_Position.read(text) for text in case.positions]
        net, tax = sum(each.net for each in positions), sum(each.tax for each in positions)
        customer = customer_of(case.customer)
        self._party(case.customer, customer)
        served = case.kind == "SR"  # an advance is asked for before the service
        row: Row = {
            "id": id_,
            "invoice_number": f"R1-{self._seed}-{n + 1:04d}",
            "deal_id": self._deal(case, customer),
            "contact_id": self._id("party", case.customer) if customer.way == "contact" else None,
            "document_template_id": self._id("template", case.deal_type, case.kind),
            "document_kind": case.kind,
            "currency": "EUR",
            "net_amount": _euro(net),
            "tax_amount": _euro(tax),
            "gross_amount": _euro(net + tax),
            "tax_rule": case.tax_rule,
            "issue_date": issued,
            "service_from": issued - timedelta(days=14) if served else None,
            "service_to": issued - timedelta(days=1) if served else None,
            "payment_term_days": _PAYMENT_TERM,
            "head_text": "Vielen Dank für Ihren Auftrag.",
            "foot_text": f"Bitte zahlen Sie innerhalb von {_PAYMENT_TERM} Tagen ohne Abzug.",
            "is_e_invoice": False,
            "created_at": datetime.combine(issued, time(7), UTC),
            "updated_at": datetime.combine(issued, time(7), UTC),
        }
        self._month.billing_invoices.append({**row, **_UNPUBLISHED})
        self._month.billing_invoice_items.extend(self._item(id_, n, each) for n, each in enumerate(positions, 1))
        mail_to = _email(case.customer, customer)
        self._month.payments.append(_payment(id_, f"{row['invoice_number']}", case.ending, net + tax, issued, mail_to))

    def _item(self, invoice_id: UUID, n: int, position: "_Position") -> Row:
        return {
            "id": self._id("item", invoice_id, n),
            "invoice_id": invoice_id,
            "position": n,
            "name": position.name,
            "description": None,
            "quantity": Decimal(position.quantity),
            "unit": "Std." if "." in position.quantity else "Stück",
            "unit_price": Decimal(position.price),
            "tax_rate": Decimal(position.rate),
        }

    def _deal(self, case: Case, customer: Customer) -> UUID:
        """The customer's deal of this type, with the associations by which its recipient is found."""
        id_ = self._id("deal", case.customer, case.deal_type)
        if self._is_new(id_):
            name = f"{case.deal_type} {customer.name}"
            self._month.deals.append(
                {"id": id_, "name": name, "deal_type": case.deal_type, "hubspot_id": _hubspot_id(id_)}
            )
            self._associations(id_, case.customer, customer)
        return id_

    def _associations(self, deal_id: UUID, key: str, customer: Customer) -> None:
        party = ("contact" if customer.first_name else "company", self._id("party", key))
        deal = ("deal", deal_id)
        match customer.way:
            case "label":
                self._associate(deal, party, "invoice_recipient")
            case "label back":
                self._associate(party, deal, "invoice_recipient")
            case "primary":
                self._associate(deal, party, "primary")
            case "primary back":
                self._associate(party, deal, "primary")
            case "both":  # a company goes before a person, here an employee of ours who is copied in
                self._associate(("contact", self._month.staff_id), deal, "invoice_recipient")
                self._associate(deal, party, "invoice_recipient")

    def _associate(self, start: tuple[str, UUID], end: tuple[str, UUID], label: str) -> None:
        (from_type, from_id), (to_type, to_id) = start, end
        self._month.hubspot_associations.append(
            {
                "id": self._id("association", from_id, to_id, label),
                "from_type": from_type,
                "from_id": from_id,
                "to_type": to_type,
                "to_id": to_id,
                "label": label,
            }
        )

    def _party(self, key: str, customer: Customer) -> None:
        id_ = self._id("party", key)
        if not self._is_new(id_):
            return
        if customer.first_name:
            self._month.contacts.append(self._person_row(id_, customer, _email(key, customer)))
            return
        self._month.companies.append(
            {
                "id": id_,
                "name": customer.name,
                "vat_id": customer.vat_id,
                "buyer_reference": customer.buyer_reference,
                **_reach(id_, customer, _email(key, customer)),
            }
        )

    def _person_row(self, id_: UUID, customer: Customer, email: str) -> Row:
        names: Row = {"id": id_, "first_name": customer.first_name, "last_name": customer.name}
        return {**names, "is_internal": False, "is_admin": False, **_reach(id_, customer, email)}


def _email(key: str, customer: Customer) -> str:
    return f"{key}@example.com" if customer.first_name else f"rechnung.{key}@example.com"


def _reach(id_: UUID, customer: Customer, email: str) -> Row:
    street, zip_, city, country = customer.address.split("|")
    address: Row = {"street": street, "zip": zip_, "city": city, "country_code": country}
    return {"email": email, "phone": None, **address, "hubspot_id": _hubspot_id(id_)}


def _hubspot_id(id_: UUID) -> str:
    return str(id_.int % 10**10)


@dataclass(frozen=True, slots=True)
class _Position:
    """Figures as written; `net` and `tax` in whole cents, computed with integers only."""

    quantity: str
    price: str
    rate: str
    name: str

    @classmethod
    def read(cls, text: str) -> "_Position":
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
    whole, _, part = figure.partition(".")
    return int(whole + part.ljust(places, "0"))


def _nearest(numerator: int, denominator: int) -> int:
    """The nearest whole number, halves away from zero."""
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def _euro(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _payment(invoice_id: UUID, number: str, ending: Ending, gross: int, issued: date, mail_to: str) -> Payment:
    """The whole sum in a week, or a third of it, or nothing. A single cent cannot be paid in part."""
    if ending is Ending.PARTIAL and gross < 2:
        ending = Ending.FULL
    share = {Ending.FULL: gross, Ending.PARTIAL: max(gross // 3, 1)}.get(ending, 0)
    return Payment(invoice_id, number, ending, _euro(share), issued + timedelta(days=7) if share else None, mail_to)
