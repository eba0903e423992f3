"""email: sevDesk mails the invoice to its recipient, at most once per job.

sevDesk has no mail log. After an unknown outcome `sendType` and `sendDate` decide: VM with a changed date means that
the mail was sent (one report), both unchanged that it was not; in any other case a person must find out.
"""

from dataclasses import replace
from typing import TypeVar

from sevdesk_client.errors import NotFound
from sevdesk_client.models import CreditNote, MailDraft
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.emails import several
from worker.domain.events import Mailed, MailSent, SentHow
from worker.domain.invoice import DocumentStatus, SyncStatus
from worker.domain.jobs import SendInvoice
from worker.domain.outcome import Parked, Rejected
from worker.domain.problems import problem
from worker.steps.changed_after_publication import unless_changed
from worker.steps.document import not_our_document
from worker.steps.field_map import MAIL, MailSource, filled
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Intent, LookResult, OpenIntent, Step, StepContext, StepResult, WriteOutcome

M = TypeVar("M", bound=MailSent)
Mailable = SevInvoice | CreditNote

BY_MAIL = "VM"  # sendType of a document that sevDesk mailed
CLOSE_SECONDS = 5.0  # by how much sevDesk's clock and ours may differ


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Find out whether an attempt whose answer was lost has mailed the invoice; if not, mail it."""
    opened, number = context.open_intent, context.invoice.number
    remote = await mailed_document(context.external_id, opened, account)
    mail = _mail(context, remote)
    match earlier_mail(f"invoice {number}", opened, remote):
        case Parked() as question:
            return StepResult(stop=question, outcome=WriteOutcome.UNKNOWN)
        case str(how):
            return StepResult((_mailed(context, mail, how),), remote)
    if context.handback.sync_status is SyncStatus.CANCELLED:
        return StepResult(stop=Rejected(problem("cancelled_before_mail", number=number)), outcome=WriteOutcome.NOT_DONE)
    if remote is None:
        gone = Parked(problem("mailed_document_gone", number=number))
        return StepResult(stop=gone, outcome=WriteOutcome.NOT_DONE)
    if other := await not_our_document(context, remote, account):
        return StepResult(stop=other, outcome=WriteOutcome.NOT_DONE)
    changed = await unless_changed(context, account, WriteOutcome.NOT_DONE)
    if changed is not None:
        return replace(changed, finished=False)  # if nothing stops it, it is looked at again and mailed
    return Intent("send_via_email", mail, context, sending_state(remote))


async def mailed_document(id: str, opened: OpenIntent | None, account: SevdeskAccount) -> SevInvoice | None:
    """sevDesk's copy; None if it was deleted after an attempt to mail it. Raises NotFound if none was made."""
    try:
        return await account.client.get_invoice(id)
    except NotFound:
        if opened is None:
            raise
        return None


def earlier_mail(document: str, opened: OpenIntent | None, remote: Mailable | None) -> SentHow | Parked | None:
    """How we know that an earlier attempt's mail was sent; None if none was; Parked if only a person can find out."""
    if opened is None or opened.answer == "not-done":
        return None
    if opened.answer == "done":
        return "confirmed_sent"
    changed = remote is not None and sending_state(remote) != opened.summary
    # sendDate has whole seconds: if the invoice was finalized in the second of the mail, only sendType has changed.
    if remote is not None and changed and remote.send_type == BY_MAIL:
        return "found_sent"
    if remote is None or changed or _too_close(opened, remote):
        return Parked(problem("mail_outcome_unknown", document=document), asks_about=opened.id)
    return None


def _too_close(opened: OpenIntent, remote: Mailable) -> bool:
    """True if an older mail is so recent that another one might have left sendDate as it was."""
    mailed = remote.send_date if remote.send_type == BY_MAIL else None
    return mailed is not None and abs((opened.at - mailed).total_seconds()) < CLOSE_SECONDS


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST sendViaEmail."""
    await account.client.send_via_email(intent.context.external_id, intent.request)
    return StepResult((_mailed(intent.context, intent.request, "sent"),))


def _payload(context: StepContext) -> SendInvoice:
    assert isinstance(context.payload, SendInvoice)
    return context.payload


def _mail(context: StepContext, remote: SevInvoice | None) -> MailDraft:
    number = (remote and remote.invoice_number) or context.handback.external_invoice_number or context.invoice.number
    return MailDraft(**filled(MAIL, MailSource(context.party, number, _payload(context))))


def sending_state(remote: Mailable) -> dict[str, str | None]:
    """The two fields that sevDesk changes when it mails a document."""
    return {"send_type": remote.send_type, "send_date": remote.send_date.isoformat() if remote.send_date else None}


def _mailed(context: StepContext, mail: MailDraft, how: SentHow) -> Mailed:
    return mailed_event(Mailed, context, mail, how, context.pdf_sha256)


def mailed_event(kind: type[M], context: StepContext, mail: MailDraft, how: SentHow, pdf_sha256: str | None) -> M:
    """The event for a mail to the invoice's recipient; `how` says how we know that it was sent."""
    asked = context.payload.to if isinstance(context.payload, SendInvoice) else None
    return kind(
        recipient_kind=context.party.kind,
        recipient_id=context.party.id,
        recipient_reason=context.addressee.reason + (" The job named the addresses." if asked else ""),
        how=how,
        pdf_sha256=pdf_sha256,
        copies=len(several(mail.cc)) + len(several(mail.bcc)),
        recipient=mail.to,
        cc=mail.cc,
        bcc=mail.bcc,
        subject=mail.subject,
    )


def _already_done(context: StepContext) -> bool:
    """Sent before, and `resend` does not ask for another mail."""
    sent = context.mails > 0 or context.handback.document_status is DocumentStatus.SENT
    return sent and not _payload(context).resend and context.open_intent is None


EMAIL = Step("email", look, leap, already_done=_already_done, own_job_only=True)
