"""The billing system's part in the flow tests: makes rows, asks for jobs, reads results."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import redis.asyncio
from flow.waiting import PATIENCE

from worker.store import Store

FINAL = ("done", "parked", "rejected")


@dataclass
class Billing:
    """A back end on its own connections. Money is given as text, to the cent."""

    db: asyncpg.Pool
    redis: redis.asyncio.Redis
    admin: UUID

    async def company(self, **columns: Any) -> UUID:
        """A company with a complete address."""
        given = {
            "name": "Müller & Söhne GmbH",
            "email": "rechnung@example.com",
            "street": "Hauptstraße 5",
            "zip": "10115",
            "city": "Berlin",
            "country_code": "DE",
        }
        return await self._insert("companies", given | columns)

    async def person(self, **columns: Any) -> UUID:
        """A contact with a complete address."""
        given = {
            "first_name": "Jörg",
            "last_name": "Weiß",
            "email": "joerg@example.com",
            "street": "Gasse 7",
            "zip": "80331",
            "city": "München",
            "country_code": "DE",
        }
        return await self._insert("contacts", given | columns)

    async def deal(self, company: UUID | None = None, *, label: str = "primary", deal_type: str = "EB") -> UUID:
        """A deal, associated with the company under `label`."""
        deal = await self._insert("deals", {"name": "Deal", "deal_type": deal_type})
        if company is not None:
            await self.associate(deal, "company", company, label)
        return deal

    async def associate(self, start: UUID, kind: str, party: UUID, label: str, *, of: str = "deal") -> None:
        """A HubSpot association from the deal (or invoice) to a company or contact."""
        row = {"from_type": of, "from_id": start, "to_type": kind, "to_id": party, "label": label}
        await self._insert("hubspot_associations", row)

    async def invoice(
        self,
        deal: UUID | None = None,
        *,
        items: Sequence[tuple[str, str, str]] = (("4", "25", "19"),),
        unit: str | None = None,
        **columns: Any,
    ) -> UUID:
        """An approved invoice over `items` (quantity, net unit price, tax rate in per cent); by default 119.00 EUR.

        Other items need net_amount, tax_amount and gross_amount, so that no test computes its own expectation.
        """
        given = {
            "invoice_number": f"INV-{uuid4().hex[:10]}",
            "deal_id": deal,
            "document_kind": "AR",
            "document_status": "approved",
            "net_amount": "100.00",
            "tax_amount": "19.00",
            "gross_amount": "119.00",
            "issue_date": time_to_day(),
            "service_from": time_to_day() if columns.get("document_kind") == "SR" else None,
            "payment_term_days": 14,
        } | columns
        given |= {name: Decimal(given[name]) for name in ("net_amount", "tax_amount", "gross_amount")}
        invoice = await self._insert("billing_invoices", given)
        for position, (quantity, price, rate) in enumerate(items, 1):
            item = {"invoice_id": invoice, "position": position, "name": f"Leistung {position}", "unit": unit}
            numbers = {"quantity": Decimal(quantity), "unit_price": Decimal(price), "tax_rate": Decimal(rate)}
            await self._insert("billing_invoice_items", item | numbers)
        return invoice

    async def usual_invoice(self, **columns: Any) -> UUID:
        """An approved invoice over 119.00 EUR to a company of its own."""
        return await self.invoice(await self.deal(await self.company()), **columns)

    async def _insert(self, table: str, row: Mapping[str, Any]) -> UUID:
        names, places = ", ".join(row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
        statement = f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING id"  # noqa: S608 - names are ours
        return await self.db.fetchval(statement, *row.values())

    async def enqueue(self, kind: str, *, by: UUID | None = None, job_id: str | None = None,
                      score: float | None = None, **payload: Any) -> str:  # fmt: skip
        """The documented MULTI, as any producer sends it; `score`: milliseconds since 1970, default now."""
        return await self._enqueue(kind, payload | {"requested_by": by or self.admin}, job_id, score)

    async def enqueue_for_nobody(self, kind: str, **payload: Any) -> str:
        """A complete job, but for the person."""
        return await self._enqueue(kind, payload)

    async def _enqueue(
        self, kind: str, payload: Mapping[str, Any], job_id: str | None = None, score: float | None = None
    ) -> str:
        job_id, now = job_id or str(uuid4()), time.time_ns() // 1_000_000
        k = {name: str(value) if isinstance(value, UUID) else value for name, value in payload.items()}
        body = {"t": None, "f": kind, "a": [], "k": k, "et": now}
        await self.enqueue_raw(job_id, json.dumps(body).encode(), now if score is None else score)
        return job_id

    async def enqueue_raw(self, job_id: str | bytes, payload: bytes, score: float) -> None:
        """Whatever bytes, under whatever score."""
        raw = job_id if isinstance(job_id, bytes) else job_id.encode()
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.set(b"arq:job:" + raw, payload, nx=True, px=604_800_000)
            pipe.zadd("arq:queue", {raw: score}, nx=True)
            pipe.publish("arq:wake", "1")
            await pipe.execute()

    async def job(self, job_id: str) -> asyncpg.Record:
        """The ledger's row."""
        return await self.db.fetchrow("SELECT * FROM sevdesk_jobs WHERE job_id = $1", job_id)

    async def ended(self, job_id: str, *, seconds: float = PATIENCE) -> asyncpg.Record:
        """Wait until the job is done, parked or rejected, and answer with its row."""
        return await self.until_state(job_id, *FINAL, seconds=seconds)

    async def until_state(self, job_id: str, *states: str, seconds: float = PATIENCE) -> asyncpg.Record:
        """Wait until the job is in one of these states, and answer with its row."""
        async with asyncio.timeout(seconds):
            while (row := await self.job(job_id)) is None or row["state"] not in states:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.02)
        return row

    async def do(self, kind: str, **payload: Any) -> asyncpg.Record:
        """Enqueue and wait for the end."""
        return await self.ended(await self.enqueue(kind, **payload))

    async def request(self, kind: str, *, by: UUID | None = None, key: str | None = None, **payload: Any) -> str:
        """The outbox: `sevdesk_request_job` inside the caller's transaction, with or without a person."""
        k = json.dumps(payload, default=str)
        statement = "SELECT sevdesk_request_job($1, $2::jsonb, requested_by => $3, idempotency_key => $4)"
        return await self.db.fetchval(statement, kind, k, by, key)

    async def retry(self, job_id: str, answer: str | None = None) -> None:
        """What `sevdesk-worker retry [--as ANSWER]` does."""
        assert await Store(self.db).unpark(job_id, answer=answer) is not None

    async def make_due(self, job_id: str) -> None:
        """A job that waits for its time need not wait any longer."""
        await self.db.execute("UPDATE sevdesk_jobs SET not_before = now() WHERE job_id = $1", job_id)
        await self.db.execute("UPDATE sevdesk_queue SET due_at = now() WHERE job_id = $1 AND phase = 'waiting'", job_id)

    async def put_into(self, state: str, job_id: str, *, problem: str = "unexpected_error", worker: str = "") -> None:
        """Put a job into a state, as the ledger and the queue would show it."""
        await self.db.execute(
            """UPDATE sevdesk_jobs SET state = $2, problem = $3, problem_parameters = '{}', worker = $4,
                      finished_at = CASE WHEN $2 IN ('done', 'parked', 'rejected') THEN now() END
               WHERE job_id = $1""",
            job_id, state, problem, worker,
        )  # fmt: skip
        if state in ("done", "rejected"):
            await self.db.execute("DELETE FROM sevdesk_queue WHERE job_id = $1", job_id)
        else:
            await self.db.execute("UPDATE sevdesk_queue SET phase = $2, due_at = NULL WHERE job_id = $1", job_id, state)

    async def row(self, invoice: UUID) -> asyncpg.Record:
        """The billing invoice as it is now."""
        return await self.db.fetchrow("SELECT * FROM billing_invoices WHERE id = $1", invoice)

    async def events(self, invoice: UUID) -> list[str]:
        """The event log's types, oldest first."""
        statement = "SELECT event_type FROM billing_invoice_event_log WHERE invoice_id = $1 ORDER BY created_at, id"
        return [row["event_type"] for row in await self.db.fetch(statement, invoice)]

    async def event(self, invoice: UUID, event_type: str) -> dict[str, Any]:
        """The payload of the newest event of a type."""
        statement = """SELECT payload FROM billing_invoice_event_log WHERE invoice_id = $1 AND event_type = $2
                       ORDER BY created_at DESC LIMIT 1"""
        return json.loads(await self.db.fetchval(statement, invoice, event_type))


def parameters(job: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of the problem in a row of the ledger; none where there is no problem."""
    return json.loads(job["problem_parameters"] or "{}")


def time_to_day() -> Any:
    """Today in Berlin, as sevDesk counts days."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return datetime.now(ZoneInfo("Europe/Berlin")).date()
