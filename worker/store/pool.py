"""All database access except session locks (`worker/store/locks.py`), on a pool of connections."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import asyncpg

from worker.domain.invoice import ContactLink, Party
from worker.domain.ledger import AttemptEnd, Change, IncomingJob, Job, JobRef
from worker.domain.problems import CATALOGUE, NO_MISTAKE
from worker.store.clock_watch import ClockWatch
from worker.store.connection import run_statement
from worker.store.notifications import Notifications
from worker.store.pooler import in_transaction, open_pool
from worker.store.rows import OpenIntentRow, Row, from_row, incoming_columns
from worker.store.side_tables import SIDE_TABLE_EVENTS, dismiss, document_rows, notice_rows, write_side_tables

CONFIRMED = "confirmed"
CONFIRMABLE = [code for code, entry in CATALOGUE.items() if entry.confirmable]


class InvoiceChanged(Exception):
    """The invoice was changed since it was read; nothing was recorded. Read it again."""


class NoOpenQuestion(Exception):
    """The parked job asks nothing of the kind that was answered, or the write it asks about is no longer open."""


class Store:
    """Jobs, invoices and what is recorded about them.

    Any method may raise one of `CONNECTION_LOST`, `TOO_SLOW` and `CONFLICTS`.
    """

    def __init__(self, pool: asyncpg.Pool[Any], *, pooled: bool = False) -> None:
        """`pooled`: whether the connections go through a pooler such as PgBouncer."""
        self.pool, self.pooled = pool, pooled
        self.notifications = Notifications(pool)
        self.clock = ClockWatch(self.query)

    @classmethod
    async def connect(
        cls, url: str, *, size: int, name: str = "sevdesk-worker", billing_schema: str | None = None
    ) -> Store:
        """Raises `asyncpg` errors or `OSError` when the database cannot be reached."""
        pool, pooled = await open_pool(url, size=size, name=name, billing_schema=billing_schema)
        return cls(pool, pooled=pooled)

    async def close(self) -> None:
        """Close the pool; connections still busy after 5 s are dropped."""
        try:
            await asyncio.wait_for(self.pool.close(), 5)
        except TimeoutError:
            self.pool.terminate()

    async def query(self, statement: str, /, **values: Any) -> Any:
        """`run_statement` on a connection of the pool."""
        return await run_statement(self.pool, statement, **values)

    # The ledger

    async def take_in_jobs(
        self, incoming: Sequence[IncomingJob], withdrawn: Sequence[str] = ()
    ) -> tuple[list[Row], list[str]]:
        """Record jobs read from Redis; returns the rows that did not exist before, and the jobs that were ended.

        Those are of the `withdrawn`; in the same transaction, so that nobody starts them in between.
        """
        columns = incoming_columns(incoming)
        if not withdrawn:
            return await self.query("take_in_jobs", **columns), []
        async with in_transaction(self.pool) as connection:
            rows = await run_statement(connection, "take_in_jobs", **columns)
            ended = await run_statement(connection, "dismiss_aborted_jobs", job_ids=list(withdrawn))
        return rows, await self._dismissed(ended)

    async def known_jobs(self, job_ids: Sequence[str]) -> set[str]:
        """Which of the jobs are in the ledger."""
        return {row["job_id"] for row in await self.query("known_jobs", job_ids=list(job_ids))}

    async def dismiss_aborted_jobs(self, job_ids: Sequence[str]) -> list[str]:
        """End those of the jobs that have not been started; returns their ids."""
        return await self._dismissed(await self.query("dismiss_aborted_jobs", job_ids=list(job_ids)))

    async def _dismissed(self, rows: Sequence[Row]) -> list[str]:
        if await self.query("promote", order_keys=[row["order_key"] for row in rows]):
            self.notifications.request()  # jobs behind them may start
        for row in rows:
            about = {name: row[name] for name in ("job_id", "kind", "invoice_id")}
            self.notifications.event(**about, outcome="dismissed", problem=None)
        return [row["job_id"] for row in rows]

    async def request_job(self, kind: str, payload: Mapping[str, object], *, requested_by: UUID | None = None,
                          correlation_id: str | None = None, key: str | None = None) -> str:  # fmt: skip
        """Request a job through the outbox and return its id.

        A `key` that was used before returns the first job's id and requests nothing. Raises
        `asyncpg.InvalidParameterValueError` for a payload that is not flat or too large.
        """
        job_id: str = await self.query(
            "request_job",
            kind=kind,
            payload=dict(payload),
            requested_by=requested_by,
            correlation_id=correlation_id,
            idempotency_key=key,
        )
        return job_id

    async def unpark(self, job_id: str, *, answer: str | None = None) -> JobRef | None:
        """Request a parked job again; None if it is not parked.

        `answer` (`done` or `not-done`): what a person found out about the write the job asks about; `confirmed`: its
        problem is to be disregarded. Raises `NoOpenQuestion`, and the job stays parked, if it asks no such thing.
        """
        async with in_transaction(self.pool) as connection:
            statement = "confirm_problem" if answer == CONFIRMED else "answer_intent"
            given = {"job_id": job_id, "answer": answer, "confirmable": CONFIRMABLE}
            answered = answer and await run_statement(connection, statement, **given)
            row = await run_statement(connection, "unpark", job_id=job_id)
            if row is not None and answer and not answered:
                raise NoOpenQuestion
            return None if row is None else from_row(JobRef, row)

    async def dismiss(self, job_id: str, *, by: str, reason: str) -> tuple[bool, str | None]:
        """`side_tables.dismiss` in a transaction of its own."""
        async with in_transaction(self.pool) as connection:
            return await dismiss(connection, job_id, by=by, reason=reason)

    async def open_intent_of(self, subject: str) -> OpenIntentRow | None:
        """The write to `subject` whose outcome is not known; None if there is none."""
        row: OpenIntentRow | None = await self.query("find_open_intent", subject=subject)
        if row is not None and await self.clock.look():  # its quarantine has begun anew
            row = await self.query("find_open_intent", subject=subject)
        return row

    async def account_on_record(self, account_id: str, job_id: str) -> str:
        """The id of the sevDesk account that the database belongs to; this one, if none was on record."""
        while (known := await self.query("account_on_record", account_id=account_id, job_id=job_id)) is None:
            pass  # another process has just written it down
        return str(known)

    async def note_other_account(self, account_id: str, worker: str) -> None:
        """Write down that this worker's token belongs to an account that is not the database's."""
        await self.query("note_other_account", account_id=account_id, worker=worker)

    async def load_contact_link(self, party: Party) -> ContactLink | None:
        """The sevDesk contact of a company or person; None if it has none yet."""
        row = await self.query("load_contact_link", party_kind=party.kind, party_id=party.id)
        return None if row is None else from_row(ContactLink, row)

    async def record(
        self,
        job: Job,
        changes: Sequence[Change] = (),
        *,
        step: str | None = None,
        intent: tuple[int, str] | None = None,
        ending: AttemptEnd | None = None,
        all_or_nothing: bool = True,
    ) -> set[UUID]:
        """Record changes of invoices with their events, a finished step, a closed intent and the end of an attempt.

        All in one transaction; besides, only `dismiss_job` (queue.sql) writes to the event log, and changes no invoice.
        `intent`: id and outcome of the intent to close. Returns the ids of the invoices recorded. Raises
        `InvoiceChanged`, and records nothing, if an invoice was changed since it was read; with `all_or_nothing=False`
        it only leaves that invoice out.
        """
        recorded = await self._record(job, changes, step, intent, ending, all_or_nothing)
        for change in changes:
            if change.invoice_id in recorded:
                events = [event.type for event in change.events]
                self.notifications.event(
                    job_id=job.job_id, kind=job.kind, invoice_id=change.invoice_id, outcome="changed", events=events
                )
        return recorded

    async def _record(
        self,
        job: Job,
        changes: Sequence[Change],
        step: str | None,
        intent: tuple[int, str] | None,
        ending: AttemptEnd | None,
        all_or_nothing: bool,
    ) -> set[UUID]:
        changing = bool(changes or step or intent)
        side = [(c.invoice_id, event) for c in changes for event in c.events if isinstance(event, SIDE_TABLE_EVENTS)]
        rejected = ending is not None and ending.state == "rejected" and job.invoice_id is not None
        if not changing and ending is not None and not rejected:
            # A single statement needs no explicit transaction.
            self._ended(job, ending, await _end(self.pool, job, ending))
            return set()
        if not side and ending is None:
            return await _record_changes(self.pool, job, changes, step, intent, all_or_nothing)  # nor does this
        async with in_transaction(self.pool) as connection:
            recorded = await _record_changes(connection, job, changes, step, intent, all_or_nothing)
            for invoice_id, event in side:
                if invoice_id in recorded:
                    await write_side_tables(connection, job, invoice_id, event)
            ended = ending is not None and await _end(connection, job, ending)
            if ended and rejected:
                await run_statement(connection, "notice_left_draft", job_id=job.job_id)
        if ending is not None:
            self._ended(job, ending, ended)
        return recorded

    def _ended(self, job: Job, ending: AttemptEnd, recorded: bool) -> None:
        if recorded:
            self.notifications.event(
                job_id=job.job_id,
                kind=job.kind,
                invoice_id=job.invoice_id,
                outcome=ending.state,
                problem=ending.problem and ending.problem.code,
            )


async def _record_changes(
    on: Any,
    job: Job,
    changes: Sequence[Change],
    step: str | None,
    intent: tuple[int, str] | None,
    all_or_nothing: bool,
) -> set[UUID]:
    events = [(change.invoice_id, event) for change in changes for event in change.events]
    rows = await run_statement(
        on,
        "record_changes",
        changes=[{"id": c.invoice_id, "before": asdict(c.before), **asdict(c.after)} for c in changes],
        documents=[row for c in changes for row in document_rows(c.invoice_id, c.events)],
        notices=notice_rows(changes, job),
        event_ids=[invoice_id for invoice_id, _ in events],
        event_types=[event.type for _, event in events],
        event_payloads=[{**event.payload(), "job_id": job.job_id} for _, event in events],
        actor=job.requested_by,
        correlation_id=job.correlation_id,
        job_id=job.job_id,
        attempt=job.attempt,
        step=step,
        intent_id=intent and intent[0],
        outcome=intent and intent[1],
        all_or_nothing=all_or_nothing,
    )
    if all_or_nothing and len(rows) < len(changes):
        raise InvoiceChanged
    return {row["id"] for row in rows}


async def _end(on: Any, job: Job, ending: AttemptEnd) -> bool:
    """False if a later attempt has been started since."""
    problem = ending.problem
    ended = await run_statement(
        on,
        "end_attempt",
        job_id=job.job_id,
        attempt=job.attempt,
        state=ending.state,
        problem=problem and problem.code,
        parameters=problem and dict(problem.parameters),
        error=problem and problem.cause(),
        next_step=ending.next_step(job.job_id),
        asks_about=ending.asks_about,
        is_mistake=problem is not None and problem.code not in NO_MISTAKE,
        result=None if ending.result is None else dict(ending.result),
        after=ending.after,
        retries=int(ending.costs_retry),
    )
    return ended is not None
