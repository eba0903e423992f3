"""Odd but possible rows: what may have become of an invoice, and what may stand in the rows around it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from flow.books import control, pay
from flow.stage import Stage

LONG = "x" * 5000
TEXTS = ("NULL", "''", "' '", "E'\\n'", "'Ü ✓ {number} %s'", f"'{LONG}'")
NUMBERS = ("'NaN'", "'Infinity'", "'-Infinity'", "-1", "0", "0.005", "1e20")
DAYS = ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'2099-12-31'", "'1999-12-31'")
TERMS = ("NULL", "-1", "0", "366", "2147483647", "-2147483648")
IDS = ("NULL", "'00000000-0000-4000-8000-000000000000'", "id")
EMAILS = ("NULL", "''", "' '", "'nicht eine'", "'a@example.com, b@example.com'", "'neu@example.com'", "'A@EXAMPLE.COM'")
COUNTRIES = ("NULL", "''", "' de '", "'XX'", "'Deutschland'", "'ch'", "'CI'")

# Column -> what may stand in it. Constraints of the reference schema hold, foreign keys do not: views have none.
INVOICE = {
    "deal_id": IDS,
    "contact_id": IDS,
    "document_template_id": IDS,
    "replaces_invoice_id": IDS,
    "document_kind": ("'AR'", "'SR'"),
    "document_status": ("'draft'", "'approved'", "'sent'", "'cancelled'"),
    "claim_status": ("'open'", "'partially_paid'", "'paid'", "'cancelled'"),
    "accounting_sync_status": ("'not_synced'", "'queued'", "'drafted'", "'synced'", "'parked'", "'cancelled'"),
    "currency": ("''", "' '", "'eur'", "'XYZ'", "'USD'", "'JPY'"),
    "net_amount": NUMBERS,
    "tax_amount": NUMBERS,
    "gross_amount": NUMBERS,
    "paid_amount": NUMBERS,
    "tax_rule": ("0", "-1", "2", "3", "11", "17", "99", "2147483647"),
    "issue_date": DAYS,
    "service_from": ("NULL", *DAYS),
    "service_to": ("NULL", *DAYS),
    "payment_term_days": TERMS,
    "skonto_percent": ("NULL", "2", *NUMBERS),
    "skonto_days": ("10", *TERMS),
    "head_text": TEXTS,
    "foot_text": TEXTS,
    "is_e_invoice": ("true", "false"),
    "final_invoice_form": ("NULL", "'deduct'", "'remainder'"),
    "paid_at": ("NULL", "now()", *DAYS),
    "cancelled_at": ("NULL", "now()", *DAYS),
    "accounting_provider": ("NULL", "''", "'sevdesk'", "'lexoffice'"),
    "external_id": ("NULL", "''", "'0'", "'abc/../1'", "'999999999'"),
    "external_invoice_number": ("NULL", "''", "' '", "'RE-1000'"),
    "accounting_synced_at": ("NULL", "'infinity'", "'-infinity'"),
    "updated_at": ("'infinity'", "'-infinity'"),
    "invoice_number": ("''", "' '", "'a/b ' || id", "'{kind} ' || id", f"'{'9' * 200}' || id"),
}
ITEM = {
    "position": ("0", "-1", "2147483647"),
    "name": TEXTS[1:],
    "description": TEXTS,
    "quantity": NUMBERS,
    "unit": (*TEXTS, "'h'", "'Fass'"),
    "unit_price": NUMBERS,
    "tax_rate": (*NUMBERS, "7", "16", "101"),
}
COMPANY = {
    "name": TEXTS[1:],
    "email": EMAILS,
    "phone": TEXTS,
    "street": TEXTS,
    "zip": (*TEXTS, "'27498'"),
    "city": TEXTS,
    "country_code": COUNTRIES,
    "vat_id": (*TEXTS, "'DE1'", "'ATU12345678'"),
    "buyer_reference": (*TEXTS, "'04011000-1234512345-06'"),
}
PERSON = {"first_name": TEXTS, "last_name": TEXTS[1:]} | {
    name: values for name, values in COMPANY.items() if name not in ("name", "vat_id", "buyer_reference")
}
DEAL = {"name": TEXTS[1:], "deal_type": ("'EB'", "'KOP'")}
COLUMNS = {
    "billing_invoices": INVOICE,
    "billing_invoice_items": ITEM,
    "companies": COMPANY,
    "contacts": PERSON,
    "deals": DEAL,
}
# What a view does not keep from it.
FOREIGN_KEYS = (
    ("billing_invoices", "deal_id"), ("billing_invoices", "contact_id"), ("billing_invoices", "document_template_id"),
    ("billing_invoices", "replaces_invoice_id"), ("billing_invoice_event_log", "actor_contact_id"),
)  # fmt: skip
# What another program may write into the log of events, which is the billing system's.
EVENTS = (
    "created", "mailed", "marked_sent", "sent_by_hand", "mail_bounced", "drafted", "finalized", "paid",
    "partially_paid", "payment_synced", "cancelled", "legal_warning", "pdf_stored", "e_invoice_checked",
    "changed_after_publication",
)  # fmt: skip
PAYLOADS = (
    "{}", "[]", "null", '"text"', "7", '{"paid_on": null}', '{"paid_now": "viel", "paid_before": "0"}',
    '{"paid_on": "bald", "paid_now": "viel"}', '{"channel": 5, "job_id": {}}', '{"external_id": null, "number": 1}',
    '{"status": "paid", "paidAmount": 5}',
)  # fmt: skip


@dataclass
class Subject:
    """An invoice, and whose it is."""

    stage: Stage
    random: Random
    invoice: UUID
    deal: UUID | None
    company: UUID | None
    person: UUID | None
    done: list[str] = field(default_factory=list)  # what was made of it, for the report of a failure

    async def sql(self, statement: str, *values: object) -> None:
        self.done.append(statement[:300] + (f" {values}" if values else ""))
        try:
            await self.stage.billing.db.execute(statement, *values)
        except asyncpg.UniqueViolationError:
            self.done.append("... not unique")

    def ids(self) -> dict[str, tuple[str, UUID | None]]:
        """By table: the column and its value that lead to the subject's rows."""
        return {
            "billing_invoices": ("id", self.invoice),
            "billing_invoice_items": ("invoice_id", self.invoice),
            "companies": ("id", self.company),
            "contacts": ("id", self.person),
            "deals": ("id", self.deal),
        }

    async def value(self, column: str) -> Any:
        """Of the invoice's row, whose other columns may hold what asyncpg cannot read."""
        return await self.stage.billing.db.fetchval(
            f"SELECT {column} FROM billing_invoices WHERE id = $1",  # noqa: S608 - ours
            self.invoice,
        )

    async def external_id(self) -> str:
        """Sevdesk's id of the invoice, a plausible one where it has none."""
        found: str | None = await self.value("external_id")
        return found if found and found.isdigit() else "999999999"


