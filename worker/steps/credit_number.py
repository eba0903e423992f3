"""credit_number: no two credit notes have the same number.

Open drafts are given the same one (measured by one peer), and what sevDesk does when the second of them is finished is
not established. So a draft whose number is in use is deleted and made again; the intent to finish one claims its number
(`sevdesk_intents_credit_number`); and sevDesk's copy is compared after it.
"""

from decimal import Decimal

from sevdesk_client.models import CreditNote
from worker.domain.credit import FINALIZED
from worker.domain.invoice import SyncStatus
from worker.domain.outcome import NotYet, Parked
from worker.domain.problems import Problem, problem
from worker.steps.credit_note import finished_with
from worker.steps.document import currency_of, gross_of
from worker.steps.payments import CREDIT_NOTE
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult

BUSY_WAIT = 2.0  # seconds: another job's call or two


def busy(number: str) -> NotYet:
    """For another job that is finishing a credit note with the number."""
    return NotYet(BUSY_WAIT, problem("credit_note_number_busy", credit_note=number))


async def is_taken(context: StepContext, number: str | None, account: SevdeskAccount) -> bool:
    """A finished credit note has the number, or another one is being finished with it. Raises `SevDeskError`."""
    if number is None:
        return False
    return await context.credit_number_use(number) is not None or bool(await finished_with(number, account))


async def why_not_renumbered(
    context: StepContext, draft: CreditNote, account: SevdeskAccount
) -> Parked | NotYet | None:
    """Why a draft that sevDesk itself made would not have a free number if it were made again; None if it would.

    The sequence is read again after a number is known to be used: another credit note may have been finished meanwhile.
    """
    seen: str | None = None
    while (following := (await account.client.credit_note_sequence()).number(context.today)) != seen:
        used = await context.credit_number_use(following)
        if used is False:
            return busy(following)
        if used is None and not await finished_with(following, account):
            return None
        seen = following
    return Parked(_taken(context, draft.credit_note_number, draft.id))


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Compare number and gross sum of the finished credit note. Raises `SevDeskError`."""
    finished = _finished(context)
    if finished is None:
        return StepResult()
    id, number, gross = finished
    found = await finished_with(number, account)
    if any(note.id != id for note in found):
        return StepResult(stop=Parked(_taken(context, number, id)))
    if differing := [note.sum_gross for note in found if note.sum_gross != gross]:
        about = {"number": context.invoice.number, "credit_note": number, "currency": currency_of(context)}
        return StepResult(stop=Parked(problem("credit_note_sums_differ", found=differing[0], expected=gross, **about)))
    return StepResult()


def _finished(context: StepContext) -> tuple[str, str, Decimal] | None:
    """sevDesk's id, number and gross sum of the credit note that this job has finished."""
    note, whole = context.credit_note, context.cancellation
    if note is not None and note.status == FINALIZED and note.number:
        return note.external_id, note.number, note.gross
    if whole is None or whole.kind != CREDIT_NOTE or context.handback.sync_status is not SyncStatus.CANCELLED:
        return None
    return (whole.external_id, whole.number, gross_of(context)) if whole.number else None


def _taken(context: StepContext, number: str | None, id: str) -> Problem:
    about = {"number": context.invoice.number, "credit_note": number or id, "external_id": id}
    return problem("credit_note_number_taken", **about)


def _already_done(context: StepContext) -> bool:
    """Its PDF, which the next step fetches, is stored."""
    note = context.credit_note
    stored = context.cancellation_pdf_sha256 if note is None else note.pdf_sha256
    return stored is not None


CREDIT_NUMBER = Step("credit_number", look, already_done=_already_done)
