"""What sevDesk's document of an invoice says, compared with what we had it say.

Compared are sums, contact, address, dates, currency, tax rule, header, Skonto and positions; not compared are texts and
the payment term, which name neither a person nor an amount. The positions cost a call of their own, which is made only
if sevDesk's `update` is not the one it had when they were last compared: any change in sevDesk moves it (live, two).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sevdesk_client.models import CreditNote, InvoiceDraft, InvoicePosition, PositionDraft
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.invoice import ContactLink, Item
from worker.domain.money import Sums, predict
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.domain.recipients import NoRecipient
from worker.steps import field_map
from worker.steps.field_map import filled, looked_up
from worker.steps.payments import ZERO
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import StepContext, json_value

NOT_OURS = "not_our_document"  # the problem's code

# Fields of `InvoiceDraft` and of sevDesk's answer, and their codes in `domain/problems/words.py`.
ADDRESSEE = {
    "contact_id": "contact",
    "address_name": "name",
    "address_street": "street",
    "address_zip": "zip",
    "address_city": "city",
    "address_country_id": "country",
    "currency": "currency",
    "tax_rule": "tax_rule",
}
HEAD = ADDRESSEE | {
    "invoice_date": "invoice_date",
    "delivery_date": "service_date",
    "delivery_date_until": "service_end",
    "header": "header",
    "discount": "skonto",
    "discount_time": "skonto_days",
}
POSITION = {
    "name": "position_name",
    "quantity": "position_quantity",
    "price": "position_price",
    "tax_rate": "position_tax_rate",
    "unity_id": "position_unit",
}


def currency_of(context: StepContext) -> str:
    """As the document says, whatever the billing system says now."""
    return str(context.document.content["currency"]) if context.document else context.invoice.currency


def gross_of(context: StepContext) -> Decimal:
    """What the document is over, as sevDesk was to compute it, whatever the billing system says now."""
    if context.document is None:
        return context.invoice.gross_amount
    return predict(items_of(context.document.content), currency_of(context)).gross


_FIGURES = {"quantity": "quantity", "unit_price": "price", "tax_rate": "tax_rate"}  # of `Item` and of a sent position


def sums_of(document: SevInvoice | CreditNote) -> Sums:
    return Sums(document.sum_net or ZERO, document.sum_tax or ZERO, document.sum_gross or ZERO)


def content_of(draft: InvoiceDraft) -> dict[str, Any]:
    """The draft's fields as JSON values: what is stored, to be compared later."""
    content: dict[str, Any] = json.loads(json.dumps(draft, default=json_value))
    return content


def items_of(content: Mapping[str, Any]) -> list[Item]:
    """The positions of the invoice's document, whatever the billing system says now; as units sevDesk's ids."""
    return [
        Item(
            position=each["position_number"],
            name=each["name"],
            description=None,
            unit=str(each["unity_id"]),
            **{name: Decimal(str(each[key])) for name, key in _FIGURES.items()},
        )
        for each in content["positions"]
    ]


async def draft_of(context: StepContext, account: SevdeskAccount) -> InvoiceDraft:
    """The request for the invoice as the billing system has it now. Raises `SevDeskError`."""
    positions = [
        PositionDraft(**filled(field_map.POSITION, item), **await looked_up(field_map.POSITION_IDS, item, account))
        for item in context.invoice.items
    ]
    return InvoiceDraft(
        **filled(field_map.INVOICE, context),
        **await looked_up(field_map.INVOICE_IDS, context, account),
        positions=tuple(positions),
    )


async def differences(
    context: StepContext, content: Mapping[str, Any], remote: SevInvoice, account: SevdeskAccount
) -> list[str]:
    """What differs between `content` and sevDesk's document, as codes without values. Raises `SevDeskError`."""
    document = context.document
    differing = head_differences(content, remote)
    if document is None or document.external_id != remote.id or document.seen_update != remote.update:
        differing += position_differences(content, await account.client.list_positions(remote.id))
    return differing


async def not_our_document(context: StepContext, remote: SevInvoice, account: SevdeskAccount) -> Parked | None:
    """Why sevDesk's finalized document must not be taken or mailed as ours; None if it agrees or a person confirmed.

    It must say what we had saved; if that is not on record, what the billing system says now, which must then name a
    recipient. Raises `SevDeskError`.
    """
    document = context.document
    if NOT_OURS in context.confirmed:
        return None
    if document is not None and document.external_id == remote.id:
        content = document.content
    elif isinstance(context.recipient, NoRecipient):
        return Parked(context.recipient.problem)
    else:
        link = context.link or ContactLink(remote.contact_id or "")
        content = content_of(await draft_of(replace(context, link=link), account))
    return differing(context, remote, await differences(context, content, remote, account))


def differing(context: StepContext, remote: SevInvoice | CreditNote, found: list[str]) -> Parked | None:
    """The question to a person about a document that differs; None if nothing was `found`, or a person confirmed."""
    if not found or NOT_OURS in context.confirmed:
        return None
    about = {"external_id": remote.id, "number": context.invoice.number}
    return Parked(problem(NOT_OURS, differences=", ".join(found), **about))


def addressed_otherwise(context: StepContext, remote: SevInvoice | CreditNote) -> Parked | None:
    """A cancellation or credit note must be addressed to whom the invoice is; sevDesk copies that (capture)."""
    found = head_differences(context.document.content, remote, ADDRESSEE) if context.document else []
    return differing(context, remote, found)


def head_differences(
    content: Mapping[str, Any], remote: SevInvoice | CreditNote, fields: Mapping[str, str] = HEAD
) -> list[str]:
    """The `fields` that differ, of those that we set and that sevDesk's answer contains."""
    return [
        name
        for key, name in fields.items()
        if content.get(key) is not None and key in remote.model_fields_set and not _same(content[key], remote, key)
    ]


def position_differences(content: Mapping[str, Any], positions: list[InvoicePosition]) -> list[str]:
    """The numbers of the positions that differ, and in what."""
    wanted = sorted(content["positions"], key=lambda position: position["position_number"])
    if len(wanted) != len(positions):
        return ["number_of_positions"]
    return [
        f"{name} {ours['position_number']}"
        for ours, theirs in zip(wanted, positions, strict=True)
        for key, name in POSITION.items()
        if not _same(ours[key], theirs, key)
    ]


def _same(ours: Any, theirs: SevInvoice | CreditNote | InvoicePosition, key: str) -> bool:
    value = getattr(theirs, key)
    if isinstance(value, Decimal):
        return Decimal(str(ours)) == value
    return " ".join(str(ours).split()) == " ".join(str(value if value is not None else "").split())
