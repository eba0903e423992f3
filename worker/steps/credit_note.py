"""What all steps about credit notes share: finding them in sevDesk, their numbers, and what became of an open write."""

from contextlib import suppress
from datetime import date
from decimal import Decimal
from functools import partial

from sevdesk_client.errors import NotFound
from sevdesk_client.models import CreditNote
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.credit import DELETED, DRAFTED, is_marked
from worker.domain.invoice import CreditNote as CreditRecord
from worker.domain.money import is_amount
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps.pages import read_pages
from worker.steps.payments import DRAFT, ZERO, paid_of
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import OpenIntent, StepContext, WriteOutcome

NONE_FOR = ("AR", "TR")  # sevDesk's invoice types without credit notes (official)
# So many numbers are tried one by one. The sequence moves when a credit note is enshrined (measured by one peer).
MOST_AHEAD = 20


async def credit_notes_of(contact_id: str, account: SevdeskAccount) -> list[CreditNote]:
    """All credit notes of a contact. Their customerInternalNote is no filter that anybody measured.

    Raises `SevDeskError`.
    """
    fetch = partial(account.client.list_credit_notes, contact_id=contact_id)
    return [note async for page in read_pages("GET /CreditNote", fetch) for note in page]


async def existing(id: str, account: SevdeskAccount) -> CreditNote | None:
    """sevDesk's copy of a credit note; None if it was deleted there. Raises any other `SevDeskError`."""
    with suppress(NotFound):
        return await account.client.get_credit_note(id)
    return None


async def standing(context: StepContext, account: SevdeskAccount) -> list[CreditRecord]:
    """Other jobs' credit notes of the invoice on record, without drafts that sevDesk no longer has.

    A draft may be deleted by hand, or by us with the answer lost and the job dismissed. Raises `SevDeskError`.
    """
    others = [note for note in context.credit_notes if note.status != DELETED and note.job_id != context.job_id]
    return [note for note in others if note.status != DRAFTED or await existing(note.external_id, account) is not None]


async def finished_with(number: str, account: SevdeskAccount) -> list[CreditNote]:
    """sevDesk's credit notes with this number, without drafts. Raises `SevDeskError`."""
    return [note for note in await account.client.list_credit_notes(number=number) if note.status != DRAFT]


async def free_number(context: StepContext, day: date, account: SevdeskAccount) -> str:
    """A number from the sequence on that no credit note has or is being given. Raises `SevDeskError`.

    The first such number if it is less than `MOST_AHEAD` ahead; else one found by doubling the distance, then halving.
    """
    sequence = await account.client.credit_note_sequence()

    async def is_free(ahead: int) -> bool:
        number = sequence.number(day, ahead)
        return await context.credit_number_use(number) is None and not await finished_with(number, account)

    for ahead in range(MOST_AHEAD):
        if await is_free(ahead):
            return sequence.number(day, ahead)
    taken, free = MOST_AHEAD - 1, MOST_AHEAD
    while not await is_free(free):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        taken, free = (taken, middle) if await is_free(middle) else (middle, free)
    return sequence.number(day, free)


def write_outcome(opened: OpenIntent | None, note: CreditNote | None) -> WriteOutcome:
    """Whether an open write about a credit note happened, judged by sevDesk's copy (None: there is none)."""
    match opened.action if opened else None:
        case "save_credit_note" | "create_credit_note" | "cancel_invoice":
            done = note is not None
        case "delete_credit_note":
            done = note is None
        case "finalize_credit_note":
            done = note is not None and note.status != DRAFT
        case _:
            return WriteOutcome.MOOT
    return WriteOutcome.DONE if done else WriteOutcome.NOT_DONE


def by_hand(context: StepContext, remote: SevInvoice | None, notes: list[CreditNote]) -> Decimal:
    """The gross sum of the credit notes of the invoice in sevDesk that are not on record.

    Those that sevDesk made of it have it as origin; those of our own making, or copies of them, have our marker.
    """
    known = {note.external_id for note in context.credit_notes}

    def is_of_it(note: CreditNote) -> bool:
        made_of_it = remote is not None and note.origin is not None and note.origin.id == remote.id
        return made_of_it or is_marked(note.customer_internal_note, context.invoice.number)

    return sum((note.sum_gross or ZERO for note in notes if is_of_it(note) and note.id not in known), ZERO)


def none_for_advances(number: str, invoice_type: str) -> Parked | None:
    """Why an invoice of this sevDesk type has no credit notes; None if it may have some."""
    if invoice_type not in NONE_FOR:
        return None
    return Parked(problem("credit_note_not_for_advance", number=number, type=invoice_type))


def money_come(context: StepContext, remote: SevInvoice | None) -> Decimal:
    """What was paid on the invoice, in its currency; what is on record where sevDesk does not tell the currency.

    0 where the record is no amount: the column also holds NaN and infinity.
    """
    paid, recorded = paid_of(remote) if remote is not None else None, context.handback.paid_amount
    return paid if paid is not None else recorded if is_amount(recorded) else ZERO
