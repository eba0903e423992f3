"""What rows become. A row is an asyncpg record: read by column name, immutable; `sql/queries/` names its columns."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar
from uuid import UUID

from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, SyncStatus

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Row = Mapping[str, Any]


class ConfigRow(TypedDict):
    """`config`: the settings in the database."""

    account_name: str | None
    account_id: str | None
    contact_person_id: str | None
    contact_person_eb: str | None
    contact_person_kop: str | None
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


class JobCountRow(TypedDict):
    """`count_jobs`: how many unfinished jobs of a kind are in a state."""

    kind: str
    state: str
    jobs: int


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
    account_gross: Decimal | None
    document_kind: str
    items: list[tuple[Any, ...]]
    party: str | None


class ComparedRow(TypedDict):
    """`invoices_to_compare`: an invoice of ours with what the worker recorded about it."""

    invoice_id: UUID
    invoice_number: str
    gross_amount: Decimal
    updated_at: datetime
    cancellation_external_id: str | None
    recipient_id: UUID | None
    contact_id: str | None
    pdf_intact: bool | None  # None: no PDF is stored
    pdf_as_logged: bool | None
    job_alive: bool


def from_row(shape: type[T], row: Row, **others: Any) -> T:
    """A dataclass of the columns that are named like its fields, and of `others`."""
    return shape(**{field.name: row[field.name] for field in fields(shape) if field.name in row} | others)


def handback_of(row: Row) -> Handback:
    """The columns of `billing_invoices` that the worker writes. Raises `ValueError` for a status it does not know."""
    return from_row(
        Handback,
        row,
        sync_status=SyncStatus(row["sync_status"]),
        document_status=DocumentStatus(row["document_status"]),
        claim_status=ClaimStatus(row["claim_status"]),
    )
