"""The results of the demo: rows of the billing system and contents of the sandbox, read for each invoice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from worker.demo import credits
from worker.demo.billing_system import BillingSystem
from worker.demo.month import BillingMonth, InvoicePlan, Row
from worker.demo.sandbox import SandboxControl

SandboxObject = Mapping[str, Any]  # an invoice, contact or mail as the sandbox's control endpoint returns it

_INVOICES = """
SELECT i.*,
       ARRAY(SELECT to_jsonb(j) FROM sevdesk_jobs j WHERE j.invoice_id = i.id ORDER BY j.seq) AS jobs,
       ARRAY(SELECT to_jsonb(e) FROM billing_invoice_event_log e WHERE e.invoice_id = i.id
             ORDER BY e.created_at, e.id) AS events,
       ARRAY(SELECT d.content FROM sevdesk_documents d WHERE d.invoice_id = i.id AND d.kind = 'invoice_pdf'
             ORDER BY d.id) AS pdfs,
       (SELECT count(*) FROM sevdesk_mails m WHERE m.invoice_id = i.id) AS mails
FROM billing_invoices i
"""
# The worker starts syncs of its own every ten minutes, which nobody has requested and which may still run.
_SYNCS = "SELECT state FROM sevdesk_jobs WHERE kind = 'sync_payments' AND requested_by IS NOT NULL ORDER BY seq"
_OPEN_INTENTS = "SELECT action || ' of ' || subject AS text FROM sevdesk_intents WHERE closed_at IS NULL ORDER BY id"
_SANDBOX_PARTS = ("invoices", "credit_notes", "contacts", "mails")


@dataclass(frozen=True, slots=True)
class InvoiceOutcome:
    """Everything there is about one invoice."""

    plan: InvoicePlan
    row: Row  # of `billing_invoices`, with its `jobs`, `events`, `pdfs` and the number of rows in `sevdesk_mails`
    in_sevdesk: list[SandboxObject]  # all documents with our invoice number in their internal note
    mails: list[SandboxObject]


@dataclass(frozen=True, slots=True)
class Results:
    """The results of all invoices, and what belongs to none of them."""

    month: BillingMonth
    invoices: list[InvoiceOutcome]
    syncs: list[str]  # states of the requested payment syncs
    open_intents: list[str]
    redis_keys: list[str]
    # New in sevDesk since the demo began:
    contacts: list[SandboxObject]
    credit_notes: list[SandboxObject]
    other_documents: list[SandboxObject]
    other_mails: list[SandboxObject]


def sandbox_ids(sandbox: SandboxControl) -> set[str]:
    """The ids of everything in the sandbox. Raises `DemoError`."""
    state = sandbox.state()
    return {str(each["id"]) for part in _SANDBOX_PARTS for each in state[part]}


def read_results(month: BillingMonth, billing: BillingSystem, sandbox: SandboxControl, old_ids: set[str]) -> Results:
    """Reads all results; ignores `old_ids` of the sandbox.

    Raises `DemoError`, `psycopg.Error` or `redis.RedisError`.
    """
    state = sandbox.state()
    new = {part: [each for each in state[part] if str(each["id"]) not in old_ids] for part in _SANDBOX_PARTS}
    rows = {row["id"]: row for row in billing.rows(_INVOICES)}
    in_sevdesk = _grouped((each["customerInternalNote"], each) for each in new["invoices"])
    mails = _grouped((mail["object"]["id"], mail) for mail in new["mails"])
    invoices = [
        InvoiceOutcome(plan, rows[plan.invoice_id], found, [mail for each in found for mail in mails[each["id"]]])
        for plan in month.plans
        for found in [in_sevdesk[plan.invoice_number]]
    ]
    credited = [each for each in new["credit_notes"] if credits.is_ours(each["customerInternalNote"])]
    ours = {each["id"] for each in credited} | {
        each["id"] for invoice in invoices for each in (*invoice.in_sevdesk, *invoice.mails)
    }
    return Results(
        month=month,
        invoices=invoices,
        syncs=[row["state"] for row in billing.rows(_SYNCS)],
        open_intents=[row["text"] for row in billing.rows(_OPEN_INTENTS)],
        redis_keys=billing.remaining_redis_keys(),
        contacts=new["contacts"],
        credit_notes=credited,
        other_documents=[each for each in (*new["invoices"], *new["credit_notes"]) if each["id"] not in ours],
        other_mails=[each for each in new["mails"] if each["id"] not in ours],
    )


def _grouped(pairs: Iterable[tuple[str, SandboxObject]]) -> defaultdict[str, list[SandboxObject]]:
    groups: defaultdict[str, list[SandboxObject]] = defaultdict(list)
    for key, each in pairs:
        groups[key].append(each)
    return groups
