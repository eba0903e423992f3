"""Compares what an e-invoice says with what our invoice says. Pure.

The result names what differs by codes of `problems/words.py`, without values, for those may be personal data.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from worker.domain.e_invoice import is_iban
from worker.domain.eu_vat import vat_id_text
from worker.domain.invoice import Invoice, Item, Party
from worker.domain.money import CENT, are_computable, predict, stated_sums
from worker.domain.problems.words import in_words
from worker.einvoice.finding import FaultKind, Finding
from worker.einvoice.reading import Address, EInvoice, Line

# UNTDID 1001: corrected invoice, credit note, self-billed documents. None of them is an invoice that asks for money.
_CREDIT_NOTE, _CORRECTED, _SELF_BILLED = "381", "384", frozenset({"389", "261"})
_NO_INVOICE = frozenset({_CREDIT_NOTE, _CORRECTED, *_SELF_BILLED})
IN_PDF = " (PDF)"  # behind a code: it is the XML inside the PDF
# sevDesk tax rule -> the category (UNTDID 5305) that its zero rate may have. Of other rules none of these: G export, K
# intra-community supply, AE reverse charge. How sevDesk names exports and services that are taxed abroad (21) is not
# established.
_ZERO_RATED = {2: {"G", "E"}, 3: {"K"}, 5: {"AE"}, 17: {"O", "G", "E"}, 21: {"AE", "O"}}
_OF_OTHERS = {"G", "K", "AE"}
_CREDIT_TRANSFERS = frozenset({"30", "58"})  # UNTDID 4461; we ask for 58


@dataclass(frozen=True, slots=True)
class Expected:
    """What the XML must say. `number` is sevDesk's invoice number; days and units that are None are not compared.

    The seller is not: only sevDesk knows its data, and takes those of both XML files from one place.
    """

    invoice: Invoice
    party: Party
    number: str | None
    buyer_reference: str
    service: tuple[date, ...]
    due: date | None
    skonto: tuple[int, Decimal] | None = None  # days and per cent
    units: tuple[str | None, ...] = ()  # by position, UN/ECE Recommendation 20


@dataclass(frozen=True, slots=True)
class Correction:
    """What the XML of a credit note or cancellation must say; what is None is not compared.

    Sums are compared without signs: whether those of a cancellation are negative in sevDesk's XML is not established.
    """

    number: str | None
    day: date | None
    gross: Decimal | None
    currency: str
    buyer: Address
    preceding: str | None  # number of the invoice that it corrects
    by_rate: Mapping[Decimal, tuple[Decimal, Decimal]]  # tax rate (per cent) -> net and tax
    type_code: str | None  # UNTDID 1001
    tax_rule: int


def content_fault(coded: str) -> Finding:
    """`coded` is what differs, as the functions below name it."""
    return Finding(FaultKind.CONTENT, "content", in_words(coded, "en"), coded=coded)


def correction_differences(said: EInvoice, expected: Correction) -> list[str]:
    """What differs, in the order of the document; empty if nothing does."""
    found = {rate: (abs(net), abs(tax)) for rate, (net, tax) in _said_by_rate(said).items()}
    wanted = {rate: (abs(net), abs(tax)) for rate, (net, tax) in expected.by_rate.items()}
    differing = {
        "xml_own_number": expected.number is not None and said.number != expected.number,
        "xml_type": said.type_code != (expected.type_code or said.type_code) or said.type_code in _SELF_BILLED,
        "xml_preceding": expected.preceding not in (None, *said.preceding) and bool(said.preceding),
        "xml_date": said.issued != (expected.day or said.issued),
        "xml_currency": said.currency != expected.currency,
        **{f"xml_buyer_{field}": differs for field, differs in _buyer(said, expected.buyer, known_only=True)},
        "xml_tax_category": _wrong_category(said, expected.tax_rule),
        "xml_tax_by_rate": found != wanted,
        "xml_gross": expected.gross is not None and abs(said.gross or 0) != abs(expected.gross),
        "xml_sign": _asks_for_money(said),
    }
    return [name for name, differs in differing.items() if differs]


def _asks_for_money(said: EInvoice) -> bool:
    """A credit note takes off what it shows; anything else must be negative, but a corrected invoice may do both."""
    gross = said.gross or Decimal(0)
    return gross < 0 if said.type_code == _CREDIT_NOTE else gross > 0 and said.type_code != _CORRECTED


def disagreements(one: EInvoice, other: EInvoice) -> list[str]:
    """What two XML files of one document say differently about the seller, of whom we know nothing."""
    compared = {
        "xml_seller": (one.seller, other.seller),
        "xml_seller_tax_ids": (set(one.seller_tax_ids), set(other.seller_tax_ids)),
        "xml_seller_iban": (set(one.payment.ibans), set(other.payment.ibans)),
    }
    return [name for name, (here, there) in compared.items() if here != there]


def differences(said: EInvoice, expected: Expected) -> list[str]:
    """What differs, in the order of the document; empty if nothing does. Amounts are compared to the cent."""
    lines = _lines(said, expected)
    return [*_head(said, expected), *lines, *_taxes(said, expected.invoice), *_payment(said, expected)]


def _head(said: EInvoice, expected: Expected) -> Iterator[str]:
    invoice, party = expected.invoice, expected.party
    if said.number != expected.number:
        yield "xml_number"
    if said.type_code in _NO_INVOICE:
        yield "xml_type"
    if said.issued != invoice.issue_date:
        yield "xml_date"
    if said.currency != invoice.currency:
        yield "xml_currency"
    if set(said.service) - set(expected.service):
        yield "xml_service"
    if said.ship_to_country not in (party.country_code, None):
        yield "xml_delivery_country"
    if expected.due is not None and said.due not in (expected.due, None):
        yield "xml_due_date"
    wanted = Address(party.display_name, party.street, party.zip, party.city, party.country_code)
    yield from (f"xml_buyer_{field}" for field, differs in _buyer(said, wanted) if differs)
    ids = {vat_id_text(party.vat_id)} if party.vat_id else set()
    # Outside the scope of VAT (category O) no VAT id may be shown (BR-O-02).
    if {vat_id_text(each) for each in said.buyer_tax_ids} not in (ids, set() if invoice.tax_rule == 17 else ids):
        yield "xml_buyer_vat_id"
    if not _same_text(said.buyer_reference, expected.buyer_reference):
        yield "xml_buyer_reference"


def _buyer(said: EInvoice, wanted: Address, *, known_only: bool = False) -> Iterator[tuple[str, bool]]:
    """Each field, and whether it differs; with `known_only` None differs from nothing."""
    for field in Address.__dataclass_fields__:
        value = getattr(wanted, field)
        skipped = known_only and value is None
        yield field, not skipped and not _same_text(getattr(said.buyer, field), value)


def _payment(said: EInvoice, expected: Expected) -> Iterator[str]:
    """What the customer would pay too little, to somebody else, or in another way."""
    payment, skonto = said.payment, () if expected.skonto is None else (expected.skonto,)
    if set(payment.means) - _CREDIT_TRANSFERS:
        yield "xml_payment_method"
    if not all(map(is_iban, payment.ibans)):
        yield "xml_iban_digits"
    if payment.payee is not None and not _same_text(payment.payee, said.seller.name):
        yield "xml_payee"
    if payment.due not in (stated_sums(expected.invoice).gross, None):
        yield "xml_amount_due"
    if set(payment.skonto) - set(skonto):
        yield "xml_skonto"


def _lines(said: EInvoice, expected: Expected) -> Iterator[str]:
    invoice = expected.invoice
    items = sorted(invoice.items, key=lambda item: item.position)
    if len(items) != len(said.lines):
        yield "xml_lines"
        return
    units = expected.units or (None,) * len(items)
    for item, line, unit in zip(items, said.lines, units, strict=True):
        for name in _line(line, item, invoice.currency) if are_computable([item]) else ["figures"]:
            yield f"xml_line_{name} {item.position}"
        if unit not in (line.unit, None):
            yield f"xml_line_unit {item.position}"


def _line(said: Line, item: Item, currency: str) -> Iterator[str]:
    """A price may not be negative in the XML (BR-27), so that the quantity bears the sign."""
    if not _same_text(said.name, item.name):
        yield "name"
    if said.quantity is None or abs(said.quantity) != abs(item.quantity):
        yield "quantity"
    if said.price is None or _cents(abs(said.price)) != _cents(abs(item.unit_price)):
        yield "price"
    if said.net != predict([item], currency).net:
        yield "net"
    if (said.rate or 0) != item.tax_rate:
        yield "tax_rate"


def _wrong_category(said: EInvoice, tax_rule: int) -> bool:
    """True if the reason for the zero rate is another one, by which the customer would account for other tax."""
    wanted = _ZERO_RATED.get(tax_rule)
    return bool(said.zero_categories & _OF_OTHERS if wanted is None else said.zero_categories - wanted)


def _taxes(said: EInvoice, invoice: Invoice) -> Iterator[str]:
    """Tax by rate, and the totals."""
    if _wrong_category(said, invoice.tax_rule):
        yield "xml_tax_category"
    computable = are_computable(invoice.items)  # if not, `_lines` says which is not
    groups = _said_by_rate(said) if computable else {}
    wanted = sums_by_rate(invoice.items, invoice.currency) if computable else {}
    for rate in sorted(groups.keys() | wanted.keys()):
        if groups.get(rate) != wanted.get(rate):
            yield f"xml_tax_group {rate.normalize():f} %"
    stated = stated_sums(invoice)
    for name in ("net", "tax", "gross"):
        if getattr(said, name) != getattr(stated, name):
            yield f"xml_{name}"


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
