"""credit_pdf, credit_mail: store the credit note's PDF, and mail it if `notify` asks for that."""

from functools import partial

from sevdesk_client.models import MailDraft
from worker.domain.credit import FINALIZED
from worker.domain.events import CreditMailed, CreditPdfStored
from worker.domain.invoice import CreditNote
from worker.domain.mail_texts import CREDIT_NOTE_SUBJECT, CREDIT_NOTE_TEXT
from worker.domain.payloads import CreditInvoice
from worker.domain.problems import problem
from worker.steps.correction_pdf import fetched_pdf
from worker.steps.mailing import Mailing, mail_step
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult


def mail_about(context: StepContext, number: str | None) -> MailDraft:
    """The mail with a credit note, to the invoice's recipient."""
    invoice = context.handback.external_invoice_number or context.invoice.number
    assert context.party.email is not None
    text = CREDIT_NOTE_TEXT.format(number=number, invoice=invoice)
    return MailDraft(to=context.party.email, subject=CREDIT_NOTE_SUBJECT.format(number=number), text=text)


async def look_pdf(context: StepContext, account: SevdeskAccount) -> StepResult:
    """As `fetched_pdf`."""
    note = _note(context)
    return await fetched_pdf(context, account, note, partial(CreditPdfStored, marker=note.marker))


def _mailing(context: StepContext) -> Mailing:
    note = _note(context)
    return Mailing(
        f"credit note {note.number}",
        note.external_id,
        CreditMailed,
        note.pdf_sha256,
        lambda remote: mail_about(context, note.number),
        is_credit_note=True,
        gone=problem("credit_note_gone", number=note.number),
    )


def _note(context: StepContext) -> CreditNote:
    assert context.credit_note is not None and context.credit_note.status == FINALIZED  # the step before saw to it
    return context.credit_note


def _has_pdf(context: StepContext) -> bool:
    return _note(context).pdf_sha256 is not None


def _no_mail_needed(context: StepContext) -> bool:
    unwanted = not context.asked(CreditInvoice).notify or _note(context).mailed
    return unwanted and context.open_intent is None


CREDIT_PDF = Step("credit_pdf", look_pdf, already_done=_has_pdf)
CREDIT_MAIL = mail_step("credit_mail", _mailing, _no_mail_needed)
