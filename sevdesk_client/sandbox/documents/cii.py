"""E-invoice XML: UN/CEFACT Cross Industry Invoice in the profile of XRechnung 3.0 (EN 16931).

Of sevDesk's own XML only the root and the process were captured (made by Mustang); getXml and the PDF hold the same
XML (official).
"""

from datetime import date, datetime
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import Object, berlin_day
from sevdesk_client.sandbox.account.records import CreditNote, DocumentFields, Invoice, Position
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO, Sums, round_cents
from sevdesk_client.sandbox.documents import cii_faults

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
# UNTDID 1001: corrected invoice and credit note; else invoice.
_TYPE_CODES = {"SR": "384", "CN": "381"}
_Place = tuple[str | None, str | None, str | None, int]  # post code, street, city, country
_SELLER_PLACE: _Place = ("10115", "Musterweg 1", "Berlin", 1)
_SELLER_EMAIL = "rechnung@example.com"


def embedded_xml(account: Account, invoice: Invoice) -> str | None:
    """The XML in the PDF of a finalised e-invoice (official: ZUGFeRD); None for any other invoice."""
    return _spoilt_xml(account, invoice, inside=True)


def credit_note_xml(account: Account, note: CreditNote) -> str | None:
    """The XML in the PDF of a finalised e-invoice credit note (inferred from its refusal 830, which names ZUGFeRD)."""
    if not account.switches.credit_note_xml:
        return None
    invoice = note.as_invoice()
    invoice.origin_id = note.origin_id or note.source_id
    return _spoilt_xml(account, invoice, inside=False)


def standalone_xml(account: Account, invoice: Invoice) -> str | None:
    """What getXml answers: the same XML (official); switch e_invoice_faults may spoil one or both."""
    return _spoilt_xml(account, invoice, inside=False)


def _spoilt_xml(account: Account, invoice: Invoice, *, inside: bool) -> str | None:
    """`inside`: it is the one in the PDF of an invoice, which faults named `pdf_...` spoil alone."""
    if not invoice.fields.is_e_invoice or invoice.status == 100:
        return None
    root = Element("rsm:CrossIndustryInvoice", _NAMES)
    _fill(root, _document(account, invoice))
    indent(root)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'
    faults = [each for each in account.switches.e_invoice_faults if inside or not each.startswith("pdf_")]
    return cii_faults.spoilt(text, faults) if faults else text


def _fill(parent: Element, content: Object) -> None:
    """Add an element for each key, in order, with a text or with elements of its own.

    None leaves it out and a list repeats it; "@key" is an attribute, "" the text of the parent.
    """
    for tag, value in content.items():
        for each in value if isinstance(value, list) else [value]:
            if tag == "":
                parent.text = "".join(char if char.isprintable() or char in "\n\t" else " " for char in each)
            elif tag.startswith("@"):
                parent.set(tag[1:], each)
            elif each is not None:
                child = SubElement(parent, tag if ":" in tag else f"ram:{tag}")
                _fill(child, each if isinstance(each, dict) else {"": each})


def _document(account: Account, invoice: Invoice) -> Object:
    fields = invoice.fields
    delivered = _day(fields.delivery_date_until or fields.delivery_date or fields.invoice_date)
    source = account.invoices.get(invoice.origin_id or 0)
    return {
        "rsm:ExchangedDocumentContext": {
            "BusinessProcessSpecifiedDocumentContextParameter": {"ID": PROCESS},
            "GuidelineSpecifiedDocumentContextParameter": {"ID": PROFILE},
        },
        "rsm:ExchangedDocument": {
            "ID": invoice.number or "",
            "TypeCode": _TYPE_CODES.get(invoice.type, "380"),
            "IssueDateTime": _day(fields.invoice_date),
            "IncludedNote": [{"Content": note} for note in (fields.head_text, fields.foot_text) if note],
        },
        "rsm:SupplyChainTradeTransaction": {
            "IncludedSupplyChainTradeLineItem": [_line(*each, fields) for each in enumerate(fields.positions, 1)],
            "ApplicableHeaderTradeAgreement": _agreement(account, fields),
            "ApplicableHeaderTradeDelivery": {
                "ShipToTradeParty": _ship_to(fields),
                "ActualDeliverySupplyChainEvent": {"OccurrenceDateTime": delivered},
            },
            "ApplicableHeaderTradeSettlement": _settlement(invoice, source.number if source else None),
        },
    }


