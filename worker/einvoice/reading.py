"""Reads an e-invoice's XML (UN/CEFACT CII) without trust: no document type, no entities, bounded in size. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

# A position takes 2 KB, so this is enough for 8,000 positions; the parsed tree takes ten times as much memory.
MAX_BYTES = 16 * 1024 * 1024

_RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
_RSM = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}"
_SKONTO = re.compile(r"#SKONTO#TAGE=([0-9]{1,3})#PROZENT=([0-9]{1,3}\.[0-9]{2})#")
_UDT = "{urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100}"


class Unreadable(Exception):
    """The file is no e-invoice that can be read; its text says why and holds no personal data."""


@dataclass(frozen=True, slots=True)
class Line:
    """An invoice line (BG-25). `price` is per unit; None where the XML has no such element or no number in it."""

    name: str | None
    unit: str | None  # UN/ECE Recommendation 20
    quantity: Decimal | None
    price: Decimal | None
    net: Decimal | None
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Address:
    """The buyer's name and postal address (BT-44, BG-8)."""

    name: str | None
    street: str | None
    zip: str | None
    city: str | None
    country: str | None


@dataclass(frozen=True, slots=True)
class Payment:
    """How, to whom and how much is to be paid (BG-16, BG-10, BT-115)."""

    means: tuple[str, ...]  # UNTDID 4461
    ibans: tuple[str, ...]
    payee: str | None  # where it is not the seller
    due: Decimal | None
    skonto: tuple[tuple[int, Decimal], ...]  # days and per cent, as XRechnung writes them (BR-DE-18)


@dataclass(frozen=True, slots=True)
class EInvoice:
    """What an e-invoice says. Amounts are None where the XML has none, dates too."""

    number: str | None
    type_code: str | None
    issued: date | None
    currency: str | None
    seller: Address
    seller_tax_ids: tuple[str, ...]
    buyer: Address
    buyer_tax_ids: tuple[str, ...]
    buyer_reference: str | None
    service: tuple[date, ...]  # delivery date, first and last day of the period, as far as given
    ship_to_country: str | None
    preceding: tuple[str, ...]  # numbers of the invoices that it corrects or completes (BT-25)
    due: date | None
    payment: Payment
    lines: tuple[Line, ...]
    taxes: tuple[tuple[Decimal | None, Decimal | None, Decimal | None], ...]  # rate, net, tax
    zero_categories: frozenset[str]  # of the taxes without a rate or of zero per cent, UNTDID 5305
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal | None


def parse(xml: bytes) -> Element:
    """The root element. Raises `Unreadable` for what is too large, not well formed, or declares a document type."""
    if len(xml) > MAX_BYTES:
        raise Unreadable(f"the XML has {len(xml)} bytes, more than {MAX_BYTES}")
    try:
        root: Element = fromstring(xml, forbid_dtd=True)
    except ParseError as error:
        raise Unreadable(f"the XML is not well formed (line {error.position[0]})") from None
    except DefusedXmlException:
        raise Unreadable("the XML declares a document type or entities") from None
    except (ValueError, LookupError):
        raise Unreadable("the XML is in an unknown encoding") from None
    if root.tag != f"{_RSM}CrossIndustryInvoice":
        raise Unreadable("the XML is no Cross Industry Invoice")
    return root


def guideline(root: Element) -> str | None:
    """The name of the rules that the document says it keeps (BT-24)."""
    return _text(root, "rsm:ExchangedDocumentContext/GuidelineSpecifiedDocumentContextParameter/ID")


