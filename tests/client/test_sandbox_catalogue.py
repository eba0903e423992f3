"""Every refusal that anybody recorded: the sandbox can be brought to give it, with its status, code and words."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.client.samples import answer
from tests.client.sandbox_desk import Desk, line, ref, save_body, send

CATALOGUE = json.loads(answer("errors_catalogue"))
SAVE = "/Invoice/Factory/saveInvoice"


@dataclass
class Call:
    """The call that is refused."""

    method: str
    path: str
    rest: dict[str, Any] = field(default_factory=dict)


SITUATIONS: dict[str, Callable[[Desk], Awaitable[Call]]] = {}


def situation(found: Callable[[Desk], Awaitable[Call]]) -> Callable[[Desk], Awaitable[Call]]:
    """A way to bring it about, called like its entry."""
    SITUATIONS[found.__name__] = found
    return found


def post(path: str, **body: Any) -> Call:
    return Call("POST", path, {"json": body})


def put(path: str, **body: Any) -> Call:
    return Call("PUT", path, {"json": body})


async def saving(desk: Desk, **invoice: Any) -> Call:
    contact = ref(await desk.contact(), "Contact")
    return Call("POST", SAVE, {"json": save_body(contact=contact, **invoice)})


async def e_invoice(desk: Desk, **invoice: Any) -> str:
    contact = await desk.contact(buyerReference="-")
    way = {"contact": ref(contact, "Contact"), "type": "EMAIL", "value": "a@example.com"}
    await desk.objects("POST", "/CommunicationWay", 201, json={**way, "key": ref(8, "CommunicationWayKey")})
    more = {"contact": ref(contact, "Contact"), "paymentMethod": ref(21919, "PaymentMethod"), **invoice}
    return await desk.draft_id(propertyIsEInvoice=True, **more)


async def final_e_invoice(desk: Desk) -> str:
    ident = await e_invoice(desk)
    await desk.send_by(ident)
    return ident


def booking(ident: str, amount: int = 119) -> Call:
    account = ref(5000001, "CheckAccount")
    return put(
        f"/Invoice/{ident}/bookAmount", amount=amount, date=1790805600, type="FULL_PAYMENT", checkAccount=account
    )


async def credit_note(desk: Desk, rate: int, price: int) -> Call:
    source = ref(await desk.open_id(), "Invoice")
    head = {"objectName": "CreditNote", "mapAll": True, "refSrcInvoice": source}
    return post("/CreditNote/Factory/saveCreditNote", creditNote=head, creditNotePosSave=[line(price, rate=rate)])


@situation
async def transaction_unknown(desk: Desk) -> Call:
    return Call("GET", "/CheckAccountTransaction/1")


@situation
async def invoice_deleted(desk: Desk) -> Call:
    path = f"/Invoice/{await desk.draft_id()}"
    await desk.objects("DELETE", path)
    return Call("GET", path)


@situation
async def delete_open_invoice(desk: Desk) -> Call:
    return Call("DELETE", f"/Invoice/{await desk.open_id()}")


@situation
async def cancel_cancelled(desk: Desk) -> Call:
    path = f"/Invoice/{await desk.open_id()}/cancelInvoice"
    await desk.objects("POST", path, 201)
    return Call("POST", path)


@situation
async def cancel_credited(desk: Desk) -> Call:
    ident = await desk.open_id()
    await desk.pay(ident, "119")
    await desk.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    return Call("POST", f"/Invoice/{ident}/cancelInvoice")


@situation
async def cancel_partly_paid(desk: Desk) -> Call:
    ident = await desk.open_id()
    await desk.pay(ident, "10")
    return Call("POST", f"/Invoice/{ident}/cancelInvoice")


@situation
async def e_invoice_incomplete(desk: Desk) -> Call:
    ident = await e_invoice(desk, addressCity=None)
    await desk.switch(e_invoice_missing=["sevClient_bankIban"])
    return put(f"/Invoice/{ident}/sendBy", **send())


@situation
async def xml_without_iban(desk: Desk) -> Call:
    ident = await final_e_invoice(desk)
    await desk.switch(e_invoice_missing=["sevClient_bankIban"])
    return Call("GET", f"/Invoice/{ident}/getXml")


@situation
async def xml_of_normal_invoice(desk: Desk) -> Call:
    return Call("GET", f"/Invoice/{await desk.open_id()}/getXml")


@situation
async def xml_backend_down(desk: Desk) -> Call:
    await desk.switch(xml_backend_down=True)
    return Call("GET", f"/Invoice/{await final_e_invoice(desk)}/getXml")


@situation
async def pdf_of_e_invoice_draft(desk: Desk) -> Call:
    return Call("GET", f"/Invoice/{await e_invoice(desk)}/getPdf")


@situation
async def layout_of_e_invoice_draft(desk: Desk) -> Call:
    return put(f"/Invoice/{await e_invoice(desk)}/changeParameter", key="language", value="en_GB")


@situation
async def transaction_on_offline_account(desk: Desk) -> Call:
    return post("/CheckAccountTransaction", checkAccount=ref(5000001, "CheckAccount"))


@situation
async def credit_note_too_high(desk: Desk) -> Call:
    return await credit_note(desk, 19, 101)


@situation
async def credit_note_other_rate(desk: Desk) -> Call:
    return await credit_note(desk, 7, 10)


@situation
async def book_paid_invoice(desk: Desk) -> Call:
    ident = await desk.open_id()
    await desk.pay(ident, "119")
    return booking(ident, 0)


@situation
async def send_wrong_tax(desk: Desk) -> Call:
    ident = await desk.draft_id(taxRule=ref(4, "TaxRule"))
    return put(f"/Invoice/{ident}/sendBy", **send())


@situation
async def save_wrong_status(desk: Desk) -> Call:
    return await saving(desk, status=200)


@situation
async def book_draft(desk: Desk) -> Call:
    return booking(await desk.draft_id())


@situation
async def book_other_amount(desk: Desk) -> Call:
    return booking(await desk.open_id(), 118)


@situation
async def reset_enshrined(desk: Desk) -> Call:
    return put(f"/Invoice/{await desk.open_id()}/resetToDraft")


@situation
async def save_without_object_name(desk: Desk) -> Call:
    return await saving(desk, objectName=None)


@situation
async def save_unknown_tax_type(desk: Desk) -> Call:
    return await saving(desk, taxRule=None, taxType="noUst")


@situation
async def save_number_lock(desk: Desk) -> Call:
    await desk.switch(duplicate_number="refuse")
    await desk.open_id()
    return await saving(desk, invoiceNumber="RE-1000")


@situation
async def save_without_currency(desk: Desk) -> Call:
    return await saving(desk, currency=None)


@situation
async def save_without_positions(desk: Desk) -> Call:
    return await saving(desk, lines=[])


@situation
async def save_early_delivery(desk: Desk) -> Call:
    await desk.switch(delivery_dates="later")
    await desk.draft_id(deliveryDate="2026-10-02")
    return await saving(desk, deliveryDate="2026-10-01")


@situation
async def wrong_action(desk: Desk) -> Call:
    return Call("POST", f"/Invoice/{await desk.open_id()}/cancel")


@situation
async def export_config(desk: Desk) -> Call:
    numbers = {"accountantNumber": 29098, "accountantClientNumber": 55003, "accountingYearBegin": 1767222000}
    return put("/SevClient/1000001/updateExportConfig", **numbers)


@situation
async def bad_token(desk: Desk) -> Call:
    return Call("GET", "/SevUser", {"headers": {"Authorization": "0" * 32}})


@situation
async def save_open_voucher(desk: Desk) -> Call:
    head = {"objectName": "Voucher", "mapAll": True}
    path = "/Voucher/Factory/saveVoucher"
    ident = None
    for status in (50, 50, 100):
        body = {"voucher": {**head, "id": ident, "status": status}}
        ident = (await desk.objects("POST", path, 201, json=body))["voucher"]["id"]
    return post(path, voucher={**head, "id": ident, "status": 100})


@situation
async def upload_wrong_type(desk: Desk) -> Call:
    path = "/Voucher/Factory/uploadTempFile"
    kept = await desk.objects("POST", path, 201, files={"file": ("a.pdf", b"%PDF", "application/pdf")})
    assert kept["originMimeType"] == "application/pdf"
    return Call("POST", path, {"files": {"file": ("a.exe", b"MZ", "application/octet-stream")}})


def test_catalogue_has_its_situations() -> None:
    """Each entry has one, and none is left over."""
    assert [entry["situation"] for entry in CATALOGUE] == list(SITUATIONS) and len(CATALOGUE) > 30


@pytest.mark.parametrize("entry", CATALOGUE, ids=[entry["situation"] for entry in CATALOGUE])
async def test_recorded_refusals_can_be_had(sandbox_desk: Desk, entry: dict[str, Any]) -> None:
    """Status, code, words and data as recorded; what was not recorded is a refusal of some kind."""
    call = await SITUATIONS[entry["situation"]](sandbox_desk)
    response = await sandbox_desk.http.request(call.method, sandbox_desk.running.base_url + call.path, **call.rest)
    said = told(response, entry)
    assert response.status_code == entry["status"] if entry["status"] else 400 <= response.status_code < 500
    assert said.get("code") == entry["code"]
    pattern = re.escape(entry["message"] or "").replace(r"\.\.\.", "[^)]+").replace(r"\{id\}", "[0-9]+")
    assert re.fullmatch(pattern or ".+", said["message"])
    assert said["data"] == entry["data"] if "data" in entry else True


def told(response: httpx.Response, entry: dict[str, Any]) -> dict[str, Any]:
    """What the answer complains of: in the usual envelope, in the short one, or in none."""
    whole = response.json()
    if entry.get("bare"):
        return {"code": None, **whole}
    error: dict[str, Any] = whole["error"]
    assert whole["objects"] is None
    assert ("responseCode" not in error) is bool(entry.get("short"))
    return error
