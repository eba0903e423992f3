"""check: refuse before the first call what sevDesk, or the accountant, would refuse after it."""

from worker.domain import money
from worker.domain.invoice import DocumentStatus, SyncStatus
from worker.domain.outcome import Parked, Rejected
from worker.domain.problems import problem
from worker.domain.recipients import NoRecipient, missing_address_fields
from worker.steps.account import SevdeskAccount
from worker.steps.step import DRAFT_WRITES, Step, StepContext, StepResult, WriteOutcome


async def look_publishable(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Only approved invoices with a recipient and exact sums go out; a sent one only if sevDesk lost its document."""
    return StepResult(stop=_why_not_publishable(context), outcome=WriteOutcome.UNKNOWN)


def _why_not_publishable(context: StepContext) -> Parked | Rejected | None:
    invoice, status = context.invoice, context.handback.document_status
    if status is not DocumentStatus.APPROVED and not _gone(context):
        about = {"number": invoice.number, "status": status.value}
        if context.open_intent is None:
            return Rejected(problem("invoice_not_approved", **about))
        # Rejected is the end, and nobody would look any more what became of the write.
        return Parked(problem("approval_withdrawn", **about))
    if isinstance(context.recipient, NoRecipient):
        return Parked(context.recipient.problem)
    about = {"number": invoice.number, "party": party_name(context)}
    if missing := missing_address_fields(context.addressee.party):
        return Parked(problem("recipient_address_incomplete", fields=", ".join(missing), **about))
    if invoice.is_e_invoice and not context.addressee.party.email:
        return Parked(problem("e_invoice_missing_email", **about))
    wrong = money.first_problem(invoice, context.sevdesk_type)
    return Parked(wrong) if wrong else None


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
            return StepResult(stop=Rejected(problem("invoice_cancelled", number=number)))
        case _:
            return StepResult(stop=Parked(problem("invoice_not_published", number=number)))


async def look_sendable(context: StepContext, account: SevdeskAccount) -> StepResult:
    """A published invoice whose recipient has an e-mail address. An open mail intent is left to the email step."""
    result = await look_published(context, account)
    if result.stop and context.open_intent is None:  # else `email` finds out, whatever became of the invoice since
        return result
    return StepResult(stop=why_no_mail(context, f"invoice {context.invoice.number}"), outcome=WriteOutcome.UNKNOWN)


def why_no_mail(context: StepContext, document: str) -> Parked | None:
    """What keeps a document from being mailed to the recipient; None: nothing does."""
    if isinstance(context.recipient, NoRecipient):
        return Parked(context.recipient.problem)
    if context.addressee.party.email:
        return None
    return Parked(problem("recipient_missing_email", document=document, party=party_name(context)))


def party_name(context: StepContext) -> str:
    """Kind and id of the recipient, without personal data."""
    party = context.addressee.party
    return f"{party.kind.value} {party.id}"


def _published(context: StepContext) -> bool:
    return context.handback.sync_status is SyncStatus.SYNCED


PUBLISHABLE = Step("check", look_publishable, already_done=_published, also_resolves=("publish", *DRAFT_WRITES))
PUBLISHED = Step("check", look_published)
SENDABLE = Step("check", look_sendable, also_resolves=("email",), own_job_only=True)
