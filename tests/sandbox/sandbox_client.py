"""Plain HTTP to a running sandbox, and the bodies that its tests send. Knows nothing of the project's own client."""

import base64
import ssl
from dataclasses import dataclass
from typing import Any

import httpx

from sevdesk_client.sandbox.http.server import Running

TOKEN = "0123456789abcdef0123456789abcdef"
# Trusts nobody, for nothing here speaks TLS; loading the usual authorities takes longer than most tests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
Json = Any


@dataclass
class SandboxClient:
    """One sandbox and one connection to it."""

    running: Running
    http: httpx.AsyncClient

    async def call(self, method: str, path: str, status: int = 200, **rest: Any) -> Json:
        """Call sevDesk, insist on the status, hand back the whole JSON."""
        response = await self.http.request(method, self.running.base_url + path, **rest)
        assert response.status_code == status, response.text
        return response.json()

    async def objects(self, method: str, path: str, status: int = 200, **rest: Any) -> Json:
        """The same, unwrapped."""
        return (await self.call(method, path, status, **rest))["objects"]

    async def error(self, method: str, path: str, status: int, **rest: Any) -> Json:
        """The `error` of a refusal."""
        return (await self.call(method, path, status, **rest))["error"]

    async def control(self, method: str, path: str, status: int = 200, **rest: Any) -> Json:
        """Call a control endpoint."""
        response = await self.http.request(method, f"{self.running.url}/_sandbox{path}", **rest)
        assert response.status_code == status, response.text
        return response.json()

    async def switch(self, **switches: Json) -> None:
        """Set switches."""
        await self.control("PUT", "/switches", json=switches)

    async def counts(self) -> Json:
        """How much the account holds."""
        return (await self.control("GET", "/state", params={"only": "counts"}))["counts"]

    async def contact(self, **fields: Json) -> str:
        """A contact's id."""
        body = {"name": "Muster GmbH", "category": ref(3, "Category"), **fields}
        return str((await self.objects("POST", "/Contact", 201, json=body))["id"])

    async def draft(self, **invoice: Json) -> Json:
        """The whole answer of saveInvoice."""
        if "contact" not in invoice:
            invoice["contact"] = ref(await self.contact(), "Contact")
        return await self.objects("POST", "/Invoice/Factory/saveInvoice", 201, json=save_body(**invoice))

    async def draft_id(self, **invoice: Json) -> str:
        """A draft's id."""
        return str((await self.draft(**invoice))["invoice"]["id"])

    async def open_id(self, **invoice: Json) -> str:
        """The id of a finalised invoice over 119 euro."""
        ident = await self.draft_id(**invoice)
        await self.send_by(ident)
        return ident

    async def send_by(self, ident: str, send_type: str = "VPDF", status: int = 200) -> Json:
        """sendBy's whole answer."""
        return await self.call("PUT", f"/Invoice/{ident}/sendBy", status, json=send(send_type))

    async def invoice(self, ident: str) -> Json:
        """The invoice as a read shows it."""
        [found] = await self.objects("GET", f"/Invoice/{ident}")
        return found

    async def pay(self, ident: str, amount: str, **rest: Json) -> Json:
        """Book a payment through the control endpoints."""
        return await self.control("POST", "/payments", json={"invoice_id": ident, "amount": amount, **rest})

    async def pdf(self, ident: str, **query: str) -> bytes:
        """The document's bytes."""
        document = await self.objects("GET", f"/Invoice/{ident}/getPdf", params={"preventSendBy": "true", **query})
        return base64.b64decode(document["content"])


def ref(ident: int | str, name: str) -> Json:
    """A reference."""
    return {"id": ident, "objectName": name}


def send(send_type: str = "VPDF") -> Json:
    """A sendBy body."""
    return {"sendType": send_type, "sendDraft": False}


def line(price: Json = 100, quantity: Json = 1, rate: Json = 19, **rest: Json) -> Json:
    """One position."""
    head = {"objectName": "InvoicePos", "mapAll": True, "name": "Beratung", "unity": ref(1, "Unity")}
    return {**head, "quantity": quantity, "price": price, "taxRate": rate, **rest}


def save_body(lines: Json = None, **invoice: Json) -> Json:
    """A saveInvoice body, everything sevDesk needs and the address."""
    head = {
        "objectName": "Invoice",
        "mapAll": True,
        "contactPerson": ref(2000001, "SevUser"),
        "invoiceDate": "2026-10-01",
        "discount": 0,
        "status": 100,
        "taxRule": ref(1, "TaxRule"),
        "taxRate": 0,
        "taxText": "Umsatzsteuer 19%",
        "invoiceType": "RE",
        "currency": "EUR",
        "addressName": "Muster GmbH",
        "addressStreet": "Musterweg 1",
        "addressZip": "10115",
        "addressCity": "Berlin",
        "addressCountry": ref(1, "StaticCountry"),
    }
    tail = {"invoicePosDelete": None, "discountSave": None, "discountDelete": None, "takeDefaultAddress": False}
    return {"invoice": {**head, **invoice}, "invoicePosSave": [line()] if lines is None else lines, **tail}


def credit_body(invoice_id: str, lines: list[Json], **note: Json) -> Json:
    """A saveCreditNote body against an invoice, everything sevDesk needs; `lines` as for an invoice."""
    head = {
        "objectName": "CreditNote",
        "mapAll": True,
        "refSrcInvoice": int(invoice_id),
        "bookingCategory": "UNDERACHIEVEMENT",
        "creditNoteNumber": "GU-1000",
        "creditNoteDate": "01.10.2026",
        "deliveryDate": 1790805600,
        "contactPerson": ref(2000001, "SevUser"),
        "status": "100",
        "taxRule": ref(1, "TaxRule"),
        "taxRate": 0,
        "taxText": "Umsatzsteuer 19%",
        "currency": "EUR",
        "header": "Rechnungskorrektur",
    }
    tail = dict.fromkeys(("creditNotePosDelete", "discountSave", "discountDelete"))
    saved = [{**each, "objectName": "CreditNotePos"} for each in lines]
    flags = {"takeDefaultAddress": False, "forCashRegister": False}
    return {"creditNote": {**head, **note}, "creditNotePosSave": saved, **tail, **flags}


def without(body: Json, *keys: str) -> Json:
    """The body, its invoice lacking some keys."""
    return {**body, "invoice": {key: value for key, value in body["invoice"].items() if key not in keys}}
