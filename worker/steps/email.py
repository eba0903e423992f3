"""email: sevDesk mails the invoice to its recipient, at most once per job.

sevDesk has no mail log to ask. After an unknown outcome `sendType` and `sendDate` decide: VM with a new date means the
mail went out (one report), both unchanged means it did not; anything else cannot be told and waits for a person.
"""

from typing import Literal

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import MailDraft
from worker.domain.events import Mailed
from worker.domain.invoice import DocumentStatus, SyncStatus
from worker.domain.jobs import SendInvoice
from worker.domain.outcome import Parked, Rejected
from worker.domain.problems import problem
from worker.steps.account import SevdeskAccount
from worker.steps.field_map import MAIL, MailSource, filled
from worker.steps.step import Intent, LookResult, OpenIntent, Step, StepContext, StepResult, WriteOutcome

BY_MAIL = "VM"
CLOSE_SECONDS = 5.0


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Mailed already; mailed by the attempt whose answer was lost; or to be mailed now."""
    external_id = context.handback.external_id
    assert external_id is not None
    opened, number = context.open_intent, context.invoice.number
    remote = await mailed_document(external_id, opened, account)
    mail = _mail(context, remote)
    match was_sent(opened, remote):
        case None if opened is not None:
            return StepResult(stop=cannot_tell(f"invoice {number}", opened), outcome=WriteOutcome.UNKNOWN)
        case str(how):
            return StepResult((_mailed(context, mail, how),), remote)
    if context.handback.sync_status is SyncStatus.CANCELLED:
        return StepResult(stop=Rejected(problem("cancelled_before_mail", number=number)), outcome=WriteOutcome.NOT_DONE)
    if remote is None:
        gone = Parked(problem("mailed_document_gone", number=number))
        return StepResult(stop=gone, outcome=WriteOutcome.NOT_DONE)
    return Intent("send_via_email", mail, context, sending_state(remote))


async def mailed_document(id: str, opened: OpenIntent | None, account: SevdeskAccount) -> SevInvoice | None:
    """SevDesk's copy; None when it was deleted there after an attempt to mail it. Raises NotFound without one."""
    try:
        return await account.client.get_invoice(id)
    except NotFound:
        if opened is None:
            raise
        return None


def was_sent(earlier_outcome: OpenIntent | None, remote: SevInvoice | None) -> str | Literal[False] | None:
    """How we know that an earlier attempt's mail went out; False: it did not; None: nobody can tell from here."""
    if earlier_outcome is None or earlier_outcome.answer == "not-done":
        return False
    if earlier_outcome.answer == "done":
        return "sent, as an operator found"
    if remote is None:
        return None
    now, before = sending_state(remote), earlier_outcome.summary
    # sendDate has whole seconds: where the invoice was finalized in the same one, sendType alone has changed.
    if remote.send_type == BY_MAIL and now != before:
        return "found sent"
    if now != before or _too_close(earlier_outcome, remote):
        return None
    return False


def _too_close(earlier_outcome: OpenIntent, remote: SevInvoice) -> bool:
    """A resend right after another mail would not have moved sendDate; a few seconds cover two clocks that differ."""
    mailed = remote.send_date if remote.send_type == BY_MAIL else None
    return mailed is not None and abs((earlier_outcome.at - mailed).total_seconds()) < CLOSE_SECONDS


def cannot_tell(document: str, opened: OpenIntent) -> Parked:
    """The question only a person can answer."""
    return Parked(problem("mail_outcome_unknown", document=document), asks_about=opened.id)


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST sendViaEmail."""
    external_id = intent.context.handback.external_id
    assert external_id is not None
    await account.client.send_via_email(external_id, intent.request)
    return StepResult((_mailed(intent.context, intent.request, "sent"),))


def _mail(context: StepContext, remote: SevInvoice | None) -> MailDraft:
    asked = context.payload
    assert isinstance(asked, SendInvoice) and context.addressee.party.email is not None
    number = (remote and remote.invoice_number) or context.handback.external_invoice_number or context.invoice.number
    return MailDraft(**filled(MAIL, MailSource(context.addressee.party, number, asked)))


def sending_state(remote: SevInvoice) -> dict[str, str | None]:
    """What an attempt to mail would change."""
    return {"send_type": remote.send_type, "send_date": remote.send_date.isoformat() if remote.send_date else None}


def _mailed(context: StepContext, mail: MailDraft, how: str) -> Mailed:
    addressee = context.addressee
    return Mailed(
        recipient_kind=addressee.party.kind,
        recipient_id=addressee.party.id,
        recipient_reason=addressee.reason,
        how=how,
        pdf_sha256=context.pdf_sha256,
        recipient=mail.to,
        subject=mail.subject,
    )


def _settled(context: StepContext) -> bool:
    """Sent before, and nobody asked for a deliberate resend."""
    asked = context.payload
    assert isinstance(asked, SendInvoice)
    sent = context.mails > 0 or context.handback.document_status is DocumentStatus.SENT
    return sent and not asked.resend and context.open_intent is None


EMAIL = Step("email", look, leap, already_done=_settled, own_job_only=True)
