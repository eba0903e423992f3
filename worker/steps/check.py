"""check: refuse before the first call what sevDesk, or the accountant, would refuse after it."""

from worker.domain import money
from worker.domain.invoice import DocumentStatus, SyncStatus
from worker.domain.outcome import Parked, Rejected
from worker.domain.recipients import NoRecipient, missing_address_fields
from worker.steps.account import SevdeskAccount
from worker.steps.step import DRAFT_WRITES, Step, StepContext, StepResult, WriteOutcome


async def look_publishable(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Only approved invoices with a recipient and exact sums go out; a sent one only if sevDesk lost its document."""
    stop = _why_not_publishable(context)
    if isinstance(stop, Rejected) and context.open_intent is not None:
        # Rejected is the end, and nobody would look any more what became of the write.
        stop = Parked(stop.reason, "Retry once it is approved again, or cancel it: both find what is in sevDesk.")
    return StepResult(stop=stop, outcome=WriteOutcome.UNKNOWN)


def _why_not_publishable(context: StepContext) -> Parked | Rejected | None:
    number = context.invoice.number
    if context.handback.document_status is not DocumentStatus.APPROVED and not _gone(context):
        return Rejected(
            f"Invoice {number} is {context.handback.document_status.value}; only approved invoices are published. "
            "Approve it and ask again."
        )
    if isinstance(context.recipient, NoRecipient):
        return Parked(context.recipient.reason, context.recipient.next_step)
    if missing := missing_address_fields(context.addressee.party):
        party = context.addressee.party
        return Parked(
            f"The recipient of invoice {number} ({party.kind.value} {party.id}) has no {', '.join(missing)}.",
            "Complete the address and retry.",
        )
    if context.invoice.is_e_invoice and not context.addressee.party.email:
        party = context.addressee.party
        return Parked(
            f"Invoice {number} is an e-invoice, and its recipient ({party.kind.value} {party.id}) has no e-mail "
            "address, which sevDesk wants to have.",
            "Add one and retry.",
        )
    refusal = money.refusal(context.invoice, context.sevdesk_type)
    return Parked(refusal.reason, refusal.next_step) if refusal else None


def _gone(context: StepContext) -> bool:
    """It was sent, and its document, which had a number, is no longer in sevDesk: it may be published afresh."""
    here = context.handback
    known_gone = here.sync_status is not SyncStatus.SYNCED and here.external_invoice_number is not None
    return here.document_status is DocumentStatus.SENT and known_gone


async def look_published(context: StepContext, account: SevdeskAccount) -> StepResult:
    """For what needs the finalized document: it must be there."""
    number = context.invoice.number
    match context.handback.sync_status:
        case SyncStatus.SYNCED:
            return StepResult()
        case SyncStatus.CANCELLED:
            return StepResult(stop=Rejected(f"Invoice {number} is cancelled."))
        case _:
            return StepResult(
                stop=Parked(f"Invoice {number} is not published in sevDesk yet.", "Publish it first, then retry.")
            )


async def look_sendable(context: StepContext, account: SevdeskAccount) -> StepResult:
    """A published invoice whose recipient has an e-mail address. A mail in the air is not looked for here."""
    result = await look_published(context, account)
    if result.stop and context.open_intent is None:  # else `email` finds out, whatever became of the invoice since
        return result
    return StepResult(stop=_why_no_mail(context), outcome=WriteOutcome.UNKNOWN)


def _why_no_mail(context: StepContext) -> Parked | None:
    if isinstance(context.recipient, NoRecipient):
        return Parked(context.recipient.reason, context.recipient.next_step)
    party = context.addressee.party
    if party.email:
        return None
    problem = (
        f"The recipient of invoice {context.invoice.number} ({party.kind.value} {party.id}) has no e-mail address."
    )
    return Parked(problem, "Add one and retry.")


def _published(context: StepContext) -> bool:
    return context.handback.sync_status is SyncStatus.SYNCED


PUBLISHABLE = Step("check", look_publishable, already_done=_published, also_resolves=("publish", *DRAFT_WRITES))
PUBLISHED = Step("check", look_published)
SENDABLE = Step("check", look_sendable, also_resolves=("email",), own_job_only=True)