def _line(count: int, position: Position, fields: DocumentFields) -> Object:
    net = position.price * (1 - position.discount / 100)
    net = net if fields.show_net else net / (1 + position.tax_rate / 100)
    # A price may not be negative, so the quantity is (EN 16931, BR-27).
    quantity = position.quantity if net >= 0 else -position.quantity
    unit = master_data.UNITIES[position.unity_id][2]
    return {
        "AssociatedDocumentLineDocument": {"LineID": str(count)},
        "SpecifiedTradeProduct": {"Name": position.name, "Description": position.text or None},
        "SpecifiedLineTradeAgreement": {"NetPriceProductTradePrice": {"ChargeAmount": _amount(round(abs(net), 8))}},
        "SpecifiedLineTradeDelivery": {"BilledQuantity": {"@unitCode": unit, "": _amount(quantity)}},
        "SpecifiedLineTradeSettlement": {
            "ApplicableTradeTax": _tax(fields, position.tax_rate),
            "SpecifiedTradeSettlementLineMonetarySummation": {"LineTotalAmount": _amount(position.sums.net)},
        },
    }


def _tax(fields: DocumentFields, rate: Decimal, sums: Sums | None = None) -> Object:
    """A tax with its parts in the schema's order; with `sums` the breakdown per rate, which has more parts."""
    category = "S" if rate else _CATEGORIES.get(fields.tax_rule, "Z")
    return {
        "CalculatedAmount": _amount(sums.tax) if sums else None,
        "TypeCode": "VAT",
        "ExemptionReason": fields.tax_text if sums and category not in ("S", "Z") else None,
        "BasisAmount": _amount(sums.net) if sums else None,
        "CategoryCode": category,
        "RateApplicablePercent": None if category == "O" else _amount(rate),
    }


def _agreement(account: Account, fields: DocumentFields) -> Object:
    client, buyer = master_data.FULL_CLIENT, account.contacts[fields.contact_id]
    contact = {
        "PersonName": master_data.USERS[fields.contact_person_id],
        "TelephoneUniversalCommunication": {"CompleteNumber": "+49 30 1234567"},
        "EmailURIUniversalCommunication": {"URIID": _SELLER_EMAIL},
    }
    place = (fields.address_zip, fields.address_street, fields.address_city, fields.address_country_id)
    # Outside the scope of VAT no VAT id may be shown (BR-O-02), and the seller needs another one (BR-CO-26): inferred.
    in_scope = fields.tax_rule != 17
    own = {"FC": client["taxNumber"], "VA": "DE999999999" if in_scope else None}
    seller = _party(client["name"], _SELLER_PLACE, _SELLER_EMAIL, contact, **own)
    if not in_scope:
        seller = {"ID": client["id"], **seller}
    email, vat_number = account.email_of(buyer.id), buyer.fields.get("vatNumber") if in_scope else None
    return {
        "BuyerReference": buyer.fields.get("buyerReference") or "-",
        "SellerTradeParty": seller,
        "BuyerTradeParty": _party(fields.address_name or "", place, email, VA=vat_number),
    }


def _ship_to(fields: DocumentFields) -> Object | None:
    """An intra-community supply names the country it goes to (BR-IC-12); that it is the buyer's is inferred."""
    if fields.tax_rule != 3:
        return None
    country = master_data.COUNTRIES[fields.address_country_id][0].upper()
    return {"Name": fields.address_name or None, "PostalTradeAddress": {"CountryID": country}}


