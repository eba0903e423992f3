"""Compares the demo's results with what is expected of them, value by value.

The expected values come from the billing month and its plans, never from the worker's code.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from worker.demo.results import InvoiceResult, Results
from worker.demo.sample_invoices import ExpectedState

BERLIN = ZoneInfo("Europe/Berlin")
NONE = "none"
STATUSES = {"100": "draft", "200": "open", "750": "partly paid", "1000": "paid"}  # sevDesk's codes, official
SEVDESK_STATUS = {"open": "open", "partially_paid": "partly paid", "paid": "paid"}  # by claim_status

PUBLISHED_EVENTS = ["drafted", "template_set", "finalized", "pdf_stored", "mailed"]
PAYMENT_EVENTS = {ExpectedState.PAID: ["paid"], ExpectedState.PARTLY_PAID: ["partially_paid"]}
# These are counted, and their order is not checked: whichever of a customer's invoices is first writes the contact, and
# `payment_synced` has the same time as the event beside it.
UNORDERED_EVENTS = {"contact_linked", "address_written", "email_written", "payment_synced"}


@dataclass(frozen=True, slots=True)
class Check:
    """One compared value."""

    name: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class CheckGroup:
    """All checks of one invoice, or of the account."""

    name: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks whose actual value is not the expected one."""
        return tuple(check for check in self.checks if check.expected != check.actual)


def check_invoice(invoice: InvoiceResult) -> CheckGroup:
    """Compares everything there is about one invoice."""
    checks = (*_billing_checks(invoice), *_job_checks(invoice), *_event_checks(invoice), *_sevdesk_checks(invoice))
    return CheckGroup(invoice.plan.invoice_number, checks)


def is_refused(invoice: InvoiceResult) -> bool:
    """True for the invoice that sevDesk is expected to refuse."""
    return invoice.plan.expected is ExpectedState.REFUSED


def expected_claim_status(invoice: InvoiceResult) -> str:
    """The `claim_status` at the end of the demo."""
    return "open" if invoice.reversed else invoice.plan.claim_status


def money(amount: Any) -> str:
    """An amount with two decimals, or with all it has if they are more."""
    exact = Decimal(str(amount))
    return f"{exact:.2f}" if exact == round(exact, 2) else str(exact)


def _expected_paid(invoice: InvoiceResult) -> str:
    return money(0 if invoice.reversed else invoice.plan.amount)


def _billing_checks(invoice: InvoiceResult) -> list[Check]:
    row, refused, claim_status = invoice.row, is_refused(invoice), expected_claim_status(invoice)
    paid_on = invoice.plan.paid_on if claim_status == "paid" else None
    paid_at = None if row.paid_at is None else row.paid_at.astimezone(BERLIN).date()
    digests = [event.payload["sha256"] for event in invoice.events if event.event_type == "pdf_stored"]
    return [
        Check("billing: sync status", "parked" if refused else "synced", row.accounting_sync_status),
        Check("billing: document status", "approved" if refused else "sent", row.document_status),
        Check("billing: claim status", claim_status, row.claim_status),
        Check("billing: gross", money(invoice.before["gross_amount"]), money(row.gross_amount)),
        Check("billing: paid", _expected_paid(invoice), money(row.paid_amount)),
        Check("billing: paid on", str(paid_on or NONE), str(paid_at or NONE)),
        Check("billing: provider", "sevdesk", row.accounting_provider or NONE),
        Check("billing: sevDesk id", _in_sevdesk(invoice, "id"), row.external_id or NONE),
        Check("billing: sevDesk number", _in_sevdesk(invoice, "invoiceNumber"), row.external_invoice_number or NONE),
        Check("billing: mails", "0" if refused else "1", str(row.mails)),
        Check(
            "billing: PDFs",
            NONE if refused else _joined(digests),
            _joined(_digest(pdf.content) for pdf in invoice.pdfs),
        ),
    ]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if content.startswith(b"%PDF") else "not a PDF"


def _job_checks(invoice: InvoiceResult) -> list[Check]:
    state = "parked" if is_refused(invoice) else "done"
    checks = [
        Check(f"job {job.kind}", state, job.state if job.state == state else f"{job.state}: {job.error}")
        for job in invoice.jobs
    ]
    checks.append(Check("jobs", "publish_invoice, send_invoice", _joined((job.kind for job in invoice.jobs), ", ")))
    if is_refused(invoice) and invoice.jobs:
        checks.append(Check("parked because", "sevdesk_tax_refused", invoice.jobs[0].problem or NONE))
    return checks


