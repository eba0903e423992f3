"""A finalized invoice that sevDesk does not have at one look: what follows from that waits for a second one."""

from worker.domain.events import MissingInSevdesk
from worker.domain.outcome import NotYet
from worker.domain.problems import problem
from worker.steps.step import StepContext, StepResult, WriteOutcome, is_synced


def second_look(context: StepContext) -> StepResult | None:
    """Wait, and note the first look; None if the second one may be believed, or if none was finalized here."""
    waited = context.missing_for
    if not is_synced(context) or context.gone_after == 0 or (waited is not None and waited >= context.gone_after):
        return None
    noted = () if waited is not None else (MissingInSevdesk(external_id=context.external_id),)
    wait = NotYet(context.gone_after - (waited or 0.0), problem("missing_in_sevdesk", number=context.invoice.number))
    return StepResult(noted, stop=wait, outcome=WriteOutcome.UNKNOWN)
