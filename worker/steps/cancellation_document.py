"""cancellation_pdf, cancellation_mail: store the cancelling document's PDF, and mail it if `notify` asks for that.

The document is a cancellation invoice (SR), or a credit note over the whole invoice.
"""

from sevdesk_client.models import MailDraft
from worker.domain.events import CancellationMailed, CancellationPdfStored
from worker.domain.invoice import Cancellation, SyncStatus
from worker.domain.mail_texts import CANCELLATION_SUBJECT, CANCELLATION_TEXT
from worker.domain.payloads import CancelInvoice
from worker.domain.problems import problem
from worker.steps.correction_pdf import fetched_pdf, is_credit_note
from worker.steps.credit_document import mail_about
from worker.steps.mailing import Mailing, mail_step
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult


async def look_pdf(context: StepContext, account: SevdeskAccount) -> StepResult:
    """As `fetched_pdf`."""
    return await fetched_pdf(context, account, _storno(context), CancellationPdfStored)


def _mailing(context: StepContext) -> Mailing:
    storno = _storno(context)
    return Mailing(
        f"cancellation {storno.number}",
        storno.external_id,
        CancellationMailed,
        context.cancellation_pdf_sha256,
        lambda remote: _mail(context, storno),
        is_credit_note=is_credit_note(storno),
        gone=problem("cancellation_gone", number=storno.number),
    )


def _storno(context: StepContext) -> Cancellation:
    assert context.cancellation is not None
    return context.cancellation


def _mail(context: StepContext, storno: Cancellation) -> MailDraft:
    if is_credit_note(storno):
        return mail_about(context, storno.number)
    invoice = context.handback.external_invoice_number or context.invoice.number
    assert context.party.email is not None
    text = CANCELLATION_TEXT.format(number=storno.number, invoice=invoice)
    return MailDraft(to=context.party.email, subject=CANCELLATION_SUBJECT.format(number=storno.number), text=text)


def _no_document(context: StepContext) -> bool:
    """Nothing cancels the invoice in sevDesk; the credit note may be a draft so far."""
    return context.cancellation is None or context.handback.sync_status is not SyncStatus.CANCELLED


def _has_pdf(context: StepContext) -> bool:
    return _no_document(context) or context.cancellation_pdf_sha256 is not None


def _no_mail_needed(context: StepContext) -> bool:
    unwanted = not context.asked(CancelInvoice).notify or context.cancellation_mails > 0
    return _no_document(context) or (unwanted and context.open_intent is None)


CANCELLATION_PDF = Step("cancellation_pdf", look_pdf, already_done=_has_pdf)
CANCELLATION_MAIL = mail_step("cancellation_mail", _mailing, _no_mail_needed)
