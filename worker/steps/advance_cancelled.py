"""advance_cancelled: when an advance is cancelled or credited in part, name the final invoices that account for it."""

from worker.domain.advances import ADVANCE
from worker.domain.check_levels import Level
from worker.domain.dates import FINAL
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps.deal_check import warning
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult

CODE = "advance_cancelled_after_final"


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """What they deduct, or leave out, is no longer owed or paid by an advance, or not all of it."""
    level = context.level(CODE)
    finals = [each.number for each in context.deal_invoices if each.document_kind == FINAL and each.published]
    if not finals or level is Level.OFF or CODE in context.warned:
        return StepResult()
    found = problem(CODE, number=context.invoice.number, finals=", ".join(finals))
    return StepResult(stop=Parked(found)) if level is Level.PARK else StepResult((warning(found),))


def _already_done(context: StepContext) -> bool:
    """It was no published advance, or it came after the final invoices, which do not know of it."""
    published = context.handback.external_invoice_number is not None
    return context.invoice.document_kind != ADVANCE or not published or "advance_after_final" in context.warned


ADVANCE_CANCELLED = Step("advance_cancelled", look, already_done=_already_done)
