"""Finalising, sending, printing and paying out a credit note; as for invoices where nothing more is known."""

from sevdesk_client.sandbox.account.formats import is_true, ref
from sevdesk_client.sandbox.account.records import CreditNote
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.documents.cii import credit_note_xml
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.credit_notes import credit_note_json
from sevdesk_client.sandbox.endpoints.errors import invalid
from sevdesk_client.sandbox.endpoints.invoice_documents import changed_layout, pdf_answer
from sevdesk_client.sandbox.endpoints.paying import booking_log, read_booking
from sevdesk_client.sandbox.endpoints.save_rules import check_tax
from sevdesk_client.sandbox.endpoints.sending import SEND_TYPES, add_mail, check_e_invoice, check_mail


def send_by(account: Account, note: CreditNote, call: Call) -> Answer:
    """PUT /CreditNote/{id}/sendBy: status 200, sendDate and sendType (official)."""
    send_type = call.body.get("sendType")
    if send_type not in SEND_TYPES or "sendDraft" not in call.body:
        raise invalid("sendType and sendDraft are required")  # official; wording inferred
    if is_true(call.body["sendDraft"]):
        return objects(credit_note_json(note))
    if note.status > 100 and account.switches.repeat_send_by == "refuse":
        raise invalid("CreditNote was already sent")  # not established
    mark_sent(account, note, str(send_type))
    return objects(credit_note_json(note))


def mark_sent(account: Account, note: CreditNote, send_type: str) -> None:
    """Finalise a draft, or refuse and change nothing; of a final one only sendDate and sendType change (inferred)."""
    if note.status == 100:
        _check_sum(note)
        check_tax(account, note.fields)
        if note.fields.is_e_invoice:
            check_e_invoice(account, note.fields)
        _draw_number(account, note)
        note.status = 200
        if account.switches.send_by_enshrines in (True, send_type):
            _enshrine(account, note)
    note.send_date, note.send_type, note.update = account.now(), send_type, account.now()


def _check_sum(note: CreditNote) -> None:
    if note.fields.sums.gross < 0:
        raise invalid("The sum of a credit note must not be negative", 7100)  # code measured by one peer


def _draw_number(account: Account, note: CreditNote) -> None:
    """A number that a final credit note has stays, or is replaced as for invoices; neither is established."""
    if account.switches.taken_credit_number == "keep":
        return
    taken = {each.number for each in account.credit_notes.values() if each.status > 100}
    while note.number in taken:
        note.number = account.peek_credit_note()
        account.next_credit_note += note.number in taken


def _enshrine(account: Account, note: CreditNote) -> None:
    note.enshrined = account.now()
    account.next_credit_note += note.number == account.peek_credit_note()


def enshrine(account: Account, note: CreditNote, call: Call) -> Answer:
    """PUT /CreditNote/{id}/enshrine: irreversible, requires status 200 or higher, answers null (official)."""
    if note.status < 200:
        raise invalid("Only credit notes with status 200 or higher can be enshrined")  # wording inferred
    if note.enshrined is not None:
        raise invalid("Already enshrined")
    _check_sum(note)
    _enshrine(account, note)
    return objects(None)


def get_pdf(account: Account, note: CreditNote, call: Call) -> Answer:
    """GET /CreditNote/{id}/getPdf: finalises a draft unless preventSendBy=true (as for invoices)."""
    if note.status == 100 and not is_true(call.query.get("preventSendBy")):
        mark_sent(account, note, "VPDF")
    return pdf_answer(account, note.as_invoice(), call, credit_note_xml(account, note))


def send_via_email(account: Account, note: CreditNote, call: Call) -> Answer:
    """POST /CreditNote/{id}/sendViaEmail: marks as sent with VM and answers 201 with a list of one Email (official)."""
    texts = check_mail(call.body)
    mark_sent(account, note, "VM")
    return objects([add_mail(account, call.body, texts, ref(note.id, "CreditNote"))], 201)


def change_parameter(account: Account, note: CreditNote, call: Call) -> Answer:
    """PUT /CreditNote/{id}/changeParameter (official)."""
    note.layout = changed_layout(note.layout, call.body)
    return objects({"result": "1", "metadaten": {"pages": 1, "docId": str(note.id), "thumbs": []}})


def book_amount(account: Account, note: CreditNote, call: Call) -> Answer:
    """PUT /CreditNote/{id}/bookAmount: the transaction's sign, so that -58.31 pays 58.31 out (measured by one peer)."""
    amount, moment, kind, _ = read_booking(account, call.body)
    if note.status == 100:
        raise invalid("A draft can not be paid")
    left = note.fields.sums.gross - note.paid
    if amount >= 0 or -amount > left or (kind == "FULL_PAYMENT" and -amount != left):
        raise invalid("Payment difference amount must be 0.0")  # inferred from invoices
    before, note.paid = note.status, note.paid - amount
    note.status = 1000 if note.paid == note.fields.sums.gross else account.switches.partial_status
    return booking_log(account, "CreditNote", note, before, amount, moment)
