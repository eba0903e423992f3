"""Compares what an e-invoice says with what our invoice says. Pure.

The result names what differs and holds no values, for those may be personal data.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from worker.domain.eu_vat import vat_id_text
from worker.domain.invoice import Invoice, Item, Party
from worker.domain.money import CENT, are_computable, predict, stated_sums
from worker.einvoice.reading import Address, EInvoice, Line

# UNTDID 1001: corrected invoice, credit note, self-billed documents. None of them is an invoice that asks for money.
_NO_INVOICE = frozenset({"381", "384", "389", "261"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What the XML must say. `number` is sevDesk's invoice number; days that are None are not compared."""

    invoice: Invoice
    party: Party
    number: str | None
    buyer_reference: str
    service: tuple[date, ...]
    due: date | None


@dataclass(frozen=True, slots=True)
class Correction:
    """What the XML of a credit note or cancellation must say; what is None is not compared.

    Sums are compared without signs: whether those of a cancellation are negative in sevDesk's XML is not established.
    """

    number: str | None
    day: date | None
    gross: Decimal | None
    currency: str
    buyer: str | None  # name
    by_rate: Mapping[Decimal, tuple[Decimal, Decimal]]  # tax rate (per cent) -> net and tax
    type_code: str | None  # UNTDID 1001


def correction_differences(said: EInvoice, expected: Correction) -> list[str]:
    """What differs, in the order of the document; empty if nothing does."""
    found = {rate: (abs(net), abs(tax)) for rate, (net, tax) in _said_by_rate(said).items()}
    wanted = {rate: (abs(net), abs(tax)) for rate, (net, tax) in expected.by_rate.items()}
    differing = {
        "number": expected.number is not None and said.number != expected.number,
        "type of document": said.type_code != (expected.type_code or said.type_code),
        "date": said.issued != (expected.day or said.issued),
        "currency": said.currency != expected.currency,
        "buyer's name": expected.buyer is not None and not _same_text(said.buyer.name, expected.buyer),
        "tax by rate": found != wanted,
        "gross total": expected.gross is not None and abs(said.gross or 0) != abs(expected.gross),
    }
    return [name for name, differs in differing.items() if differs]


def differences(said: EInvoice, expected: Expected) -> list[str]:
    """What differs, in the order of the document; empty if nothing does. Amounts are compared to the cent."""
    return [*_head(said, expected), *_lines(said, expected.invoice), *_taxes(said, expected.invoice)]


def _head(said: EInvoice, expected: Expected) -> Iterator[str]:
    invoice, party = expected.invoice, expected.party
    if said.number != expected.number:
        yield "invoice number"
    if said.type_code in _NO_INVOICE:
        yield "type of document"
    if said.issued != invoice.issue_date:
        yield "invoice date"
    if said.currency != invoice.currency:
        yield "currency"
    if set(said.service) - set(expected.service):
        yield "service dates"
    if expected.due is not None and said.due not in (expected.due, None):
        yield "due date"
    wanted = Address(party.display_name, party.street, party.zip, party.city, party.country_code)
    for field in Address.__dataclass_fields__:
        if not _same_text(getattr(said.buyer, field), getattr(wanted, field)):
            yield f"buyer's {field}"
    ids = {vat_id_text(party.vat_id)} if party.vat_id else set()
    # Outside the scope of VAT (category O) no VAT id may be shown (BR-O-02).
    if {vat_id_text(each) for each in said.buyer_tax_ids} not in (ids, set() if invoice.tax_rule == 17 else ids):
        yield "buyer's VAT id"
    if not _same_text(said.buyer_reference, expected.buyer_reference):
        yield "buyer reference"


def _lines(said: EInvoice, invoice: Invoice) -> Iterator[str]:
    items = sorted(invoice.items, key=lambda item: item.position)
    if len(items) != len(said.lines):
        yield f"{len(said.lines)} lines instead of {len(items)}"
        return
    for item, line in zip(items, said.lines, strict=True):
        for name in _line(line, item, invoice.currency) if are_computable([item]) else ["figures"]:
            yield f"{name} of line {item.position}"


def _line(said: Line, item: Item, currency: str) -> Iterator[str]:
    """A price may not be negative in the XML (BR-27), so that the quantity bears the sign."""
    if not _same_text(said.name, item.name):
        yield "name"
    if said.quantity is None or abs(said.quantity) != abs(item.quantity):
        yield "quantity"
    if said.price is None or _cents(abs(said.price)) != _cents(abs(item.unit_price)):
        yield "price"
    if said.net != predict([item], currency).net:
        yield "net amount"
    if (said.rate or 0) != item.tax_rate:
        yield "tax rate"


def _taxes(said: EInvoice, invoice: Invoice) -> Iterator[str]:
    """Tax by rate, and the totals."""
    computable = are_computable(invoice.items)  # if not, `_lines` says which is not
    groups = _said_by_rate(said) if computable else {}
    wanted = sums_by_rate(invoice.items, invoice.currency) if computable else {}
    for rate in sorted(groups.keys() | wanted.keys()):
        if groups.get(rate) != wanted.get(rate):
            yield f"tax group of {rate.normalize():f} %"
    stated = stated_sums(invoice)
    for name in ("net", "tax", "gross"):
        if getattr(said, name) != getattr(stated, name):
            yield f"{name} total"


def _said_by_rate(said: EInvoice) -> dict[Decimal, tuple[Decimal, Decimal]]:
    """Net and tax of each rate. Several categories may have the rate 0."""
    groups: dict[Decimal, tuple[Decimal, Decimal]] = defaultdict(lambda: (Decimal(0), Decimal(0)))
    for rate, net, tax in said.taxes:
        before = groups[rate or Decimal(0)]
        groups[rate or Decimal(0)] = (before[0] + (net or 0), before[1] + (tax or 0))
    return dict(groups)


def sums_by_rate(items: Iterable[Item], currency: str) -> dict[Decimal, tuple[Decimal, Decimal]]:
    """Net and tax that sevDesk computes for the positions at each rate."""
    of_rate: defaultdict[Decimal, list[Item]] = defaultdict(list)
    for item in items:
        of_rate[item.tax_rate].append(item)
    sums = {rate: predict(of_it, currency) for rate, of_it in of_rate.items()}
    return {rate: (each.net, each.tax) for rate, each in sums.items()}


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _same_text(said: str | None, wanted: str | None) -> bool:
    """Blanks aside: XML processors may normalize them."""
    return " ".join((said or "").split()) == " ".join((wanted or "").split())
