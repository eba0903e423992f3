"""The shapes of the rows that the worker reads, and how they become the dataclasses of `worker/domain/`.

A shape is for the type checker: at run time a row is an asyncpg record, read by column name and immutable. Rows that
only operators look at are in `worker/store/operator_rows.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypedDict
from uuid import UUID

from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, Invoice, Item, SyncStatus
from worker.domain.ledger import Change, JobRef

Number = int | Decimal  # how a JSON number is decoded
TemplateField = Literal["template_eb_ar", "template_eb_sr", "template_kop_ar", "template_kop_sr"]


class HandbackRow(TypedDict):
    """The columns of `billing_invoices` that the worker writes."""

    accounting_sync_status: str
    document_status: str
    claim_status: str
    external_id: str | None
    external_invoice_number: str | None
    paid_amount: Decimal
    paid_at: datetime | None
    cancelled_at: datetime | None


class ItemRow(TypedDict):
    """A position of an invoice, inside a JSON array."""

    position: int
    name: str
    description: str | None
    quantity: Number
    unit: str | None
    unit_price: Number
    tax_rate: Number


class AssociationRow(TypedDict):
    """A row of `hubspot_associations`, inside a JSON array; the ids are uuids as text."""

    from_type: str
    from_id: str
    to_type: str
    to_id: str
    label: str | None


class CancellationRow(TypedDict):
    """A row of `sevdesk_cancellations`, as a JSON object."""

    kind: str
    external_id: str
    number: str | None
    net: Number | None
    tax: Number | None
    gross: Number | None


class SevdeskDocumentRow(TypedDict):
    """A row of `sevdesk_invoices`, as a JSON object."""

    external_id: str
    party_kind: str
    party_id: str
    content: dict[str, Any]
    seen_update: str | None


class InvoiceRow(HandbackRow):
    """`load_invoice`: one invoice with everything its steps decide by."""

    id: UUID
    invoice_number: str
    document_kind: str
    deal_id: UUID | None
    deal_type: str | None
    contact_id: UUID | None
    currency: str
    net_amount: Decimal
    tax_amount: Decimal
    gross_amount: Decimal
    tax_rule: int
    issue_date: date
    service_from: date | None
    service_to: date | None
    payment_term_days: int | None
    head_text: str | None
    foot_text: str | None
    is_e_invoice: bool
    template_id: str | None
    contact_person_id: str | None
    items: list[ItemRow]
    associations: list[AssociationRow]
    mails: int
    cancellation_mails: int
    pdf_sha256: str | None
    has_xml: bool
    draft_sha256: str | None
    attempted: bool
    cancellation: CancellationRow | None
    document: SevdeskDocumentRow | None
    warned: list[str]
    cancellation_pdf_sha256: str | None


class PartyRow(TypedDict):
    """`load_parties`: a company or a contact."""

    kind: str
    id: UUID
    name: str
    first_name: str | None
    email: str | None
    street: str | None
    zip: str | None
    city: str | None
    country_code: str | None
    vat_id: str | None
    buyer_reference: str | None


class OpenIntentRow(TypedDict):
    """`find_open_intent`: a write of which nobody knows yet whether it happened; `age` in seconds."""

    id: int
    job_id: str
    step: str
    action: str
    summary: dict[str, Any]
    request_sha256: str
    answer: str | None
    intent_at: datetime
    age: float


class NewJobRow(TypedDict):
    """`insert_incoming_jobs`: a job that the ledger did not know before."""

    job_id: str
    kind: str
    state: str
    problem: str | None
    error: str | None


class ConfigRow(TypedDict):
    """`config`: the settings in the database."""

    account_name: str | None
    account_id: str | None
    contact_person_id: str | None
    template_eb_ar: str | None
    template_eb_sr: str | None
    template_kop_ar: str | None
    template_kop_sr: str | None
    payment_sync_interval_minutes: int
    datev_chart_of_accounts: str
    auto_transfer_invoices: bool
    is_connected: bool
    token_configured: bool
    connected_by: UUID | None
    last_sync_at: datetime | None
    updated_at: datetime


class ConfigChangeRow(TypedDict):
    """`change_config`: one setting that was changed."""

    field: str
    old_value: Any
    new_value: Any


class TemplateRow(TypedDict):
    """`templates`: a layout that sevDesk offers; `age` in seconds since it was fetched."""

    template_id: str
    name: str
    age: float


class JobCountRow(TypedDict):
    """`count_jobs`: how many unfinished jobs of a kind are in a state."""

    kind: str
    state: str
    jobs: int


class QueueAgeRow(TypedDict):
    """`queue_age`: seconds the oldest due job has waited, and the last payment sync in seconds since 1970."""

    age: float
    last_sync: float | None


class ReceivableRow(HandbackRow):
    """`receivables_by_external_id`: a finalized invoice of ours."""

    id: UUID
    invoice_number: str
    gross_amount: Decimal
    accounting_synced_at: datetime | None


class SyncRunRow(TypedDict):
    """`start_run`: a payment sync that begins."""

    id: int
    started_at: datetime


class FinishedRunRow(TypedDict):
    """`run_to_join`: what another payment sync has done."""

    job_id: str
    pages: int
    seen: int
    changed: int


class ExportRow(TypedDict):
    """`find_or_insert_export`: one DATEV export; `age` in seconds since sevDesk started it, 0 before."""

    export_id: UUID
    start_date: date
    end_date: date
    scope: str
    by_pay_date: bool
    include_images: bool
    enshrine: bool
    status: str
    progress: int
    job_id: str
    sevdesk_job_id: str | None
    age: float


class DocumentRow(TypedDict):
    """`documents_of_period`: an invoice or a cancellation that must be in the DATEV export."""

    kind: str
    number: str
    day: date
    tax_rule: int
    currency: str
    cancels: str | None
    gross: Decimal
    document_kind: str
    items: list[ItemRow] | None
    party: str | None


class ComparedRow(HandbackRow):
    """`invoices_to_compare`: an invoice of ours with what the worker recorded about it."""

    id: UUID
    invoice_number: str
    gross_amount: Decimal
    updated_at: datetime
    cancellation_external_id: str | None
    recipient_id: UUID | None
    contact_id: str | None
    pdf_intact: bool | None  # None: no PDF is stored
    pdf_as_logged: bool | None
    job_alive: bool


class AdoptedRow(TypedDict):
    """`adopted_documents`: an invoice whose document somebody else made."""

    id: UUID
    invoice_number: str
    external_id: str
    content: dict[str, Any]
    seen_update: datetime | None


class ContactHistoryRow(TypedDict):
    """`contact_history`: a sevDesk contact that was linked to a company or person at some time."""

    party_id: UUID
    contact_id: str


def invoice_of(row: InvoiceRow) -> Invoice:
    """The part of the invoice that the billing system wrote."""
    given: dict[str, Any] = {**row}
    same = {f.name: given[f.name] for f in fields(Invoice) if f.name in given and f.name != "items"}
    return Invoice(number=row["invoice_number"], items=tuple(map(item_of, row["items"])), **same)


def item_of(item: ItemRow) -> Item:
    """A position; its numbers become `Decimal`."""
    return Item(
        position=item["position"],
        name=item["name"],
        description=item["description"],
        quantity=Decimal(item["quantity"]),
        unit=item["unit"],
        unit_price=Decimal(item["unit_price"]),
        tax_rate=Decimal(item["tax_rate"]),
    )


def handback_of(row: HandbackRow) -> Handback:
    """The part of the invoice that the worker writes. Raises `ValueError` for a status it does not know."""
    return Handback(
        sync_status=SyncStatus(row["accounting_sync_status"]),
        document_status=DocumentStatus(row["document_status"]),
        claim_status=ClaimStatus(row["claim_status"]),
        external_id=row["external_id"],
        external_invoice_number=row["external_invoice_number"],
        paid_amount=row["paid_amount"],
        paid_at=row["paid_at"],
        cancelled_at=row["cancelled_at"],
    )


def job_ref(row: Mapping[str, str] | None) -> JobRef | None:
    """Id and kind of a ledger row; None for no row."""
    return None if row is None else JobRef(row["job_id"], row["kind"])


def change_arrays(changes: Sequence[Change]) -> dict[str, list[Any]]:
    """The changes as one array per column, for `record_changes`: the values that were read, then the new ones."""
    before = [change.before for change in changes]
    after = [change.after for change in changes]
    return {
        "ids": [change.invoice_id for change in changes],
        "old_sync": [b.sync_status.value for b in before],
        "old_document": [b.document_status.value for b in before],
        "old_claim": [b.claim_status.value for b in before],
        "old_external": [b.external_id for b in before],
        "old_paid": [b.paid_amount for b in before],
        "sync": [a.sync_status.value for a in after],
        "document": [a.document_status.value for a in after],
        "claim": [a.claim_status.value for a in after],
        "external": [a.external_id for a in after],
        "numbers": [a.external_invoice_number for a in after],
        "paid": [a.paid_amount for a in after],
        "paid_at": [a.paid_at for a in after],
        "cancelled_at": [a.cancelled_at for a in after],
    }
