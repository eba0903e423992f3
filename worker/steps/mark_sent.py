"""mark_sent: an invoice that goes by post or into a portal is marked in sevDesk as sent; sevDesk sends nothing.

sendBy sets sendType and sendDate (official; live, five peers). An own write is recognized by them; where they do not
tell, it is repeated: another mark does no harm, unlike another mail.
"""

from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import MarkedHow, MarkedSent
from worker.domain.payloads import Channel, SendInvoice
from worker.steps.sending import already_sent, sending_state, sent_document, too_close, why_not_sent
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Intent, LookResult, OpenIntent, Step, StepContext, StepResult, WriteOutcome

# sevDesk's sendType: postal; downloaded, which is what a customer does in a portal (official).
SEND_TYPES = {Channel.POST: "VP", Channel.PORTAL: "VPDF"}


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Find out whether an attempt whose answer was lost has marked the invoice; if not, mark it."""
    opened, send_type = context.open_intent, SEND_TYPES[context.asked(SendInvoice).channel]
    remote = await sent_document(context.external_id, opened, account)
    if opened is not None and remote is not None and _is_marked(opened, remote, send_type):
        return StepResult((_marked(context, "found_marked"),), remote)
    if (not_sent := await why_not_sent(context, remote, account)) is not None:
        return not_sent
    assert remote is not None  # else `why_not_sent`
    return Intent("mark_sent", send_type, context, sending_state(remote), _earlier_outcome(opened, remote, send_type))


def _is_marked(opened: OpenIntent, remote: SevInvoice, send_type: str) -> bool:
    return remote.send_type == send_type and sending_state(remote) != opened.summary


def _earlier_outcome(opened: OpenIntent | None, remote: SevInvoice, send_type: str) -> WriteOutcome:
    if opened is None or (sending_state(remote) == opened.summary and not too_close(opened, remote, send_type)):
        return WriteOutcome.NOT_DONE
    return WriteOutcome.MOOT


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """PUT sendBy with sendDraft false."""
    remote = await account.client.send_by(intent.context.external_id, send_type=intent.request)
    return StepResult((_marked(intent.context, "marked"),), remote)


def _marked(context: StepContext, how: MarkedHow) -> MarkedSent:
    return MarkedSent(
        channel=context.asked(SendInvoice).channel.value,
        recipient_kind=context.party.kind,
        recipient_id=context.party.id,
        recipient_reason=context.addressee.reason,
        how=how,
        pdf_sha256=context.pdf_sha256,
    )


def _already_done(context: StepContext) -> bool:
    return context.asked(SendInvoice).channel is Channel.EMAIL or already_sent(context)


MARK_SENT = Step("mark_sent", look, leap, already_done=_already_done, own_job_only=True)
