"""Which of our columns fills which of sevDesk's keys, and which come back: for `sevdesk-worker mapping`.

The rows out are the tables that the steps build their requests from. The rows back are listed here and tested against
`lifecycle.apply` and `payments.compare`, in tests/unit/test_field_map.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.steps import field_map
from worker.steps.field_map import Field


@dataclass(frozen=True, slots=True)
class Row:
    """One arrow. `call` is sevDesk's endpoint, `theirs` a key of its request body (`->`) or of its answer (`<-`)."""

    ours: str
    direction: str
    call: str
    theirs: str


SAVE, SEND_BY, READ = "POST /Invoice/Factory/saveInvoice", "PUT /Invoice/{id}/sendBy", "GET /Invoice"

ITEMS = "billing_invoice_items"
# The call, the only table to name where the fields serve one table, and the fields.
OUT: tuple[tuple[str, str, tuple[Field, ...]], ...] = (
    ("POST /Contact", "companies", field_map.COMPANY),
    ("POST /Contact", "contacts", field_map.PERSON),
    ("POST /ContactAddress", "", field_map.ADDRESS + field_map.ADDRESS_IDS),
    ("POST /CommunicationWay", "", (field_map.CONTACT_EMAIL,)),
    (SAVE, "", field_map.INVOICE + field_map.INVOICE_IDS),
    (SAVE, ITEMS, field_map.POSITION),
    ("PUT /Invoice/{id}/changeParameter", "", (field_map.TEMPLATE_ID,)),
    ("POST /Invoice/{id}/sendViaEmail", "", field_map.MAIL),
)
# Attributes that are not named like `invoice.<column>` or `party.<column of companies and contacts>`.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "invoice": ("billing_invoices.tax_rule", "billing_invoice_items.tax_rate"),  # all that `money.tax_text` reads
    "invoice.number": ("billing_invoices.invoice_number",),
    "is_e_invoice": ("billing_invoices.is_e_invoice",),
    "number": ("billing_invoices.external_invoice_number",),
    "party": ("companies.id", "contacts.id"),  # all that `recipients.customer_number` reads
    "party.name": ("companies.name", "contacts.last_name"),
    "party.display_name": ("companies.name", "contacts.last_name", "contacts.first_name"),
    "party.buyer_reference": ("companies.buyer_reference",),
    "link.contact_id": ("sevdesk_contacts.contact_id",),
    "contact_person_id": ("sevdesk_config.contact_person_id",),
    "template_id": ("billing_document_templates.sevdesk_template_id, sevdesk_config.template_*",),
    "sevdesk_type": ("setting SEVDESK_INVOICE_TYPE_AR, _SR",),
    "asked.subject": ("job send_invoice, subject",),
    "asked.text": ("job send_invoice, text",),
}
BACK = (
    Row("billing_invoices.external_id", "<-", SAVE, "invoice.id"),
    Row("billing_invoices.external_id", "<-", SEND_BY, "id"),
    Row("billing_invoices.external_invoice_number", "<-", SEND_BY, "invoiceNumber"),
    Row("billing_invoices.external_invoice_number", "<-", READ, "invoiceNumber"),
    Row("billing_invoices.claim_status", "<-", READ, "status"),
    Row("billing_invoices.claim_status", "<-", READ, "paidAmount"),
    Row("billing_invoices.claim_status", "<-", READ, "payDate"),
    Row("billing_invoices.paid_amount", "<-", READ, "status"),
    Row("billing_invoices.paid_amount", "<-", READ, "paidAmount"),
    Row("billing_invoices.paid_amount", "<-", READ, "payDate"),
    Row("billing_invoices.paid_at", "<-", READ, "status"),
    Row("billing_invoices.paid_at", "<-", READ, "paidAmount"),
    Row("billing_invoices.paid_at", "<-", READ, "payDate"),
    Row("billing_invoices.paid_at", "<-", READ, "update"),
)


def field_mapping() -> list[Row]:
    """All arrows, out before back."""
    out = [
        Row(column, "->", call, key)
        for call, table, fields in OUT
        for field in fields
        for path in field.ours.split()
        for column in columns(table, path)
        for key in field.keys.split()
    ]
    return [*dict.fromkeys(out), *BACK]


def columns(table: str, attribute: str) -> list[str]:
    """The columns behind an attribute of the source; where `table` is a recipient's, only that table's."""
    if table == ITEMS:
        return [f"{ITEMS}.{attribute}"]
    attribute = attribute.removeprefix("addressee.")
    noun, _, name = attribute.partition(".")
    usual = (f"companies.{name}", f"contacts.{name}") if noun == "party" else (f"billing_invoices.{name}",)
    found = COLUMNS.get(attribute, usual)
    other = {"companies": "contacts.", "contacts": "companies."}.get(table, " ")
    return [column for column in found if not column.startswith(other)]
