"""E-invoice XML: UN/CEFACT Cross Industry Invoice in the profile of XRechnung 3.0 (EN 16931).

Of sevDesk's own XML only the root and the process were captured (made by Mustang); getXml and the PDF hold the same
XML (official).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import berlin_day
from sevdesk_client.sandbox.account.records import DocumentFields, Invoice, Position
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO, Sums, round_cents

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
    """The buyer's data that the contact holds and the invoice does not."""

    reference: str
    email: str | None
    vat_number: str | None


def embedded_xml(account: Account, invoice: Invoice) -> str | None:
    """The XML of a finalised e-invoice, as embedded in its PDF (official: ZUGFeRD); None for any other invoice."""
    if not invoice.fields.is_e_invoice or invoice.status == 100:
        return None
    contact = account.contacts[invoice.fields.contact_id]
    fields = contact.fields
    buyer = Buyer(fields.get("buyerReference") or "-", account.email_of(contact.id), fields.get("vatNumber"))
    source = account.invoices.get(invoice.origin_id or 0)
    return e_invoice_xml(invoice, buyer, source.number if source else None)


def e_invoice_xml(invoice: Invoice, buyer: Buyer, cancelled: str | None = None) -> str:
    """The XML document; `cancelled` is the number of the invoice that this one cancels."""
    root = Element("rsm:CrossIndustryInvoice", _NAMES)
    fields = invoice.fields
    context = SubElement(root, "rsm:ExchangedDocumentContext")
    _add(context, "BusinessProcessSpecifiedDocumentContextParameter/ID", PROCESS)
    _add(context, "GuidelineSpecifiedDocumentContextParameter/ID", PROFILE)
    document = SubElement(root, "rsm:ExchangedDocument")
    _add(document, "ID", invoice.number or "")
    _add(document, "TypeCode", "384" if invoice.type == "SR" else "380")
    _add_day(document, "IssueDateTime", fields.invoice_date)
    for note in filter(None, (fields.head_text, fields.foot_text)):
        _add(document, "IncludedNote/Content", note)
    transaction = SubElement(root, "rsm:SupplyChainTradeTransaction")
    for count, position in enumerate(fields.positions, 1):
        _line(transaction, count, position, fields)
    _agreement(transaction, fields, buyer)
    delivery = _add(transaction, "ApplicableHeaderTradeDelivery")
    event = _add(delivery, "ActualDeliverySupplyChainEvent")
    _add_day(event, "OccurrenceDateTime", fields.delivery_date_until or fields.delivery_date or fields.invoice_date)
    _settlement(transaction, invoice, cancelled)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _line(transaction: Element, count: int, position: Position, fields: DocumentFields) -> None:
    line = _add(transaction, "IncludedSupplyChainTradeLineItem")
    _add(line, "AssociatedDocumentLineDocument/LineID", str(count))
    product = _add(line, "SpecifiedTradeProduct")
    _add(product, "Name", position.name)
    if position.text:
        _add(product, "Description", position.text)
    net = position.price * (1 - position.discount / 100)
    net = net if fields.show_net else net / (1 + position.tax_rate / 100)
    # A price may not be negative, so the quantity is (EN 16931, BR-27).
    quantity = position.quantity if net >= 0 else -position.quantity
    _add(line, "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount", _amount_text(round(abs(net), 8)))
    billed = _add(line, "SpecifiedLineTradeDelivery/BilledQuantity", _amount_text(quantity))
    billed.set("unitCode", master_data.UNITIES[position.unity_id][2])
    settlement = _add(line, "SpecifiedLineTradeSettlement")
    _tax(_add(settlement, "ApplicableTradeTax"), fields, position.tax_rate)
    total = _add(settlement, "SpecifiedTradeSettlementLineMonetarySummation")
    _add(total, "LineTotalAmount", _amount_text(position.sums.net))


def _tax(tax: Element, fields: DocumentFields, rate: Decimal, sums: Sums | None = None) -> None:
    """A tax with its parts in the schema's order; with `sums` the breakdown per rate, which has more parts."""
    category = _category(fields.tax_rule, rate)
    if sums is not None:
        _add(tax, "CalculatedAmount", _amount_text(sums.tax))
    _add(tax, "TypeCode", "VAT")
    if sums is not None:
        if category not in ("S", "Z"):
            _add(tax, "ExemptionReason", fields.tax_text)
        _add(tax, "BasisAmount", _amount_text(sums.net))
    _add(tax, "CategoryCode", category)
    if category != "O":
        _add(tax, "RateApplicablePercent", _amount_text(rate))


def _category(rule: int, rate: Decimal) -> str:
    return "S" if rate else _CATEGORIES.get(rule, "Z")


