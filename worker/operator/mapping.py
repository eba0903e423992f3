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
    """`direction` is `->` (`theirs` is a key of the request body of `call`) or `<-` (a key of its answer)."""

    ours: str
    direction: str
    call: str
    theirs: str


SAVE, SEND_BY, READ = "POST /Invoice/Factory/saveInvoice", "PUT /Invoice/{id}/sendBy", "GET /Invoice"

ITEMS = "billing_invoice_items"
# Call, the table if all its fields come from one (of companies and contacts, of positions), and the fields.
OUT: tuple[tuple[str, str, tuple[Field, ...]], ...] = (
    ("POST /Contact", "companies", field_map.COMPANY),
    ("POST /Contact", "contacts", field_map.PERSON),
    ("POST /ContactAddress", "", field_map.ADDRESS + field_map.ADDRESS_IDS),
    ("POST /CommunicationWay", "", (field_map.CONTACT_EMAIL,)),
    (SAVE, "", field_map.INVOICE + field_map.INVOICE_IDS),
    (SAVE, ITEMS, field_map.POSITION),
    (SAVE, ITEMS, field_map.POSITION_IDS),
    ("PUT /Invoice/{id}/changeParameter", "", (field_map.TEMPLATE_ID,)),
    ("POST /Invoice/{id}/sendViaEmail", "", field_map.MAIL),
)
# Attributes that are not named like `invoice.<column>` or `party.<column of companies and contacts>`.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "invoice": ("billing_invoices.tax_rule", "billing_invoice_items.tax_rate"),  # all that `tax_rules.tax_text` reads
    "invoice.number": ("billing_invoices.invoice_number",),
    "is_e_invoice": ("billing_invoices.is_e_invoice",),
    "number": ("billing_invoices.external_invoice_number",),
    "party": ("companies.id", "contacts.id"),  # all that `recipients.customer_number` reads
    "party.name": ("companies.name", "contacts.last_name"),
    "party.display_name": ("companies.name", "contacts.last_name", "contacts.first_name"),
    "party.buyer_reference": ("companies.buyer_reference",),
    "party.vat_id": ("companies.vat_id",),
    "link.contact_id": ("sevdesk_contacts.contact_id",),
    "contact_person_id": ("job publish_invoice, contact_person_id; sevdesk_config.contact_person_*",),
    "document_header": ("setting DOCUMENT_HEADER",),
    "template_id": ("billing_document_templates.sevdesk_template_id, sevdesk_config.template_*",),
    "sevdesk_type": ("setting SEVDESK_INVOICE_TYPE_AR, _SR",),
    **{f"asked.{name}": (f"job send_invoice, {name}",) for name in ("to", "cc", "bcc")},
    "asked.subject": ("job send_invoice, subject",),
    "asked.text": ("job send_invoice, text",),
    "asked.send_xml": ("job send_invoice, send_xml",),
}
# Our column, the call, and the keys of its answer that the column is computed from.
BACK_KEYS = (
    ("external_id", SAVE, ("invoice.id",)),
    ("external_id", SEND_BY, ("id",)),
    ("external_invoice_number", SEND_BY, ("invoiceNumber",)),
    ("external_invoice_number", READ, ("invoiceNumber",)),
    ("document_status", READ, ("status", "sendType")),
    ("claim_status", READ, ("status", "paidAmount", "payDate")),
    ("paid_amount", READ, ("status", "paidAmount", "payDate")),
    ("paid_at", READ, ("status", "paidAmount", "payDate", "update")),
)
BACK = tuple(Row(f"billing_invoices.{column}", "<-", call, key) for column, call, keys in BACK_KEYS for key in keys)


def field_mapping() -> list[Row]:
    """All rows, out before back."""
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
    """The columns that an attribute is read from; if `table` is companies or contacts, only columns of that table."""
    if table == ITEMS:
        return [f"{ITEMS}.{attribute}"]
    attribute = attribute.removeprefix("addressee.")
    noun, _, name = attribute.partition(".")
    usual = (f"companies.{name}", f"contacts.{name}") if noun == "party" else (f"billing_invoices.{name}",)
    names = COLUMNS.get(attribute, usual)
    other = {"companies": "contacts.", "contacts": "companies."}.get(table, " ")
    return [column for column in names if not column.startswith(other)]
