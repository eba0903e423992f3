"""credit_pdf, credit_mail: store the credit note's PDF, and mail it if `notify` asks for that."""

from sevdesk_client.models import MailDraft
from worker.domain.credit import FINALIZED
from worker.domain.events import CreditMailed, CreditPdfStored, SentHow
from worker.domain.invoice import CreditNote
from worker.domain.jobs import CreditInvoice
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps.check import why_no_mail
from worker.steps.credit_note import existing
from worker.steps.document import addressed_otherwise
from worker.steps.email import earlier_mail, mailed_event
from worker.steps.pdf import digest_of
from worker.steps.sending import sending_state
from worker.steps.sent_before import sent_before
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Intent, LookResult, Step, StepContext, StepResult, WriteOutcome

MAIL_TEXT = (
    "Guten Tag,\n\nanbei erhalten Sie die Gutschrift {number} zu unserer Rechnung {invoice}.\n\nMit freundlichen Grüßen"
)


def mail_about(context: StepContext, number: str | None) -> MailDraft:
    """The mail with a credit note, to the invoice's recipient."""
    invoice = context.handback.external_invoice_number or context.invoice.number
    assert context.party.email is not None
    text = MAIL_TEXT.format(number=number, invoice=invoice)
    return MailDraft(to=context.party.email, subject=f"Gutschrift {number}", text=text)


async def look_pdf(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getPdf of the credit note."""
    note = _note(context)
    document = await account.client.get_credit_note_pdf(note.external_id)
    name, sha256 = document.filename or f"{note.number}.pdf", digest_of(document.content)
    stored = CreditPdfStored(marker=note.marker, filename=name, sha256=sha256, content=document.content)
    return StepResult((stored,))


async def look_mail(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Find out whether an attempt whose answer was lost has mailed it (see `email`); if not, mail it."""
    note, opened = _note(context), context.open_intent
    document = f"credit note {note.number}"
    if (no_mail := why_no_mail(context, document)) is not None:
        return StepResult(stop=no_mail, outcome=WriteOutcome.UNKNOWN)
    mail, remote = mail_about(context, note.number), await existing(note.external_id, account)
    match earlier_mail(document, opened, remote) or sent_before(context, document, remote):
        case Parked() as question:
            return StepResult(stop=question, outcome=WriteOutcome.UNKNOWN)
        case str(how):
            return StepResult((_mailed(context, mail, how),))
    if remote is None:
        gone = Parked(problem("credit_note_gone", number=note.number))
        return StepResult(stop=gone, outcome=WriteOutcome.NOT_DONE)
    if other := addressed_otherwise(context, remote):
        return StepResult(stop=other, outcome=WriteOutcome.NOT_DONE)
    return Intent("send_via_email", mail, context, sending_state(remote))


async def leap_mail(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST sendViaEmail for the credit note."""
    await account.client.send_credit_note_via_email(_note(intent.context).external_id, intent.request)
    return StepResult((_mailed(intent.context, intent.request, "sent"),))


def _note(context: StepContext) -> CreditNote:
    assert context.credit_note is not None and context.credit_note.status == FINALIZED  # the step before saw to it
    return context.credit_note


def _mailed(context: StepContext, mail: MailDraft, how: SentHow) -> CreditMailed:
    return mailed_event(CreditMailed, context, mail, how, _note(context).pdf_sha256)


def _has_pdf(context: StepContext) -> bool:
    return _note(context).pdf_sha256 is not None


def _no_mail_needed(context: StepContext) -> bool:
    payload = context.payload
    assert isinstance(payload, CreditInvoice)
    unwanted = not payload.notify or _note(context).mailed
    return unwanted and context.open_intent is None


CREDIT_PDF = Step("credit_pdf", look_pdf, already_done=_has_pdf)
CREDIT_MAIL = Step("credit_mail", look_mail, leap_mail, already_done=_no_mail_needed, own_job_only=True)
