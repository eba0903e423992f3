"""Which of our fields fills which of sevDesk's, found out by asking the code that maps.

A full invoice goes through the steps' own `look` against an empty sevDesk. Then one field after another is
changed, and whatever changes in the request is what that field fills. So the table cannot be out of date.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any
from uuid import UUID

from sevdesk_client import bodies
from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import MailDraft
from worker.domain.invoice import (
    ClaimStatus,
    ContactLink,
    DocumentStatus,
    Handback,
    Invoice,
    Item,
    Party,
    PartyKind,
    SyncStatus,
)
from worker.domain.jobs import SendInvoice
from worker.domain.lifecycle import apply
from worker.domain.recipients import Recipient
from worker.operator.preview import EmptyBook, PreviewDesk, save_body
from worker.steps import contact, email, finalize, payments
from worker.steps.payments import Claim
from worker.steps.step import Case, Intent

ID, OTHER_ID = UUID(int=1), UUID(int=2)
DAY, OTHER_DAY = date(2026, 1, 2), date(2026, 3, 4)
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)

# Another value for each type; for words with a meaning of their own, another word.
OTHERS: Mapping[type, Any] = {str: "other", UUID: OTHER_ID, date: OTHER_DAY, Decimal: Decimal(7), int: 7, bool: True}
WORDS: Mapping[str, Any] = {
    "document_kind": "SR", "currency": "USD", "country_code": "AT", "unit": "h", "tax_rule": 18, "deal_type": "KOP",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One arrow. `call` is sevDesk's, with {id} in place of ids; `theirs` is the key in its body, or in its answer."""

    ours: str
    direction: str  # `->` out, `<-` back
    call: str
    theirs: str


async def field_mapping() -> list[Row]:
    """All arrows, out before back, in the order of an invoice's life."""
    rows = [row async for row in _out()]
    return rows + list(_back())


# -- out ---------------------------------------------------------------------------------------------------------------

Build = Callable[[Case], Awaitable[dict[str, Any]]]


async def _out() -> AsyncIterator[Row]:
    for call, build in REQUESTS.items():
        for ours, before, after in _changes(_case()):
            then, now = dict(_leaves(await build(before))), dict(_leaves(await build(after)))
            for theirs in sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key)):
                yield Row(ours, "->", call, theirs)


async def _intent(step: Any, case: Case) -> Any:
    wanted = await step.look(case, PreviewDesk(_Account()))
    assert isinstance(wanted, Intent)
    return wanted.request


async def _contact(case: Case) -> dict[str, Any]:
    return bodies.contact(await _intent(contact.CONTACT, replace(case, link=None)))


async def _address(case: Case) -> dict[str, Any]:
    return bodies.contact_address(await _intent(contact.ADDRESS, case))


async def _way(case: Case) -> dict[str, Any]:
    return {"value": await _intent(contact.EMAIL, case)}


async def _invoice(case: Case) -> dict[str, Any]:
    return await save_body(case, PreviewDesk(_Account()))


async def _template(case: Case) -> dict[str, Any]:
    return {"value": await _intent(finalize.TEMPLATE, case)}


async def _mail(case: Case) -> dict[str, Any]:
    class Book(EmptyBook):
        async def get_invoice(self, id: str) -> SevInvoice:
            return _there(invoice_number=case.handback.external_invoice_number)

    desk = PreviewDesk(_Account())
    desk.client = Book()  # type: ignore[assignment]  # it answers all that the step asks
    wanted = await email.EMAIL.look(replace(case, payload=SendInvoice(invoice_id=ID)), desk)
    assert isinstance(wanted, Intent) and isinstance(wanted.request, MailDraft)
    return bodies.mail(wanted.request)


REQUESTS: Mapping[str, Build] = {
    "POST /Contact": _contact,
    "POST /ContactAddress": _address,
    "POST /CommunicationWay": _way,
    "POST /Invoice/Factory/saveInvoice": _invoice,
    "PUT /Invoice/{id}/changeParameter": _template,
    "POST /Invoice/{id}/sendViaEmail": _mail,
}


class _Account(PreviewDesk):
    """Facts that follow what is asked, so that a changed code gives a changed id."""

    def __init__(self) -> None:
        super().__init__(None)

    async def contact_person_id(self) -> str:
        return "1"

    async def country_id(self, code: str) -> str:
        return str(int.from_bytes(code.encode()))

    async def payment_method_id(self, electronic_invoice_id: str) -> str:
        return electronic_invoice_id


def _case() -> Case:
    """An invoice in which every field is set."""
    item = Item(1, "Name", "Text", Decimal(1), "Stk", Decimal(100), Decimal(19))
    invoice = Invoice(
        ID, "INV-1", "AR", ID, "EB", ID, "EUR", Decimal(100), Decimal(19), Decimal(119), 1, DAY, DAY, DAY, 14,
        "Head", "Foot", False, (item,),
    )  # fmt: skip
    party = Party(
        PartyKind.COMPANY, ID, "GmbH", "Vorname", "a@example.com", "Street 1", "10115", "Berlin", "DE", "DE1", "L-1"
    )
    return Case(
        job_id="mapping", payload=SendInvoice(invoice_id=ID), invoice=invoice,
        handback=Handback(SyncStatus.SYNCED, DocumentStatus.APPROVED, ClaimStatus.OPEN, "1", "RE-1"),
        recipient=Recipient(party, "marked"), link=ContactLink("11"), template_id="layout", contact_person_id="21",
        sevdesk_type="RE", mails=0, pdf_sha256=None, has_xml=False, draft_sha256=None, attempted=False,
        cancellation=None, cancellation_pdf_sha256=None, cancellation_mails=0,
    )  # fmt: skip


