"""Everything but the session locks, on a pool."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import asyncio
from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from worker.domain.invoice import ContactLink, Handback, Party
from worker.store.connection import COMMAND_TIMEOUT, KEEPALIVE, QUERIES, prepare
from worker.store.records import Change, Ending, IncomingJob, Job, JobRef, columns, job_ref
from worker.store.rows import handback_of
from worker.store.side_tables import SIDE_TABLE_EVENTS, write_side_tables


class InvoiceChanged(Exception):
    """The invoice is no longer as the step saw it; nothing was recorded. Look again."""


class NoOpenQuestion(Exception):
    """The parked job has no open question, so it cannot be answered."""


class Store:
    """The ledger, the cases, the hand-back."""

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
            reset=_as_it_is,
            max_cached_statement_lifetime=0,  # asyncpg forgets after 5 min, and would prepare anew for every sync
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

    async def take_in(self, arrivals: Sequence[IncomingJob]) -> list[Mapping[str, Any]]:
        """Bulk insert of what Redis brought; answers with the new rows only."""
        return await _all(
            QUERIES.take_in(
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

    async def known_jobs(self, job_ids: Sequence[str]) -> dict[str, UUID | None]:
        """Those of the ids that have a ledger row, and who asked for each."""
        rows = QUERIES.known_jobs(self.pool, job_ids=list(job_ids))
        return {row["job_id"]: row["requested_by"] async for row in rows}

    async def request_job(self, kind: str, payload: Mapping[str, Any], *, requested_by: UUID | None = None,
                          correlation_id: str | None = None, key: str | None = None) -> str:  # fmt: skip
        """What the billing system's outbox does, for our own command line."""
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
        """(is_internal, is_admin) of whoever asked, or None when there is no such contact."""
        row = await QUERIES.person(self.pool, person_id=person_id)
        return None if row is None else (row["is_internal"], row["is_admin"])

    async def reap(self) -> list[JobRef]:
        """Take running jobs back whose process is gone."""
        return [b async for row in QUERIES.reap(self.pool) if (b := job_ref(row))]

    async def due_jobs(self, *, grace: float, most: int) -> list[JobRef]:
        """Jobs that should have rung by now (see the statement)."""
        return [b async for row in QUERIES.due_jobs(self.pool, grace=grace, most=most) if (b := job_ref(row))]

    async def unpark(self, job_id: str, *, answer: str | None = None) -> JobRef | None:
        """Back to `requested`, with a person's answer (`done`, `not-done`) to what it asks; None when it is not parked.

        Raises `NoOpenQuestion`, and the job stays parked, when it asks nothing that the answer could be for.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            answered = answer and await QUERIES.answer_intent(connection, job_id=job_id, answer=answer)
            again = job_ref(await QUERIES.unpark(connection, job_id=job_id))
            if again is not None and answer and not answered:
                raise NoOpenQuestion
            return again

    async def open_intent_of(self, subject: str) -> Mapping[str, Any] | None:
        """The write on `subject` whose outcome nobody knows, with its age in seconds."""
        row: Mapping[str, Any] | None = await QUERIES.find_open_intent(self.pool, subject=subject)
        return row

    # Reading

    async def load_invoice(self, invoice_id: UUID) -> Mapping[str, Any] | None:
        """The invoice with items, associations and template; None when there is none."""
        row: Mapping[str, Any] | None = await QUERIES.load_invoice(self.pool, invoice_id=invoice_id)
        return row

    async def handback(self, invoice_id: UUID) -> Handback | None:
        """Our columns of one invoice as they are now."""
        row = await QUERIES.load_handback(self.pool, invoice_id=invoice_id)
        return None if row is None else handback_of(row)

    async def load_parties(self, companies: Sequence[UUID], contacts: Sequence[UUID]) -> list[Mapping[str, Any]]:
        """The companies and contacts that may be the recipient."""
        return await _all(QUERIES.load_parties(self.pool, company_ids=list(companies), contact_ids=list(contacts)))

    async def load_contact_link(self, party: Party) -> ContactLink | None:
        """Which sevDesk contact stands for the party."""
        row = await QUERIES.load_contact_link(self.pool, party_kind=party.kind.value, party_id=party.id)
        return None if row is None else ContactLink(**dict(row))

    async def query(self, statement: str, /, **values: Any) -> Any:
        """A named statement outside the main line (payments, schedules, configuration)."""
        answer = getattr(QUERIES, statement)(self.pool, **values)
        return await _all(answer) if isinstance(answer, AsyncIterable) else await answer

    # Writing

    async def record(
        self,
        job: Job,
        changes: Sequence[Change] = (),
        *,
        step: str | None = None,
        intent: tuple[int, str] | None = None,
        ending: Ending | None = None,
        must_fit: bool = True,
    ) -> set[UUID]:
        """The one function that moves statuses and inserts event-log rows; all in one transaction.

        An invoice that is no longer as the worker saw it raises `InvoiceChanged` and nothing at all is recorded; with
        `must_fit=False` just that invoice is left out. Answers with the invoices recorded. `intent` is (id, outcome)
        of the open intent this settles.
        """
        if ending is not None and not changes and step is None and intent is None:
            await self._end(self.pool, job, ending)  # one statement is a transaction of its own
            return set()
        beside = [(c.invoice_id, event) for c in changes for event in c.events if isinstance(event, SIDE_TABLE_EVENTS)]
        if changes and not beside and ending is None:
            return await self._hand_back(self.pool, job, changes, step, intent, must_fit)  # and so is this one
        async with self.pool.acquire() as connection, connection.transaction():
            if changes:
                moved = await self._hand_back(connection, job, changes, step, intent, must_fit)
            else:
                moved = set()
                await self._settle(connection, job, step, intent)
            for invoice_id, event in beside:
                if invoice_id in moved:
                    await write_side_tables(connection, job, invoice_id, event)
            if ending is not None:
                await self._end(connection, job, ending)
        return moved

    async def _settle(self, connection: Any, job: Job, step: str | None, intent: tuple[int, str] | None) -> None:
        if intent is not None:
            await QUERIES.close_intent(connection, intent_id=intent[0], outcome=intent[1])
        if step is not None:
            await QUERIES.note_step(connection, job_id=job.job_id, attempt=job.attempt, step=step)

    async def _hand_back(
        self,
        connection: Any,
        job: Job,
        changes: Sequence[Change],
        step: str | None,
        intent: tuple[int, str] | None,
        must_fit: bool,
    ) -> set[UUID]:
        events = [(change.invoice_id, event) for change in changes for event in change.events]
        rows = QUERIES.hand_back(
            connection,
            **columns(changes),
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
            must_fit=must_fit,
        )
        moved = {row["id"] async for row in rows}
        if must_fit and len(moved) < len(changes):
            raise InvoiceChanged
        return moved

    async def _end(self, connection: Any, job: Job, ending: Ending) -> None:
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


async def _all(rows: AsyncIterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row async for row in rows]


async def _as_it_is(connection: Any) -> None:
    """Instead of asyncpg's reset, a round trip after every statement. What a cancelled job left of a transaction is
    rolled back before this is called, and beyond transactions no statement of ours leaves a trace in its session.
    """
