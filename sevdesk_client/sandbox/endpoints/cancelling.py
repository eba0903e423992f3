"""cancelInvoice: creates a cancellation invoice (SR), or a credit note draft if the invoice is paid, or refuses."""

from dataclasses import replace

from sevdesk_client.sandbox.account.formats import Object
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.credit_notes import (
    add_credit_note,
    check_source,
    credit_note_exists,
    credit_note_json,
)
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.invoice_json import cancellation_json


def cancel_invoice(account: Account, invoice: Invoice, call: Call) -> Answer:
    """POST /Invoice/{id}/cancelInvoice, without body: 201 with the SR or the credit note draft."""
    return objects(cancel(account, invoice), 201)


def cancel(account: Account, invoice: Invoice) -> Object:
    """Cancel and return the new document as JSON, or raise the measured refusals; code 390 comes with HTTP 200."""
    if invoice.cancelled_by is not None:
        raise invalid("invoice already canceled", 421)
    if invoice.credit_note_id is not None:
        raise credit_note_exists(account, invoice)
    if invoice.status == 100 or invoice.type in ("SR", "MA"):
        raise invalid("Only open invoices can be canceled")  # not established; wording inferred
    if invoice.status < 1000 and invoice.paid != 0:
        message = "Partially Paid Invoices can not be deleted at the moment, book a credit invoice manually"
        raise Refusal(200, message, 390)
    if invoice.status == 1000 and account.switches.cancel_paid == "refuse":
        raise invalid("Paid invoices can not be canceled")
    if invoice.status == 1000 and account.switches.cancel_paid == "credit_note":
        check_source(invoice)
        return credit_note_json(add_credit_note(account, invoice))  # the invoice stays unchanged (one report)
    return cancellation_json(account, _add_cancellation(account, invoice))


def _add_cancellation(account: Account, source: Invoice) -> Invoice:
    """Add the SR: final and enshrined at once, sums negated, note copied, never sent (captures)."""
    number = account.take_number()
    headers = {"de": "Stornorechnung Nr. {} zur Rechnung Nr. {}", "en": "Cancellation Invoice No. {} to Invoice No. {}"}
    header = headers.get(source.layout["language"][:2], headers["de"])
    ident, now, _ = account.new_record()
    fields = replace(source.fields.negated(), invoice_date=now, header=header.format(number, source.number))
    cancellation = Invoice(ident, now, now, fields, source.note, number, type="SR", status=1000)
    cancellation.send_type, cancellation.enshrined, cancellation.origin_id = source.send_type, now, source.id
    cancellation.layout = source.layout
    account.add(cancellation)
    source.status, source.paid, source.pay_date, source.cancelled_by = 1000, ZERO, None, cancellation.id
    source.enshrined = source.enshrined or now
    account.touch(source)
    return cancellation
