"""The XML of an e-invoice: what EN 16931 wants to know, in the order its schema wants it."""

import io
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from tests.sandbox.sandbox_client import Json, SandboxClient, line, ref, save_body

LINES = [line("100.05", text="Zwei & <mehr>"), line(50, rate=7), line("0.3333", "2.5"), line("-5")]


async def e_invoice(sandbox: SandboxClient, **invoice: Json) -> str:
    """The id of a finalised e-invoice."""
    contact = await sandbox.contact(buyerReference="04011000-12345-34", vatNumber="DE123456789")
    way = {"contact": ref(contact, "Contact"), "type": "EMAIL", "value": "kunde@example.com"}
    await sandbox.objects("POST", "/CommunicationWay", 201, json={**way, "key": ref(8, "CommunicationWayKey")})
    given = {"contact": ref(contact, "Contact"), "paymentMethod": ref(21919, "PaymentMethod"), **invoice}
    return await sandbox.open_id(propertyIsEInvoice=True, **given)


class Xml:
    """A document, asked by the last parts of its paths."""

    def __init__(self, text: str) -> None:
        self.root = ElementTree.fromstring(text.encode())  # noqa: S314 - the sandbox wrote it

    def all(self, path: str) -> list[str | None]:
        steps = "/".join(f"{{*}}{step}" for step in path.split("/"))
        return [each.text for each in self.root.findall(f".//{steps}")]

    def one(self, path: str) -> str | None:
        [found] = self.all(path)
        return found


async def xml_of(sandbox: SandboxClient, ident: str) -> Xml:
    return Xml(await sandbox.objects("GET", f"/Invoice/{ident}/getXml"))


async def test_xml_tells_who_and_how(sandbox: SandboxClient) -> None:
    """Number, dates, seller, buyer, buyer reference, payment."""
    period = {"deliveryDate": "2026-09-01", "deliveryDateUntil": "2026-09-30"}
    xml = await xml_of(sandbox, await e_invoice(sandbox, timeToPay=14, **period))
    assert xml.root.tag.endswith("}CrossIndustryInvoice")
    assert (xml.one("ExchangedDocument/ID"), xml.one("ExchangedDocument/TypeCode")) == ("RE-1000", "380")
    assert xml.one("GuidelineSpecifiedDocumentContextParameter/ID").endswith("xrechnung_3.0")  # type: ignore[union-attr]
    assert xml.one("IssueDateTime/DateTimeString") == "20261001"
    assert xml.one("BuyerReference") == "04011000-12345-34"
    assert (xml.one("SellerTradeParty/Name"), xml.one("BuyerTradeParty/Name")) == ("Sandbox GmbH", "Muster GmbH")
    assert xml.one("BuyerTradeParty/PostalTradeAddress/PostcodeCode") == "10115"
    assert xml.one("BuyerTradeParty/URIUniversalCommunication/URIID") == "kunde@example.com"
    assert xml.one("SpecifiedTradeSettlementPaymentMeans/TypeCode") == "58"
    assert xml.one("IBANID") == "DE02100500000054540402"
    assert xml.one("DueDateDateTime/DateTimeString") == "20261015"
    assert xml.all("BillingSpecifiedPeriod/StartDateTime/DateTimeString") == ["20260901"]


async def test_xml_sums_are_the_invoices(sandbox: SandboxClient) -> None:
    """Lines, tax of each rate and totals are those of the invoice, to the cent."""
    ident = await e_invoice(sandbox, lines=LINES)
    xml, shown = await xml_of(sandbox, ident), await sandbox.invoice(ident)
    assert xml.all("LineTotalAmount") == ["100.05", "50.00", "0.83", "-5.00", "145.88"]
    assert xml.all("ChargeAmount") == ["100.05", "50.00", "0.3333", "5.00"]
    assert xml.all("BilledQuantity") == ["1.00", "1.00", "2.50", "-1.00"]
    assert xml.all("SpecifiedTradeProduct/Description") == ["Zwei & <mehr>"]
    assert xml.all("ApplicableHeaderTradeSettlement/ApplicableTradeTax/CalculatedAmount") == ["18.22", "3.50"]
    totals = {"TaxBasisTotalAmount": "sumNet", "TaxTotalAmount": "sumTax", "GrandTotalAmount": "sumGross"}
    assert {tag: Decimal(xml.one(tag) or "") for tag in totals} == {
        tag: Decimal(shown[key]) for tag, key in totals.items()
    }


@pytest.mark.parametrize(("rule", "category"), [(2, "G"), (3, "K"), (4, "E"), (5, "AE"), (17, "O"), (21, "AE")])
async def test_xml_says_why_no_tax(sandbox: SandboxClient, rule: int, category: str) -> None:
    """Each rule without tax has its code and its reason in words; what is outside tax has no rate."""
    invoice = {"lines": [line(rate=0)], "taxRule": ref(rule, "TaxRule"), "taxText": "Steuerfrei, weil"}
    xml = await xml_of(sandbox, await e_invoice(sandbox, **invoice))
    assert set(xml.all("CategoryCode")) == {category}
    assert xml.one("ExemptionReason") == "Steuerfrei, weil"
    assert len(xml.all("RateApplicablePercent")) == (0 if rule == 17 else 2)


async def test_xml_shows_the_discount(sandbox: SandboxClient) -> None:
    """What the document's discount takes off each rate stands between lines and total."""
    off = {"objectName": "Discounts", "mapAll": True, "discount": True, "percentage": True, "value": "10"}
    contact = ref(await sandbox.contact(buyerReference="-"), "Contact")
    way = {"contact": contact, "type": "EMAIL", "value": "a@example.com", "key": ref(8, "CommunicationWayKey")}
    await sandbox.objects("POST", "/CommunicationWay", 201, json=way)
    body = save_body([line(100), line(50, rate=7)], contact=contact, propertyIsEInvoice=True)
    body["invoice"]["paymentMethod"] = ref(21919, "PaymentMethod")
    path = "/Invoice/Factory/saveInvoice"
    ident = (await sandbox.objects("POST", path, 201, json={**body, "discountSave": [off]}))["invoice"]["id"]
    await sandbox.send_by(ident)
    xml = await xml_of(sandbox, ident)
    assert xml.all("SpecifiedTradeAllowanceCharge/ActualAmount") == ["10.00", "5.00"]
    assert (xml.one("AllowanceTotalAmount"), xml.one("TaxBasisTotalAmount")) == ("15.00", "135.00")


async def test_storno_xml_names_its_invoice(sandbox: SandboxClient) -> None:
    """A corrected invoice with every sum turned round."""
    ident = await e_invoice(sandbox)
    storno = await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    xml = await xml_of(sandbox, storno["id"])
    assert (xml.one("ExchangedDocument/TypeCode"), xml.one("GrandTotalAmount")) == ("384", "-119.00")
    assert xml.one("InvoiceReferencedDocument/IssuerAssignedID") == "RE-1000"


async def test_pdf_holds_the_xml(sandbox: SandboxClient) -> None:
    """The same bytes, as factur-x.xml; an ordinary invoice holds none."""
    ident = await e_invoice(sandbox)
    attached = PdfReader(io.BytesIO(await sandbox.pdf(ident))).attachments
    text = await sandbox.objects("GET", f"/Invoice/{ident}/getXml")
    assert {name: list(contents) for name, contents in attached.items()} == {"factur-x.xml": [text.encode()]}
    plain = await sandbox.pdf(await sandbox.open_id())
    assert not PdfReader(io.BytesIO(plain)).attachments
