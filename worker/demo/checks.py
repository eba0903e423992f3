"""Compares the demo's results with what is expected of them, value by value.

The expected values come from the billing month and its plans, never from the worker's code.
"""

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from worker.demo import credits
from worker.demo.results import InvoiceOutcome, Results
from worker.demo.sample_invoices import ExpectedState
from worker.domain.dates import BERLIN

STATUSES = {"100": "draft", "200": "open", "750": "partially_paid", "1000": "paid"}  # sevDesk's codes, official

PUBLISHED_EVENTS = ["drafted", "template_set", "finalized", "pdf_stored"]
# The layout of an e-invoice is set once it has a number.
E_INVOICE_EVENTS = ["drafted", "finalized", "template_set", "pdf_stored", "xml_stored", "e_invoice_checked"]
NOTHING_OWED_EVENTS = ["drafted", "template_set", "finalized", "nothing_owed", "pdf_stored"]
SENT_EVENTS = {"email": "mailed", "post": "marked_sent"}
SEND_TYPES = {"email": "VM", "post": "VP"}  # sevDesk's, official
PAYMENT_EVENTS = {
    ExpectedState.PAID: ["paid"],
    ExpectedState.PARTLY_PAID: ["partially_paid"],
    ExpectedState.RETURNED: ["paid", "payment_reversed"],
}
CONTACT_EVENTS = ("contact_linked", "address_written", "email_written")
# These are counted, and their order is not checked: whichever of a customer's invoices is first writes the contact, and
# `payment_synced` has the same time as the event beside it.
UNORDERED_EVENTS = {*CONTACT_EVENTS, "payment_synced"}


class Comparison(NamedTuple):
    """One compared value, as texts."""

    name: str
    expected: str
    actual: str


def money(amount: Decimal) -> str:
    """An amount with two decimals, or with all it has if they are more."""
    return f"{amount:.2f}" if amount == round(amount, 2) else str(amount)


def _check(name: str, expected: object, actual: object) -> Comparison:
    return Comparison(name, _text(expected), _text(actual))


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, Decimal):
        return money(value)
    return "none" if value is None else str(value)


def check_invoice(invoice: InvoiceOutcome) -> list[Comparison]:
    """Compares everything there is about one invoice."""
    return [*_billing_checks(invoice), *_job_checks(invoice), *_event_checks(invoice), *_sevdesk_checks(invoice)]


def _expected_paid_on(invoice: InvoiceOutcome) -> date | None:
    """The day of the payment; where nothing is owed, the day of the publication."""
    if invoice.plan.expected is ExpectedState.NOTHING_OWED:
        days = [each["created_at"] for each in invoice.row["events"] if each["event_type"] == "finalized"]
        return datetime.fromisoformat(days[0]).astimezone(BERLIN).date() if days else None
    return invoice.plan.paid_on if invoice.plan.expected is ExpectedState.PAID else None


def _expected_paid(invoice: InvoiceOutcome) -> Decimal:
    return Decimal(0) if invoice.plan.expected is ExpectedState.RETURNED else invoice.plan.amount


def _billing_checks(invoice: InvoiceOutcome) -> list[Comparison]:
    plan, row = invoice.plan, invoice.row
    paid_at = row["paid_at"].astimezone(BERLIN).date() if row["paid_at"] else None
    digests = [event["payload"]["sha256"] for event in row["events"] if event["event_type"] == "pdf_stored"]
    return [
        _check("billing: sync status", "parked" if plan.is_refused else "synced", row["accounting_sync_status"]),
        _check("billing: document status", "approved" if plan.is_refused else "sent", row["document_status"]),
        _check("billing: claim status", plan.claim_status, row["claim_status"]),
        _check("billing: gross", plan.row["gross_amount"], row["gross_amount"]),
        _check("billing: paid", _expected_paid(invoice), row["paid_amount"]),
        _check("billing: paid on", _expected_paid_on(invoice), paid_at),
        _check("billing: provider", "sevdesk", row["accounting_provider"]),
        _check("billing: sevDesk id", _in_sevdesk(invoice, "id"), row["external_id"]),
        _check("billing: sevDesk number", _in_sevdesk(invoice, "invoiceNumber"), row["external_invoice_number"]),
        _check("billing: mails", int(plan.is_mailed), row["mails"]),
        _check("billing: PDFs", [] if plan.is_refused else digests, [_digest(content) for content in row["pdfs"]]),
    ]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if content.startswith(b"%PDF") else "not a PDF"


def _job_checks(invoice: InvoiceOutcome) -> list[Comparison]:
    jobs, state = invoice.row["jobs"], "parked" if invoice.plan.is_refused else "done"
    actual = [f"{job['kind']} {job['state']}" + f": {job['error']}" * (job["state"] != state) for job in jobs]
    kinds = ["publish_invoice", "send_invoice", *([credits.JOB] if _credit_of(invoice) else [])]
    checks = [_check("jobs", [f"{kind} {state}" for kind in kinds], actual)]
    if invoice.plan.is_refused and jobs:
        checks.append(_check("parked because", "sevdesk_tax_refused", jobs[0]["problem"]))
    return checks


def _credit_of(invoice: InvoiceOutcome) -> credits.DemoCredit | None:
    return credits.CREDITS.get(invoice.plan.invoice_number)


