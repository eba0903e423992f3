"""The official rules judge what the sandbox writes, and what is no e-invoice is refused without harm."""

import base64
import io
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from itertools import product
from typing import Any

import httpx
import pytest
from pypdf import PdfWriter

from sevdesk_client.sandbox.http.server import running
from tests.sandbox.sandbox_client import NO_TLS, TOKEN, SandboxClient, credit_body, line, ref, save_body, send
from worker.einvoice import reading
from worker.einvoice.finding import FaultKind, kind_of_rule
from worker.einvoice.validation import RulesProcess, validate, validate_pdf

# Tax rule -> rate, buyer's country and VAT id.
RULES: dict[int, tuple[int, int, str | None]] = {
    1: (19, 1, "DE136695976"),
    2: (0, 3, None),
    3: (0, 2, "ATU12345675"),
    4: (0, 1, None),
    5: (0, 1, "DE136695976"),
    17: (0, 3, None),
    21: (0, 2, "ATU12345675"),
}
UNITS = (1, 2, 4, 7, 9, 11, 13)
PRICES = ("100", "0.3333", "33.335", "1234.5678", "0.01")


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxClient]:
    """A fresh sandbox."""
    http = httpx.AsyncClient(headers={"Authorization": TOKEN}, timeout=60, verify=NO_TLS)
    async with running(token=TOKEN) as found, http:
        yield SandboxClient(found, http)


async def e_invoice(sandbox: SandboxClient, rule: int, discounts: Sequence[Any] = (), **invoice: Any) -> str:
    """The id of a finalised e-invoice under the rule."""
    _, country, vat_id = RULES[rule]
    contact = ref(await sandbox.contact(buyerReference="-", **({"vatNumber": vat_id} if vat_id else {})), "Contact")
    way = {"contact": contact, "type": "EMAIL", "value": "a@example.com", "key": ref(8, "CommunicationWayKey")}
    await sandbox.objects("POST", "/CommunicationWay", 201, json=way)
    given = {"taxRule": ref(rule, "TaxRule"), "addressCountry": ref(country, "StaticCountry"), "contact": contact}
    given |= {"paymentMethod": ref(21919, "PaymentMethod"), "propertyIsEInvoice": True, "taxText": "Steuerfrei, weil"}
    body = save_body(**given, **invoice) | {"discountSave": list(discounts) or None}
    saved = await sandbox.objects("POST", "/Invoice/Factory/saveInvoice", 201, json=body)
    ident = str(saved["invoice"]["id"])
    await sandbox.send_by(ident)
    return ident


async def findings(sandbox: SandboxClient, ident: str) -> list[str]:
    """What the rules object to in XML and PDF."""
    xml = (await sandbox.objects("GET", f"/Invoice/{ident}/getXml")).encode()
    return [str(each) for each in validate(xml, await sandbox.pdf(ident)).findings]


@pytest.mark.parametrize("rule", RULES)
async def test_right_invoices_keep_the_rules(sandbox: SandboxClient, rule: int) -> None:
    """Units, roundings, discounts and negative lines, under each tax rule; and the cancellation."""
    rate = RULES[rule][0]
    for unit, price in zip(UNITS, PRICES * 2, strict=False):
        lines = [line(price, "2.5", rate, unity=ref(unit, "Unity")), line(50, rate=rate), line("-5", rate=rate)]
        ident = await e_invoice(sandbox, rule, lines=lines, timeToPay=14)
        assert await findings(sandbox, ident) == []
    storno = await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    assert await findings(sandbox, storno["id"]) == []


def off(value: str) -> dict[str, Any]:
    """A discount in per cent on the whole document."""
    return {"objectName": "Discounts", "mapAll": True, "discount": True, "percentage": True, "value": value}


async def credited(sandbox: SandboxClient, ident: str, lines: list[Any], rule: int) -> list[str]:
    """What the rules object to in the PDF of a credit note over these lines, on a paid e-invoice."""
    invoice = await sandbox.invoice(ident)
    await sandbox.pay(ident, invoice["sumGross"])
    about = {"taxRule": ref(rule, "TaxRule"), "taxText": "Steuerfrei, weil", "propertyIsEInvoice": True}
    about |= {"paymentMethod": ref(21919, "PaymentMethod"), "creditNoteNumber": f"GU-{ident}"}
    body = credit_body(
        ident, lines, contact=invoice["contact"], addressCountry=ref(RULES[rule][1], "StaticCountry"), **about
    )
    note = await sandbox.objects("POST", "/CreditNote/Factory/saveCreditNote", 201, json=body)
    path = f"/CreditNote/{note['creditNote']['id']}"
    await sandbox.objects("PUT", f"{path}/sendBy", json=send())
    document = await sandbox.objects("GET", f"{path}/getPdf", params={"preventSendBy": "true"})
    verdict = validate_pdf(base64.b64decode(document["content"]))
    assert verdict.attached is not None and reading.read(verdict.attached).type_code == "381"
    return [str(each) for each in verdict.findings]


@pytest.mark.parametrize("rule", RULES)
async def test_right_credit_notes_keep_the_rules(sandbox: SandboxClient, rule: int) -> None:
    """Under each tax rule, over a part of the invoice."""
    rate = RULES[rule][0]
    ident = await e_invoice(sandbox, rule, lines=[line("33.335", "2.5", rate), line(50, rate=rate)])
    assert await credited(sandbox, ident, [line("33.335", "0.5", rate)], rule) == []


