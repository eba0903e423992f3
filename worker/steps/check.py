"""check: refuse before the first call what sevDesk, or the accountant, would refuse after it."""

from worker import money
from worker.invoice import DocumentStatus, SyncStatus
from worker.outcome import Parked, Rejected
from worker.recipients import Unresolved, missing_address_fields
from worker.steps.desk import Desk
from worker.steps.step import Case, Step, Told


async def look_publishable(case: Case, desk: Desk) -> Told:
    """Only approved invoices with a recipient and exact sums go out."""
    return Told(stop=_why_not_publishable(case))


def _why_not_publishable(case: Case) -> Parked | Rejected | None:
    number = case.invoice.number
    if case.handback.document_status is not DocumentStatus.APPROVED:
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
    """A published invoice whose recipient has an e-mail address."""
    told = await look_published(case, desk)
    if told.stop:
        return told
    if isinstance(case.recipient, Unresolved):
        return Told(stop=Parked(case.recipient.reason, case.recipient.next_step))
    party = case.who.party
    if not party.email:
        problem = (
            f"The recipient of invoice {case.invoice.number} ({party.kind.value} {party.id}) has no e-mail address."
        )
        return Told(stop=Parked(problem, "Add one and retry."))
    return Told()


def _published(case: Case) -> bool:
    return case.handback.sync_status is SyncStatus.SYNCED


PUBLISHABLE = Step("check", look_publishable, settled=_published)
PUBLISHED = Step("check", look_published)
SENDABLE = Step("check", look_sendable)
