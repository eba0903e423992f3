"""email: sevDesk mails the invoice to its recipient, at most once per job.

sevDesk has no mail log. After an unknown outcome `sendType` and `sendDate` decide: VM with a changed date means that
the mail was sent (one report), both unchanged that it was not; in any other case a person must find out.
"""

from typing import Any, TypeVar

from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import MailDraft
from worker.domain.emails import several
from worker.domain.events import Mailed, MailSent, SentHow
from worker.domain.jobs import Channel, SendInvoice
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps.field_map import MAIL, MailSource, filled
from worker.steps.sending import Mailable, already_sent, asked_of, sending_state, sent_document, too_close, why_not_sent
from worker.steps.sent_before import BY_MAIL, sent_before
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Intent, LookResult, OpenIntent, Step, StepContext, StepResult, WriteOutcome

M = TypeVar("M", bound=MailSent)


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Find out whether an attempt whose answer was lost has mailed the invoice; if not, mail it."""
    opened = context.open_intent
    remote = await sent_document(context.external_id, opened, account)
    document = f"invoice {context.invoice.number}"
    match earlier_mail(document, opened, remote) or sent_before(context, document, remote):
        case Parked() as question:
            return StepResult(stop=question, outcome=WriteOutcome.UNKNOWN)
        case str(how):
            mail = mail_of(opened) or _mail(context, remote)
            return StepResult((_mailed(context, mail, how),), remote)
    if (not_sent := await why_not_sent(context, remote, account)) is not None:
        return not_sent
    assert remote is not None  # else `why_not_sent`
    mail = _mail(context, remote)
    return Intent("send_via_email", mail, context, sending_state(remote), addresses=addresses_of(mail))


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
    if remote is None or changed or too_close(opened, remote, BY_MAIL):
        return Parked(problem("mail_outcome_unknown", document=document), asks_about=opened.id)
    return None


def addresses_of(mail: MailDraft) -> dict[str, Any]:
    """What the open intent keeps: an attempt whose answer was lost used these, whatever the address is by then."""
    return {"to": mail.to, "cc": mail.cc, "bcc": mail.bcc, "subject": mail.subject}


def mail_of(opened: OpenIntent | None) -> MailDraft | None:
    """The mail of the earlier attempt, without its text."""
    return MailDraft(text="", **opened.addresses) if opened is not None and opened.addresses else None


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST sendViaEmail."""
    await account.client.send_via_email(intent.context.external_id, intent.request)
    return StepResult((_mailed(intent.context, intent.request, "sent"),))


def _mail(context: StepContext, remote: SevInvoice | None) -> MailDraft:
    number = (remote and remote.invoice_number) or context.handback.external_invoice_number or context.invoice.number
    return MailDraft(**filled(MAIL, MailSource(context.party, number, asked_of(context))))


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
    return asked_of(context).channel is not Channel.EMAIL or already_sent(context)


EMAIL = Step("email", look, leap, already_done=_already_done, own_job_only=True)
