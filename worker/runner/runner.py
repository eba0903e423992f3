"""One job's passage: parse, claim, step, record, report. Exceptions become outcomes here, and only here.

Order of things for each write: the intent is committed through the lock session, then the call is made, then the
result is recorded. After an intent whose outcome is unknown nobody looks or acts before the quarantine is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import monotonic
from typing import TypeVar
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from sevdesk_client import errors
from worker.domain import jobs, lifecycle
from worker.domain.jobs import Kind, Payload, Who
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry
from worker.gate.gate import REFUSED
from worker.handlers.handler import HandlerContext
from worker.observability.metrics import Metrics
from worker.runner.context import load_case
from worker.runner.registry import HANDLERS
from worker.runner.retry import ending_of, mark, spend
from worker.settings import Settings
from worker.steps.account import Desk
from worker.steps.plan import PLAN
from worker.steps.step import Answer, Case, Fate, Intent, OpenIntent, Step, Told
from worker.store import LOST, Bell, Change, Ending, Job, LockSession, Overtaken, Refusal, Store

log = structlog.get_logger()
T = TypeVar("T")

# A job whose turn has not come looks again after a second; normally the job before it rings it at once.
TURN_WAIT = 1.0
# Two jobs that write the same contact: one write to sevDesk takes about as long.
CONTACT_WAIT = 0.5
# Postgres or the lock session went away in mid-job: long enough for a reconnect.
LOST_WAIT = 2.0
# Between the intent and the first byte of the call nothing is awaited but our own database; a loop that stalled longer
# may have lost its locks without knowing, and others may look as soon as the quarantine ends.
STALE_SHARE = 0.1
# No step needs more looks: find, delete, save, compare, delete.
MOST_LOOKS = 6
# How the intent's row keeps what a look found, and what a leap made.
FOUND = {Fate.DONE: "found_done", Fate.NOT_DONE: "found_not_done", Fate.MOOT: "moot"}
MADE = {Fate.DONE: "done", Fate.NOT_DONE: "refused"}

NO_TOKEN = Parked(
    "SEVDESK_API_TOKEN is not set, so nothing can be asked of sevDesk.",
    "Set the token in the worker's environment, restart it, then retry.",
)


class _Stop(Exception):
    """Carries an outcome out of nested steps."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class Runner:
    """Runs claimed jobs. `ring` is called for the job that waited for the one just ended."""

    def __init__(
        self,
        store: Store,
        locks: LockSession,
        desk: Desk | None,
        settings: Settings,
        ring: Callable[[Bell], Awaitable[None]],
        metrics: Metrics,
    ) -> None:
        self.store, self.locks, self.desk, self.settings, self.ring = store, locks, desk, settings, ring
        self.metrics = metrics
        self.stopping = False

    async def run(self, job_id: str) -> float | None:
        """One attempt. Answers with the seconds after which to ring again, or None when there is nothing to do."""
        try:
            job = await self.locks.claim(job_id)
        except LOST:
            return LOST_WAIT
        if isinstance(job, Refusal):
            if job.verdict == "limited":
                log.info("job.limited", job_id=job_id, again_in=job.wait, reason=job.reason)
            self.metrics.job_deferred(job.verdict)
            return _wait_of(job)
        with bound_contextvars(
            job_id=job.job_id,
            kind=job.kind,
            invoice_id=str(job.invoice_id) if job.invoice_id else None,
            correlation_id=job.correlation_id,
            requested_by=str(job.requested_by) if job.requested_by else None,
        ):
            try:
                return await self._attempt(job)
            except LOST as error:
                log.warning("job.interrupted", error=type(error).__name__, next_step="It is taken up again by itself.")
                return LOST_WAIT
            finally:
                await self._release(job)

    async def _attempt(self, job: Job) -> float | None:
        started = monotonic()
        try:
            outcome = await self._passage(job)
        except asyncio.CancelledError:
            # Shutdown ran out of time, or the locks are gone. An open intent tells the next attempt the rest.
            if self.locks.alive:
                await asyncio.shield(self._end(job, NotYet(0.0, "handed back"), started))
            raise
        return await self._end(job, outcome, started)

    async def _release(self, job: Job) -> None:
        try:
            waiting = await asyncio.shield(self.locks.release_job(job))
            if waiting is not None:
                await self.ring(waiting)
        except LOST:
            log.warning("lock.lost", next_step="Postgres frees the lock by itself.")

    # -- what is asked, and by whom ------------------------------------------------------------------------------------

    async def _passage(self, job: Job) -> Outcome:
        try:
            kind, payload = jobs.parse(job.kind, job.payload)
            if (refusal := await self._rights(job, kind)) and not await self.store.query(
                "has_open_intent", job_id=job.job_id
            ):
                return refusal
            if self.desk is None and kind.needs_sevdesk:
                return NO_TOKEN
            office = HandlerContext(self.store, self.locks, self.desk, self.settings, lambda: self.stopping)
            if handler := HANDLERS.get(kind.name):
                return await handler(office, job, payload)
            return await self._steps(job, kind, payload, office.sevdesk)
        except jobs.BadJob as error:
            return Rejected(str(error))
        except _Stop as stop:
            return stop.outcome
        except Overtaken:
            return NotYet(TURN_WAIT, "the billing system changed the invoice meanwhile")
        except lifecycle.IllegalMove as error:
            return Parked(f"{error}.", "Check the invoice's status in the billing system, then retry.")
        except errors.SevDeskError as error:
            return _outcome_of(error)
        except LOST:
            raise
        except Exception as error:
            log.exception("job.unexpected")
            return Retry(
                f"Unexpected {type(error).__name__} in the worker.", "The log line job.unexpected has the traceback."
            )

    async def _rights(self, job: Job, kind: Kind) -> Rejected | None:
        """Jobs from outside name a person; system jobs and the outbox may come without."""
        if job.requested_by is None:
            if job.origin == "redis":
                return Rejected("The job names no requested_by. Enqueue it with the id of the contact who asks.")
            return None
        person = await self.store.person(job.requested_by)
        if person is None:
            return Rejected(f"requested_by {job.requested_by} is not a known contact.")
        is_internal, is_admin = person
        if not (is_admin or (is_internal and kind.who is Who.INTERNAL)):
            needed = "an admin" if kind.who is Who.ADMIN else "an internal user"
            return Rejected(f"{kind.name} may only be asked for by {needed}; {job.requested_by} is not one.")
        return None

    # -- the steps -----------------------------------------------------------------------------------------------------

    async def _steps(self, job: Job, kind: Kind, payload: Payload, desk: Desk) -> Outcome:
        invoice_id: UUID = payload.invoice_id  # type: ignore[attr-defined]  # every invoice job has one
        case = await load_case(self.store, job, payload, invoice_id, self.settings)
        if case is None:
            return Rejected(f"There is no invoice {invoice_id}. Check the id and ask again.")
        plan, document = PLAN[kind.name], case.handback.external_id
        pending = await self._pending(f"invoice:{invoice_id}")
        if pending is not None and not any(step.sees(pending, job.job_id) for step in plan):
            return Parked(
                f"Whether {pending.action} of job {pending.job_id} took effect is not known yet.",
                "Retry that job first, then this one.",
            )
        for step in plan:
            if self.stopping:
                return NotYet(0.0, "handed back")
            if step.name in job.steps_done and not step.fresh and case.handback.external_id == document:
                continue
            opened = pending if pending is not None and step.sees(pending, job.job_id) else None
            case = await self._step(job, replace(case, open_intent=opened), step, desk)
            pending = case.open_intent if opened else pending  # a step that could not tell leaves it to the next
        return Done(_result(case))

    async def _pending(self, subject: str) -> OpenIntent | None:
        """The subject's open intent, once its quarantine is over."""
        row = await self.store.open_intent_of(subject)
        if row is None:
            return None
        if (rest := self.settings.write_quarantine - row["age"]) > 0:
            raise _Stop(NotYet(rest, f"{row['action']} may still take effect"))
        return OpenIntent(
            row["id"],
            row["job_id"],
            row["step"],
            row["action"],
            row["summary"],
            row["request_sha256"],
            row["intent_at"],
            row["answer"],
        )

    async def _step(self, job: Job, case: Case, step: Step, desk: Desk) -> Case:
        if step.settled(case):
            return case
        subject = step.subject(case)
        if subject == job.order_key:
            return await self._look_and_leap(job, case, step, desk)
        if not await self.locks.hold(subject):
            raise _Stop(NotYet(CONTACT_WAIT, "another job writes the same contact"))
        try:
            link = await self.store.load_contact_link(case.who.party)
            case = replace(case, link=link, open_intent=await self._pending(subject))
            return case if step.settled(case) else await self._look_and_leap(job, case, step, desk)
        finally:
            await asyncio.shield(self.locks.release(subject))

    async def _look_and_leap(self, job: Job, case: Case, step: Step, desk: Desk) -> Case:
        for _ in range(MOST_LOOKS):
            answer = _own(step, case, await _discreet(case, step.look(case, desk)))
            settles = None
            if isinstance(answer, Intent):
                answer, intent_id = await self._leap(job, case, step, answer, desk)
                settles = (intent_id, MADE[answer.fate])
            elif case.open_intent is not None and answer.fate is not Fate.UNKNOWN:
                settles = (case.open_intent.id, FOUND[answer.fate])
            case = await self._record(job, case, step, answer, settles)
            if answer.stop is not None:
                raise _Stop(answer.stop)
            if answer.finished:
                return case
        raise RuntimeError(f"step {step.name} does not come to an end")

    async def _leap(self, job: Job, case: Case, step: Step, intent: Intent, desk: Desk) -> tuple[Told, int]:
        """Intent first, then exactly one write."""
        await desk.turn()  # what there is to wait for is waited for here: the quarantine counts from the intent
        opened = monotonic()
        intent_id = await self.locks.open_intent(
            subject=step.subject(case),
            job_id=job.job_id,
            step=step.name,
            action=intent.action,
            summary=intent.summary,
            request_sha256=intent.request_sha256,
            earlier=case.open_intent.id if case.open_intent else None,
            found=FOUND[intent.earlier],
        )
        if not self.locks.alive or monotonic() - opened > self.settings.write_quarantine * STALE_SHARE:
            raise _Stop(NotYet(self.settings.write_quarantine, "the worker stalled before the call"))
        try:
            return await _discreet(case, step.leap(intent, desk)), intent_id
        except (errors.NotSent, errors.Throttled):
            await self.store.record(job, intent=(intent_id, "not_sent"))
            raise
        except errors.Refused:
            await self.store.record(job, intent=(intent_id, "refused"))
            raise
        except errors.SevDeskError as error:
            rest = self.settings.write_quarantine - (monotonic() - opened)
            raise _Stop(Retry(str(error), "sevDesk is asked what became of it before anything is repeated.",
                              max(rest, 0.0))) from error  # fmt: skip

    async def _record(self, job: Job, case: Case, step: Step, told: Told, settles: tuple[int, str] | None) -> Case:
        after = case.handback
        for event in told.events:
            after = lifecycle.apply(after, event)
        if told.events or settles:
            change = [Change(case.invoice.id, case.handback, after, told.events)] if told.events else []
            done = step.name if told.finished and told.stop is None else None
            await self.store.record(job, change, step=done, intent=settles)
        return case.after(after, told)

    # -- the end of an attempt -----------------------------------------------------------------------------------------

    async def _end(self, job: Job, outcome: Outcome, started: float) -> float | None:
        """Write the outcome into the ledger and the invoice's event log, and say it in one log line."""
        outcome = spend(job, outcome)
        ending = ending_of(outcome)
        await self._record_ending(job, outcome, ending)
        seconds = monotonic() - started
        self.metrics.job_ended(job.kind, ending.state, seconds, retry=ending.costs_retry)
        tell = log.warning if ending.state in ("parked", "rejected") else log.info
        tell(
            f"job.{ending.state}",
            attempt=job.attempt,
            seconds=round(seconds, 3),
            reason=ending.error,
            next_step=ending.next_step,
            again_in=ending.after,
        )
        return ending.after

    async def _record_ending(self, job: Job, outcome: Outcome, ending: Ending) -> None:
        """With the event of the invoice that goes with it, if any."""
        for _ in range(3):
            try:
                await self.store.record(job, await self._marks(job, outcome), ending=ending)
                return
            except Overtaken:
                continue
        await self.store.record(job, ending=ending)

    async def _marks(self, job: Job, outcome: Outcome) -> list[Change]:
        if job.invoice_id is None or not isinstance(outcome, Parked | Rejected):
            return []
        before = await self.store.handback(job.invoice_id)
        return [] if before is None else [mark(job, outcome, job.invoice_id, before)]


