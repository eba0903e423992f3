"""Payments: bookAmount, payments booked in the UI, and resetToOpen."""

from datetime import date, datetime
from decimal import Decimal

from sevdesk_client.sandbox.account import master_data
from sevdesk_client.sandbox.account.formats import (
    BERLIN,
    Object,
    decimal_text,
    head_json,
    parse_decimal,
    parse_unix,
    ref,
    timestamp,
)
from sevdesk_client.sandbox.account.records import CLIENT, CreditNote, Invoice, Transaction
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.account.sums import ZERO
from sevdesk_client.sandbox.endpoints.body_fields import optional_reference, required_reference
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.credit_notes import credit_note_exists
from sevdesk_client.sandbox.endpoints.errors import invalid
from sevdesk_client.sandbox.endpoints.invoice_json import written_invoice_json

CLOSING_TYPES = frozenset({"CB", "CF", "O", "OF", "MTC"})  # close the invoice with any amount (official)
OFFLINE_ACCOUNT = 5000001


def book_amount(account: Account, invoice: Invoice, call: Call) -> Answer:
    """PUT /Invoice/{id}/bookAmount: answers an InvoiceLog (captured for vouchers; for invoices one peer)."""
    before = invoice.status
    amount, moment, kind, account_id = read_booking(account, call.body)
    if kind == "FULL_PAYMENT" and invoice.status > 100 and amount != invoice.fields.sums.gross - invoice.paid:
        raise invalid("Payment difference amount must be 0.0")
    day = moment.astimezone(BERLIN).date()
    pay(account, invoice, amount, day, closes=kind in CLOSING_TYPES, account_id=account_id)
    return booking_log(account, "Invoice", invoice, before, amount, moment)


def read_booking(account: Account, body: Object) -> tuple[Decimal, datetime, str, int]:
    """Amount, date, type and bank account of a booking, the same for invoices and credit notes (official)."""
    amount, moment, kind = parse_decimal(body.get("amount")), parse_unix(body.get("date")), str(body.get("type"))
    if amount is None or moment is None or kind not in CLOSING_TYPES | {"FULL_PAYMENT", "N"}:
        raise invalid("amount, date and type are required")  # official; wording inferred
    account_id = required_reference(account, body, "checkAccount", "CheckAccount", master_data.CHECK_ACCOUNTS)
    given = optional_reference(
        account, body, "checkAccountTransaction", "CheckAccountTransaction", account.transactions
    )
    if master_data.CHECK_ACCOUNTS[account_id][1] == "online" and given is None:
        raise invalid("checkAccountTransaction is required for online accounts")  # official; wording inferred
    return amount, moment, kind, account_id


def booking_log(
    account: Account, model: str, document: Invoice | CreditNote, before: int, amount: Decimal, moment: datetime
) -> Answer:
    """What bookAmount answers: the document, its statuses before and after, and what was booked."""
    log = {
        **head_json(f"{model}Log", account.new_id()),
        "create": timestamp(account.now()),
        model[0].lower() + model[1:]: ref(document.id, model),
        "fromStatus": str(before),
        "toStatus": str(document.status),
        "amountPayed": decimal_text(amount),
        "bookingDate": timestamp(moment),
        "sevClient": CLIENT,
    }
    return objects(log)


def pay(
    account: Account, invoice: Invoice, amount: Decimal, day: date, *, closes: bool, account_id: int = OFFLINE_ACCOUNT
) -> None:
    """Book an amount, negative for a refund: 750 if partly paid, 1000 with payDate if full; enshrines (one report)."""
    if invoice.status == 100:
        raise invalid("A draft can not be paid")
    if invoice.cancelled_by is not None or invoice.type == "SR" or (invoice.status == 1000 and amount >= 0):
        raise invalid("Invoice is already paid", 750)  # code measured, wording inferred
    invoice.paid += amount
    full = closes or invoice.paid >= invoice.fields.sums.gross
    invoice.status = 1000 if full else account.switches.partial_status if invoice.paid > 0 else 200
    invoice.pay_date = day if full else None
    invoice.enshrined = invoice.enshrined or account.now()
    account.touch(invoice)
    transaction = Transaction(*account.new_record(), account_id, amount, day, invoice.id, 400)
    account.transactions[transaction.id] = transaction


def unlink(account: Account, invoice: Invoice) -> None:
    """Take back all payments: status 200, and the transactions stay unbooked (official; live, two peers)."""
    invoice.status, invoice.paid, invoice.pay_date = 200, ZERO, None
    for each in account.transactions.values():
        if each.invoice_id == invoice.id:
            each.invoice_id, each.status = None, 100
    account.touch(invoice)


def reset_to_open(account: Account, invoice: Invoice, call: Call) -> Answer:
    """PUT /Invoice/{id}/resetToOpen: from 750 or 1000; sources disagree on enshrined ones (switch reset_enshrined)."""
    if invoice.credit_note_id is not None:
        raise credit_note_exists(account, invoice)
    if invoice.cancelled_by is not None or invoice.type == "SR":
        raise invalid("invoice already canceled", 421)
    if invoice.status < 750 and invoice.paid == 0:
        raise invalid("Only paid and partially paid invoices can be reset to open")  # wording inferred
    if invoice.enshrined and account.switches.reset_enshrined == "refuse":
        raise invalid("Already enshrined")
    unlink(account, invoice)
    return objects(written_invoice_json(account, invoice))
