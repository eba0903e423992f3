"""PDFs that can be read, layouts that can be changed, XML that is mostly refused."""

import io

import pytest
from pypdf import PdfReader

from tests.sandbox.sandbox_client import SandboxClient, line, ref

TEMPLATE = "573ef2706bd2d50366786471"


def text(content: bytes) -> list[str]:
    """The text of each page."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


async def test_pdf_shows_the_invoice(sandbox: SandboxClient) -> None:
    """Number, recipient, positions, a line per tax rate and the total, in German figures."""
    lines = [line("1234.5", name="Wärmepumpe — Größe 2"), line(10, "2.5", 7, name="Zubehör", unity=ref(9, "Unity"))]
    ident = await sandbox.open_id(lines=lines, timeToPay=14, headText="<b>Hallo</b>")
    [page] = text(await sandbox.pdf(ident))
    for expected in (
        "Rechnung RE-1000",
        "Muster GmbH\nMusterweg 1\n10115 Berlin",
        "Wärmepumpe — Größe 2",
        "1.234,50 €",
        "2,5 Std",
        "Summe netto 1.259,50 €",
        "Umsatzsteuer 19 % 234,56 €",
        "Umsatzsteuer 7 % 1,75 €",
        "Gesamtbetrag 1.495,81 €",
        "Zahlbar bis 15.10.2026",
        "Hallo",
    ):
        assert expected in page
    assert "<b>" not in page


async def test_long_invoices_have_pages(sandbox: SandboxClient) -> None:
    """Every position is somewhere, every page says which it is."""
    lines = [line(1, name=f"Leistung {count}", text="erste Zeile\nzweite Zeile") for count in range(80)]
    pages = text(await sandbox.pdf(await sandbox.open_id(lines=lines)))
    assert len(pages) > 2 and f"Seite 2 von {len(pages)}" in pages[1]
    whole = "\n".join(pages)
    assert [f"Leistung {count} " in whole for count in range(80)] == [True] * 80


async def test_storno_pdf_says_so(sandbox: SandboxClient) -> None:
    """Its own number, the invoice's number, and negative sums."""
    ident = await sandbox.open_id()
    storno = await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    [page] = text(await sandbox.pdf(storno["id"]))
    assert "Stornorechnung RE-1001" in page and "zur Rechnung Nr. RE-1000" in page and "-119,00 €" in page


async def test_get_pdf_finalises_drafts(sandbox: SandboxClient) -> None:
    """Unless preventSendBy=true, getPdf is a write; the draft's file is called .pdf."""
    ident = await sandbox.draft_id()
    path = f"/Invoice/{ident}/getPdf"
    assert (await sandbox.objects("GET", f"{path}?preventSendBy=true"))["filename"] == ".pdf"
    assert (await sandbox.invoice(ident))["status"] == "100"
    document = await sandbox.objects("GET", path)
    assert sorted(document) == ["base64Encoded", "content", "filename", "mimetype"]
    assert document["filename"] == "RE-1000.pdf"
    assert (await sandbox.invoice(ident))["status"] == "200"


@pytest.mark.parametrize(("raw", "query"), [(False, "&download=true"), (True, "")])
async def test_pdf_may_be_raw(sandbox: SandboxClient, raw: bool, query: str) -> None:
    """Bytes instead of JSON: with download=true, and by switch."""
    await sandbox.switch(pdf_raw=raw)
    ident = await sandbox.open_id()
    path = f"{sandbox.running.base_url}/Invoice/{ident}/getPdf?preventSendBy=true{query}"
    response = await sandbox.http.get(path)
    assert response.headers["content-type"] == "application/pdf" and response.content.startswith(b"%PDF")


async def test_template_reaches_the_pdf(sandbox: SandboxClient) -> None:
    """changeParameter answers metadaten, is remembered and printed."""
    ident = await sandbox.draft_id()
    change = {"key": "template", "value": TEMPLATE}
    answer = await sandbox.objects("PUT", f"/Invoice/{ident}/changeParameter", json=change)
    assert answer["result"] == "1" and answer["metadaten"]["pages"] == 1
    [shown] = (await sandbox.control("GET", "/state?only=invoices"))["invoices"]
    assert shown["layout"]["template"] == TEMPLATE
    assert "SEVDOC_TEMPLATE_MODERN" in text(await sandbox.pdf(ident))[0]


@pytest.mark.parametrize("change", [{}, {"key": "colour", "value": "red"}, {"key": "template", "value": "nonsense"}])
async def test_wrong_parameters_are_refused(sandbox: SandboxClient, change: dict[str, str]) -> None:
    """Unknown keys and templates change nothing."""
    ident = await sandbox.draft_id()
    before = (await sandbox.invoice(ident))["update"]
    await sandbox.error("PUT", f"/Invoice/{ident}/changeParameter", 422, json=change)
    assert (await sandbox.invoice(ident))["update"] == before


async def test_render_changes_nothing(sandbox: SandboxClient) -> None:
    """201 with meta data, not wrapped, and still a draft."""
    ident = await sandbox.draft_id()
    meta = await sandbox.call("POST", f"/Invoice/{ident}/render", 201)
    assert len(meta["docId"]) == 32 and meta["parameters"][0]["value"] == "de_DE"
    assert (await sandbox.invoice(ident))["status"] == "100"


async def test_xml_needs_an_e_invoice(sandbox: SandboxClient) -> None:
    """400 for a normal invoice; for a draft e-invoice 503 everywhere; an XML when final."""
    normal = await sandbox.open_id()
    error = await sandbox.error("GET", f"/Invoice/{normal}/getXml", 400)
    assert error["message"] == "This invoice is not an electronic invoice"
    contact = await sandbox.contact(buyerReference="-")
    way = {"contact": ref(contact, "Contact"), "type": "EMAIL", "value": "a@example.com"}
    await sandbox.objects("POST", "/CommunicationWay", 201, json={**way, "key": ref(8, "CommunicationWayKey")})
    method = ref(21919, "PaymentMethod")
    ident = await sandbox.draft_id(contact=ref(contact, "Contact"), propertyIsEInvoice=True, paymentMethod=method)
    for action in ("getXml", "getPdf"):
        error = await sandbox.error("GET", f"/Invoice/{ident}/{action}", 503)
        assert error["message"] == "Invoice number is required"
    await sandbox.send_by(ident)
    assert "CrossIndustryInvoice" in await sandbox.objects("GET", f"/Invoice/{ident}/getXml")
