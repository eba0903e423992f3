"""What rows become. A row is an asyncpg record: read by column name, immutable; `sql/queries/` names its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar
from uuid import UUID

from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, SyncStatus
from worker.domain.ledger import IncomingJob
from worker.domain.problems import problem

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Row = Mapping[str, Any]


def incoming_columns(jobs: Sequence[IncomingJob]) -> dict[str, list[Any]]:
    """The values of `take_in_jobs`, one list for each column."""
    problems = [job.problem for job in jobs]
    return {
        "job_ids": [job.job_id for job in jobs],
        "kinds": [job.kind for job in jobs],
        "payloads": [dict(job.payload) for job in jobs],
        "invoice_ids": [job.invoice_id for job in jobs],
        "requesters": [job.requested_by for job in jobs],
        "correlation_ids": [job.correlation_id for job in jobs],
        "scheduled_ats": [datetime.fromtimestamp(max(job.score, 0) / 1000, UTC) for job in jobs],
        "problems": [problem and problem.code for problem in problems],
        "parameters": [problem and dict(problem.parameters) for problem in problems],
        "errors": [problem and problem.cause() for problem in problems],
        "next_steps": [problem and problem.next_step() for problem in problems],
    }


class ConfigRow(TypedDict):
    """`config`: the settings in the database that jobs read."""

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


class ClockRow(TypedDict):
    """`clock`: Postgres' present time and its version."""

    now: datetime
    version: str
    version_number: int  # such as 140000 for Postgres 14


class HighWaterRow(TypedDict):
    """`high_water_mark`: the database's mark, see `maintenance/restore_watch.py`."""

    database_id: UUID
    epoch: int
    writes: int  # what Redis was told at most
    latest: int  # id of the latest intent; 0 if retention has left none
    pending: bool
    now: datetime  # Postgres' clock


class TemplateRow(TypedDict):
    """`templates`: a layout that sevDesk offers; `age` in seconds since it was fetched."""

    template_id: str
    name: str
    age: float


class QueueAgeRow(TypedDict):
    """`queue_age`: for how many seconds the first ready job has waited; `sync_age`: since the last sync."""

    age: float
    sync_age: float | None


class ForeignLocksRow(TypedDict):
    """`foreign_locks`: a session of somebody else, and how many locks of the worker's kind it holds."""

    pid: int
    database_user: str
    locks: int


class JobCountRow(TypedDict):
    """`count_jobs`: how many unfinished jobs of a kind are in a state."""

    kind: str
    state: str
    jobs: int


class NoticeCountRow(TypedDict):
    """`count_notices`: how many notices with this code are open."""

    code: str
    notices: int


class OpenIntentRow(TypedDict):
    """`find_open_intent`: a write whose outcome is not known; `settles_in`: seconds of its quarantine that are left."""

    id: int
    job_id: str
    step: str
    action: str
    summary: dict[str, Any]
    request_sha256: str
    addresses: dict[str, Any] | None
    answer: str | None
    at: datetime
    settles_in: float


class StartedRunRow(TypedDict):
    """`start_run`: a payment sync that has begun. `shared`: another program publishes invoices too (publish_only)."""

    id: int
    started_at: datetime
    shared: bool


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
    job_id: str
    sevdesk_job_id: str | None
    age: float


class DocumentRow(TypedDict):
    """`documents_of_period`: an invoice, a cancellation or a credit note that must be in the DATEV export."""

    kind: str
    number: str
    day: date
    issue_day: date | None  # by pay date: the invoice date
    optional: bool  # whether an export by pay date has it is not established
    tax_rule: int
    currency: str
    cancels: str | None
    gross: Decimal
    account_gross: Decimal | None
    document_kind: str
    subtotals: Mapping[str, Mapping[str, str]] | None  # tax rate -> net and tax, positive
    items: list[tuple[Any, ...]]
    party: str | None


class WrittenColumns(TypedDict):
    """The columns of an invoice that the worker writes, besides external_id, which is not null in some statements."""

    sync_status: str
    document_status: str
    claim_status: str
    external_invoice_number: str | None
    paid_amount: Decimal
    paid_at: datetime | None
    cancelled_at: datetime | None


