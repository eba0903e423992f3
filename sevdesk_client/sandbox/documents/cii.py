"""An e-invoice as XML: UN/CEFACT Cross Industry Invoice in the profile of XRechnung 3.0 (EN 16931).

What sevDesk's own XML holds beyond its root was not recorded; it is made by Mustang with this process (capture), and is
the same in getXml and inside the PDF (official).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import berlin_day
from sevdesk_client.sandbox.account.records import Invoice, Letter, Position
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO, Sums, cents

PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"  # capture
PROFILE = "urn:cen.eu:en16931:2017#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0"
_SPACE = "urn:un:unece:uncefact:data:standard:"
_NAMES = {
    "xmlns:rsm": f"{_SPACE}CrossIndustryInvoice:100",
    "xmlns:ram": f"{_SPACE}ReusableAggregateBusinessInformationEntity:100",
    "xmlns:udt": f"{_SPACE}UnqualifiedDataType:100",
}
# Codes of UNTDID 5305 by tax rule; rule 1 has S, or Z where the rate is 0.
_CATEGORIES = {2: "G", 3: "K", 4: "E", 5: "AE", 11: "E", 17: "O", 21: "AE"}
_SELLER_STREET, _SELLER_ZIP, _SELLER_CITY = "Musterweg 1", "10115", "Berlin"
_SELLER_PHONE, _SELLER_EMAIL, _SELLER_VAT = "+49 30 1234567", "rechnung@example.com", "DE999999999"


@dataclass(frozen=True, slots=True)
class Buyer:
    """What the contact adds to the letter."""

    reference: str
    email: str | None
    vat_number: str | None


def embedded_xml(account: Account, invoice: Invoice) -> str | None:
    """The XML of an e-invoice, the same that its PDF holds (official: ZUGFeRD); None for all others."""
    if not invoice.letter.is_e_invoice or invoice.status == 100:
        return None
    contact = account.contacts[invoice.letter.contact_id]
    mails = (each.value for each in account.ways.having(contact.id) if each.type == "EMAIL")
    fields = contact.fields
    buyer = Buyer(fields.get("buyerReference") or "-", next(mails, None), fields.get("vatNumber"))
    source = account.invoices.get(invoice.origin_id or 0)
    return e_invoice_xml(invoice, buyer, source.number if source else None)


def e_invoice_xml(invoice: Invoice, buyer: Buyer, cancelled: str | None = None) -> str:
    """The document; `cancelled` is the number of the invoice that a cancellation takes back."""
    root = Element("rsm:CrossIndustryInvoice", _NAMES)
    letter = invoice.letter
    context = SubElement(root, "rsm:ExchangedDocumentContext")
    _add(context, "BusinessProcessSpecifiedDocumentContextParameter/ID", PROCESS)
    _add(context, "GuidelineSpecifiedDocumentContextParameter/ID", PROFILE)
    document = SubElement(root, "rsm:ExchangedDocument")
    _add(document, "ID", invoice.number or "")
    _add(document, "TypeCode", "384" if invoice.type == "SR" else "380")
    _add_day(document, "IssueDateTime", letter.invoice_date)
    for note in filter(None, (letter.head_text, letter.foot_text)):
        _add(document, "IncludedNote/Content", note)
    deal = SubElement(root, "rsm:SupplyChainTradeTransaction")
    for count, position in enumerate(letter.positions, 1):
        _line(deal, count, position, letter)
    _agreement(deal, letter, buyer)
    delivery = _add(deal, "ApplicableHeaderTradeDelivery")
    event = _add(delivery, "ActualDeliverySupplyChainEvent")
    _add_day(event, "OccurrenceDateTime", letter.delivery_date_until or letter.delivery_date or letter.invoice_date)
    _settlement(deal, invoice, cancelled)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _line(deal: Element, count: int, position: Position, letter: Letter) -> None:
    line = _add(deal, "IncludedSupplyChainTradeLineItem")
    _add(line, "AssociatedDocumentLineDocument/LineID", str(count))
    product = _add(line, "SpecifiedTradeProduct")
    _add(product, "Name", position.name)
    if position.text:
        _add(product, "Description", position.text)
    net = position.price * (1 - position.discount / 100)
    net = net if letter.show_net else net / (1 + position.tax_rate / 100)
    # A price may not be negative, so the quantity is (EN 16931, BR-27).
    quantity = position.quantity if net >= 0 else -position.quantity
    _add(line, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount", _plain(round(abs(net), 8)))
    billed = _add(line, "SpecifiedLineTradeDelivery/BilledQuantity", _plain(quantity))
    billed.set("unitCode", master_data.UNITIES[position.unity_id][2])
    settlement = _add(line, "SpecifiedLineTradeSettlement")
    _tax(_add(settlement, "ApplicableTradeTax"), letter, position.tax_rate)
    total = _add(settlement, "SpecifiedTradeSettlementLineMonetarySummation")
    _add(total, "LineTotalAmount", _plain(position.sums.net))


def _tax(tax: Element, letter: Letter, rate: Decimal, sums: Sums | None = None) -> None:
    """The order of a tax's parts is the schema's; the breakdown at the end has more of them than a line."""
    category = _category(letter.tax_rule, rate)
    if sums is not None:
        _add(tax, "CalculatedAmount", _plain(sums.tax))
    _add(tax, "TypeCode", "VAT")
    if sums is not None:
        if category not in ("S", "Z"):
            _add(tax, "ExemptionReason", letter.tax_text)
        _add(tax, "BasisAmount", _plain(sums.net))
    _add(tax, "CategoryCode", category)
    if category != "O":
        _add(tax, "RateApplicablePercent", _plain(rate))


def _category(rule: int, rate: Decimal) -> str:
    return "S" if rate else _CATEGORIES.get(rule, "Z")


def _agreement(deal: Element, letter: Letter, buyer: Buyer) -> None:
    agreement = _add(deal, "ApplicableHeaderTradeAgreement")
    _add(agreement, "BuyerReference", buyer.reference)
    seller = _add(agreement, "SellerTradeParty")
    _add(seller, "Name", master_data.FULL_CLIENT["name"])
    contact = _add(seller, "DefinedTradeContact")
    _add(contact, "PersonName", master_data.USERS[letter.contact_person_id])
    _add(contact, "TelephoneUniversalCommunication/CompleteNumber", _SELLER_PHONE)
    _add(contact, "EmailURIUniversalCommunication/URIID", _SELLER_EMAIL)
    _address(seller, _SELLER_ZIP, _SELLER_STREET, _SELLER_CITY, 1)
    _mail(seller, _SELLER_EMAIL)
    for scheme, number in (("FC", master_data.FULL_CLIENT["taxNumber"]), ("VA", _SELLER_VAT)):
        _add(seller, "SpecifiedTaxRegistration/ID", number).set("schemeID", scheme)
    party = _add(agreement, "BuyerTradeParty")
    _add(party, "Name", letter.address_name or "")
    place = (letter.address_zip, letter.address_street, letter.address_city)
    _address(party, *place, letter.address_country_id)
    _mail(party, buyer.email)
    if buyer.vat_number:
        _add(party, "SpecifiedTaxRegistration/ID", buyer.vat_number).set("schemeID", "VA")


def _address(party: Element, code: str | None, street: str | None, city: str | None, country_id: int) -> None:
    address = _add(party, "PostalTradeAddress")
    for tag, text in (("PostcodeCode", code), ("LineOne", street), ("CityName", city)):
        if text:
            _add(address, tag, text)
    _add(address, "CountryID", master_data.COUNTRIES[country_id][0].upper())


def _mail(party: Element, address: str | None) -> None:
    if address:
        _add(party, "URIUniversalCommunication/URIID", address).set("schemeID", "EM")


def _settlement(deal: Element, invoice: Invoice, cancelled: str | None) -> None:
    letter = invoice.letter
    settlement = _add(deal, "ApplicableHeaderTradeSettlement")
    _add(settlement, "PaymentReference", invoice.number or "")
    _add(settlement, "InvoiceCurrencyCode", letter.currency)
    means = _add(settlement, "SpecifiedTradeSettlementPaymentMeans")
    _add(means, "TypeCode", master_data.PAYMENT_METHODS[letter.payment_method_id or 21919][1])
    _add(means, "PayeePartyCreditorFinancialAccount/IBANID", master_data.FULL_CLIENT["bankIban"])
    _add(means, "PayeeSpecifiedCreditorFinancialInstitution/BICID", master_data.FULL_CLIENT["bankBic"])
    for rate, sums in letter.rates:
        _tax(_add(settlement, "ApplicableTradeTax"), letter, rate, sums)
    if letter.delivery_date and letter.delivery_date_until:
        period = _add(settlement, "BillingSpecifiedPeriod")
        _add_day(period, "StartDateTime", letter.delivery_date)
        _add_day(period, "EndDateTime", letter.delivery_date_until)
    for rate, amount in _allowances(letter):
        _allowance(settlement, letter, rate, amount)
    due = berlin_day(letter.invoice_date) + timedelta(days=min(letter.time_to_pay or 0, 3650))
    _add_day(_add(settlement, "SpecifiedTradePaymentTerms"), "DueDateDateTime", due)
    _totals(settlement, letter)
    if cancelled:
        _add(settlement, "InvoiceReferencedDocument/IssuerAssignedID", cancelled)


def _allowances(letter: Letter) -> Iterator[tuple[Decimal, Decimal]]:
    """What a discount on the document takes off each rate (a surcharge, below zero): lines less breakdown."""
    for rate, sums in letter.rates:
        off = sum((each.sums.net for each in letter.positions if each.tax_rate == rate), ZERO) - sums.net
        if off:
            yield rate, off


def _allowance(settlement: Element, letter: Letter, rate: Decimal, amount: Decimal) -> None:
    allowance = _add(settlement, "SpecifiedTradeAllowanceCharge")
    indicator = SubElement(_add(allowance, "ChargeIndicator"), "udt:Indicator")
    indicator.text = "false" if amount > 0 else "true"
    _add(allowance, "ActualAmount", _plain(abs(amount)))
    _add(allowance, "Reason", "Rabatt" if amount > 0 else "Zuschlag")
    _tax(_add(allowance, "CategoryTradeTax"), letter, rate)


def _totals(settlement: Element, letter: Letter) -> None:
    totals = _add(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation")
    off = [amount for _, amount in _allowances(letter)]
    sums = letter.sums
    _add(totals, "LineTotalAmount", _plain(sum((each.sums.net for each in letter.positions), ZERO)))
    _add(totals, "ChargeTotalAmount", _plain(-sum((each for each in off if each < 0), ZERO)))
    _add(totals, "AllowanceTotalAmount", _plain(sum((each for each in off if each > 0), ZERO)))
    _add(totals, "TaxBasisTotalAmount", _plain(sums.net))
    _add(totals, "TaxTotalAmount", _plain(sums.tax)).set("currencyID", letter.currency)
    _add(totals, "GrandTotalAmount", _plain(sums.gross))
    _add(totals, "DuePayableAmount", _plain(sums.gross))


def _add(parent: Element, path: str, text: str | None = None) -> Element:
    """The last of a chain of new elements."""
    for tag in path.split("/"):
        parent = SubElement(parent, f"ram:{tag}")
    if text is not None:
        parent.text = "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)
    return parent


def _add_day(parent: Element, tag: str, day: datetime | date) -> None:
    text = SubElement(_add(parent, tag), "udt:DateTimeString", format="102")
    text.text = f"{berlin_day(day):%Y%m%d}"


def _plain(amount: Decimal) -> str:
    """At least two decimals, no exponent."""
    text = f"{amount:f}"
    whole, _, rest = text.partition(".")
    return f"{cents(amount):f}" if len(rest.rstrip("0")) <= 2 else f"{whole}.{rest.rstrip('0')}"
