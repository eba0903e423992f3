"""The rows that operators are shown (`sql/queries/operator.sql`). Ages and spans are in seconds. Pure.

A shape is for the type checker, and names the columns of the statement; at run time a row is an asyncpg record.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict
from uuid import UUID


class AccountRow(TypedDict):
    """`account`: the connection to sevDesk and its payment sync."""

    account_name: str | None
    is_connected: bool
    token_configured: bool
    auto_transfer_invoices: bool
    publish_only: list[str] | None  # deal types and invoice numbers; None: the worker publishes all
    payment_sync_interval_minutes: int
    last_sync_at: datetime | None
    sync_age: float | None
    next_sync_at: datetime | None
    account_id: str | None
    other_account_id: str | None  # that a worker's token belonged to, which nothing was asked then
    other_account_worker: str | None
    other_account_age: float | None  # seconds since that was seen last
    restored_at: datetime | None  # when a restore of the database was noticed that `recover` has not followed yet


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
    error: str | None
    next_step: str | None
    asks_about: int | None
    order_key: str
    seq: int
    requested_by: UUID | None
    started_at: datetime | None
    dismissed_by: str | None
    dismissed_reason: str | None
    invoice_number: str | None
    again_in: float | None  # until the next attempt may start
    since: float  # since the row last changed
    due_for: float  # since the job could have started
    parked_beside: int  # how many jobs of the invoice are parked, this one included
    told: bool  # rejected, and a person is told of it
    locked: bool  # a process holds the lock of its order key


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
    issue_date: str
    deal_id: UUID | None
    external_id: str | None
    external_invoice_number: str | None
    accounting_synced_at: datetime | None
    updated_at: datetime
    sending: str | None  # the channel or else the type of the latest event about sending
    missing_for: float | None  # seconds since a payment sync did not find it in sevDesk; None: it found it
    left_to_other: bool  # another program publishes it (publish_only)


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
    requested_by: UUID | None
    correlation_id: str | None
    problem: str | None
    error: str | None
    next_step: str | None
    created_at: datetime
    finished_at: datetime | None
    age: float
    again_in: float | None


class ReconciliationRow(TypedDict):
    """`last_reconciliation`: `drift` counts the differences by what differs."""

    finished_at: datetime
    age: float
    invoices: int
    documents: int
    changing: int
    drift: dict[str, int]


class JobAheadRow(TypedDict):
    """`job_ahead`: the first of the jobs that must finish before, and how many they are."""

    job_id: str
    kind: str
    state: str
    jobs_ahead: int


class NoticeRow(TypedDict):
    """`open_notices`: what is on record about an invoice and wants a person; `seconds` since it was noticed."""

    invoice_id: UUID
    invoice_number: str
    currency: str
    code: str
    parameters: dict[str, str]
    seconds: float


class ExportFindingsRow(TypedDict):
    """`export_with_findings`: a DATEV export whose findings nobody has dealt with."""

    export_id: UUID
    start_date: date
    end_date: date
    status: str
    findings: int


class OpenWriteRow(TypedDict):
    """`open_intent_about`: a write of which nobody knows yet whether it happened."""

    action: str
    step: str
    age: float
    settles_in: float  # until its outcome may be looked for; zero or less: now
