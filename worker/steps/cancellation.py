"""cancellation_pdf, cancellation_mail: the cancellation invoice's own document, and its mail where one is wanted."""

import hashlib

from sevdesk_client.models import MailDraft
from worker.domain.events import CancellationMailed, CancellationPdfStored
from worker.domain.jobs import CancelInvoice
from worker.domain.outcome import Parked
from worker.domain.recipients import Recipient
from worker.steps.account import Desk
from worker.steps.email import cannot_tell, mailed_document, sending_state, was_sent
from worker.steps.payments import STORNO
from worker.steps.step import Answer, Case, Fate, Intent, Step, Told

MAIL_TEXT = (
    "Guten Tag,\n\nanbei erhalten Sie die Stornorechnung {number}. "
    "Sie hebt unsere Rechnung {cancelled} auf.\n\nMit freundlichen Grüßen"
)

GONE = "Find out in sevDesk who deleted it; its PDF is in sevdesk_documents, to be sent by hand."


async def look_pdf(case: Case, desk: Desk) -> Told:
    """GET getPdf of the SR."""
    assert case.cancellation is not None
    document = await desk.client.get_pdf(case.cancellation.external_id)
    number = case.cancellation.number or case.cancellation.external_id
    stored = CancellationPdfStored(
        filename=document.filename or f"{number}.pdf",
        sha256=hashlib.sha256(document.content).hexdigest(),
        content=document.content,
    )
    return Told((stored,))


async def look_mail(case: Case, desk: Desk) -> Answer:
    """Mailed by an attempt whose answer was lost, or to be mailed now; see `email` for how that is told apart."""
    assert case.cancellation is not None
    mail, opened, number = _mail(case), case.open_intent, case.cancellation.number
    if isinstance(mail, Parked):
        return Told(stop=mail, fate=Fate.UNKNOWN)
    there = await mailed_document(case.cancellation.external_id, opened, desk)
    match was_sent(opened, there):
        case None if opened is not None:
            return Told(stop=cannot_tell(f"cancellation {number}", opened), fate=Fate.UNKNOWN)
        case str(how):
            return Told((_mailed(case, mail, how),))
    if there is None:
        gone = Parked(f"Cancellation {number} was not mailed, and sevDesk no longer has it.", GONE)
        return Told(stop=gone, fate=Fate.NOT_DONE)
    return Intent("send_via_email", mail, case, sending_state(there))


async def leap_mail(intent: Intent, desk: Desk) -> Told:
    """POST sendViaEmail for the SR."""
    assert intent.case.cancellation is not None
    await desk.client.send_via_email(intent.case.cancellation.external_id, intent.request)
    return Told((_mailed(intent.case, intent.request, "sent"),))


def _mail(case: Case) -> MailDraft | Parked:
    number = case.cancellation.number if case.cancellation else None
    if not isinstance(case.recipient, Recipient) or not case.recipient.party.email:
        return Parked(
            f"The recipient of cancellation {number} has no e-mail address.", "Add one and retry, or send it on paper."
        )
    text = MAIL_TEXT.format(number=number, cancelled=case.handback.external_invoice_number or case.invoice.number)
    return MailDraft(to=case.recipient.party.email, subject=f"Stornorechnung {number}", text=text)


def _mailed(case: Case, mail: MailDraft, how: str) -> CancellationMailed:
    return CancellationMailed(
        recipient_kind=case.who.party.kind,
        recipient_id=case.who.party.id,
        recipient_reason=case.who.reason,
        how=how,
        pdf_sha256=case.cancellation_pdf_sha256,
        recipient=mail.to,
        subject=mail.subject,
    )


def _no_document(case: Case) -> bool:
    return case.cancellation is None or case.cancellation.kind != STORNO


def _pdf_settled(case: Case) -> bool:
    return _no_document(case) or case.cancellation_pdf_sha256 is not None


def _mail_settled(case: Case) -> bool:
    asked = case.payload
    assert isinstance(asked, CancelInvoice)
    unwanted = not asked.notify or case.cancellation_mails > 0
    return _no_document(case) or (unwanted and case.open_intent is None)


CANCELLATION_PDF = Step("cancellation_pdf", look_pdf, settled=_pdf_settled)
CANCELLATION_MAIL = Step("cancellation_mail", look_mail, leap_mail, settled=_mail_settled, own=True)
