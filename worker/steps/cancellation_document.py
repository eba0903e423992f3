"""cancellation_pdf, cancellation_mail: store the cancelling document's PDF, and mail it if `notify` asks for that.

The document is a cancellation invoice (SR), or a credit note over the whole invoice.
"""

from sevdesk_client.models import MailDraft
from worker.domain.events import CancellationMailed, CancellationPdfStored, SentHow
from worker.domain.invoice import Cancellation, SyncStatus
from worker.domain.jobs import CancelInvoice
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps.check import why_no_mail
from worker.steps.credit_document import mail_about
from worker.steps.credit_note import existing
from worker.steps.document import addressed_otherwise
from worker.steps.email import addresses_of, earlier_mail, mail_of, mailed_event
from worker.steps.payments import CREDIT_NOTE
from worker.steps.pdf import stored
from worker.steps.sending import Mailable, sending_state, sent_document
from worker.steps.sent_before import sent_before
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Intent, LookResult, Step, StepContext, StepResult, WriteOutcome

MAIL_TEXT = (
    "Guten Tag,\n\nanbei erhalten Sie die Stornorechnung {number}. "
    "Sie hebt unsere Rechnung {cancelled} auf.\n\nMit freundlichen Grüßen"
)


async def look_pdf(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getPdf of the SR or credit note."""
    storno = _storno(context)
    read = account.client.get_credit_note_pdf if _is_credit_note(storno) else account.client.get_pdf
    document = await read(storno.external_id)
    name = document.filename or f"{storno.number or storno.external_id}.pdf"
    return stored(CancellationPdfStored, name, document.content)


async def look_mail(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Find out whether an attempt whose answer was lost has mailed it (see `email`); if not, mail it."""
    storno, opened = _storno(context), context.open_intent
    if (no_mail := why_no_mail(context, f"cancellation {storno.number}")) is not None:
        return StepResult(stop=no_mail, outcome=WriteOutcome.UNKNOWN)
    mail = _mail(context, storno)
    if _is_credit_note(storno):
        remote: Mailable | None = await existing(storno.external_id, account)
    else:
        remote = await sent_document(storno.external_id, opened, account)
    document = f"cancellation {storno.number}"
    match earlier_mail(document, opened, remote) or sent_before(context, document, remote):
        case Parked() as question:
            return StepResult(stop=question, outcome=WriteOutcome.UNKNOWN)
        case str(how):
            return StepResult((_mailed(context, mail_of(opened) or mail, how),))
    if remote is None:
        gone = Parked(problem("cancellation_gone", number=storno.number))
        return StepResult(stop=gone, outcome=WriteOutcome.NOT_DONE)
    if other := addressed_otherwise(context, remote):
        return StepResult(stop=other, outcome=WriteOutcome.NOT_DONE)
    return Intent("send_via_email", mail, context, sending_state(remote), addresses=addresses_of(mail))


async def leap_mail(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST sendViaEmail for the SR or credit note."""
    storno, client = _storno(intent.context), account.client
    send = client.send_credit_note_via_email if _is_credit_note(storno) else client.send_via_email
    await send(storno.external_id, intent.request)
    return StepResult((_mailed(intent.context, intent.request, "sent"),))


def _storno(context: StepContext) -> Cancellation:
    assert context.cancellation is not None
    return context.cancellation


def _is_credit_note(storno: Cancellation) -> bool:
    return storno.kind == CREDIT_NOTE


def _mail(context: StepContext, storno: Cancellation) -> MailDraft:
    if _is_credit_note(storno):
        return mail_about(context, storno.number)
    cancelled = context.handback.external_invoice_number or context.invoice.number
    assert context.party.email is not None
    text = MAIL_TEXT.format(number=storno.number, cancelled=cancelled)
    return MailDraft(to=context.party.email, subject=f"Stornorechnung {storno.number}", text=text)


def _mailed(context: StepContext, mail: MailDraft, how: SentHow) -> CancellationMailed:
    return mailed_event(CancellationMailed, context, mail, how, context.cancellation_pdf_sha256)


def _no_document(context: StepContext) -> bool:
    """Nothing cancels the invoice in sevDesk; the credit note may be a draft so far."""
    return context.cancellation is None or context.handback.sync_status is not SyncStatus.CANCELLED


def _has_pdf(context: StepContext) -> bool:
    return _no_document(context) or context.cancellation_pdf_sha256 is not None


def _no_mail_needed(context: StepContext) -> bool:
    payload = context.payload
    assert isinstance(payload, CancelInvoice)
    unwanted = not payload.notify or context.cancellation_mails > 0
    return _no_document(context) or (unwanted and context.open_intent is None)


CANCELLATION_PDF = Step("cancellation_pdf", look_pdf, already_done=_has_pdf)
CANCELLATION_MAIL = Step("cancellation_mail", look_mail, leap_mail, already_done=_no_mail_needed, own_job_only=True)
