"""The other sides: the same work with the least that could do it, and nothing of what makes it safe."""

import asyncio
import time
from datetime import date
from decimal import Decimal
from typing import Any

import asyncpg
import httpx

from sevdesk_client import bodies
from sevdesk_client.models import InvoiceDraft, PositionDraft

LAYOUT = "57986aee6bd2d53306068da1"


def body(contact_id: str, person_id: str, day: date) -> dict[str, Any]:
    """The saveInvoice body of a bench invoice, as the worker sends it, but for header and marker."""
    return bodies.save_invoice(
        InvoiceDraft(
            contact_id=contact_id,
            contact_person_id=person_id,
            invoice_date=day,
            header="",
            tax_rule=1,
            tax_text="Umsatzsteuer 19 %",
            currency="EUR",
            time_to_pay=14,
            customer_internal_note="",
            address_name="Müller & Söhne GmbH",
            address_street="Hauptstraße 5",
            address_zip="10115",
            address_city="Berlin",
            address_country_id="1",
            positions=(
                PositionDraft(
                    name="Leistung 1", quantity=Decimal(4), price=Decimal(25), tax_rate=Decimal(19), position_number=1
                ),
            ),
        )
    )


async def publish(http: httpx.AsyncClient, draft: dict[str, Any], number: str) -> None:
    """The calls of one warm publication, answers read as JSON."""
    invoice = draft["invoice"] | {"customerInternalNote": number, "header": f"Abschlagsrechnung {number}"}
    await _call(http, "GET", "/Invoice", params={"customerInternalNote": number})
    saved = await _call(http, "POST", "/Invoice/Factory/saveInvoice", json=draft | {"invoice": invoice})
    path = f"/Invoice/{saved['objects']['invoice']['id']}"
    await _call(http, "PUT", f"{path}/changeParameter", json={"key": "template", "value": LAYOUT})
    await _call(http, "PUT", f"{path}/sendBy", json={"sendType": "VPDF", "sendDraft": False})
    await _call(http, "GET", f"{path}/getPdf", params={"preventSendBy": "true"})


async def _call(http: httpx.AsyncClient, method: str, path: str, **given: Any) -> Any:
    answer = await http.request(method, path, **given)
    answer.raise_for_status()
    return answer.json()


def http_client(base_url: str, token: str, connections: int) -> httpx.AsyncClient:
    """With the worker's own limits."""
    limits = httpx.Limits(max_connections=connections, keepalive_expiry=5)
    return httpx.AsyncClient(base_url=base_url, headers={"Authorization": token}, limits=limits, timeout=30)


async def publish_all(base_url: str, token: str, draft: dict[str, Any], numbers: list[str], slots: int) -> float:
    """Seconds for all of them, `slots` at a time."""
    left = iter(numbers)
    async with http_client(base_url, token, slots) as http:

        async def lane() -> None:
            for number in left:
                await publish(http, draft, number)

        started = time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(slots)))
        return time.perf_counter() - started


async def sweep(base_url: str, token: str, database_url: str) -> float:
    """Seconds for the list calls of a full sweep and one UPDATE a page."""
    update = """UPDATE billing_invoices b SET paid_amount = n.paid, updated_at = now()
                FROM unnest($1::text[], $2::numeric[]) AS n(external_id, paid)
                WHERE b.external_id = n.external_id AND b.paid_amount <> n.paid"""
    connection = await asyncpg.connect(database_url)
    started = time.perf_counter()
    async with http_client(base_url, token, 1) as http:
        offset = 0
        while True:
            page = (await _call(http, "GET", "/Invoice", params={"limit": 1000, "offset": offset}))["objects"]
            await connection.execute(update, [i["id"] for i in page], [Decimal(i["paidAmount"] or 0) for i in page])
            if len(page) < 1000:
                break
            offset += 999  # the worker's pages overlap by one, see worker/handlers/payment_sync.py
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds


async def by_id(base_url: str, token: str, ids: list[str]) -> float:
    """The original design's payment sync: one GET per open invoice, one after another."""
    started = time.perf_counter()
    async with http_client(base_url, token, 1) as http:
        for number in ids:
            await _call(http, "GET", f"/Invoice/{number}")
    return time.perf_counter() - started