def _party(
    name: str, place: _Place, email: str | None, contact: Object | None = None, **registrations: str | None
) -> Object:
    """Seller or buyer; registrations by their scheme: FC a tax number, VA a VAT id."""
    code, street, city, country_id = place
    known = [{"ID": {"@schemeID": scheme, "": number}} for scheme, number in registrations.items() if number]
    return {
        "Name": name,
        "DefinedTradeContact": contact,
        "PostalTradeAddress": {
            "PostcodeCode": code or None,
            "LineOne": street or None,
            "CityName": city or None,
            "CountryID": master_data.COUNTRIES[country_id][0].upper(),
        },
        "URIUniversalCommunication": {"URIID": {"@schemeID": "EM", "": email}} if email else None,
        "SpecifiedTaxRegistration": known,
    }


def _settlement(invoice: Invoice, cancelled: str | None) -> Object:
    """Payment, taxes and sums; `cancelled` is the number of the invoice that this one cancels."""
    fields, client = invoice.fields, master_data.FULL_CLIENT
    period = None
    if fields.delivery_date and fields.delivery_date_until:
        period = {"StartDateTime": _day(fields.delivery_date), "EndDateTime": _day(fields.delivery_date_until)}
    allowances = _allowances(fields)
    return {
        "PaymentReference": invoice.number or "",
        "InvoiceCurrencyCode": fields.currency,
        "SpecifiedTradeSettlementPaymentMeans": {
            "TypeCode": master_data.PAYMENT_METHODS[fields.payment_method_id or 21919][1],
            "PayeePartyCreditorFinancialAccount": {"IBANID": client["bankIban"]},
            "PayeeSpecifiedCreditorFinancialInstitution": {"BICID": client["bankBic"]},
        },
        "ApplicableTradeTax": [_tax(fields, rate, sums) for rate, sums in fields.rates],
        "BillingSpecifiedPeriod": period,
        "SpecifiedTradeAllowanceCharge": [_allowance(fields, *each) for each in allowances.items()],
        "SpecifiedTradePaymentTerms": {"DueDateDateTime": _day(fields.due_date)},
        "SpecifiedTradeSettlementHeaderMonetarySummation": {
            "LineTotalAmount": _amount(sum((each.sums.net for each in fields.positions), ZERO)),
            "ChargeTotalAmount": _amount(-sum((each for each in allowances.values() if each < 0), ZERO)),
            "AllowanceTotalAmount": _amount(sum((each for each in allowances.values() if each > 0), ZERO)),
            "TaxBasisTotalAmount": _amount(fields.sums.net),
            "TaxTotalAmount": {"@currencyID": fields.currency, "": _amount(fields.sums.tax)},
            "GrandTotalAmount": _amount(fields.sums.gross),
            "DuePayableAmount": _amount(fields.sums.gross),
        },
        "InvoiceReferencedDocument": {"IssuerAssignedID": cancelled} if cancelled else None,
    }


def _allowances(fields: DocumentFields) -> dict[Decimal, Decimal]:
    """By tax rate, what the document discount takes off (negative: a surcharge): positions minus breakdown."""
    off = {rate: -sums.net for rate, sums in fields.rates}
    for each in fields.positions:
        off[each.tax_rate] += each.sums.net
    return {rate: amount for rate, amount in off.items() if amount}


def _allowance(fields: DocumentFields, rate: Decimal, amount: Decimal) -> Object:
    return {
        "ChargeIndicator": {"udt:Indicator": "false" if amount > 0 else "true"},
        "ActualAmount": _amount(abs(amount)),
        "Reason": "Rabatt" if amount > 0 else "Zuschlag",
        "CategoryTradeTax": _tax(fields, rate),
    }


def _day(day: datetime | date) -> Object:
    return {"udt:DateTimeString": {"@format": "102", "": f"{berlin_day(day):%Y%m%d}"}}


def _amount(amount: Decimal) -> str:
    """The amount with at least two decimals and no exponent."""
    text = f"{amount:f}"
    whole, _, rest = text.partition(".")
    return f"{round_cents(amount):f}" if len(rest.rstrip("0")) <= 2 else f"{whole}.{rest.rstrip('0')}"
