"""What an account lives through: every call of the client, answered well and badly, by a sandbox in this process."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from sevdesk_client.client import SevDeskClient
from sevdesk_client.errors import SevDeskError
from sevdesk_client.models import Contact, Invoice
from sevdesk_client.sandbox.account.switches import CHOICES, Switches
from sevdesk_client.sandbox.http.server import create_app
from tests.client.contract import Exchange, Recorder
from tests.client.contract_calls import (
    ADDRESS,
    COMPANY,
    CREDIT_NOTE,
    INVOICE,
    INVOICE_ADDRESS,
    MAIL,
    OPTIONS,
    PERSON,
    POSITION,
)
from tests.sandbox.sandbox_client import TOKEN

NOW = datetime(2026, 10, 7, 12, tzinfo=UTC)
STOCK_TEMPLATE = "57986aee6bd2d53306068da1"
# Values of those switches that take more than yes, no and a choice.
SAMPLES: dict[str, tuple[Any, ...]] = {
    "number_format": ("RE-%YYYY-%MM-%NUMBER",),
    "ignored_filters": (["customerInternalNote", "customerNumber", "updateAfter", "status", "contact[id]"],),
    "e_invoice_missing": (["document_addressCity"], ["sevClient_bankIban"]),
    "e_invoice_faults": (["gross_wrong"],),
    "datev_polls": (0,),
    "datev_seconds": (3600.0,),
    "datev_link_seconds": (60,),
    "datev_faults": (["wrong_amount"],),
}
_TOLD: dict[str, list[Exchange]] = {}


def settings() -> Iterator[dict[str, Any]]:
    """As delivered, and then with each switch at each of its other values."""
    yield {}
    for each in fields(Switches):
        usual = getattr(Switches(), each.name)
        values = SAMPLES.get(each.name) or CHOICES.get(each.name) or (True, False)
        yield from ({each.name: value} for value in values if value != usual)


async def story(switches: dict[str, Any]) -> list[Exchange]:
    """Everything said in one account's life, told once per process.

    The clock stands still, so what two lives have in common is equal to the byte, and judged once.
    """
    if repr(switches) not in _TOLD:
        async with _account(switches) as teller:
            await teller.everything(switches)
        _TOLD[repr(switches)] = teller.recorder.exchanges
    return _TOLD[repr(switches)]


@asynccontextmanager
async def _account(switches: dict[str, Any]) -> AsyncIterator["_Teller"]:
    app = httpx.ASGITransport(create_app(TOKEN, clock=lambda: NOW))
    recorder = Recorder(app)
    async with httpx.AsyncClient(transport=recorder) as http, httpx.AsyncClient(transport=app) as control:
        client = SevDeskClient(http, TOKEN, base_url="http://sandbox/api/v1", max_wait=0)
        stranger = SevDeskClient(http, "f" * 32, base_url="http://sandbox/api/v1", max_wait=0)
        teller = _Teller(recorder, client, stranger, control)
        await teller.order("PUT", "switches", switches)
        yield teller


@dataclass
class _Teller:
    recorder: Recorder
    client: SevDeskClient
    stranger: SevDeskClient
    control: httpx.AsyncClient

    async def order(self, method: str, path: str, body: Any) -> None:
        """What a person or a bank does to the account; some of it is impossible under some switches."""
        await self.control.request(method, f"http://sandbox/_sandbox/{path}", json=body)

    async def everything(self, switches: dict[str, Any]) -> None:
        """The chapters, in the order of an account's life."""
        usual, other = (1, "19"), (11, "0")
        if switches.get("small_business"):
            usual, other = other, usual
        await self.catalogue()
        await self.contacts()
        await self.cancelled_while_open(*usual)
        await self.paid_in_parts(*usual)
        await self.owing_nothing(*usual)
        await self.electronic(*usual)
        await self.refused(*usual)
        await self.refused(*other)
        await self.listed()
        await self.exported()
        await self.unknown()

    async def catalogue(self) -> None:
        """What is there before anybody does anything, and what a wrong token is told."""
        await self.client.bookkeeping_system_version()
        await self.client.list_users(with_account=True)
        await self.client.list_templates()
        await self.client.list_units()
        await self.client.list_tax_rules()
        await self.client.list_payment_methods()
        with suppress(SevDeskError):
            await self.client.find_country("DE")
        with suppress(SevDeskError):
            await self.stranger.list_invoices()

    async def contacts(self) -> None:
        """A company and a person, looked for, made, changed, with addresses and ways."""
        for draft in (COMPANY, replace(PERSON, **OPTIONS[type(PERSON)])):
            contact = await self._contact(draft)
            await self.client.get_contact(contact.id)
            await self.client.list_contacts()
            await self.client.update_contact(contact.id, replace(draft, buyer_reference="04011000-1234512345-35"))
            address = await self.client.create_contact_address(contact.id, ADDRESS)
            await self.client.update_contact_address(address.id, replace(ADDRESS, city=None))
            await self.client.list_contact_addresses(contact.id)
            way = await self.client.create_communication_way(contact.id, "a@example.com")
            await self.client.update_communication_way(way.id, "b@example.com")
            await self.client.list_communication_ways(contact.id)
            with suppress(SevDeskError):
                await self.client.find_contacts(draft.customer_number)
            with suppress(SevDeskError):
                await self.client.create_contact(draft)

    async def _contact(self, draft: Any) -> Contact:
        self.contact = await self.client.create_contact(draft)
        return self.contact

    async def cancelled_while_open(self, rule: int, rate: str) -> None:
        """The usual way, each step twice."""
        with suppress(SevDeskError):
            invoice = await self._save(rule, rate, **{**OPTIONS[type(INVOICE)], "is_e_invoice": False})
            await self.client.list_positions(invoice.id)
            for _ in range(2):
                await self._try("change_parameter", invoice.id, "template", STOCK_TEMPLATE)
                await self._try("get_pdf", invoice.id)
                await self._try("send_by", invoice.id)
                await self._try(
                    "send_via_email", invoice.id, replace(MAIL, **OPTIONS[type(MAIL)] | {"send_xml": False})
                )
                await self._try("delete_draft", invoice.id)
            for _ in range(2):
                await self._try("cancel_invoice", invoice.id)
            await self._try("get_invoice", invoice.id)
            await self._try("find_invoices", INVOICE.customer_internal_note)

    async def paid_in_parts(self, rule: int, rate: str) -> None:
        """Partly paid, which cannot be cancelled; then in full, which makes a credit note, once."""
        with suppress(SevDeskError):
            invoice = await self._save(rule, rate, delivery_date=INVOICE.invoice_date + timedelta(days=1))
            await self._try("send_by", invoice.id, "VPR")
            for amount in ({"amount": "1"}, {}):
                await self.order("POST", "payments", {"invoice_id": invoice.id, **amount})
                await self._try("get_invoice", invoice.id)
                await self._try("cancel_invoice", invoice.id)
            await self._try("cancel_invoice", invoice.id)
            for note in await self.client.find_credit_notes(invoice.id):
                await self._try("get_credit_note", note.id)
                await self._try("delete_credit_note", note.id)
            with suppress(SevDeskError):
                note = await self.client.credit_note_from_invoice(invoice.id)
                await self._try("credit_note_from_invoice", invoice.id)
                await self._try("delete_credit_note", note.id)
            await self.credited(invoice, rate)
            await self.order("POST", "unlink", {"invoice_id": invoice.id})
            await self._try("get_invoice", invoice.id)

    async def credited(self, invoice: Invoice, rate: str) -> None:
        """A part of the invoice, deleted and saved again, finished and mailed; too much; the whole of it."""
        sequence = await self.client.credit_note_sequence()
        line = replace(POSITION, quantity=Decimal(1), price=Decimal("0.15"), tax_rate=Decimal(rate))
        draft = replace(
            CREDIT_NOTE,
            contact_id=invoice.contact_id or "",
            credit_note_number=sequence.number(NOW.date()),
            tax_rule=int(invoice.tax_rule or 0),
            ref_src_invoice=invoice.id,
            positions=(line,),
        )
        await self._try("save_credit_note", replace(draft, positions=(replace(line, price=Decimal(1000)),)))
        await self._try("save_credit_note", replace(draft, delivery_date_until=draft.delivery_date))
        for _ in range(2):
            with suppress(SevDeskError):
                note = await self.client.save_credit_note(draft)
                await self._try("delete_credit_note", note.id)
        with suppress(SevDeskError):
            note = await self.client.save_credit_note(draft)
            for _ in range(2):
                await self._try("get_credit_note_pdf", note.id)
                await self._try("send_credit_note_by", note.id)
                await self._try("send_credit_note_via_email", note.id, MAIL)
                await self._try("delete_credit_note", note.id)
            await self._try("list_credit_notes", contact_id=invoice.contact_id, number=draft.credit_note_number)
            with suppress(SevDeskError):
                same_number = await self.client.save_credit_note(draft)
                await self._try("send_credit_note_by", same_number.id)
                await self._try("get_credit_note", same_number.id)

    async def owing_nothing(self, rule: int, rate: str) -> None:
        """Over 0.00, like a final invoice whose advances cover everything."""
        line = replace(POSITION, quantity=Decimal(1), price=Decimal("4.15"), tax_rate=Decimal(rate))
        with suppress(SevDeskError):
            invoice = await self._save(
                rule, rate, positions=(line, replace(line, price=-line.price, position_number=2))
            )
            await self._try("send_by", invoice.id)
            await self._try("get_invoice", invoice.id)

    async def electronic(self, rule: int, rate: str) -> None:
        """An e-invoice: what a draft refuses, and what a finalised one gives."""
        with suppress(SevDeskError):
            [method, *_] = await self.client.list_payment_methods()
            invoice = await self._save(rule, rate, is_e_invoice=True, payment_method_id=method.id)
            for _ in range(2):
                await self._try("change_parameter", invoice.id, "language", "en_US")
                await self._try("get_pdf", invoice.id)
                await self._try("get_xml", invoice.id)
                await self._try("send_by", invoice.id)
            await self._try("send_via_email", invoice.id, replace(MAIL, send_xml=True))
            await self._try("get_invoice", invoice.id)

    async def refused(self, rule: int, rate: str) -> None:
        """No address; the wrong rate; a draft thrown away, twice, and mailed all the same."""
        with suppress(SevDeskError):
            nowhere = await self._save(rule, rate, **dict.fromkeys(INVOICE_ADDRESS))
            await self._try("send_by", nowhere.id)
            await self._try("get_xml", nowhere.id)
            await self._try("send_via_email", nowhere.id, replace(MAIL, send_xml=True))
            await self._try("cancel_invoice", nowhere.id)
        with suppress(SevDeskError):
            wrong = await self._save(rule, "16")
            await self._try("send_by", wrong.id)
            await self._try("send_via_email", wrong.id, MAIL)
            for _ in range(2):
                await self._try("delete_draft", wrong.id)
            await self._try("send_via_email", wrong.id, MAIL)

    async def listed(self) -> None:
        """Pages of invoices, by every filter."""
        for asked in (
            {},
            {"offset": 1, "limit": 2},
            {"limit": 5000},
            {"contact_id": self.contact.id, "days": (INVOICE.invoice_date, INVOICE.invoice_date)},
            {"update_after": NOW - timedelta(hours=1)},
            {"update_after": NOW + timedelta(hours=1)},
            *({"status": status} for status in (100, 200, 750, 1000)),
        ):
            await self._try("list_invoices", **asked)
        await self._try("find_invoices", "nobody's")

    async def exported(self) -> None:
        """Two exports at once, one watched to its end; and the settings they need."""
        await self._try("update_export_config", "1000001", 1001, 1, date(2026, 1, 1))
        jobs = []
        for _ in range(2):
            with suppress(SevDeskError):
                day = (INVOICE.invoice_date, INVOICE.invoice_date)
                jobs.append(await self.client.create_datev_export(*day, "EXTCD", False, True, False))
        for job in jobs[:1]:
            for _ in range(3):
                await self._try("datev_download_info", job)
                await self._try("datev_progress", job)
        await self._try("datev_progress", "nobody")
        await self._try("datev_download_info", "nobody")

    async def unknown(self) -> None:
        """Ids nobody has."""
        for method in ("get_contact", "get_invoice", "get_pdf", "get_xml", "delete_draft", "cancel_invoice", "send_by"):
            await self._try(method, "7")
        await self._try("get_credit_note", "7")
        for method in ("credit_note_from_invoice", "delete_credit_note", "send_credit_note_by", "get_credit_note_pdf"):
            await self._try(method, "7")
        await self._try("send_credit_note_via_email", "7", MAIL)
        await self._try("update_contact", "7", COMPANY)
        await self._try("update_contact_address", "7", ADDRESS)
        await self._try("update_communication_way", "7", "c@example.com")
        await self._try("create_contact_address", "7", ADDRESS)
        await self._try("create_communication_way", "7", "c@example.com")
        await self._try("change_parameter", "7", "language", "de_DE")

    async def _save(self, rule: int, rate: str, **changed: Any) -> Invoice:
        """A draft of two lines whose tax depends on where it is rounded."""
        [user, *_] = await self.client.list_users()
        line = replace(POSITION, quantity=Decimal(1), price=Decimal("4.15"), tax_rate=Decimal(rate))
        lines = (line, replace(line, quantity=Decimal("0.5"), position_number=2))
        who = {"contact_id": self.contact.id, "contact_person_id": user.id}
        usual = {"tax_rule": rule, "positions": lines, **who, **INVOICE_ADDRESS}
        return await self.client.save_invoice(replace(INVOICE, **usual | {"payment_method_id": None} | changed))

    async def _try(self, method: str, *given: Any, **asked: Any) -> None:
        """A call that may be refused."""
        with suppress(SevDeskError):
            await getattr(self.client, method)(*given, **asked)
