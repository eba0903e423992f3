"""publish_order: with PUBLISH_IN_ORDER an invoice gets its number after the earlier ones that are being published.

Earlier is what has an earlier date, or the same and a lower number of ours. Only the numbers wait: drafts are made side
by side. What is parked, asked for later than now or put off for minutes is not waited for, nor what itself waits for
another invoice of its deal, which may be a later one.
"""

from worker.domain.invoice import SyncStatus
from worker.domain.outcome import NotYet
from worker.domain.problems import problem
from worker.steps.step import StepContext

# Seconds for each earlier invoice until the job looks again: about as long as drawing a number takes.
SECONDS_EACH, LONGEST_WAIT = 0.5, 30.0


def awaits_turn(context: StepContext) -> NotYet | None:
    """An earlier invoice has no number yet. After an own write of unknown outcome sevDesk is asked first."""
    if context.ahead is None or context.open_intent is not None:
        return None
    wait = min(context.ahead.invoices * SECONDS_EACH, LONGEST_WAIT)
    other, number = context.ahead.nearest, context.invoice.number
    return NotYet(wait, problem("earlier_invoice_under_way", other=other, number=number))


def draft_awaits_turn(context: StepContext) -> NotYet | None:
    """The same, of an invoice whose draft is made, so that nothing need be asked of sevDesk meanwhile."""
    return awaits_turn(context) if context.handback.sync_status is SyncStatus.DRAFTED else None
