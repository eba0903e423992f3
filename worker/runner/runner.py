"""Runs one attempt of a claimed job: parse, check the person's rights, run its steps or its handler, record, log.

An exception that a step or handler does not answer itself becomes the attempt's outcome here.

Each write to sevDesk goes in this order: commit the intent through the lock session, make the call, record the result.
While an intent's outcome is unknown, nobody reads or writes its subject until the quarantine is over.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import TypeVar
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars

from sevdesk_client import errors
from worker import tracing
from worker.domain import jobs, lifecycle
from worker.domain.jobs import Kind, Role
from worker.domain.ledger import AttemptEnd, Change, Job
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry
from worker.domain.payloads import Payload
from worker.domain.problems import problem
from worker.handlers.handler import HandlerContext
from worker.handlers.write_once import Stop, write_once
from worker.observability.metrics import Metrics
from worker.observability.outage import Outage, without_room
from worker.runner.attempt_end import attempt_end, problem_change
from worker.runner.context import load_context
from worker.runner.invoice_result import result_of
from worker.runner.registry import HANDLERS
from worker.runner.retry import charge_retry
from worker.settings import Settings
from worker.steps.missing import looked_twice
from worker.steps.plan import PLAN
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.sevdesk_refusals import outcome_of
from worker.steps.step import Intent, LookResult, OpenIntent, Step, StepContext, StepResult, WriteOutcome
from worker.store import (
    CONFLICTS,
    CONNECTION_LOST,
    NO_ROOM,
    OUTAGES,
    REFUSED,
    STATEMENT_TIMEOUT,
    TOO_SLOW,
    InvoiceChanged,
    LockSession,
    Store,
    to_its_end,
)
from worker.store.rows import UnknownValue, from_row, handback_of

log = structlog.get_logger()
T = TypeVar("T")

# Seconds until a job whose invoice was changed meanwhile reads it again.
CHANGED_WAIT = 1.0
# Seconds until a job tries again for which there was no room; and between tries to record its end, if there is none
# for that either.
NO_ROOM_WAIT, RECORD_AGAIN_SECONDS = 60.0, 5.0
# Seconds for which a job keeps its slot while another one writes their contact; a few writes take no longer. After that
# it makes room for others and is tried again as many seconds later.
CONTACT_PATIENCE = 10.0
# No step needs more looks: find, delete, save, compare, delete.
MAX_LOOKS = 6
# `outcome` of the intent's row: after a look that found out what happened, and after a leap.
FOUND = {WriteOutcome.DONE: "found_done", WriteOutcome.NOT_DONE: "found_not_done", WriteOutcome.MOOT: "moot"}
MADE = {WriteOutcome.DONE: "done", WriteOutcome.NOT_DONE: "refused"}


class Runner:
    """Makes attempts of jobs that were claimed. Set `stopping` to hand jobs back between two steps."""

    def __init__(
        self,
        store: Store,
        locks: LockSession,
        account: SevdeskAccount | None,
        settings: Settings,
        metrics: Metrics,
        postgres: Outage | None = None,
    ) -> None:
        self._postgres = postgres or Outage("postgres")
        self.store, self.locks, self.account, self.settings, self.metrics = store, locks, account, settings, metrics
        self.stopping = False

    async def run(self, job: Job) -> None:
        """Make one attempt of a claimed job, and record how it ended."""
        bound = bound_contextvars(
            job_id=job.job_id,
            kind=job.kind,
            invoice_id=str(job.invoice_id) if job.invoice_id else None,
            correlation_id=job.correlation_id,
            requested_by=str(job.requested_by) if job.requested_by else None,
        )
        with bound, tracing.attempt_span(job):
            try:
                await self._attempt(job)
            except CONNECTION_LOST as error:
                # Its row says "running"; as soon as its lock is free, the leader makes it ready again.
                tracing.attempt_ended("interrupted", None, failed=True)
                if isinstance(error, OSError):  # no answer; the loops may wait for a connection that jobs have
                    self._postgres.began(error)
                log.warning("job.interrupted", error=type(error).__name__, next_step="It is taken up again by itself.")
                await self._until_postgres_answers()

    async def _until_postgres_answers(self) -> None:
        """Keep the slot meanwhile, or one job after the other would be claimed and interrupted."""
        while self.locks.alive and not self.stopping:
            try:
                await self.store.query("clock")
                return
            except OUTAGES:
                await asyncio.sleep(1.0)

    async def _attempt(self, job: Job) -> None:
        started = monotonic()
        try:
            outcome = await self._execute(job)
        except asyncio.CancelledError:
            # Shutdown ran out of time, or the locks are lost. The next attempt goes on from an open intent.
            if self.locks.alive:
                await to_its_end(self._end(job, NotYet(0.0, problem("handed_back")), started))
            raise
        await self._end(job, outcome, started)

    # -- what is asked, and by whom ------------------------------------------------------------------------------------

    async def _execute(self, job: Job) -> Outcome:
        try:
            kind, payload = jobs.parse(job.kind, job.payload)
            if (refusal := await self._not_permitted(job, kind)) and not await self.store.query(
                "has_open_intent", job_id=job.job_id
            ):
                return refusal
            if self.account is None and kind.needs_sevdesk:
                return Parked(problem("token_missing"))
            handler_context = HandlerContext(self.store, self.locks, self.account, self.settings)
            if handler := HANDLERS.get(kind.name):
                return await handler(handler_context, job, payload)
            return await self._steps(job, kind, payload, handler_context.sevdesk)
        except jobs.BadJob as error:
            return Rejected(error.problem)
        except Stop as stop:
            return stop.outcome
        except InvoiceChanged:
            return NotYet(CHANGED_WAIT, problem("invoice_changed"))
        except UnknownValue as error:
            return Parked(error.problem)
        except lifecycle.IllegalTransition as error:
            return Parked(problem("transition_not_allowed", event=error.event, status=error.status))
        except errors.SevDeskError as error:
            return outcome_of(error)
        except (*CONNECTION_LOST, *NO_ROOM) as error:
            return NotYet(NO_ROOM_WAIT, problem("no_room", where=self._without_room(error), error=type(error).__name__))
        except REFUSED as error:
            self._postgres.began(error)
            return Retry(problem("unexpected_error", error=type(error).__name__))
        except TOO_SLOW:
            return Retry(problem("database_slow", seconds=STATEMENT_TIMEOUT))
        except CONFLICTS:
            return Retry(problem("database_conflict"))
        except Exception as error:
            return self._unexpected(error)

    def _unexpected(self, error: Exception) -> Outcome:
        log.exception("job.unexpected_error")
        return Retry(problem("unexpected_error", error=type(error).__name__))

    async def _not_permitted(self, job: Job, kind: Kind) -> Rejected | None:
        """Why whoever asked may not; None if they may. Only outbox and system may ask without naming a person."""
        if job.requested_by is None:
            return Rejected(problem("requester_missing")) if job.origin == "redis" else None
        person = await self.store.query("person", person_id=job.requested_by)
        if person is None:
            return Rejected(problem("requester_unknown", requested_by=job.requested_by))
        if person["is_admin"] or (person["is_internal"] and kind.role is Role.INTERNAL):
            return None
        code = "requester_not_admin" if kind.role is Role.ADMIN else "requester_not_internal"
        return Rejected(problem(code, kind=kind.name, requested_by=job.requested_by))

    # -- the steps -----------------------------------------------------------------------------------------------------

    async def _steps(self, job: Job, kind: Kind, payload: Payload, account: SevdeskAccount) -> Outcome:
        invoice_id: UUID = payload.invoice_id  # type: ignore[attr-defined]  # every invoice job has one
        context = await load_context(self.store, job, payload, invoice_id, self.settings)
        if context is None:
            return Rejected(problem("invoice_not_found", invoice_id=invoice_id))
        plan, document = PLAN[kind.name], context.handback.external_id
        pending = await self._open_intent_of(f"invoice:{invoice_id}")
        if pending is not None and not any(step.can_resolve(pending, job.job_id) for step in plan):
            return Parked(problem("other_write_open", action=pending.action, other_job=pending.job_id))
        for step in plan:
            if self.stopping:
                return NotYet(0.0, problem("handed_back"))
            if step.name in job.steps_done and not step.every_attempt and context.handback.external_id == document:
                continue
            opened = pending if pending is not None and step.can_resolve(pending, job.job_id) else None
            if opened is not context.open_intent:  # else a copy of many fields for nothing
                context = context.but(open_intent=opened)
            with tracing.step_span(step.name):
                context = await self._step(job, context, step, account)
            pending = context.open_intent if opened else pending  # still open if the step could not tell
        return Done(result_of(kind.name, context))

    async def _open_intent_of(self, subject: str) -> OpenIntent | None:
        """The subject's open intent. Stops the job while its quarantine lasts."""
        row = await self.store.open_intent_of(subject)
        if row is None:
            return None
        if row["settles_in"] > 0:
            raise Stop(NotYet(row["settles_in"], problem("quarantine", action=row["action"])))
        return from_row(OpenIntent, row)

    async def _step(self, job: Job, context: StepContext, step: Step, account: SevdeskAccount) -> StepContext:
        if step.already_done(context):
            return context
        subject = step.subject(context)
        if subject == job.order_key:
            return await self._look_and_leap(job, context, step, account)
        if not await self.locks.hold(subject, CONTACT_PATIENCE):
            raise Stop(NotYet(CONTACT_PATIENCE, problem("contact_busy")))
        try:
            link = await self.store.load_contact_link(context.addressee.party)
            context = context.but(link=link, open_intent=await self._open_intent_of(subject))
            return context if step.already_done(context) else await self._look_and_leap(job, context, step, account)
        finally:
            await self.locks.release(subject)

    async def _look_and_leap(self, job: Job, context: StepContext, step: Step, account: SevdeskAccount) -> StepContext:
        for _ in range(MAX_LOOKS):
            answer = _of_own_intents(step, context, await _redacted(context, step.look(context, account)))
            settles = None
            if isinstance(answer, Intent):
                answer, intent_id = await self._leap(job, context, step, answer, account)
                settles = (intent_id, MADE[answer.outcome])
            elif context.open_intent is not None and answer.outcome is not WriteOutcome.UNKNOWN:
                settles = (context.open_intent.id, FOUND[answer.outcome])
            context = await self._record(job, context, step, answer, settles)
            if answer.stop is not None:
                raise Stop(answer.stop)
            if answer.finished:
                return context
        raise RuntimeError(f"step {step.name} does not come to an end")

    async def _leap(
        self, job: Job, context: StepContext, step: Step, intent: Intent, account: SevdeskAccount
    ) -> tuple[StepResult, int]:
        """`write_once`; returns the leap's answer and the intent's id."""
        return await write_once(
            HandlerContext(self.store, self.locks, account, self.settings),
            job,
            lambda: _redacted(context, step.leap(intent, account)),
            subject=step.subject(context),
            step=step.name,
            action=intent.action,
            summary=intent.summary,
            request_sha256=intent.request_sha256,
            addresses=intent.addresses,
            earlier=context.open_intent.id if context.open_intent else None,
            found=FOUND[intent.earlier_outcome],
        )

    async def _record(
        self, job: Job, context: StepContext, step: Step, result: StepResult, settles: tuple[int, str] | None
    ) -> StepContext:
        after = context.handback
        for event in result.events:
            after = lifecycle.apply(after, event)
        if result.events or settles:
            change = [Change(context.invoice.id, context.handback, after, result.events)] if result.events else []
            done = step.name if result.finished and result.stop is None else None
            await self.store.record(job, change, step=done, intent=settles)
        return context.after(after, result)

    # -- the end of an attempt -----------------------------------------------------------------------------------------

    async def _end(self, job: Job, outcome: Outcome, started: float) -> None:
        """Record the outcome in the ledger and the invoice's event log, and log it in one line."""
        outcome = charge_retry(job, looked_twice(job, outcome, self.settings.gone_after))
        ending = attempt_end(outcome)
        while not await self._has_room(self._record_ending(job, outcome, ending)):  # noqa: ASYNC110 - Postgres tells nobody
            await asyncio.sleep(RECORD_AGAIN_SECONDS)  # the job keeps its slot: a claim would have no room either
        seconds = monotonic() - started
        shown = ending.problem
        code = shown.code if shown else None
        self.metrics.job_ended(job.kind, ending.state, seconds, retry=ending.costs_retry, problem=code)
        stopped = ending.state in ("parked", "rejected")
        tracing.attempt_ended(ending.state, code, failed=stopped or ending.costs_retry)
        say = log.warning if stopped else log.info
        say(
            f"job.{ending.state}",
            attempt=job.attempt,
            seconds=round(seconds, 3),
            problem=code,
            reason=shown and shown.cause(),
            next_step=ending.next_step(job.job_id),
            again_in=ending.after,
        )

    async def _has_room(self, recording: Awaitable[None]) -> bool:
        """False if there is no room for what is to be recorded, or Postgres refuses to record it."""
        try:
            await recording
        except (*CONNECTION_LOST, *NO_ROOM) as error:
            self._without_room(error)
            return False
        except REFUSED as error:
            self._postgres.began(error)
            return False
        return True

    def _without_room(self, error: Exception) -> str:
        """Who lacks room, which is logged. Raises the error again if nobody does: then the connection is lost."""
        where = without_room(error)
        if where is None:
            raise error
        self._postgres.began(error)
        return where

    async def _record_ending(self, job: Job, outcome: Outcome, ending: AttemptEnd) -> None:
        """Ledger row and invoice event in one transaction; without the event if the invoice's row is not to be had."""
        for _ in range(3):
            try:
                await self.store.record(job, await self._problem_events(job, outcome), ending=ending)
                return
            except InvoiceChanged:
                continue
            except (*TOO_SLOW, *CONFLICTS):
                break
        await self.store.record(job, ending=ending)

    async def _problem_events(self, job: Job, outcome: Outcome) -> list[Change]:
        if job.invoice_id is None or not isinstance(outcome, Parked | Rejected):
            return []
        row = await self.store.query("load_handback", invoice_id=job.invoice_id)
        with suppress(UnknownValue):  # then the event cannot be guarded by the statuses, so that only the ledger has it
            return [] if row is None else [problem_change(job, outcome, job.invoice_id, handback_of(row))]
        return []


async def _redacted(context: StepContext, answer: Awaitable[T]) -> T:
    """The answer; personal data is removed from an error, whose text goes into ledger, event log and log."""
    try:
        return await answer
    except errors.SevDeskError as error:
        error.redact(context.private_texts)
        raise


def _of_own_intents(step: Step, context: StepContext, answer: LookResult) -> LookResult:
    """A look cannot tell what became of another step's open intent on the same contact; that step finds out itself."""
    if context.open_intent is None or step.can_resolve(context.open_intent, context.job_id):
        return answer
    if isinstance(answer, Intent):
        return replace(answer, earlier_outcome=WriteOutcome.MOOT)
    return replace(answer, outcome=WriteOutcome.UNKNOWN)
