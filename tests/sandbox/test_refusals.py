"""Every refusal that anybody recorded: the sandbox can be brought to give it, with its status, code and words."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.client.samples import answer
from tests.sandbox.sandbox_client import SandboxClient, credit_body, line, ref, save_body, send

CATALOGUE = json.loads(answer("errors_catalogue"))
SAVE = "/Invoice/Factory/saveInvoice"
SAVE_CREDIT = "/CreditNote/Factory/saveCreditNote"


@dataclass
class Call:
    """The call that is refused."""

    method: str
    path: str
    rest: dict[str, Any] = field(default_factory=dict)


SITUATIONS: dict[str, Callable[[SandboxClient], Awaitable[Call]]] = {}


def situation(found: Callable[[SandboxClient], Awaitable[Call]]) -> Callable[[SandboxClient], Awaitable[Call]]:
    """A way to bring it about, called like its entry."""
    SITUATIONS[found.__name__] = found
    return found


def post(path: str, **body: Any) -> Call:
    return Call("POST", path, {"json": body})


def put(path: str, **body: Any) -> Call:
    return Call("PUT", path, {"json": body})


async def saving(sandbox: SandboxClient, **invoice: Any) -> Call:
    contact = ref(await sandbox.contact(), "Contact")
    return Call("POST", SAVE, {"json": save_body(contact=contact, **invoice)})


async def e_invoice(sandbox: SandboxClient, **invoice: Any) -> str:
    contact = await sandbox.contact(buyerReference="-")
    way = {"contact": ref(contact, "Contact"), "type": "EMAIL", "value": "a@example.com"}
    await sandbox.objects("POST", "/CommunicationWay", 201, json={**way, "key": ref(8, "CommunicationWayKey")})
    more = {"contact": ref(contact, "Contact"), "paymentMethod": ref(21919, "PaymentMethod"), **invoice}
    return await sandbox.draft_id(propertyIsEInvoice=True, **more)


async def final_e_invoice(sandbox: SandboxClient) -> str:
    ident = await e_invoice(sandbox)
    await sandbox.send_by(ident)
    return ident


def booking(ident: str, amount: int = 119) -> Call:
    account = ref(5000001, "CheckAccount")
    return put(
        f"/Invoice/{ident}/bookAmount", amount=amount, date=1790805600, type="FULL_PAYMENT", checkAccount=account
    )


async def credit_note(sandbox: SandboxClient, rate: int, price: int) -> Call:
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "119")
    contact = (await sandbox.invoice(ident))["contact"]
    return Call("POST", SAVE_CREDIT, {"json": credit_body(ident, [line(price, rate=rate)], contact=contact)})


@situation
async def transaction_unknown(sandbox: SandboxClient) -> Call:
    return Call("GET", "/CheckAccountTransaction/1")


@situation
async def invoice_deleted(sandbox: SandboxClient) -> Call:
    path = f"/Invoice/{await sandbox.draft_id()}"
    await sandbox.objects("DELETE", path)
    return Call("GET", path)


@situation
async def delete_open_invoice(sandbox: SandboxClient) -> Call:
    return Call("DELETE", f"/Invoice/{await sandbox.open_id()}")


@situation
async def cancel_cancelled(sandbox: SandboxClient) -> Call:
    path = f"/Invoice/{await sandbox.open_id()}/cancelInvoice"
    await sandbox.objects("POST", path, 201)
    return Call("POST", path)


@situation
async def cancel_credited(sandbox: SandboxClient) -> Call:
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "119")
    await sandbox.objects("POST", f"/Invoice/{ident}/cancelInvoice", 201)
    return Call("POST", f"/Invoice/{ident}/cancelInvoice")


@situation
async def cancel_partly_paid(sandbox: SandboxClient) -> Call:
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "10")
    return Call("POST", f"/Invoice/{ident}/cancelInvoice")


@situation
async def e_invoice_incomplete(sandbox: SandboxClient) -> Call:
    ident = await e_invoice(sandbox, addressCity=None)
    await sandbox.switch(e_invoice_missing=["sevClient_bankIban"])
    return put(f"/Invoice/{ident}/sendBy", **send())


@situation
async def xml_without_iban(sandbox: SandboxClient) -> Call:
    ident = await final_e_invoice(sandbox)
    await sandbox.switch(e_invoice_missing=["sevClient_bankIban"])
    return Call("GET", f"/Invoice/{ident}/getXml")


@situation
async def xml_of_normal_invoice(sandbox: SandboxClient) -> Call:
    return Call("GET", f"/Invoice/{await sandbox.open_id()}/getXml")


@situation
async def xml_backend_down(sandbox: SandboxClient) -> Call:
    await sandbox.switch(xml_backend_down=True)
    return Call("GET", f"/Invoice/{await final_e_invoice(sandbox)}/getXml")


@situation
async def pdf_of_e_invoice_draft(sandbox: SandboxClient) -> Call:
    return Call("GET", f"/Invoice/{await e_invoice(sandbox)}/getPdf")


@situation
async def layout_of_e_invoice_draft(sandbox: SandboxClient) -> Call:
    return put(f"/Invoice/{await e_invoice(sandbox)}/changeParameter", key="language", value="en_GB")


@situation
async def transaction_on_offline_account(sandbox: SandboxClient) -> Call:
    return post("/CheckAccountTransaction", checkAccount=ref(5000001, "CheckAccount"))


@situation
async def credit_note_too_high(sandbox: SandboxClient) -> Call:
    return await credit_note(sandbox, 19, 101)


@situation
async def credit_note_other_rate(sandbox: SandboxClient) -> Call:
    return await credit_note(sandbox, 7, 10)


@situation
async def credit_note_without_delivery_date(sandbox: SandboxClient) -> Call:
    call = await credit_note(sandbox, 19, 10)
    del call.rest["json"]["creditNote"]["deliveryDate"]
    return call


@situation
async def credit_note_e_invoice_without_method(sandbox: SandboxClient) -> Call:
    call = await credit_note(sandbox, 19, 10)
    call.rest["json"]["creditNote"]["propertyIsEInvoice"] = True
    return call


@situation
async def book_paid_invoice(sandbox: SandboxClient) -> Call:
    ident = await sandbox.open_id()
    await sandbox.pay(ident, "119")
    return booking(ident, 0)


@situation
async def send_wrong_tax(sandbox: SandboxClient) -> Call:
    ident = await sandbox.draft_id(taxRule=ref(4, "TaxRule"))
    return put(f"/Invoice/{ident}/sendBy", **send())


@situation
async def save_wrong_status(sandbox: SandboxClient) -> Call:
    return await saving(sandbox, status=200)


@situation
async def book_draft(sandbox: SandboxClient) -> Call:
    return booking(await sandbox.draft_id())


@situation
async def book_other_amount(sandbox: SandboxClient) -> Call:
    return booking(await sandbox.open_id(), 118)


@situation
async def reset_enshrined(sandbox: SandboxClient) -> Call:
    return put(f"/Invoice/{await sandbox.open_id()}/resetToDraft")


@situation
async def save_without_object_name(sandbox: SandboxClient) -> Call:
    return await saving(sandbox, objectName=None)


@situation
async def save_unknown_tax_type(sandbox: SandboxClient) -> Call:
    return await saving(sandbox, taxRule=None, taxType="noUst")


@situation
async def save_number_lock(sandbox: SandboxClient) -> Call:
    await sandbox.switch(duplicate_number="refuse")
    await sandbox.open_id()
    return await saving(sandbox, invoiceNumber="RE-1000")


@situation
async def save_without_currency(sandbox: SandboxClient) -> Call:
    return await saving(sandbox, currency=None)


@situation
async def save_without_positions(sandbox: SandboxClient) -> Call:
    return await saving(sandbox, lines=[])


@situation
async def save_early_delivery(sandbox: SandboxClient) -> Call:
    await sandbox.switch(delivery_dates="later")
    await sandbox.draft_id(deliveryDate="2026-10-02")
    return await saving(sandbox, deliveryDate="2026-10-01")


@situation
async def wrong_action(sandbox: SandboxClient) -> Call:
    return Call("POST", f"/Invoice/{await sandbox.open_id()}/cancel")


@situation
async def wrong_factory_method(sandbox: SandboxClient) -> Call:
    return Call("GET", "/Invoice/Factory/getNumber")


@situation
async def export_config(sandbox: SandboxClient) -> Call:
    numbers = {"accountantNumber": 29098, "accountantClientNumber": 55003, "accountingYearBegin": 1767222000}
    return put("/SevClient/1000001/updateExportConfig", **numbers)


@situation
async def bad_token(sandbox: SandboxClient) -> Call:
    return Call("GET", "/SevUser", {"headers": {"Authorization": "0" * 32}})


@situation
async def save_open_voucher(sandbox: SandboxClient) -> Call:
    head = {"objectName": "Voucher", "mapAll": True}
    path = "/Voucher/Factory/saveVoucher"
    ident = None
    for status in (50, 50, 100):
        body = {"voucher": {**head, "id": ident, "status": status}}
        ident = (await sandbox.objects("POST", path, 201, json=body))["voucher"]["id"]
    return post(path, voucher={**head, "id": ident, "status": 100})


@situation
async def upload_wrong_type(sandbox: SandboxClient) -> Call:
    path = "/Voucher/Factory/uploadTempFile"
    kept = await sandbox.objects("POST", path, 201, files={"file": ("a.pdf", b"%PDF", "application/pdf")})
    assert kept["originMimeType"] == "application/pdf"
    return Call("POST", path, {"files": {"file": ("a.exe", b"MZ", "application/octet-stream")}})


def test_catalogue_has_its_situations() -> None:
    """Each entry has one, and none is left over."""
    assert [entry["situation"] for entry in CATALOGUE] == list(SITUATIONS) and len(CATALOGUE) > 30


@pytest.mark.parametrize("entry", CATALOGUE, ids=[entry["situation"] for entry in CATALOGUE])
async def test_recorded_refusals_can_be_had(sandbox: SandboxClient, entry: dict[str, Any]) -> None:
    """Status, code, words and data as recorded; what was not recorded is a refusal of some kind."""
    call = await SITUATIONS[entry["situation"]](sandbox)
    response = await sandbox.http.request(call.method, sandbox.running.base_url + call.path, **call.rest)
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
