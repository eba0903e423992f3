"""Finalising and sending: sendBy, sendViaEmail, enshrine and resetToDraft."""

from typing import Any

from email_validator import EmailNotValidError, validate_email

from sevdesk_client.sandbox.account.formats import Object, is_true, ref
from sevdesk_client.sandbox.account.records import CLIENT, DocumentFields, Invoice, Record, record_json
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, invalid
from sevdesk_client.sandbox.endpoints.invoice_json import written_invoice_json
from sevdesk_client.sandbox.endpoints.save_rules import check_tax

SEND_TYPES = ("VPR", "VP", "VM", "VPDF")


def send_by(account: Account, invoice: Invoice, call: Call) -> Answer:
    """PUT /Invoice/{id}/sendBy: sets number, status 200, sendDate and sendType (live, five peers)."""
    send_type = call.body.get("sendType")
    if send_type not in SEND_TYPES or "sendDraft" not in call.body:
        raise invalid("sendType and sendDraft are required")  # official; wording inferred
    if is_true(call.body["sendDraft"]):
        return objects(written_invoice_json(account, invoice))
    if invoice.status > 100 and account.switches.repeat_send_by == "refuse":
        raise invalid("Invoice was already sent")  # not established
    mark_sent(account, invoice, str(send_type))
    return objects(written_invoice_json(account, invoice))


def mark_sent(account: Account, invoice: Invoice, send_type: str) -> None:
    """Finalise a draft, or refuse and change nothing; of a final one only sendDate and sendType change (inferred)."""
    if invoice.status == 100:
        fields = invoice.fields
        check_tax(account, fields)
        address = fields.address or fields.address_street or fields.address_city  # a name alone does not count
        if account.switches.missing_address == "refuse" and not address:
            raise invalid("The document has no address")  # 422: one report; wording inferred
        if fields.is_e_invoice:
            check_e_invoice(account, fields)
        if invoice.number is None or any(each.status > 100 for each in account.with_number(invoice.number)):
            # A number in use is replaced silently (sources disagree; switch duplicate_number refuses at saveInvoice).
            invoice.number = account.take_number()
        invoice.status = 200
        if fields.sums.gross == 0 and account.switches.zero_sum != "open":
            invoice.status = 1000
            invoice.pay_date = account.today() if account.switches.zero_sum == "paid" else None
        if account.switches.send_by_enshrines in (True, send_type):
            invoice.enshrined = account.now()
    invoice.send_date, invoice.send_type = account.now(), send_type
    account.touch(invoice)


def check_e_invoice(account: Account, fields: DocumentFields) -> None:
    """400/830 with the list of missing fields (measured; all but two key names are inferred)."""
    contact = account.contacts[fields.contact_id]
    present = {
        "document_addressStreet": fields.address_street,
        "document_addressZip": fields.address_zip,
        "document_addressCity": fields.address_city,
        "document_paymentMethod": fields.payment_method_id,
        "contact_buyerReference": contact.fields.get("buyerReference"),
        "contact_email": account.email_of(contact.id),
    }
    missing = [key for key, value in present.items() if not value] + account.switches.e_invoice_missing
    if missing:
        message = "Could not generate ZUGFeRD Invoice since there are validations errors"
        raise Refusal(400, message, 830, {"missing information": missing})


def send_via_email(account: Account, invoice: Invoice, call: Call) -> Answer:
    """POST /Invoice/{id}/sendViaEmail: marks as sent with VM and answers 201 with an Email (official; one report)."""
    texts = check_mail(call.body)
    if is_true(call.body.get("sendXml")) and not invoice.fields.is_e_invoice:
        raise invalid("This invoice is not an electronic invoice")  # inferred from getXml
    mark_sent(account, invoice, "VM")
    return objects(add_mail(account, call.body, texts, ref(invoice.id, "Invoice")), 201)


def check_mail(body: Object) -> dict[str, Any]:
    """The texts of a mail with usable addresses, or its refusal."""
    texts = {key: body.get(key) for key in ("toEmail", "subject", "text")}
    if not all(isinstance(value, str) and value for value in texts.values()):
        raise invalid("toEmail, subject and text are required")  # official; wording inferred
    copies = [each for key in ("ccEmail", "bccEmail") if body.get(key) for each in str(body[key]).split(",")]
    if not all(map(_is_address, [str(texts["toEmail"]), *copies])):
        raise invalid("The email address is not valid")  # inferred; the lists are official, blanks in them are not
    return texts


def add_mail(account: Account, body: Object, texts: dict[str, Any], about: Object | None) -> Object:
    """Send the mail about a document; returns it as JSON."""
    mail = {
        **record_json("Email", Record(*account.new_record())),
        "object": about,
        "from": "absender@example.com",
        "to": texts.pop("toEmail"),
        **texts,
        "sevClient": CLIENT,
        "cc": body.get("ccEmail"),
        "bcc": body.get("bccEmail"),
        "arrived": None,
    }
    account.mails.append({**mail, "sendXml": is_true(body.get("sendXml"))})
    return mail


def _is_address(text: str) -> bool:
    """One address, without name, blanks and comment."""
    try:
        return validate_email(text, check_deliverability=False).normalized.casefold() == text.casefold()
    except EmailNotValidError:
        return False


def enshrine(account: Account, invoice: Invoice, call: Call) -> Answer:
    """PUT /Invoice/{id}/enshrine: irreversible, requires status 200 or higher, answers null (official)."""
    if invoice.status < 200:
        raise invalid("Only invoices with status 200 or higher can be enshrined")  # wording inferred
    if invoice.enshrined is not None:
        raise invalid("Already enshrined")
    invoice.enshrined = account.now()
    account.touch(invoice)
    return objects(None)


def reset_to_draft(account: Account, invoice: Invoice, call: Call) -> Answer:
    """PUT /Invoice/{id}/resetToDraft: only if 200 and not enshrined (official; live); keeps the number (inferred)."""
    if invoice.enshrined is not None:
        raise invalid("Already enshrined")
    if invoice.status != 200:
        raise invalid("Only open invoices can be reset to draft")  # wording inferred
    invoice.status, invoice.send_date, invoice.send_type = 100, None, "0"
    account.touch(invoice)
    return objects(written_invoice_json(account, invoice))
