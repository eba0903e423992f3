"""What all steps have in common that mail a document: invoice, cancellation invoice and credit note.

sevDesk has no mail log. After an unknown outcome `sendType` and `sendDate` decide: VM with a changed date means that
the mail was sent (one report), both unchanged that it was not; in any other case a person must find out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sevdesk_client.models import CreditNote, MailDraft
from worker.domain.emails import several
from worker.domain.events import MailSent, SentHow
from worker.domain.outcome import Parked
from worker.domain.payloads import SendInvoice
from worker.domain.problems import Problem, problem
from worker.steps.check import why_no_mail
from worker.steps.credit_note import existing
from worker.steps.document import addressed_otherwise
from worker.steps.sending import Mailable, document_gone, sending_state, sent_document, too_close, why_not_sent
from worker.steps.sent_before import BY_MAIL, sent_before
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Intent, LookResult, OpenIntent, Step, StepContext, StepResult, WriteOutcome


@dataclass(frozen=True, slots=True)
class Mailing:
    """A document that is to be mailed."""

    document: str  # for problems, such as `credit note GU-1000`
    external_id: str
    event: type[MailSent]
    pdf_sha256: str | None
    mail: Callable[[Mailable | None], MailDraft]  # of sevDesk's copy; None if that is gone
    is_credit_note: bool = False
    gone: Problem | None = None  # what to say if sevDesk lost it; None: it is the invoice itself (see `why_not_sent`)


def mail_step(
    name: str, mailing_of: Callable[[StepContext], Mailing], already_done: Callable[[StepContext], bool]
) -> Step:
    """The step that mails the document which `mailing_of` names, at most once per job."""

    async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
        """Find out whether an attempt whose answer was lost has mailed it; if not, mail it."""
        mailing, opened = mailing_of(context), context.open_intent
        if mailing.gone is not None and (no_mail := why_no_mail(context, mailing.document)) is not None:
            return StepResult(stop=no_mail, outcome=WriteOutcome.UNKNOWN)
        remote = await (
            existing(mailing.external_id, account)
            if mailing.is_credit_note
            else sent_document(mailing.external_id, opened, account)
        )
        answered = opened is not None and opened.answer is not None
        if remote is None and not answered and not context.gone_before:
            return StepResult(stop=Parked(mailing.gone or document_gone(context)), outcome=WriteOutcome.UNKNOWN)
        match _earlier_mail(mailing.document, opened, remote) or sent_before(context, mailing.document, remote):
            case Parked() as question:
                return StepResult(stop=question, outcome=WriteOutcome.UNKNOWN)
            case str(how):
                mail = _mail_of(opened) or mailing.mail(remote)
                return StepResult((_mailed(mailing, context, mail, how),))
        if (not_sent := await _why_not(mailing, context, remote, account)) is not None:
            return not_sent
        assert remote is not None  # else `_why_not`
        mail = mailing.mail(remote)
        return Intent("send_via_email", mail, context, sending_state(remote), addresses=_addresses_of(mail))

    async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
        """POST sendViaEmail."""
        mailing, client = mailing_of(intent.context), account.client
        send = client.send_credit_note_via_email if mailing.is_credit_note else client.send_via_email
        await send(mailing.external_id, intent.request)
        return StepResult((_mailed(mailing, intent.context, intent.request, "sent"),))

    return Step(name, look, leap, already_done=already_done, own_job_only=True)


async def _why_not(
    mailing: Mailing, context: StepContext, remote: Mailable | None, account: SevdeskAccount
) -> StepResult | None:
    """Why it must not be mailed; None if it may. Raises `SevDeskError`."""
    if mailing.gone is None:
        assert not isinstance(remote, CreditNote)
        return await why_not_sent(context, remote, account)
    stop = Parked(mailing.gone) if remote is None else addressed_otherwise(context, remote)
    return StepResult(stop=stop, outcome=WriteOutcome.NOT_DONE) if stop else None


def _earlier_mail(document: str, opened: OpenIntent | None, remote: Mailable | None) -> SentHow | Parked | None:
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


def _addresses_of(mail: MailDraft) -> dict[str, Any]:
    """What the open intent keeps: an attempt whose answer was lost used these, whatever the address is by then."""
    return {"to": mail.to, "cc": mail.cc, "bcc": mail.bcc, "subject": mail.subject, "send_xml": mail.send_xml}


def _mail_of(opened: OpenIntent | None) -> MailDraft | None:
    """The mail of the earlier attempt, without its text."""
    return MailDraft(text="", **opened.addresses) if opened is not None and opened.addresses else None


def _mailed(mailing: Mailing, context: StepContext, mail: MailDraft, how: SentHow) -> MailSent:
    """The event for a mail to the invoice's recipient; `how` says how we know that it was sent."""
    asked = context.payload.to if isinstance(context.payload, SendInvoice) else None
    return mailing.event(
        recipient_kind=context.party.kind,
        recipient_id=context.party.id,
        recipient_reason=context.addressee.reason + (" The job named the addresses." if asked else ""),
        how=how,
        pdf_sha256=None if mail.send_xml else mailing.pdf_sha256,
        xml_sha256=context.xml_sha256 if mail.send_xml else None,
        copies=len(several(mail.cc)) + len(several(mail.bcc)),
        recipient=mail.to,
        cc=mail.cc,
        bcc=mail.bcc,
        subject=mail.subject,
    )
