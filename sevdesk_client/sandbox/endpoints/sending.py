"""From draft to open: sendBy, sendViaEmail, enshrine, and back with resetToDraft."""

from sevdesk_client.sandbox.account.formats import Object, ref, stamp, truthy
from sevdesk_client.sandbox.account.records import CLIENT, Invoice, Letter
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.invoice_json import render_written
from sevdesk_client.sandbox.endpoints.invoices import find
from sevdesk_client.sandbox.endpoints.save_rules import check_tax

SEND_TYPES = ("VPR", "VP", "VM", "VPDF")


def send_by(account: Account, call: Call) -> Answer:
    """PUT /Invoice/{id}/sendBy: number, status 200, sendDate, sendType; answers the invoice (live, five peers)."""
    invoice = find(account, call.ident)
    send_type = call.body.get("sendType")
    if send_type not in SEND_TYPES or "sendDraft" not in call.body:
        raise invalid("sendType and sendDraft are required")  # official; wording inferred
    if truthy(call.body["sendDraft"]):
        return objects(render_written(account, invoice))
    if invoice.status > 100 and account.switches.repeat_send_by == "refuse":
        raise invalid("Invoice was already sent")  # not established
    mark_sent(account, invoice, str(send_type))
    return objects(render_written(account, invoice))


def mark_sent(account: Account, invoice: Invoice, send_type: str) -> None:
    """Finalise a draft, or send again what is final: then only sendDate and sendType move (inferred)."""
    if invoice.status == 100:
        _finalise(account, invoice, send_type)
    invoice.send_date, invoice.send_type = account.now(), send_type
    account.touch(invoice)


def _finalise(account: Account, invoice: Invoice, send_type: str) -> None:
    check_final(account, invoice)
    number = invoice.number
    if number is None or any(each.status > 100 for each in account.holders(number)):
        # A taken number is silently replaced (one side of the conflict; the other refuses at saveInvoice).
        account.rename(invoice, note=invoice.note, number=account.draw_number())
    invoice.status = 200
    if account.switches.send_by_enshrines in (True, send_type):
        invoice.enshrined = account.now()


def check_final(account: Account, invoice: Invoice) -> None:
    """What is refused only now, leaving the draft as it was."""
    letter = invoice.letter
    check_tax(account, letter)
    if account.switches.missing_address == "refuse" and not letter.has_address:
        raise invalid("The document has no address")  # 422: one report; wording inferred
    if letter.is_e_invoice:
        check_e_invoice(account, letter)


def check_e_invoice(account: Account, letter: Letter) -> None:
    """400/830 with the list of what is missing (measured); key names beyond the two captured ones are inferred."""
    contact = account.contacts[letter.contact_id]
    present = {
        "document_addressStreet": letter.address_street,
        "document_addressZip": letter.address_zip,
        "document_addressCity": letter.address_city,
        "document_paymentMethod": letter.payment_method_id,
        "contact_buyerReference": contact.fields.get("buyerReference"),
        "contact_email": any(each.type == "EMAIL" for each in account.ways.having(contact.id)),
    }
    missing = [key for key, value in present.items() if not value] + account.switches.e_invoice_missing
    if missing:
        message = "Could not generate ZUGFeRD Invoice since there are validations errors"
        raise Refusal(400, message, 830, {"missing information": missing})


def send_via_email(account: Account, call: Call) -> Answer:
    """POST /Invoice/{id}/sendViaEmail: marks as sent with VM and answers 201 with an Email (official; one report)."""
    invoice = find(account, call.ident)
    body = call.body
    texts = {key: body.get(key) for key in ("toEmail", "subject", "text")}
    if not all(isinstance(value, str) and value for value in texts.values()) or "@" not in str(texts["toEmail"]):
        raise invalid("toEmail, subject and text are required")  # official; wording inferred
    mark_sent(account, invoice, "VM")
    now = stamp(account.now())
    mail: Object = {
        "id": str(account.new_id()),
        "objectName": "Email",
        "additionalInformation": None,
        "create": now,
        "update": now,
        "object": ref(invoice.id, "Invoice"),
        "from": "absender@example.com",
        "to": texts["toEmail"],
        "subject": texts["subject"],
        "text": texts["text"],
        "sevClient": CLIENT,
        "cc": body.get("ccEmail"),
        "bcc": body.get("bccEmail"),
        "arrived": None,
    }
    account.mails.append(mail)
    return objects(mail, 201)


def enshrine(account: Account, call: Call) -> Answer:
    """PUT /Invoice/{id}/enshrine: irreversible, from status 200 on, answers null (official)."""
    invoice = find(account, call.ident)
    if invoice.status < 200:
        raise invalid("Only invoices with status 200 or higher can be enshrined")  # wording inferred
    if invoice.enshrined is not None:
        raise invalid("Already enshrined")
    invoice.enshrined = account.now()
    account.touch(invoice)
    return objects(None)


def reset_to_draft(account: Account, call: Call) -> Answer:
    """PUT /Invoice/{id}/resetToDraft: only from 200 and not enshrined (official; live). The number stays (inferred)."""
    invoice = find(account, call.ident)
    if invoice.enshrined is not None:
        raise invalid("Already enshrined")
    if invoice.status != 200:
        raise invalid("Only open invoices can be reset to draft")  # wording inferred
    invoice.status, invoice.send_date, invoice.send_type = 100, None, "0"
    account.touch(invoice)
    return objects(render_written(account, invoice))