Oddity = Callable[[Subject], Awaitable[None]]
ODDITIES: list[Oddity] = []


def oddity(times: int = 1) -> Callable[[Oddity], Oddity]:
    """Enter a function that makes something odd, so that it is drawn as often as `times` others."""

    def enter(make: Oddity) -> Oddity:
        ODDITIES.extend([make] * times)
        return make

    return enter


@oddity(times=14)
async def column(it: Subject) -> None:
    """One column of one row holds something odd."""
    tables = [table for table, (_, id) in it.ids().items() if id is not None]
    table = it.random.choice([*tables, "billing_invoices", "billing_invoices"])
    key, id = it.ids()[table]
    name = it.random.choice(list(COLUMNS[table]))
    value = it.random.choice(COLUMNS[table][name]) if it.random.random() < 0.9 else "NULL"  # views hold nulls anywhere
    await it.sql(f"UPDATE {table} SET {name} = {value} WHERE {key} = $1", id)  # noqa: S608 - ours


@oddity(times=4)
async def row_gone(it: Subject) -> None:
    """The deal, the company, the person or the positions were deleted."""
    tables = ("companies", "contacts", "deals", "billing_invoice_items", "hubspot_associations")
    table = it.random.choice(tables)
    if table == "hubspot_associations":
        await it.sql("DELETE FROM hubspot_associations WHERE $1 IN (from_id, to_id)", it.deal or it.invoice)
    else:
        key, id = it.ids()[table]
        await it.sql(f"DELETE FROM {table} WHERE {key} = $1", id)  # noqa: S608 - ours