def _event_checks(invoice: InvoiceOutcome) -> list[Comparison]:
    payment_events = PAYMENT_EVENTS.get(invoice.plan.expected, [])
    sent = [SENT_EVENTS[invoice.plan.channel]]
    published, credit = E_INVOICE_EVENTS if invoice.plan.e_invoice else PUBLISHED_EVENTS, _credit_of(invoice)
    expected = published + sent + payment_events + (credit.events if credit else [])
    if invoice.plan.expected is ExpectedState.NOTHING_OWED:
        expected = NOTHING_OWED_EVENTS + sent
        payment_events = ["nothing_owed"]
    if invoice.plan.is_refused:
        expected = ["drafted", "template_set", "parked", "parked"]
    types = [event["event_type"] for event in invoice.row["events"]]
    return [
        _check("event log", expected, [each for each in types if each not in UNORDERED_EVENTS]),
        _check("event log: payment_synced", len(payment_events), types.count("payment_synced")),
        _check("e-invoice: verdicts", ["valid"] * expected.count("e_invoice_checked"), verdicts(invoice)),
    ]


def verdicts(invoice: InvoiceOutcome) -> list[str]:
    """What the official rules said about the e-invoice and its credit note."""
    told = [event["payload"] for event in invoice.row["events"] if event["event_type"] == "e_invoice_checked"]
    return [each["verdict"] if each["rules"] else "not judged: the extra einvoice is missing" for each in told]


def _sevdesk_checks(invoice: InvoiceOutcome) -> list[Comparison]:
    plan, count = invoice.plan, _check("sevDesk: invoices", 1, len(invoice.in_sevdesk))
    if not invoice.in_sevdesk:
        return [count]
    # An invoice over nothing stays open in sevDesk; that nothing is owed, the billing system knows.
    nothing_owed = plan.expected is ExpectedState.NOTHING_OWED
    status = "draft" if plan.is_refused else "open" if nothing_owed else plan.claim_status
    layouts = [each["layout"]["template"] for each in invoice.in_sevdesk]
    units = [position["unity"]["id"] for each in invoice.in_sevdesk for position in each["positions"]]
    mails, as_xml = [mail["to"] for mail in invoice.mails], [mail["sendXml"] for mail in invoice.mails]
    return [
        count,
        _check("sevDesk: status", status, _in_sevdesk(invoice, "status", STATUSES.get)),
        _check("sevDesk: net", plan.row["net_amount"], _in_sevdesk(invoice, "sumNet", _decimal)),
        _check("sevDesk: tax", plan.row["tax_amount"], _in_sevdesk(invoice, "sumTax", _decimal)),
        _check("sevDesk: gross", plan.row["gross_amount"], _in_sevdesk(invoice, "sumGross", _decimal)),
        _check("sevDesk: paid", _expected_paid(invoice), _in_sevdesk(invoice, "paidAmount", _decimal)),
        _check("sevDesk: date", plan.row["issue_date"], _in_sevdesk(invoice, "invoiceDate", lambda day: day[:10])),
        _check("sevDesk: layout", plan.layout, layouts),
        _check("sevDesk: units", plan.unities, units),
        _check("sevDesk: mails", plan.mail_to if plan.is_mailed else [], mails),
        _check("sevDesk: mailed as XML", [plan.e_invoice == "XRechnung"] if plan.is_mailed else [], as_xml),
        _check("sevDesk: sent", "0" if plan.is_refused else SEND_TYPES[plan.channel], _in_sevdesk(invoice, "sendType")),
    ]


def _in_sevdesk(invoice: InvoiceOutcome, key: str, read: Callable[[Any], object] = str) -> list[object]:
    """A value of the invoice in sevDesk; if there are several such invoices, the values of all."""
    return [None if each[key] is None else read(each[key]) for each in invoice.in_sevdesk]


def _decimal(amount: object) -> Decimal:
    return Decimal(str(amount))


def _credited(results: Results) -> list[Decimal]:
    return sorted(_decimal(note["sumGross"]) for note in results.credit_notes)


def check_account(results: Results) -> list[Comparison]:
    """Checks the contacts, the payment syncs, and that there is nothing else."""
    published = [invoice for invoice in results.invoices if not invoice.plan.is_refused]
    numbers = {each["invoiceNumber"] for invoice in published for each in invoice.in_sevdesk} - {None}
    other_documents = [f"{each['objectName']} {each['id']}" for each in results.other_documents]
    return [
        _check("sevDesk: different invoice numbers", len(published), len(numbers)),
        _check("sevDesk: credit notes", [each.gross for each in credits.CREDITS.values()], _credited(results)),
        _check("sevDesk: other documents", None, other_documents),
        _check("sevDesk: other mails", None, [f"mail {each['id']}" for each in results.other_mails]),
        _check("writes of unknown outcome", None, results.open_intents),
        _check("left in Redis", None, results.redis_keys),
        _check("payment syncs", ["done", "done"], results.syncs),
        *_contact_checks(results),
    ]


def _contact_checks(results: Results) -> list[Comparison]:
    """Every customer is exactly one contact in sevDesk, and each step of writing it is in the event log once."""
    tables = results.month.tables
    persons = [str(row["id"]) for row in tables["contacts"] if not row["is_internal"]]
    companies = [str(row["id"]) for row in tables["companies"]]
    numbers = sorted([*(f"R1-P-{id_}" for id_ in persons), *(f"R1-C-{id_}" for id_ in companies)])
    events = [event for invoice in results.invoices for event in invoice.row["events"]]
    return [
        _check("sevDesk: contacts", numbers, sorted(str(contact["customerNumber"]) for contact in results.contacts)),
        *(
            _check(
                f"event log: {event_type}",
                sorted(persons + companies),
                sorted(event["payload"]["party_id"] for event in events if event["event_type"] == event_type),
            )
            for event_type in CONTACT_EVENTS
        ),
    ]
