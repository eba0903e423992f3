"""The shapes of the rows that commands for operators read (`sql/queries/operator.sql`). Ages and spans are in seconds.

A shape is for the type checker: at run time a row is an asyncpg record, read by column name and immutable.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID


class InvoiceIdRow(TypedDict):
    """`find_invoice`."""

    id: UUID


class FoundJobRow(TypedDict):
    """`find_job`: a job, and the invoice it is about."""

    job_id: str
    invoice_id: UUID | None


class JobIdRow(TypedDict):
    """`parked_job_ids`."""

    job_id: str


class StateCountRow(TypedDict):
    """`queue_states`, `recent_states`: how many jobs are in a state."""

    state: str
    jobs: int


class TableSizesRow(TypedDict):
    """`table_sizes`: rows as Postgres estimates them."""

    jobs: int
    invoices: int


class RunningJobRow(TypedDict):
    """`running_jobs`: `seconds` since the job was started or last finished a step."""

    job_id: str
    kind: str
    invoice_number: str | None
    attempt: int
    worker: str | None
    seconds: float


class ParkedJobRow(TypedDict):
    """`parked_jobs`: `seconds` since the job was parked."""

    job_id: str
    kind: str
    invoice_number: str | None
    problem: str | None
    error: str | None
    next_step: str | None
    seconds: float


class WaitingJobRow(TypedDict):
    """`oldest_waiting`: `seconds` since the job was recorded."""

    job_id: str
    kind: str
    state: str
    invoice_number: str | None
    error: str | None
    seconds: float


class ListedJobRow(TypedDict):
    """`list_jobs`: `again_in` until the next attempt may start; None or negative: nothing to wait for."""

    job_id: str
    kind: str
    state: str
    invoice_number: str | None
    attempt: int
    origin: str
    problem: str | None
    error: str | None
    next_step: str | None
    created_at: datetime
    finished_at: datetime | None
    age: float
    again_in: float | None


class AccountRow(TypedDict):
    """`account`: the connection to sevDesk and its payment sync."""

    account_name: str | None
    is_connected: bool
    token_configured: bool
    auto_transfer_invoices: bool
    payment_sync_interval_minutes: int
    last_sync_at: datetime | None
    sync_age: float | None
    next_sync_at: datetime | None


class ReconciliationRow(TypedDict):
    """`last_reconciliation`: `drift` counts the differences by what differs."""

    finished_at: datetime
    age: float
    invoices: int
    documents: int
    changing: int
    drift: dict[str, int]


class DecidingJobRow(TypedDict):
    """`deciding_job`: the job that decides what happens next to an invoice."""

    job_id: str
    kind: str
    state: str
    attempt: int
    retries: int
    worker: str | None
    steps_done: list[str]
    problem: str | None
    problem_parameters: dict[str, Any] | None
    asks_about: int | None
    error: str | None
    next_step: str | None
    order_key: str
    seq: int
    requested_by: UUID | None
    started_at: datetime | None
    invoice_id: UUID | None
    invoice_number: str | None
    again_in: float | None  # until the next attempt may start
    since: float  # since the row last changed
    due_for: float  # since the job could have started
    parked_beside: int  # how many jobs of the invoice are parked, this one included
    locked: bool  # a process holds the lock of its order key


class JobAheadRow(TypedDict):
    """`job_ahead`: the first of the jobs that must finish before, and how many they are."""

    job_id: str
    kind: str
    state: str
    jobs_ahead: int


class OpenWriteRow(TypedDict):
    """`open_intent_about`: a write of which nobody knows yet whether it happened."""

    action: str
    step: str
    age: float


class InvoiceHeadRow(TypedDict):
    """`invoice_head`: an invoice without its positions and texts."""

    id: UUID
    invoice_number: str
    document_kind: str
    document_status: str
    claim_status: str
    accounting_sync_status: str
    currency: str
    net_amount: Decimal
    tax_amount: Decimal
    gross_amount: Decimal
    paid_amount: Decimal
    paid_at: datetime | None
    cancelled_at: datetime | None
    issue_date: date
    deal_id: UUID | None
    external_id: str | None
    external_invoice_number: str | None
    accounting_synced_at: datetime | None
    updated_at: datetime


class InvoiceJobRow(TypedDict):
    """`jobs_of_invoice`."""

    job_id: str
    kind: str
    state: str
    attempt: int
    problem: str | None
    problem_parameters: dict[str, Any] | None
    error: str | None
    next_step: str | None
    created_at: datetime
    finished_at: datetime | None


class TimelineRow(TypedDict):
    """`timeline`: something that happened to an invoice."""

    at: datetime
    source: str  # event, job, write, document or mail
    what: str
    detail: dict[str, Any]


class ClockRow(TypedDict):
    """`clock`: the server's time and version (`version_number`: 140005 is 14.5)."""

    now: datetime
    version: str
    version_number: int


class BillingColumnRow(TypedDict):
    """`billing_columns`: a column as it is, and what this role may do with it."""

    table_name: str
    column_name: str
    type: str
    may_select: bool
    may_insert: bool
    may_update: bool


class MigrationLogRow(TypedDict):
    """`migration_log`: whether yoyo's log of migrations exists, and whether this role may read it."""

    there: bool
    readable: bool


class NamedTemplateRow(TypedDict):
    """`named_templates`: a template that invoices use, and where it is named."""

    template_id: str
    place: str