async def _discreet(case: Case, answer: Awaitable[T]) -> T:
    """What sevDesk says goes into the ledger, the event log and the log; what it repeats of people does not."""
    try:
        return await answer
    except errors.SevDeskError as error:
        error.conceal(case.private)
        raise


def _own(step: Step, case: Case, answer: Answer) -> Answer:
    """Of what another step left open on the same contact a look knows nothing; that step looks when its turn comes."""
    if case.open_intent is None or step.sees(case.open_intent, case.job_id):
        return answer
    if isinstance(answer, Intent):
        return replace(answer, earlier=Fate.MOOT)
    return replace(answer, fate=Fate.UNKNOWN)


def _wait_of(refusal: Refusal) -> float | None:
    match refusal.verdict:
        case "done" | "gone":
            return None
        case "early" | "limited":
            return max(refusal.wait or 0.0, 0.05)
        case _:
            return max(refusal.wait or 0.0, TURN_WAIT)


def _outcome_of(error: errors.SevDeskError) -> Outcome:
    """What an answer outside a leap, or a refusal, means for the job."""
    match error:
        case errors.Throttled(status=None, retry_after=float(after)):
            return NotYet(after, error.reason)  # our own gate kept it back
        case errors.TokenRefused(status=401, retry_after=float(after)):
            return NotYet(after, REFUSED)  # and an earlier job has said so
        case errors.TokenRefused():
            return Parked(
                "sevDesk refuses the API token.", "Set a valid SEVDESK_API_TOKEN, restart the worker, then retry."
            )
        case errors.Refused():
            return Parked(str(error), "Correct what sevDesk names, then retry.")
        case errors.Throttled(retry_after=after):
            return Retry(str(error), "Nothing to do; it is tried again.", after)
        case _:
            return Retry(str(error), "Nothing to do; it is tried again.")


def _result(case: Case) -> dict[str, str | None]:
    """What the caller may want to know, without reading the invoice."""
    return {
        "external_id": case.handback.external_id,
        "external_invoice_number": case.handback.external_invoice_number,
        "accounting_sync_status": case.handback.sync_status.value,
        "document_status": case.handback.document_status.value,
    }
