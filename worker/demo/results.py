"""The results of the demo: rows of the billing system, events and contents of the sandbox, read for each invoice."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from worker.demo.billing_system import BillingSystem
from worker.demo.month import BillingMonth, InvoicePlan, Row
from worker.demo.sandbox import SandboxControl

T = TypeVar("T")
SandboxObject = Mapping[str, Any]  # an invoice, contact or mail as the sandbox's control endpoint returns it

JOBS = "SELECT invoice_id, requested_by, kind, state, problem, error, next_step FROM sevdesk_jobs ORDER BY seq"
_INVOICES = """
SELECT i.id, i.accounting_sync_status, i.document_status, i.claim_status, i.gross_amount, i.paid_amount, i.paid_at,
       i.accounting_provider, i.external_id, i.external_invoice_number,
       (SELECT count(*) FROM sevdesk_mails m WHERE m.invoice_id = i.id) AS mails
FROM billing_invoices i
"""
_EVENTS = "SELECT invoice_id, event_type, payload FROM billing_invoice_event_log ORDER BY created_at, id"
_PDFS = "SELECT invoice_id, content FROM sevdesk_documents WHERE kind = 'invoice_pdf' ORDER BY id"
_OPEN_INTENTS = "SELECT action || ' of ' || subject FROM sevdesk_intents WHERE closed_at IS NULL ORDER BY id"
_SANDBOX_PARTS = ("invoices", "credit_notes", "contacts", "mails")


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """Columns of `billing_invoices`, and the number of rows in `sevdesk_mails`."""

    id: UUID
    accounting_sync_status: str
    document_status: str
    claim_status: str
    gross_amount: Decimal
    paid_amount: Decimal
    paid_at: datetime | None
    accounting_provider: str | None
    external_id: str | None
    external_invoice_number: str | None
    mails: int


@dataclass(frozen=True, slots=True)
class JobRow:
    """Columns of `sevdesk_jobs`."""

    invoice_id: UUID | None
    requested_by: UUID | None
    kind: str
    state: str
    problem: str | None
    error: str | None
    next_step: str | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """Columns of `billing_invoice_event_log`."""

    invoice_id: UUID
    event_type: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PdfRow:
    """Columns of `sevdesk_documents`."""

    invoice_id: UUID
    content: bytes


@dataclass(frozen=True, slots=True)
class InvoiceResult:
    """Everything there is about one invoice."""

    before: Row  # as the billing system wrote it
    plan: InvoicePlan
    reversed: bool  # the bank has returned its payment
    layout: str  # sevDesk's id of the template
    row: InvoiceRow
    jobs: list[JobRow]
    events: list[EventRow]
    pdfs: list[PdfRow]
    in_sevdesk: list[SandboxObject]  # all documents with our invoice number in their internal note
    mails: list[SandboxObject]


@dataclass(frozen=True, slots=True)
class Results:
    """The results of all invoices, and what belongs to none of them."""

    month: BillingMonth
    invoices: list[InvoiceResult]
    events: list[EventRow]
    jobs: list[JobRow]
    open_intents: list[str]
    redis_keys: list[str]
    # New in sevDesk since the demo began:
    contacts: list[SandboxObject]
    other_documents: list[SandboxObject]
    other_mails: list[SandboxObject]


def sandbox_ids(sandbox: SandboxControl) -> set[str]:
    """The ids of everything in the sandbox. Raises `DemoError`."""
    state = sandbox.state()
    return {str(each["id"]) for part in _SANDBOX_PARTS for each in state[part]}


def read_results(
    month: BillingMonth, reversed_id: UUID, billing: BillingSystem, sandbox: SandboxControl, old_ids: set[str]
) -> Results:
    """Reads all results. `reversed_id` is the invoice whose payment was returned; `old_ids` are ignored.

    Raises `DemoError`, `psycopg.Error` or `redis.RedisError`.
    """
    state = sandbox.state()
    new = {part: [each for each in state[part] if str(each["id"]) not in old_ids] for part in _SANDBOX_PARTS}
    jobs, events = billing.rows(JobRow, JOBS), billing.rows(EventRow, _EVENTS)
    rows = {row.id: row for row in billing.rows(InvoiceRow, _INVOICES)}
    jobs_by_invoice, events_by_invoice = _grouped(jobs, lambda job: job.invoice_id), _grouped(events, _invoice_id)
    pdfs = _grouped(billing.rows(PdfRow, _PDFS), _invoice_id)
    in_sevdesk = _grouped(new["invoices"], lambda each: each["customerInternalNote"])
    mails = _grouped(new["mails"], lambda mail: mail["object"]["id"])
    layouts = {row["id"]: str(row["sevdesk_template_id"]) for row in month.billing_document_templates}
    invoices = [
        InvoiceResult(
            before=before,
            plan=plan,
            reversed=plan.invoice_id == reversed_id,
            layout=layouts[before["document_template_id"]],
            row=rows[plan.invoice_id],
            jobs=jobs_by_invoice[plan.invoice_id],
            events=events_by_invoice[plan.invoice_id],
            pdfs=pdfs[plan.invoice_id],
            in_sevdesk=in_sevdesk[plan.invoice_number],
            mails=[mail for each in in_sevdesk[plan.invoice_number] for mail in mails[each["id"]]],
        )
        for before, plan in zip(month.billing_invoices, month.plans, strict=True)
    ]
    ours = {each["id"] for invoice in invoices for each in (*invoice.in_sevdesk, *invoice.mails)}
    return Results(
        month=month,
        invoices=invoices,
        events=events,
        jobs=jobs,
        open_intents=[intent for (intent,) in billing.values(_OPEN_INTENTS)],
        redis_keys=billing.remaining_redis_keys(),
        contacts=new["contacts"],
        other_documents=[each for each in (*new["invoices"], *new["credit_notes"]) if each["id"] not in ours],
        other_mails=[each for each in new["mails"] if each["id"] not in ours],
    )


def _invoice_id(row: EventRow | PdfRow) -> UUID:
    return row.invoice_id


def _grouped(rows: Iterable[T], key: Callable[[T], Any]) -> defaultdict[Any, list[T]]:
    groups: defaultdict[Any, list[T]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