def _changes(case: Case) -> Iterator[tuple[str, Case, Case]]:
    """Each field by the column it comes from, with the case before and after it is changed."""
    for name, invoice in _others(case.invoice):
        column = "invoice_number" if name == "number" else name
        yield f"billing_invoices.{column}", case, replace(case, invoice=invoice)
    for name, item in _others(case.invoice.items[0]):
        yield f"billing_invoice_items.{name}", case, replace(case, invoice=replace(case.invoice, items=(item,)))
    yield from _of_party(case, "companies", replace(case.who.party, first_name=None))
    person = replace(case.who.party, kind=PartyKind.CONTACT, vat_id=None, buyer_reference=None)
    yield from _of_party(case, "contacts", person)
    yield "sevdesk_contacts.contact_id", case, replace(case, link=ContactLink("12"))
    yield "sevdesk_config.contact_person_id", case, replace(case, contact_person_id="22")
    template = "billing_document_templates.sevdesk_template_id, sevdesk_config.template_*"
    yield template, case, replace(case, template_id="other")
    yield "setting SEVDESK_INVOICE_TYPE_AR, _SR", case, replace(case, sevdesk_type="ER")
    handback = replace(case.handback, external_invoice_number="RE-2")
    yield "billing_invoices.external_invoice_number", case, replace(case, handback=handback)


def _of_party(case: Case, table: str, party: Party) -> Iterator[tuple[str, Case, Case]]:
    start = replace(case, recipient=Recipient(party, "marked"))
    for name, other in _others(party):
        column = "last_name" if (table, name) == ("contacts", "name") else name
        yield f"{table}.{column}", start, replace(start, recipient=Recipient(other, "marked"))


def _others(noun: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(noun):
        value = getattr(noun, field.name)
        other = WORDS.get(field.name, OTHERS.get(type(value)))
        if field.name != "kind" and other is not None and other != value:
            yield field.name, replace(noun, **{field.name: other})


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, below in value.items():
                yield from _leaves(below, f"{path}.{key}" if path else str(key))
        case list():
            for below in value:
                yield from _leaves(below, f"{path}[]")
        case _:
            yield path, value


# -- back --------------------------------------------------------------------------------------------------------------


def _there(**changed: Any) -> SevInvoice:
    usual: dict[str, Any] = {
        "id": "1", "invoice_number": "RE-1", "status": 200, "invoice_type": "RE", "currency": "EUR", "sum_net": 100,
        "sum_tax": 19, "sum_gross": 119, "paid_amount": 0, "update": MOMENT, "create": MOMENT,
    }  # fmt: skip
    return SevInvoice(**usual | changed)


# What sevDesk says after something happened there, each beside how it was before.
STORIES: tuple[tuple[Mapping[str, Any], Mapping[str, Any]], ...] = (
    ({}, {"paid_amount": 50}),
    ({}, {"status": 1000, "paid_amount": 119, "pay_date": DAY}),
    (
        {"status": 1000, "paid_amount": 119, "pay_date": DAY},
        {"status": 1000, "paid_amount": 119, "pay_date": OTHER_DAY},
    ),
    ({"status": 750, "paid_amount": 50}, {"status": 1000, "paid_amount": 50, "pay_date": DAY}),
    ({}, {"invoice_number": "RE-2"}),
)


def _back() -> Iterator[Row]:
    first = Handback(SyncStatus.DRAFTED, DocumentStatus.APPROVED, ClaimStatus.OPEN, "0")
    drawn = apply(first, finalize.finalized(_there(), "finalized"))
    for theirs, other in (("id", _there(id="2")), ("invoiceNumber", _there(invoice_number="RE-2"))):
        for ours in _moved(drawn, apply(first, finalize.finalized(other, "finalized"))):
            yield Row(f"billing_invoices.{ours}", "<-", "PUT /Invoice/{id}/sendBy", theirs)
    seen = set()
    for before, after in STORIES:
        then, now = _heard(_there(**before)), _heard(_there(**after))
        changed = [key for key in after if after[key] != before.get(key)]
        for row in (Row(f"billing_invoices.{ours}", "<-", "GET /Invoice", _key(changed)) for ours in _moved(then, now)):
            if row not in seen:
                seen.add(row)
                yield row


def _heard(there: SevInvoice) -> Handback:
    start = Handback(SyncStatus.SYNCED, DocumentStatus.SENT, ClaimStatus.OPEN, "1", "RE-1")
    events = payments.compare(Claim(ID, "INV-1", Decimal(119), start), there, {})
    return reduce(apply, events, start)


def _moved(then: Handback, now: Handback) -> list[str]:
    columns = {"sync_status": "accounting_sync_status"}
    names = (field.name for field in fields(Handback) if getattr(then, field.name) != getattr(now, field.name))
    return [columns.get(name, name) for name in names]


def _key(names: list[str]) -> str:
    return ", ".join(SevInvoice.model_fields[name].alias or name for name in names)
