"""Spoils an e-invoice's XML as switch e_invoice_faults says, to see whether a client notices."""

import re
from collections.abc import Callable, Iterable, Mapping

_BOMB = (
    """<!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>"""
)
_PERIOD = """<ram:BillingSpecifiedPeriod>
<ram:StartDateTime><udt:DateTimeString format="102">20260930</udt:DateTimeString></ram:StartDateTime>
<ram:EndDateTime><udt:DateTimeString format="102">20260901</udt:DateTimeString></ram:EndDateTime>
</ram:BillingSpecifiedPeriod>"""


def spoilt(xml: str, faults: Iterable[str]) -> str:
    """The XML with all the faults, in order. Raises ValueError if one of them finds nothing to spoil."""
    for fault in faults:
        before, xml = xml, _FAULTS[fault](xml)
        if xml == before:
            raise ValueError(f"nothing to spoil for {fault}")
    return xml


def _replacing(pattern: str, by: str) -> Callable[[str], str]:
    return lambda xml: re.sub(pattern, by, xml, count=1, flags=re.S)


def _raised(tag: str) -> Callable[[str], str]:
    """The amount in the last element of that name, 10.00 higher."""

    def raise_it(xml: str) -> str:
        *_, last = re.finditer(rf"(<ram:{tag}[^>]*>)([^<]*)", xml)
        return f"{xml[: last.start(2)]}{float(last[2]) + 10:.2f}{xml[last.end(2) :]}"

    return raise_it


def _reversed_period(xml: str) -> str:
    without = re.sub(r"<ram:BillingSpecifiedPeriod>.*?</ram:BillingSpecifiedPeriod>\s*", "", xml, flags=re.S)
    return without.replace("<ram:SpecifiedTradePaymentTerms>", f"{_PERIOD}<ram:SpecifiedTradePaymentTerms>", 1)


_FAULTS: Mapping[str, Callable[[str], str]] = {
    "not_well_formed": lambda xml: xml.replace("</rsm:CrossIndustryInvoice>", ""),
    "entity_bomb": lambda xml: re.sub(r"(<ram:BuyerReference>)[^<]*", r"\1&c;", xml.replace("?>", f"?>{_BOMB}", 1)),
    "unknown_element": _replacing(r"<ram:PaymentReference>", "<ram:Surprise>1</ram:Surprise><ram:PaymentReference>"),
    "guideline_unknown": _replacing(r"urn:cen\.eu:en16931:2017[^<]*", "urn:example:no-such-rules"),
    "number_missing": _replacing(r"(<rsm:ExchangedDocument>\s*<ram:ID)>[^<]*</ram:ID>", r"\1/>"),
    "gross_wrong": _raised("GrandTotalAmount"),
    "tax_wrong": _raised("CalculatedAmount"),
    "line_lost": _replacing(r"<ram:IncludedSupplyChainTradeLineItem>.*?</ram:IncludedSupplyChainTradeLineItem>\s*", ""),
    "period_reversed": _reversed_period,
    "seller_ids_missing": _replacing(r"<ram:SpecifiedTaxRegistration>.*(?=</ram:SellerTradeParty>)", ""),
    "other_number": _replacing(r"(<rsm:ExchangedDocument>\s*<ram:ID>)[^<]*", r"\1RE-9999"),
    "other_buyer": _replacing(r"(<ram:BuyerTradeParty>\s*<ram:Name>)[^<]*", r"\1Other Ltd"),
    "other_vat_id": _replacing(
        r"(</ram:PostalTradeAddress>(?:(?!SellerTradeParty).)*?)(</ram:BuyerTradeParty>)",
        r'\1<ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">DE123456788</ram:ID></ram:SpecifiedTaxRegistration>\2',
    ),
    "other_quantity": _replacing(r"(<ram:BilledQuantity[^>]*>)[^<]*", r"\g<1>77.00"),
    "other_date": _replacing(r'(<ram:IssueDateTime>\s*<udt:DateTimeString format="102">)\d*', r"\g<1>20260102"),
    "other_unit": _replacing(r'unitCode="[^"]*"', 'unitCode="KGM"'),
    "other_country": _replacing(
        "<ram:ApplicableHeaderTradeDelivery>",
        "<ram:ApplicableHeaderTradeDelivery><ram:ShipToTradeParty><ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID>"
        "</ram:PostalTradeAddress></ram:ShipToTradeParty>",
    ),
    "direct_debit": _replacing(r"(SettlementPaymentMeans>\s*<ram:TypeCode>)58", r"\g<1>59"),
    "other_payee": _replacing(
        r"<ram:SpecifiedTradeSettlementPaymentMeans>",
        "<ram:PayeeTradeParty><ram:Name>Other Ltd</ram:Name></ram:PayeeTradeParty>"
        "<ram:SpecifiedTradeSettlementPaymentMeans>",
    ),
    "iban_wrong": _replacing(r"(<ram:IBANID>)[^<]*", r"\1DE00000000000000000000"),
    "prepaid": _replacing(
        r"<ram:DuePayableAmount>[^<]*",
        "<ram:TotalPrepaidAmount>100.00</ram:TotalPrepaidAmount><ram:DuePayableAmount>19.00",
    ),
    "other_skonto": _replacing(
        r"<ram:SpecifiedTradePaymentTerms>",
        "<ram:SpecifiedTradePaymentTerms><ram:Description>#SKONTO#TAGE=10#PROZENT=50.00#\n</ram:Description>",
    ),
    "zero_group_missing": _replacing(
        r"<ram:ApplicableTradeTax>(?:(?!</ram:ApplicableTradeTax>).)*<ram:CalculatedAmount>0\.00.*?</ram:ApplicableTradeTax>",
        "",
    ),
    "exempt": lambda xml: xml.replace("<ram:CategoryCode>AE<", "<ram:CategoryCode>E<"),
    "other_reference": _replacing(r"(<ram:InvoiceReferencedDocument>\s*<ram:IssuerAssignedID>)[^<]*", r"\1RE-4711"),
    "self_billed": _replacing(r"(<rsm:ExchangedDocument>.*?<ram:TypeCode>)\d+", r"\g<1>389"),
    "other_place": _replacing(r"(<ram:BuyerTradeParty>.*?<ram:PostcodeCode>)[^<]*", r"\g<1>99999"),
    "byte_order_mark": lambda xml: f"\ufeff{xml}",
    "pdf_other_iban": _replacing(r"(<ram:IBANID>)[^<]*", r"\1DE02120300000000202051"),
    "pdf_other_seller": _replacing(r"(<ram:SellerTradeParty>\s*<ram:Name>)[^<]*", r"\1Other Ltd"),
    "pdf_differs": _replacing(r"(<rsm:ExchangedDocument>\s*<ram:ID>)[^<]*", r"\1RE-8888"),
}