class ReceivableRow(WrittenColumns):
    """`receivables_by_external_id`: a finalized invoice, and what we believe is owed on it."""

    invoice_id: UUID
    number: str
    gross: Decimal
    external_id: str
    accounting_synced_at: datetime | None
    credited: Decimal
    write_open: bool
    bounced_send_date: datetime | None
    refund_due: Decimal


class ComparedRow(WrittenColumns):
    """`invoices_to_compare`: an invoice of ours with what the worker recorded about it."""

    invoice_id: UUID
    number: str
    gross: Decimal
    external_id: str | None
    updated_at: datetime
    cancellation_external_id: str | None
    cancellation_kind: str | None
    recipient_id: UUID | None
    contact_id: str | None
    credited: Decimal
    write_open: bool
    bounced_send_date: datetime | None
    refund_due: Decimal
    pdf_intact: bool | None  # None: no PDF is stored
    pdf_as_logged: bool | None
    job_alive: bool


class OtherProviderRow(TypedDict):
    """`given_to_other_provider`: an invoice of ours that the billing system calls another program's, or nobody's."""

    invoice_id: UUID
    number: str
    external_id: str
    provider: str


class AdoptedRow(TypedDict):
    """`adopted_documents`: a document that somebody else made, with its content when it was taken over."""

    id: UUID
    invoice_number: str
    external_id: str
    content: dict[str, Any]
    seen_update: datetime | None


class LinkedContactRow(TypedDict):
    """`contact_history`: a sevDesk contact that was once linked to a party."""

    party_id: UUID
    contact_id: str


def from_row(shape: type[T], row: Row, **others: Any) -> T:
    """A dataclass of the columns that are named like its fields, and of `others`."""
    return shape(**{name: row[name] for name in _names(shape) if name in row} | others)


@cache
def _names(shape: type["DataclassInstance"]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(shape))


class UnknownValue(ValueError):
    """A column of an invoice holds a word that the worker does not know."""

    def __init__(self, column: str, row: Row) -> None:
        self.invoice_id: UUID = row.get("invoice_id") or row["id"]
        self.problem = problem("invoice_value_unknown", invoice_id=self.invoice_id, column=column)
        super().__init__(self.problem.cause())


class MissingId(UnknownValue):
    """An invoice counts as published, and the billing system has no sevDesk id for it."""

    def __init__(self, row: Row) -> None:
        super().__init__("external_id", row)
        self.problem = problem("sevdesk_id_missing", invoice_id=self.invoice_id)


# Columns of `billing_invoices` without nulls, by their names in our statements. A view of other tables may have some.
FILLED = {
    "number": "invoice_number",
    "gross": "gross_amount",
    "day": "issue_date",
    **{
        name: name
        for name in ("currency", "net_amount", "tax_amount", "gross_amount", "paid_amount", "tax_rule", "issue_date")
    },
}


def handback_of(row: Row) -> Handback:
    """The columns of `billing_invoices` that the worker writes.

    Raises `UnknownValue` for a status it does not know, and for a null where the row must have a value.
    """
    for name, column in FILLED.items():
        if name in row and row[name] is None:
            raise UnknownValue(column, row)
    statuses: dict[str, Any] = {}
    for column, kind in (
        ("sync_status", SyncStatus),
        ("document_status", DocumentStatus),
        ("claim_status", ClaimStatus),
    ):
        try:
            statuses[column] = kind(row[column])
        except ValueError:
            raise UnknownValue("accounting_sync_status" if column == "sync_status" else column, row) from None
    return from_row(Handback, row, **statuses)


class BusinessRow(TypedDict):
    """`business_figures`: counts, sums in EUR as floats for gauges, and an age in seconds."""

    published: int
    sent: int
    paid: int
    published_euros: float
    sent_euros: float
    paid_euros: float
    claims_not_due: int
    claims_overdue: int
    claims_not_due_euros: float
    claims_overdue_euros: float
    overpaid_euros: float
    exports_with_findings: int
    sweep_age: float
