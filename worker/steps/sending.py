"""What all ways of sending an invoice have in common: when it was sent before, and what keeps it from being sent."""

from dataclasses import replace
from typing import Any

from sevdesk_client.errors import NotFound
from sevdesk_client.models import CreditNote
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.invoice import DocumentStatus, SyncStatus
from worker.domain.outcome import Parked, Rejected
from worker.domain.payloads import SendInvoice
from worker.domain.problems import Problem, problem
from worker.steps.changed_after_publication import unless_changed
from worker.steps.document import not_our_document
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import OpenIntent, StepContext, StepResult, WriteOutcome
from worker.steps.unmarked import cancellations_of

Mailable = SevInvoice | CreditNote
CLOSE_SECONDS = 5.0  # by how much sevDesk's clock and ours may differ


def already_sent(context: StepContext) -> bool:
    """Sent before, by whatever way, and `resend` does not ask for another time."""
    mailed = bool(context.mail_ledger) and context.mail_ledger[-1].bounce_job_id is None
    sent = mailed or context.handback.document_status is DocumentStatus.SENT
    return sent and not context.asked(SendInvoice).resend and context.open_intent is None


def sending_result(context: StepContext) -> dict[str, Any]:
    """The keys of `SendResult` that say what this job did."""
    sent = context.sent
    if sent is not None and sent.job_id == context.job_id:
        return {"channel": sent.channel, "sent_before": None}
    return {"channel": None, "sent_before": sent.channel if sent else "unknown"}


async def sent_document(id: str, opened: OpenIntent | None, account: SevdeskAccount) -> SevInvoice | None:
    """sevDesk's copy; None if it was deleted after an attempt to send it. Raises NotFound if none was made."""
    try:
        return await account.client.get_invoice(id)
    except NotFound:
        if opened is None:
            raise
        return None


def sending_state(remote: Mailable) -> dict[str, str | None]:
    """The two fields that sevDesk changes when a document is sent or marked as sent."""
    return {"send_type": remote.send_type, "send_date": remote.send_date.isoformat() if remote.send_date else None}


def too_close(opened: OpenIntent, remote: Mailable, send_type: str) -> bool:
    """True if an older sending of this type is so recent that another one might have left sendDate as it was."""
    sent = remote.send_date if remote.send_type == send_type else None
    return sent is not None and abs((opened.at - sent).total_seconds()) < CLOSE_SECONDS


def document_gone(context: StepContext) -> Problem:
    """The invoice was there when we tried to send it, and sevDesk no longer has it."""
    return problem("mailed_document_gone", number=context.invoice.number)


def status_forbids_sending(context: StepContext) -> Parked | None:
    """The billing system has withdrawn the approval, or cancelled the invoice without cancelling it in sevDesk."""
    status = context.handback.document_status
    if status in (DocumentStatus.APPROVED, DocumentStatus.SENT):
        return None
    return Parked(problem("status_forbids_sending", number=context.invoice.number, status=status.value))


async def why_not_sent(context: StepContext, remote: SevInvoice | None, account: SevdeskAccount) -> StepResult | None:
    """Cancelled, gone, or not what the billing system says; None if it may be sent. Raises `SevDeskError`."""
    number = context.invoice.number
    if context.handback.sync_status is SyncStatus.CANCELLED:
        return StepResult(stop=Rejected(problem("cancelled_before_mail", number=number)), outcome=WriteOutcome.NOT_DONE)
    if stop := status_forbids_sending(context):
        return StepResult(stop=stop, outcome=WriteOutcome.NOT_DONE)
    if remote is None:
        outcome = WriteOutcome.NOT_DONE if context.gone_before else WriteOutcome.UNKNOWN
        return StepResult(stop=Parked(document_gone(context)), outcome=outcome)
    if remote.id in await cancellations_of(remote, number, account):
        return StepResult(stop=Rejected(problem("cancelled_before_mail", number=number)), outcome=WriteOutcome.NOT_DONE)
    if other := await not_our_document(context, remote, account):
        return StepResult(stop=other, outcome=WriteOutcome.NOT_DONE)
    changed = await unless_changed(context, account, WriteOutcome.NOT_DONE)
    return changed and replace(changed, finished=False)  # if nothing stops it, it is looked at again and sent
