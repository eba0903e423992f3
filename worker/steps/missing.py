"""What sevDesk does not have at one look: what follows from that waits for a second look, at another time."""

from worker.domain.events import MissingInSevdesk
from worker.domain.ledger import Job
from worker.domain.outcome import NotYet, Outcome, Parked, Retry
from worker.domain.problems import problem
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult, WriteOutcome, is_synced

# Problems that rest on one "not found" of sevDesk's. All of them park.
GONE = frozenset(
    {"sevdesk_object_gone", "contact_gone", "credit_note_gone", "cancellation_gone", "mailed_document_gone"}
)

# Seconds until a job asks again whether a payment sync has made the second look that is due.
ASK_AGAIN = 5.0


def second_look(context: StepContext) -> StepResult | None:
    """Wait, and note the first look; None if the second one may be believed, or if no finalized invoice is missing."""
    waited = context.missing_for
    if not is_synced(context) or context.gone_after == 0 or (waited is not None and waited >= context.gone_after):
        return None
    noted = () if waited is not None else (MissingInSevdesk(external_id=context.external_id),)
    wait = NotYet(context.gone_after - (waited or 0.0), problem("missing_in_sevdesk", number=context.invoice.number))
    return StepResult(noted, stop=wait, outcome=WriteOutcome.UNKNOWN)


def gone_before(job: Job, gone_after: float) -> bool:
    """Whether the job's attempt before this one missed something in sevDesk, so that this one may conclude from it."""
    return gone_after == 0 or job.earlier_problem in GONE


def looked_twice(job: Job, outcome: Outcome, gone_after: float) -> Outcome:
    """The first time that something is missing becomes a retry after `gone_after` seconds; the second time parks.

    What we were about to delete is looked at soon: the next look finds it gone, which is what was wanted.
    """
    match outcome:
        case Parked(missing, asks_about=None) if missing.code in GONE and not gone_before(job, gone_after):
            deleting = missing.parameters.get("operation", "").startswith("DELETE ")
            return Retry(missing, None if deleting else gone_after)
    return outcome


async def look_decided(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Wait for the payment sync that makes the second look: it decides whether there is a document to publish again."""
    left = max(context.gone_after - (context.missing_for or 0.0), ASK_AGAIN)
    wait = NotYet(left, problem("missing_in_sevdesk", number=context.invoice.number))
    return StepResult(stop=wait, outcome=WriteOutcome.UNKNOWN)


def _nothing_missing(context: StepContext) -> bool:
    return not is_synced(context) or context.missing_for is None


DECIDED = Step("decided", look_decided, already_done=_nothing_missing, every_attempt=True)