@oddity(times=3)
async def associated(it: Subject) -> None:
    """One more association: another recipient, one more of them, one that is missing, or nonsense."""
    billing, random = it.stage.billing, it.random
    of, start = random.choice((("deal", it.deal), ("invoice", it.invoice)))
    kind = random.choice(("company", "contact", "invoice", "deal"))
    made = {"company": billing.company, "contact": billing.person}.get(kind)
    named = {"company": "name", "contact": "last_name"}.get(kind, "")
    there = made and random.random() < 0.7
    to = await made(**{named: f"Neu {random.random()}"}) if made and there else random.choice((uuid4(), it.invoice))
    label = random.choice(("invoice_recipient", "invoice_recipient", "primary", None, "", "INVOICE_RECIPIENT"))
    ends = [(of, start or uuid4()), (kind, to)]
    (from_type, from_id), (to_type, to_id) = ends if random.random() < 0.7 else reversed(ends)
    await it.sql(
        "INSERT INTO hubspot_associations (from_type, from_id, to_type, to_id, label) VALUES ($1, $2, $3, $4, $5)",
        from_type, from_id, to_type, to_id, label,
    )  # fmt: skip


@oddity()
async def invoice_gone(it: Subject) -> None:
    if it.random.random() < 0.3:
        await it.sql("DELETE FROM billing_invoices WHERE id = $1", it.invoice)


@oddity()
async def position_added(it: Subject) -> None:
    statement = """INSERT INTO billing_invoice_items (invoice_id, position, name, quantity, unit_price, tax_rate)
                   VALUES ($1, 77, 'Nachtrag', 1, 5, 19) ON CONFLICT DO NOTHING"""
    await it.sql(statement, it.invoice)


@oddity(times=2)
async def foreign_event(it: Subject) -> None:
    """The log of events is the billing system's, and other programs write into it, too."""
    statement = """INSERT INTO billing_invoice_event_log (invoice_id, event_type, payload)
                   SELECT id, $2, $3::jsonb FROM billing_invoices WHERE id = $1"""
    await it.sql(statement, it.invoice, it.random.choice(EVENTS), it.random.choice(PAYLOADS))


@oddity()
async def same_document(it: Subject) -> None:
    """Another invoice names the same document."""
    await it.stage.billing.usual_invoice(
        external_id=await it.external_id(),
        accounting_provider="sevdesk",
        document_status=it.random.choice(("sent", "draft")),
        accounting_sync_status=it.random.choice(("not_synced", "synced")),
    )
    it.done.append("another invoice names its document")


@oddity()
async def template(it: Subject) -> None:
    """A billing template without sevDesk's id, or with one that the account has not."""
    id = it.random.choice((None, "", "unbekannt", "573ef2706bd2d50366786471"))
    statement = """WITH made AS (INSERT INTO billing_document_templates (name, sevdesk_template_id)
                                 VALUES ('T', $2) RETURNING id)
                   UPDATE billing_invoices SET document_template_id = (SELECT id FROM made) WHERE id = $1"""
    await it.sql(statement, it.invoice, id)


@oddity()
async def left_to_other(it: Subject) -> None:
    """Another program publishes."""
    types = it.random.choice((["KOP"], ["EB"], [], [""]))
    await it.sql("UPDATE sevdesk_config SET publish_only = $1", types)


@oddity(times=3)
async def in_sevdesk(it: Subject) -> None:
    """Somebody does something to the document in sevDesk."""
    act = it.random.choice(("delete", "cancel", "unlink", "pay"))
    it.done.append(f"{act} in sevDesk")
    id = await it.external_id()
    if int(id) not in it.stage.sevdesk.sandbox.account.invoices:
        return
    try:
        if act == "pay":
            amount = it.random.choice(("1", "50", "119", "500"))
            await pay(it.stage.sevdesk, id, amount, kind=it.random.choice(("payment", "skonto")))
        else:
            await control(it.stage.sevdesk, "POST", act, {"invoice_id": id})
    except AssertionError:  # sevDesk refuses that in this state
        it.done.append("... refused")