def read(xml: bytes) -> EInvoice:
    """What the XML says. Raises `Unreadable`."""
    root = parse(xml)
    trade = "rsm:SupplyChainTradeTransaction"
    agreement, delivery, settlement = (
        f"{trade}/ApplicableHeaderTrade{part}" for part in ("Agreement", "Delivery", "Settlement")
    )
    sums = f"{settlement}/SpecifiedTradeSettlementHeaderMonetarySummation"
    buyer, seller = f"{agreement}/BuyerTradeParty", f"{agreement}/SellerTradeParty"
    period = f"{settlement}/BillingSpecifiedPeriod"
    days = (
        f"{delivery}/ActualDeliverySupplyChainEvent/OccurrenceDateTime",
        f"{period}/StartDateTime",
        f"{period}/EndDateTime",
    )
    currency = _text(root, f"{settlement}/InvoiceCurrencyCode")
    taxes = list(_all(root, f"{settlement}/ApplicableTradeTax"))
    return EInvoice(
        number=_text(root, "rsm:ExchangedDocument/ID"),
        type_code=_text(root, "rsm:ExchangedDocument/TypeCode"),
        issued=_day(root, "rsm:ExchangedDocument/IssueDateTime"),
        currency=currency,
        seller=_address(root, seller),
        seller_tax_ids=_texts(root, f"{seller}/SpecifiedTaxRegistration/ID"),
        buyer=_address(root, buyer),
        buyer_tax_ids=_texts(root, f"{buyer}/SpecifiedTaxRegistration/ID"),
        buyer_reference=_text(root, f"{agreement}/BuyerReference"),
        service=tuple(day for path in days if (day := _day(root, path)) is not None),
        ship_to_country=_text(root, f"{delivery}/ShipToTradeParty/PostalTradeAddress/CountryID"),
        preceding=_texts(root, f"{settlement}/InvoiceReferencedDocument/IssuerAssignedID"),
        due=_day(root, f"{settlement}/SpecifiedTradePaymentTerms/DueDateDateTime"),
        payment=_payment(root, settlement, f"{sums}/DuePayableAmount"),
        lines=tuple(_line(each) for each in _all(root, f"{trade}/IncludedSupplyChainTradeLineItem")),
        taxes=tuple(map(_tax, taxes)),
        zero_categories=frozenset(_text(each, "CategoryCode") or "" for each in taxes if not _tax(each)[0]),
        net=_number(root, f"{sums}/TaxBasisTotalAmount"),
        tax=_tax_total(root, f"{sums}/TaxTotalAmount", currency),
        gross=_number(root, f"{sums}/GrandTotalAmount"),
    )


def _address(root: Element, party: str) -> Address:
    place = f"{party}/PostalTradeAddress"
    names = ("LineOne", "PostcodeCode", "CityName", "CountryID")
    return Address(_text(root, f"{party}/Name"), *(_text(root, f"{place}/{name}") for name in names))


def _payment(root: Element, settlement: str, due: str) -> Payment:
    means = f"{settlement}/SpecifiedTradeSettlementPaymentMeans"
    terms = "\n".join(_texts(root, f"{settlement}/SpecifiedTradePaymentTerms/Description"))
    return Payment(
        means=_texts(root, f"{means}/TypeCode"),
        ibans=_texts(root, f"{means}/PayeePartyCreditorFinancialAccount/IBANID"),
        payee=_text(root, f"{settlement}/PayeeTradeParty/Name"),
        due=_number(root, due),
        skonto=tuple((int(days), Decimal(percent)) for days, percent in _SKONTO.findall(terms)),
    )


def _line(line: Element) -> Line:
    settlement = "SpecifiedLineTradeSettlement"
    per = _number(line, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/BasisQuantity")
    price = _number(line, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount")
    return Line(
        name=_text(line, "SpecifiedTradeProduct/Name"),
        unit=next((each.get("unitCode") for each in _all(line, "SpecifiedLineTradeDelivery/BilledQuantity")), None),
        quantity=_number(line, "SpecifiedLineTradeDelivery/BilledQuantity"),
        price=price / per if price is not None and per else price,
        net=_number(line, f"{settlement}/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount"),
        rate=_number(line, f"{settlement}/ApplicableTradeTax/RateApplicablePercent"),
    )


def _tax(tax: Element) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    return _number(tax, "RateApplicablePercent"), _number(tax, "BasisAmount"), _number(tax, "CalculatedAmount")


def _tax_total(root: Element, path: str, currency: str | None) -> Decimal | None:
    """The total in the invoice's currency (BT-110); a second one may be in the currency of the VAT (BT-111)."""
    totals = list(_all(root, path))
    chosen = next((each for each in totals if each.get("currencyID") in (currency, None)), None)
    return None if chosen is None else _decimal(chosen.text)


def _all(root: Element, path: str) -> Iterator[Element]:
    steps = "/".join(
        step.replace("rsm:", _RSM) if step.startswith("rsm:") else f"{_RAM}{step}" for step in path.split("/")
    )
    return root.iterfind(steps)


def _texts(root: Element, path: str) -> tuple[str, ...]:
    return tuple(text for each in _all(root, path) if (text := (each.text or "").strip()))


def _text(root: Element, path: str) -> str | None:
    return next(iter(_texts(root, path)), None)


def _number(root: Element, path: str) -> Decimal | None:
    return _decimal(_text(root, path))


def _decimal(text: str | None) -> Decimal | None:
    """None for what is no plain number, such as NaN or 1e9."""
    try:
        number = Decimal((text or "").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 20 else None


def _day(root: Element, path: str) -> date | None:
    """A date in format 102 (YYYYMMDD); None if there is none or it is no day."""
    text = next((each.text for parent in _all(root, path) for each in parent.iter(f"{_UDT}DateTimeString")), None)
    try:
        return datetime.strptime((text or "").strip(), "%Y%m%d").date()
    except ValueError:
        return None
