"""createInvoiceReminder: a reminder (MA) of an open invoice, a document with the invoice's note and number."""

from dataclasses import replace

from sevdesk_client.sandbox.account.formats import parse_id
from sevdesk_client.sandbox.account.records import Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.body_fields import reference
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import invalid
from sevdesk_client.sandbox.endpoints.invoice_json import invoice_json
from sevdesk_client.sandbox.endpoints.lookup import find

REMINDABLE = ("RE", "AR", "TR", "ER")


def create_reminder(account: Account, call: Call) -> Answer:
    """POST /Invoice/Factory/createInvoiceReminder: 200 with the MA document (official; one report).

    A fee is refused in bookkeeping system 2.0 (one report). Which note, number and status the document has is not
    known: here the invoice's own note and number, so that it looks as much like it as anything can, and status 200.
    """
    ident = reference(call.body, "invoice", "Invoice") or parse_id(call.reference("invoice", "Invoice"))
    source = find(account, account.invoices, ident or 0, "Invoice")
    if source.type not in REMINDABLE or source.status not in (200, 750):
        raise invalid("Only open invoices can be reminded of")  # wording inferred
    if call.body.get("reminderCharge"):
        raise invalid("reminderCharge is not supported")  # wording inferred
    level = (source.dunning_level or 0) + 1
    header = f"{'Zahlungserinnerung' if level == 1 else f'{level - 1}. Mahnung'} zur Rechnung Nr. {source.number}"
    fields = replace(source.fields, invoice_date=account.now(), header=header, is_e_invoice=False)
    reminder = Invoice(*account.new_record(), fields, source.note, source.number, type="MA", status=200)
    reminder.origin_id, reminder.dunning_level, reminder.paid = source.id, level, source.paid
    reminder.layout = source.layout
    source.dunning_level = level
    account.touch(source)
    return objects(invoice_json(account.add(reminder)))