async def test_discounted_invoices_keep_the_rules(sandbox: SandboxClient) -> None:
    """A discount on the document is split by rate."""
    lines = [line("19.99", "3", 7), line("33.335", rate=19)]
    assert await findings(sandbox, await e_invoice(sandbox, 1, lines=lines, discounts=[off("2.5")])) == []


@pytest.mark.long
async def test_five_hundred_invoices_keep_the_rules(sandbox: SandboxClient) -> None:
    """Rules by units by prices by quantities, mixed rates where the rule allows them, each second with a discount on
    the document; every fifth is credited in part."""
    cases = list(product(RULES, UNITS, PRICES, ("1", "0.5", "-3")))
    counts = Counter[str]()
    for number, (rule, unit, price, quantity) in enumerate(cases[:: max(1, len(cases) // 500)]):
        rate = RULES[rule][0]
        more = [line("19.99", "3", 7)] if rule == 1 else []
        lines = [line(price, quantity, rate, unity=ref(unit, "Unity")), line("9999", rate=rate), *more]
        discounts = [off("2.5")] if number % 2 else []
        ident = await e_invoice(sandbox, rule, lines=lines, discounts=discounts)
        assert await findings(sandbox, ident) == [], (rule, unit, price, quantity, discounts)
        counts["invoices"] += 1
        if number % 5 == 0:
            assert await credited(sandbox, ident, [line("99.995", "0.5", rate)], rule) == [], (rule, unit, price)
            counts["credit notes"] += 1
    assert counts["invoices"] >= 500 and counts["credit notes"] >= 100
    print(dict(counts))


async def test_rules_read_every_encoding(sandbox: SandboxClient) -> None:
    """XML says by itself how it is written; neither UTF-16 nor a byte order mark ends the process that judges."""
    ident = await e_invoice(sandbox, 1, lines=[line("100")])
    text = await sandbox.objects("GET", f"/Invoice/{ident}/getXml")
    for encoding in ("UTF-8-sig", "UTF-16", "ISO-8859-1"):
        named = text.replace("UTF-8", encoding.removesuffix("-sig"), 1)
        verdict = validate(named.encode(encoding), await sandbox.pdf(ident))
        assert (verdict.findings, verdict.rules is None) == ((), False), encoding
        spoilt = named.replace(">380<", "><").encode(encoding)
        assert "BR-04" in {each.rule for each in validate(spoilt, await sandbox.pdf(ident)).findings}, encoding


async def test_pdf_holds_one_e_invoice_under_its_name(sandbox: SandboxClient) -> None:
    """Under another name nobody finds it, and of two nobody knows which one counts."""
    ident = await e_invoice(sandbox, 1, lines=[line("100")])
    xml, pdf = (await sandbox.objects("GET", f"/Invoice/{ident}/getXml")).encode(), await sandbox.pdf(ident)
    for name, content, told in (
        ("rechnung.xml", xml, ["the PDF holds no e-invoice XML"]),
        ("xrechnung.xml", xml, []),
        ("ZUGFeRD-invoice.xml", xml.replace(b">380<", b">326<"), ["the PDF holds 2 e-invoices that differ"]),
    ):
        writer, written = PdfWriter(), io.BytesIO()
        if name != "rechnung.xml":
            writer.append(io.BytesIO(pdf))
            writer.add_attachment("factur-x.xml", xml)
        else:
            writer.add_blank_page(100, 100)
        writer.add_attachment(name, content)
        writer.write(written)
        assert [each.text for each in validate(xml, written.getvalue()).findings] == told, name


def bomb() -> bytes:
    """Entities that would grow to 10 GB."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(10))
    return f"<!DOCTYPE b [{entities}]><b>&e9;</b>".encode()


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (bomb(), "document type or entities"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type or entities"),
        (b"<a>", "not well formed"),
        (b"<a/>", "no Cross Industry Invoice"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "encoding"),
        (b" " * (reading.MAX_BYTES + 1), "bytes, more than"),
        (b"", "not well formed"),
    ],
)
def test_unreadable_xml_is_refused(xml: bytes, why: str) -> None:
    """Format faults: nothing is expanded, fetched or handed to the rules."""
    with pytest.raises(reading.Unreadable, match=why):
        reading.read(xml)
    [finding] = validate(xml, b"").findings
    assert (finding.kind, finding.fatal) == (FaultKind.FORMAT, True)


def test_large_worker_keeps_its_process() -> None:
    """The child's own memory ends it, not that of the worker who started it: a start costs as much as ten documents."""
    ballast = b"x" * (300 << 20)
    process = RulesProcess()
    try:
        process.judge(b"<a/>", b"")
        first = process._child
        process.judge(b"<a/>", b"")
        assert process._child is first
    finally:
        process.close()
        del ballast


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("BR-02", FaultKind.MANDATORY_FIELD),
        ("BR-CO-17", FaultKind.MANDATORY_FIELD),
        ("BR-AE-02", FaultKind.MANDATORY_FIELD),
        ("BR-52", FaultKind.OTHER_FIELD),
        ("BR-62", FaultKind.OTHER_FIELD),
        ("PEPPOL-EN16931-R008", FaultKind.OTHER_FIELD),
        ("FX-SCH-A-000556", FaultKind.OTHER_FIELD),
    ],
)
def test_rules_on_mandatory_fields_are_known(rule: str, kind: FaultKind) -> None:
    """What § 14 Abs. 4 UStG wants makes the difference."""
    assert kind_of_rule(rule) is kind
