"""cancellation_pdf, cancellation_mail: the cancellation invoice's own document, and its mail where one is wanted."""

import hashlib

from sevdesk_client.models import MailDraft
from worker.domain.events import CancellationMailed, CancellationPdfStored
from worker.domain.jobs import CancelInvoice
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps.account import SevdeskAccount
from worker.steps.check import why_no_mail
from worker.steps.email import cannot_tell, mailed_document, sending_state, was_sent
from worker.steps.payments import STORNO
from worker.steps.step import Intent, LookResult, Step, StepContext, StepResult, WriteOutcome

MAIL_TEXT = (
    "Guten Tag,\n\nanbei erhalten Sie die Stornorechnung {number}. "
    "Sie hebt unsere Rechnung {cancelled} auf.\n\nMit freundlichen Grüßen"
)


async def look_pdf(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getPdf of the SR."""
    assert context.cancellation is not None
    document = await account.client.get_pdf(context.cancellation.external_id)
    number = context.cancellation.number or context.cancellation.external_id
    stored = CancellationPdfStored(
        filename=document.filename or f"{number}.pdf",
        sha256=hashlib.sha256(document.content).hexdigest(),
        content=document.content,
    )
    return StepResult((stored,))


async def look_mail(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Mailed by an attempt whose answer was lost, or to be mailed now; see `email` for how that is told apart."""
    assert context.cancellation is not None
    mail, opened, number = _mail(context), context.open_intent, context.cancellation.number
    if isinstance(mail, Parked):
        return StepResult(stop=mail, outcome=WriteOutcome.UNKNOWN)
    remote = await mailed_document(context.cancellation.external_id, opened, account)
    match was_sent(opened, remote):
        case None if opened is not None:
            return StepResult(stop=cannot_tell(f"cancellation {number}", opened), outcome=WriteOutcome.UNKNOWN)
        case str(how):
            return StepResult((_mailed(context, mail, how),))
    if remote is None:
        gone = Parked(problem("cancellation_gone", number=number))
        return StepResult(stop=gone, outcome=WriteOutcome.NOT_DONE)
    return Intent("send_via_email", mail, context, sending_state(remote))


async def leap_mail(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST sendViaEmail for the SR."""
    assert intent.context.cancellation is not None
    await account.client.send_via_email(intent.context.cancellation.external_id, intent.request)
    return StepResult((_mailed(intent.context, intent.request, "sent"),))


def _mail(context: StepContext) -> MailDraft | Parked:
    number = context.cancellation.number if context.cancellation else None
    if (stop := why_no_mail(context, f"cancellation {number}")) is not None:
        return stop
    text = MAIL_TEXT.format(number=number, cancelled=context.handback.external_invoice_number or context.invoice.number)
    assert context.addressee.party.email is not None
    return MailDraft(to=context.addressee.party.email, subject=f"Stornorechnung {number}", text=text)


def _mailed(context: StepContext, mail: MailDraft, how: str) -> CancellationMailed:
    return CancellationMailed(
        recipient_kind=context.addressee.party.kind,
        recipient_id=context.addressee.party.id,
        recipient_reason=context.addressee.reason,
        how=how,
        pdf_sha256=context.cancellation_pdf_sha256,
        recipient=mail.to,
        subject=mail.subject,
    )


def _no_document(context: StepContext) -> bool:
    return context.cancellation is None or context.cancellation.kind != STORNO


def _pdf_settled(context: StepContext) -> bool:
    return _no_document(context) or context.cancellation_pdf_sha256 is not None


def _mail_settled(context: StepContext) -> bool:
    asked = context.payload
    assert isinstance(asked, CancelInvoice)
    unwanted = not asked.notify or context.cancellation_mails > 0
    return _no_document(context) or (unwanted and context.open_intent is None)


CANCELLATION_PDF = Step("cancellation_pdf", look_pdf, already_done=_pdf_settled)
CANCELLATION_MAIL = Step("cancellation_mail", look_mail, leap_mail, already_done=_mail_settled, own_job_only=True)