def _agreement(transaction: Element, fields: DocumentFields, buyer: Buyer) -> None:
    agreement = _add(transaction, "ApplicableHeaderTradeAgreement")
    _add(agreement, "BuyerReference", buyer.reference)
    seller = _add(agreement, "SellerTradeParty")
    _add(seller, "Name", master_data.FULL_CLIENT["name"])
    contact = _add(seller, "DefinedTradeContact")
    _add(contact, "PersonName", master_data.USERS[fields.contact_person_id])
    _add(contact, "TelephoneUniversalCommunication/CompleteNumber", _SELLER_PHONE)
    _add(contact, "EmailURIUniversalCommunication/URIID", _SELLER_EMAIL)
    _address(seller, _SELLER_ZIP, _SELLER_STREET, _SELLER_CITY, 1)
    _mail(seller, _SELLER_EMAIL)
    for scheme, number in (("FC", master_data.FULL_CLIENT["taxNumber"]), ("VA", _SELLER_VAT)):
        _add(seller, "SpecifiedTaxRegistration/ID", number).set("schemeID", scheme)
    party = _add(agreement, "BuyerTradeParty")
    _add(party, "Name", fields.address_name or "")
    place = (fields.address_zip, fields.address_street, fields.address_city)
    _address(party, *place, fields.address_country_id)
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


def _settlement(transaction: Element, invoice: Invoice, cancelled: str | None) -> None:
    fields = invoice.fields
    settlement = _add(transaction, "ApplicableHeaderTradeSettlement")
    _add(settlement, "PaymentReference", invoice.number or "")
    _add(settlement, "InvoiceCurrencyCode", fields.currency)
    means = _add(settlement, "SpecifiedTradeSettlementPaymentMeans")
    _add(means, "TypeCode", master_data.PAYMENT_METHODS[fields.payment_method_id or 21919][1])
    _add(means, "PayeePartyCreditorFinancialAccount/IBANID", master_data.FULL_CLIENT["bankIban"])
    _add(means, "PayeeSpecifiedCreditorFinancialInstitution/BICID", master_data.FULL_CLIENT["bankBic"])
    for rate, sums in fields.rates:
        _tax(_add(settlement, "ApplicableTradeTax"), fields, rate, sums)
    if fields.delivery_date and fields.delivery_date_until:
        period = _add(settlement, "BillingSpecifiedPeriod")
        _add_day(period, "StartDateTime", fields.delivery_date)
        _add_day(period, "EndDateTime", fields.delivery_date_until)
    for rate, amount in _allowances(fields):
        _allowance(settlement, fields, rate, amount)
    _add_day(_add(settlement, "SpecifiedTradePaymentTerms"), "DueDateDateTime", fields.due_date)
    _totals(settlement, fields)
    if cancelled:
        _add(settlement, "InvoiceReferencedDocument/IssuerAssignedID", cancelled)


def _allowances(fields: DocumentFields) -> Iterator[tuple[Decimal, Decimal]]:
    """Per tax rate, what the document discount takes off (negative: a surcharge): positions minus breakdown."""
    for rate, sums in fields.rates:
        off = sum((each.sums.net for each in fields.positions if each.tax_rate == rate), ZERO) - sums.net
        if off:
            yield rate, off


def _allowance(settlement: Element, fields: DocumentFields, rate: Decimal, amount: Decimal) -> None:
    allowance = _add(settlement, "SpecifiedTradeAllowanceCharge")
    indicator = SubElement(_add(allowance, "ChargeIndicator"), "udt:Indicator")
    indicator.text = "false" if amount > 0 else "true"
    _add(allowance, "ActualAmount", _amount_text(abs(amount)))
    _add(allowance, "Reason", "Rabatt" if amount > 0 else "Zuschlag")
    _tax(_add(allowance, "CategoryTradeTax"), fields, rate)


def _totals(settlement: Element, fields: DocumentFields) -> None:
    totals = _add(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation")
    off = [amount for _, amount in _allowances(fields)]
    sums = fields.sums
    _add(totals, "LineTotalAmount", _amount_text(sum((each.sums.net for each in fields.positions), ZERO)))
    _add(totals, "ChargeTotalAmount", _amount_text(-sum((each for each in off if each < 0), ZERO)))
    _add(totals, "AllowanceTotalAmount", _amount_text(sum((each for each in off if each > 0), ZERO)))
    _add(totals, "TaxBasisTotalAmount", _amount_text(sums.net))
    _add(totals, "TaxTotalAmount", _amount_text(sums.tax)).set("currencyID", fields.currency)
    _add(totals, "GrandTotalAmount", _amount_text(sums.gross))
    _add(totals, "DuePayableAmount", _amount_text(sums.gross))


def _add(parent: Element, path: str, text: str | None = None) -> Element:
    """Add nested elements along `path`; returns the innermost. Unprintable characters of `text` become spaces."""
    for tag in path.split("/"):
        parent = SubElement(parent, f"ram:{tag}")
    if text is not None:
        parent.text = "".join(char if char.isprintable() or char in "\n\t" else " " for char in text)
    return parent


def _add_day(parent: Element, tag: str, day: datetime | date) -> None:
    text = SubElement(_add(parent, tag), "udt:DateTimeString", format="102")
    text.text = f"{berlin_day(day):%Y%m%d}"


def _amount_text(amount: Decimal) -> str:
    """The amount with at least two decimals and no exponent."""
    text = f"{amount:f}"
    whole, _, rest = text.partition(".")
    return f"{round_cents(amount):f}" if len(rest.rstrip("0")) <= 2 else f"{whole}.{rest.rstrip('0')}"
