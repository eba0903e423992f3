"""All database access except session locks (`worker/store/locks.py`), on a pool of connections."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from worker.domain.invoice import ContactLink, Handback, Party
from worker.domain.ledger import AttemptEnd, Change, IncomingJob, Job, JobRef
from worker.domain.problems import CATALOGUE
from worker.store.connection import COMMAND_TIMEOUT, KEEPALIVE, QUERIES, prepare
from worker.store.rows import InvoiceRow, NewJobRow, OpenIntentRow, PartyRow, change_arrays, handback_of, job_ref
from worker.store.side_tables import SIDE_TABLE_EVENTS, write_side_tables

CONFIRMED = "confirmed"
CONFIRMABLE = [code for code, entry in CATALOGUE.items() if entry.confirmable]


class InvoiceChanged(Exception):
    """The invoice was changed since it was read; nothing was recorded. Read it again."""


class NoOpenQuestion(Exception):
    """The parked job asks nothing of the kind that was answered, or the write it asks about is no longer open."""


class Store:
    """Jobs, invoices and what is recorded about them. Any method may raise one of `CONNECTION_LOST`."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self.pool = pool

    @classmethod
    async def connect(cls, url: str, *, size: int, name: str = "sevdesk-worker") -> Store:
        """Raises `asyncpg` errors or `OSError` when the database cannot be reached."""
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            command_timeout=COMMAND_TIMEOUT,
            init=prepare,
            reset=_no_reset,
            max_cached_statement_lifetime=0,  # by default 300 s: each payment sync would prepare its statements again
            server_settings={"application_name": name, **KEEPALIVE},
        )
        return cls(pool)

    async def close(self) -> None:
        """Close the pool; connections still busy after 5 s are dropped."""
        try:
            await asyncio.wait_for(self.pool.close(), 5)
        except TimeoutError:
            self.pool.terminate()

    # The ledger

    async def insert_incoming_jobs(self, arrivals: Sequence[IncomingJob]) -> list[NewJobRow]:
        """Insert jobs read from Redis, in one statement; returns the rows that did not exist before."""
        rows: list[NewJobRow] = await _fetch(
            QUERIES.insert_incoming_jobs(
                self.pool,
                job_ids=[a.job_id for a in arrivals],
                kinds=[a.kind for a in arrivals],
                payloads=[dict(a.payload) for a in arrivals],
                invoice_ids=[a.invoice_id for a in arrivals],
                requesters=[a.requested_by for a in arrivals],
                correlation_ids=[a.correlation_id for a in arrivals],
                enqueued_ats=[a.enqueued_at for a in arrivals],
                problems=[a.problem and a.problem.code for a in arrivals],
                parameters=[a.problem and dict(a.problem.parameters) for a in arrivals],
                errors=[a.problem and a.problem.cause() for a in arrivals],
                next_steps=[a.problem and a.problem.next_step() for a in arrivals],
            )
        )
        return rows

    async def known_jobs(self, job_ids: Sequence[str]) -> dict[str, UUID | None]:
        """Which of the jobs are in the ledger: job id -> the person who asked, if any."""
        rows = QUERIES.known_jobs(self.pool, job_ids=list(job_ids))
        return {row["job_id"]: row["requested_by"] async for row in rows}

    async def request_job(self, kind: str, payload: Mapping[str, Any], *, requested_by: UUID | None = None,
                          correlation_id: str | None = None, key: str | None = None) -> str:  # fmt: skip
        """Request a job through the outbox and return its id.

        A `key` that was used before returns the first job's id and requests nothing. Raises
        `asyncpg.InvalidParameterValueError` for a payload that is not flat or too large.
        """
        job_id: str = await QUERIES.request_job(
            self.pool,
            kind=kind,
            payload=dict(payload),
            requested_by=requested_by,
            correlation_id=correlation_id,
            idempotency_key=key,
        )
        return job_id

    async def person(self, person_id: UUID) -> tuple[bool, bool] | None:
        """(is_internal, is_admin) of a contact of the billing system; None if there is no such contact."""
        row = await QUERIES.person(self.pool, person_id=person_id)
        return None if row is None else (row["is_internal"], row["is_admin"])

    async def requeue_abandoned_jobs(self) -> list[JobRef]:
        """Set running jobs whose process died back to `queued`, and return them."""
        return [ref async for row in QUERIES.requeue_abandoned_jobs(self.pool) if (ref := job_ref(row))]

    async def jobs_to_wake(self, *, grace: float, most: int) -> list[JobRef]:
        """Jobs that are due but that no worker has started, oldest first, at most `most`.

        `grace`: seconds for which a queued or waiting job may be due before it is returned.
        """
        rows = QUERIES.jobs_to_wake(self.pool, grace=grace, most=most)
        return [ref async for row in rows if (ref := job_ref(row))]

    async def unpark(self, job_id: str, *, answer: str | None = None) -> JobRef | None:
        """Request a parked job again; None if it is not parked.

        `answer` (`done` or `not-done`): what a person found out about the write the job asks about; `confirmed`: its
        problem is to be disregarded. Raises `NoOpenQuestion`, and the job stays parked, if it asks no such thing.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            if answer == CONFIRMED:
                answered = await QUERIES.confirm_problem(connection, job_id=job_id, confirmable=CONFIRMABLE)
            else:
                answered = answer and await QUERIES.answer_intent(connection, job_id=job_id, answer=answer)
            again = job_ref(await QUERIES.unpark(connection, job_id=job_id))
            if again is not None and answer and not answered:
                raise NoOpenQuestion
            return again

    async def open_intent_of(self, subject: str) -> OpenIntentRow | None:
        """The write to `subject` whose outcome is not known; None if there is none."""
        row: OpenIntentRow | None = await QUERIES.find_open_intent(self.pool, subject=subject)
        return row

    # Reading

    async def load_invoice(self, invoice_id: UUID) -> InvoiceRow | None:
        """The invoice with items, associations and template; None if there is no such invoice."""
        row: InvoiceRow | None = await QUERIES.load_invoice(self.pool, invoice_id=invoice_id)
        return row

    async def handback(self, invoice_id: UUID) -> Handback | None:
        """The columns that the worker writes, as they are now; None if there is no such invoice."""
        row = await QUERIES.load_handback(self.pool, invoice_id=invoice_id)
        return None if row is None else handback_of(row)

    async def load_parties(self, companies: Sequence[UUID], contacts: Sequence[UUID]) -> list[PartyRow]:
        """The companies and contacts with these ids."""
        parties = QUERIES.load_parties(self.pool, company_ids=list(companies), contact_ids=list(contacts))
        rows: list[PartyRow] = await _fetch(parties)
        return rows

    async def load_contact_link(self, party: Party) -> ContactLink | None:
        """The sevDesk contact of a company or person; None if it has none yet."""
        row = await QUERIES.load_contact_link(self.pool, party_kind=party.kind.value, party_id=party.id)
        return None if row is None else ContactLink(**dict(row))

    async def query(self, statement: str, /, **values: Any) -> Any:
        """Run a statement of `sql/queries/` by its name. The caller annotates the result with a type of `rows.py`.

        The sign after the statement's name decides what is returned: `^` one row or None, `$` one value, `!` a status
        text, no sign a list of rows. Raises `AttributeError` for an unknown name.
        """
        result = getattr(QUERIES, statement)(self.pool, **values)
        return await _fetch(result) if isinstance(result, AsyncIterable) else await result

    # Writing

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

        All in one transaction; no other function writes statuses or the event log. `intent`: id and outcome of the
        intent to close. Returns the ids of the invoices recorded. Raises `InvoiceChanged`, and records nothing, if an
        invoice was changed since it was read; with `all_or_nothing=False` it only leaves that invoice out.
        """
        if ending is not None and not changes and step is None and intent is None:
            await self._end(self.pool, job, ending)  # a single statement needs no explicit transaction
            return set()
        side = [(c.invoice_id, event) for c in changes for event in c.events if isinstance(event, SIDE_TABLE_EVENTS)]
        if changes and not side and ending is None:
            return await self._record_changes(self.pool, job, changes, step, intent, all_or_nothing)  # nor does this
        recorded: set[UUID] = set()
        async with self.pool.acquire() as connection, connection.transaction():
            if changes:
                recorded = await self._record_changes(connection, job, changes, step, intent, all_or_nothing)
            else:
                await self._record_step(connection, job, step, intent)
            for invoice_id, event in side:
                if invoice_id in recorded:
                    await write_side_tables(connection, job, invoice_id, event)
            if ending is not None:
                await self._end(connection, job, ending)
        return recorded

    async def _record_step(self, connection: Any, job: Job, step: str | None, intent: tuple[int, str] | None) -> None:
        if intent is not None:
            await QUERIES.close_intent(connection, intent_id=intent[0], outcome=intent[1])
        if step is not None:
            await QUERIES.record_step(connection, job_id=job.job_id, attempt=job.attempt, step=step)

    async def _record_changes(
        self,
        connection: Any,
        job: Job,
        changes: Sequence[Change],
        step: str | None,
        intent: tuple[int, str] | None,
        all_or_nothing: bool,
    ) -> set[UUID]:
        events = [(change.invoice_id, event) for change in changes for event in change.events]
        rows = QUERIES.record_changes(
            connection,
            **change_arrays(changes),
            event_ids=[invoice_id for invoice_id, _ in events],
            event_types=[event.type for _, event in events],
            event_payloads=[{**event.payload(), "job_id": job.job_id} for _, event in events],
            actor=job.requested_by,
            correlation_id=job.correlation_id,
            job_id=job.job_id,
            attempt=job.attempt,
            kind=job.kind,
            step=step,
            intent_id=intent[0] if intent else None,
            outcome=intent[1] if intent else None,
            all_or_nothing=all_or_nothing,
        )
        recorded = {row["id"] async for row in rows}
        if all_or_nothing and len(recorded) < len(changes):
            raise InvoiceChanged
        return recorded

    async def _end(self, connection: Any, job: Job, ending: AttemptEnd) -> None:
        problem = ending.problem
        await QUERIES.end_attempt(
            connection,
            job_id=job.job_id,
            attempt=job.attempt,
            state=ending.state,
            problem=problem and problem.code,
            parameters=problem and dict(problem.parameters),
            error=problem and problem.cause(),
            next_step=ending.next_step(job.job_id),
            asks_about=ending.asks_about,
            result=None if ending.result is None else dict(ending.result),
            after=ending.after,
            retries=int(ending.costs_retry),
        )


async def _fetch(rows: AsyncIterable[Any]) -> list[Any]:
    return [row async for row in rows]


async def _no_reset(connection: Any) -> None:
    """Replaces asyncpg's reset, which costs a round trip whenever a connection returns to the pool.

    Not needed: asyncpg rolls back an unfinished transaction first, and our statements change nothing else of a session.
    """
