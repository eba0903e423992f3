"""check: refuse before the first call what sevDesk, or the accountant, would refuse after it."""

from worker.domain import money
from worker.domain.invoice import DocumentStatus, SyncStatus
from worker.domain.outcome import Parked, Rejected
from worker.domain.recipients import Unresolved, missing_address_fields
from worker.steps.account import Desk
from worker.steps.step import DRAFT_WRITES, Case, Fate, Step, Told


async def look_publishable(case: Case, desk: Desk) -> Told:
    """Only approved invoices with a recipient and exact sums go out; a sent one only if sevDesk lost its document."""
    stop = _why_not_publishable(case)
    if isinstance(stop, Rejected) and case.open_intent is not None:
        # Rejected is the end, and nobody would look any more what became of the write.
        stop = Parked(stop.reason, "Retry once it is approved again, or cancel it: both find what is in sevDesk.")
    return Told(stop=stop, fate=Fate.UNKNOWN)


def _why_not_publishable(case: Case) -> Parked | Rejected | None:
    number = case.invoice.number
    if case.handback.document_status is not DocumentStatus.APPROVED and not _gone(case):
        return Rejected(
            f"Invoice {number} is {case.handback.document_status.value}; only approved invoices are published. "
            "Approve it and ask again."
        )
    if isinstance(case.recipient, Unresolved):
        return Parked(case.recipient.reason, case.recipient.next_step)
    if missing := missing_address_fields(case.who.party):
        party = case.who.party
        return Parked(
            f"The recipient of invoice {number} ({party.kind.value} {party.id}) has no {', '.join(missing)}.",
            "Complete the address and retry.",
        )
    if case.invoice.is_e_invoice and not case.who.party.email:
        party = case.who.party
        return Parked(
            f"Invoice {number} is an e-invoice, and its recipient ({party.kind.value} {party.id}) has no e-mail "
            "address, which sevDesk wants to have.",
            "Add one and retry.",
        )
    refusal = money.refusal(case.invoice, case.sevdesk_type)
    return Parked(refusal.reason, refusal.next_step) if refusal else None


def _gone(case: Case) -> bool:
    """It was sent, and its document, which had a number, is no longer in sevDesk: it may be published afresh."""
    here = case.handback
    known_gone = here.sync_status is not SyncStatus.SYNCED and here.external_invoice_number is not None
    return here.document_status is DocumentStatus.SENT and known_gone


async def look_published(case: Case, desk: Desk) -> Told:
    """For what needs the finalized document: it must be there."""
    number = case.invoice.number
    match case.handback.sync_status:
        case SyncStatus.SYNCED:
            return Told()
        case SyncStatus.CANCELLED:
            return Told(stop=Rejected(f"Invoice {number} is cancelled."))
        case _:
            return Told(
                stop=Parked(f"Invoice {number} is not published in sevDesk yet.", "Publish it first, then retry.")
            )


async def look_sendable(case: Case, desk: Desk) -> Told:
    """A published invoice whose recipient has an e-mail address. A mail in the air is not looked for here."""
    told = await look_published(case, desk)
    if told.stop and case.open_intent is None:  # else `email` finds out, whatever became of the invoice since
        return told
    return Told(stop=_why_no_mail(case), fate=Fate.UNKNOWN)


def _why_no_mail(case: Case) -> Parked | None:
    if isinstance(case.recipient, Unresolved):
        return Parked(case.recipient.reason, case.recipient.next_step)
    party = case.who.party
    if party.email:
        return None
    problem = f"The recipient of invoice {case.invoice.number} ({party.kind.value} {party.id}) has no e-mail address."
    return Parked(problem, "Add one and retry.")


def _published(case: Case) -> bool:
    return case.handback.sync_status is SyncStatus.SYNCED


PUBLISHABLE = Step("check", look_publishable, settled=_published, resolves=("publish", *DRAFT_WRITES))
PUBLISHED = Step("check", look_published)
SENDABLE = Step("check", look_sendable, resolves=("email",), own=True)