def _event_checks(invoice: InvoiceResult) -> list[Check]:
    payment_events = [*PAYMENT_EVENTS.get(invoice.plan.expected, []), *["payment_reversed"] * invoice.reversed]
    expected = PUBLISHED_EVENTS + payment_events
    if is_refused(invoice):
        expected = ["drafted", "template_set", "parked", "parked"]
    types = [event.event_type for event in invoice.events]
    ordered = (each for each in types if each not in UNORDERED_EVENTS)
    return [
        Check("event log", _joined(expected, ", "), _joined(ordered, ", ")),
        Check("event log: payment_synced", str(len(payment_events)), str(types.count("payment_synced"))),
    ]


def _sevdesk_checks(invoice: InvoiceResult) -> list[Check]:
    before, refused = invoice.before, is_refused(invoice)
    count = Check("sevDesk: invoices", "1", str(len(invoice.in_sevdesk)))
    if not invoice.in_sevdesk:
        return [count]
    status = "draft" if refused else SEVDESK_STATUS[expected_claim_status(invoice)]
    layouts = _joined(each["layout"]["template"] for each in invoice.in_sevdesk)
    mails = _joined(mail["to"] for mail in invoice.mails)
    return [
        count,
        Check("sevDesk: status", status, _in_sevdesk(invoice, "status", STATUSES.get)),
        Check("sevDesk: net", money(before["net_amount"]), _in_sevdesk(invoice, "sumNet", money)),
        Check("sevDesk: tax", money(before["tax_amount"]), _in_sevdesk(invoice, "sumTax", money)),
        Check("sevDesk: gross", money(before["gross_amount"]), _in_sevdesk(invoice, "sumGross", money)),
        Check("sevDesk: paid", _expected_paid(invoice), _in_sevdesk(invoice, "paidAmount", money)),
        Check("sevDesk: date", str(before["issue_date"]), _in_sevdesk(invoice, "invoiceDate", lambda day: day[:10])),
        Check("sevDesk: layout", invoice.layout, layouts),
        Check("sevDesk: mails", NONE if refused else invoice.plan.mail_to, mails),
    ]


def _in_sevdesk(invoice: InvoiceResult, key: str, written: Callable[[Any], object] = str) -> str:
    """A value of the invoice in sevDesk; if there are several such invoices, the values of all."""
    return _joined(NONE if each[key] is None else str(written(each[key])) for each in invoice.in_sevdesk)


def _joined(values: Iterable[str], separator: str = " and ") -> str:
    return separator.join(values) or NONE


def check_account(results: Results) -> CheckGroup:
    """Checks the contacts, the payment syncs, and that there is nothing else."""
    published = [invoice for invoice in results.invoices if not is_refused(invoice)]
    numbers = {each["invoiceNumber"] for invoice in published for each in invoice.in_sevdesk} - {None}
    other_documents = (f"{each['objectName']} {each['id']}" for each in results.other_documents)
    # The worker starts syncs of its own every ten minutes, which nobody has requested and which may still run.
    syncs = [job.state for job in results.jobs if job.kind == "sync_payments" and job.requested_by]
    checks = [
        Check("sevDesk: different invoice numbers", str(len(published)), str(len(numbers))),
        Check("sevDesk: other documents", NONE, _joined(other_documents)),
        Check("sevDesk: other mails", NONE, _joined(f"mail {each['id']}" for each in results.other_mails)),
        Check("writes of unknown outcome", NONE, _joined(results.open_intents)),
        Check("left in Redis", NONE, _joined(results.redis_keys)),
        Check("payment syncs", "done and done", _joined(syncs)),
        *_contact_checks(results),
    ]
    return CheckGroup("the account", tuple(checks))


def _contact_checks(results: Results) -> list[Check]:
    """Every customer is exactly one contact in sevDesk, and each step of writing it is in the event log once."""
    persons = [str(row["id"]) for row in results.month.contacts if not row["is_internal"]]
    companies = [str(row["id"]) for row in results.month.companies]
    expected = sorted([*(f"R1-P-{id_}" for id_ in persons), *(f"R1-C-{id_}" for id_ in companies)])
    actual = sorted(str(contact["customerNumber"]) for contact in results.contacts)
    checks = [Check("sevDesk: contacts", _joined(expected, ", "), _joined(actual, ", "))]
    for event_type in ("contact_linked", "address_written", "email_written"):
        parties = sorted(event.payload["party_id"] for event in results.events if event.event_type == event_type)
        checks.append(
            Check(f"event log: {event_type}", _joined(sorted(persons + companies), ", "), _joined(parties, ", "))
        )
    return checks
