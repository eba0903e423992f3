"""The field mapping: the keys of the tables are the keys we send, and what comes back moves the columns it says."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from sevdesk_client import bodies
from sevdesk_client.models import AddressDraft, ContactDraft, InvoiceDraft, MailDraft, PositionDraft
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import Drafted
from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, Invoice, PartyKind, SyncStatus
from worker.domain.lifecycle import apply
from worker.operator.mapping import BACK, READ, SAVE, SEND_BY, field_mapping
from worker.steps import field_map, payments
from worker.steps.field_map import Field
from worker.steps.finalize import finalized
from worker.steps.payments import Receivable

DAY, NOW = date(2026, 1, 2), datetime(2026, 1, 3, tzinfo=UTC)
POSITION = PositionDraft(
    name="a", quantity=Decimal(1), price=Decimal(2), tax_rate=Decimal(19), position_number=1, text="a"
)
INVOICE = InvoiceDraft(
    contact_id="1", contact_person_id="1", invoice_date=DAY, header="a", tax_rule=1, tax_text="a", currency="EUR",
    customer_internal_note="a", positions=(POSITION,), time_to_pay=1, delivery_date=DAY, delivery_date_until=DAY,
    head_text="a", foot_text="a", address_name="a", address_street="a", address_zip="a", address_city="a",
    address_country_id="1", address_country="a", payment_method_id="1", discount=Decimal(1), discount_time=1,
)  # fmt: skip
OTHERS: Mapping[type, Any] = {str: "7", int: 7, Decimal: Decimal(7), date: date(2026, 3, 4), bool: True}
Send = Callable[[Any], dict[str, object]]


def position_body(draft: PositionDraft) -> dict[str, object]:
    return bodies.save_invoice(replace(INVOICE, positions=(draft,)))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value of a body with the keys that lead to it."""
    match value:
        case dict():
            for key, below in value.items():
                yield from leaves(below, f"{path}.{key}" if path else key)
        case list():
            for below in value:
                yield from leaves(below, f"{path}[]")
        case _:
            yield path, value


@pytest.mark.parametrize(
    ("table", "draft", "send"),
    [
        (
            field_map.COMPANY,
            ContactDraft(customer_number="a", name="a", vat_number="a", buyer_reference="a"),
            bodies.contact,
        ),
        (
            field_map.PERSON,
            ContactDraft(customer_number="a", surename="a", familyname="a", buyer_reference="a"),
            bodies.contact,
        ),
        (
            field_map.ADDRESS + field_map.ADDRESS_IDS,
            AddressDraft(street="a", zip="a", city="a", country_id="1"),
            bodies.contact_address,
        ),
        (field_map.INVOICE + field_map.INVOICE_IDS, INVOICE, bodies.save_invoice),
        (field_map.POSITION, POSITION, position_body),
        (field_map.MAIL, MailDraft(to="a", subject="a", text="a", cc="a", bcc="a"), bodies.mail),
    ],
)
def test_tables_name_the_keys(table: tuple[Field, ...], draft: Any, send: Send) -> None:
    """Changing one field of the draft changes the values at its keys, and at no other."""
    before = set(leaves(send(draft)))
    for field in table:
        other = OTHERS[type(getattr(draft, field.name))]
        changed = {key for key, _ in before ^ set(leaves(send(replace(draft, **{field.name: other}))))}
        assert changed == set(field.keys.split()), field


def test_every_draft_field_is_in_a_table() -> None:
    """The positions aside, which have a table of their own."""
    mapped = {field.name for field in field_map.INVOICE + field_map.INVOICE_IDS}
    assert {field.name for field in fields(InvoiceDraft)} - mapped == {"positions"}


def test_every_column_is_mapped_or_known() -> None:
    """A billing column that fills nothing is one of these few, so a forgotten one is noticed."""
    mapped = {row.ours for row in field_mapping()}
    columns = {f"billing_invoices.{field.name}" for field in fields(Invoice)} - {"billing_invoices.number"}
    # The keys of rows, what chooses recipient, template and check, and the sums, which sevDesk computes itself.
    silent = {"id", "deal_id", "deal_type", "contact_id", "net_amount", "tax_amount", "gross_amount", "items",
              "final_invoice_form"}  # fmt: skip
    assert columns - mapped == {f"billing_invoices.{name}" for name in silent}


def sevdesk(
    number: str, status: int, paid: int, day: date | None, update: datetime, send_type: str | None = None, id: str = "1"
) -> SevInvoice:
    return SevInvoice(
        id=id, invoice_number=number, status=status, invoice_type="RE", currency="EUR", sum_net=Decimal(100),
        sum_tax=Decimal(19), sum_gross=Decimal(119), paid_amount=Decimal(paid), pay_date=day, create=NOW, update=update,
        send_type=send_type,
    )  # fmt: skip


def moved(one: Handback, other: Handback) -> set[str]:
    """Columns that differ."""
    names = [field.name for field in fields(Handback)]
    return {f"billing_invoices.{name}" for name in names if getattr(one, name) != getattr(other, name)}


def test_read_rows_say_what_moves() -> None:
    """If one key of the answer changes, the columns of its rows may move, and no others."""
    before = Handback(SyncStatus.SYNCED, DocumentStatus.APPROVED, ClaimStatus.OPEN, "1", "RE-1")
    receivable = Receivable(UUID(int=1), "INV-1", Decimal(119), before)
    values = {
        "invoiceNumber": ("RE-1", "RE-2"), "status": (100, 200, 750, 1000), "paidAmount": (0, 50, 119),
        "payDate": (None, DAY, date(2026, 3, 4)), "update": (NOW, datetime(2026, 5, 6, tzinfo=UTC)),
        "sendType": (None, "VM"),
    }  # fmt: skip
    after = {
        given: reduce(apply, payments.compare(receivable, sevdesk(*given), {}), before)
        for given in product(*values.values())
    }
    found = {
        (column, key)
        for given, handback in after.items()
        for place, key in enumerate(values)
        for other in values[key]
        for column in moved(handback, after[*given[:place], other, *given[place + 1 :]])
    }
    assert found == {(row.ours, row.theirs) for row in BACK if row.call == READ}


def test_write_rows_say_what_moves() -> None:
    """The id comes with the draft and again, with the number, when it is finalized."""
    start = Handback(SyncStatus.NOT_SYNCED, DocumentStatus.APPROVED, ClaimStatus.OPEN)
    one, other = sevdesk("RE-1", 200, 0, None, NOW), sevdesk("RE-2", 200, 0, None, NOW, id="2")
    one_draft, other_draft = (
        apply(start, Drafted(external_id=each.id, net=Decimal(100), tax=Decimal(19), gross=Decimal(119), how="created",
                             recipient_kind=PartyKind.COMPANY, recipient_id=UUID(int=1), recipient_reason="marked",
                             content={}, seen_update=None))
        for each in (one, other)
    )  # fmt: skip
    finals = (apply(one_draft, finalized(each, "finalized")) for each in (one, other))
    assert moved(one_draft, other_draft) == {row.ours for row in BACK if row.call == SAVE}
    assert moved(*finals) == {row.ours for row in BACK if row.call == SEND_BY}
