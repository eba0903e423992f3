"""Sends a write to sevDesk, in this order: its turn at the gate, the intent's commit, the call."""

from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any, TypeVar

from sevdesk_client import errors
from worker.domain.ledger import Job
from worker.domain.outcome import NotYet, Outcome, Retry
from worker.domain.problems import problem
from worker.handlers.handler import HandlerContext
from worker.steps.credit_number import busy
from worker.steps.sevdesk_refusals import unknown_outcome
from worker.store.locks import NumberClaimed

T = TypeVar("T")

# Between the intent and the first byte of the call nothing is awaited but our own database; a loop that stalled longer
# may have lost its locks without knowing, and others may look as soon as the quarantine ends.
STALE_SHARE = 0.1


class Stop(Exception):
    """Ends the attempt with an outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


async def write_once(context: HandlerContext, job: Job, call: Callable[[], Awaitable[T]], *, subject: str, step: str,
                     action: str, summary: Mapping[str, Any], request_sha256: str, earlier: int | None,
                     found: str = "found_not_done",
                     addresses: Mapping[str, Any] | None = None) -> tuple[T, int]:  # fmt: skip
    """Record the intent, make the call once, and return its answer and the intent's id; that one is still open.

    `earlier`: the subject's open intent, which is closed with the outcome `found`. `addresses`: to whom a mail goes,
    kept while the intent is open. After `NotSent`, `Throttled` and `Refused`, which are raised again, the intent is
    closed. Raises `Stop` if the worker stalled and sent nothing (the intent is closed) or if the call's outcome is
    unknown (it stays open); `Throttled`, before there is an intent, if the wait for the turn takes too long.
    """
    # Waiting belongs before the intent, because the quarantine counts from it.
    await context.sevdesk.client.wait_for_turn()
    quarantine, opened = context.settings.write_quarantine, monotonic()
    try:
        intent_id = await context.locks.open_intent(
            subject=subject,
            job_id=job.job_id,
            step=step,
            action=action,
            summary=summary,
            request_sha256=request_sha256,
            quarantine=quarantine,
            earlier=earlier,
            found=found,
            addresses=addresses,
        )
    except NumberClaimed:  # the next look finds out by whom
        raise Stop(busy(summary["credit_note_number"])) from None
    if not context.locks.alive or monotonic() - opened > quarantine * STALE_SHARE:
        await context.store.record(job, intent=(intent_id, "not_sent"))
        raise Stop(NotYet(quarantine, problem("worker_stalled")))
    try:
        return await call(), intent_id
    except (errors.NotSent, errors.Throttled):
        await context.store.record(job, intent=(intent_id, "not_sent"))
        raise
    except errors.Refused:
        await context.store.record(job, intent=(intent_id, "refused"))
        raise
    except errors.SevDeskError as error:
        rest = quarantine - (monotonic() - opened)
        raise Stop(Retry(unknown_outcome(error), max(rest, 0.0))) from error
