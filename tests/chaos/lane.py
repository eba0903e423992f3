"""A lane: one database, one Redis database, one sandbox; runs go through it one after another.

Lanes go side by side. Most of a run is waiting for a quarantine, so a few of them keep two cores busy.
"""

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import redis.asyncio
from chaos.children import Child, Nursery
from chaos.points import Act
from flow.billing import FINAL, Billing

from sevdesk_client.sandbox.http.faults import Fault
from sevdesk_client.sandbox.http.server import Running, running
from worker.local import services as local
from worker.local.services import Services
from worker.store.sql_files import sql_dir

# Seconds; a write may take two thirds of it on our side. Much longer than any step here takes, even on a busy machine.
QUARANTINE = 1.8
# A late commit comes when a new worker has long found the open intent, and well before it may look.
LATE, LATE_QUARANTINE = 3.0, 4.5
# In production a dead worker is noticed after two seconds, a lost wake-up repeated after ten.
CONSTANTS = {
    "worker.maintenance.maintenance.REAP_SECONDS": 0.3,
    "worker.maintenance.maintenance.FORGOTTEN_SECONDS": 0.5,
    "worker.maintenance.leader.LEAD_SECONDS": 0.3,
    "worker.handlers.datev_export.FIRST_POLL": 0.2,
}
LAYOUT = "57986aee6bd2d53306068da1"
NUMBERS = itertools.count(1)
UNFINISHED = """
    SELECT to_jsonb(j) - '{payload,result,requested_by,database_user,traceparent}'::text[] AS job, to_jsonb(q) AS place
    FROM sevdesk_jobs j LEFT JOIN sevdesk_queue q USING (job_id)
    WHERE j.job_id = $1 OR q.order_key = (SELECT order_key FROM sevdesk_jobs WHERE job_id = $1)
    ORDER BY j.seq"""
MOVED = """
    SELECT max(greatest(updated_at, not_before)) > clock_timestamp() - make_interval(secs => $1) FROM sevdesk_jobs"""
# A parked job that would publish, send or cancel is dismissed when another one cancels its invoice.
ENDED = (*FINAL, "dismissed")


@dataclass
class Subject:
    """One invoice, and a day of its own for exports; `given_up` are those whose ids sevDesk's lost answer kept."""

    invoice: UUID
    company: UUID
    number: str
    given_up: int = 0

    @property
    def day(self) -> date:
        """Long before the invoices."""
        return date(2000, 1, 1) + timedelta(days=int(self.number.removeprefix("INV-")))


@dataclass
class Lane:
    """Where one run at a time takes place."""

    billing: Billing
    sevdesk: Running
    nursery: Nursery
    environment: Mapping[str, str]
    stock: dict[str, list[Subject]] = field(default_factory=dict)

    async def subject(self) -> Subject:
        """An approved invoice over 119.00 EUR, to a company that sevDesk has never heard of."""
        billing = self.billing
        company = await billing.company()
        number = f"INV-{next(NUMBERS):06d}"
        invoice = await billing.invoice(await billing.deal(company), invoice_number=number)
        return Subject(invoice, company, number)

    async def worker(
        self, act: Act | None = None, *, bug: str | None = None, as_shipped: bool = False, **changed: Any
    ) -> Child:
        """A worker on its way up. Capitals change its settings, dotted names constants of its modules."""
        constants = ({} if as_shipped else CONSTANTS) | {name: value for name, value in changed.items() if "." in name}
        settings = {name: str(value) for name, value in changed.items() if "." not in name}
        return await self.nursery.start({**self.environment, **settings}, act=act, bug=bug, constants=constants)

    def fail(self, method: str, path: str, kind: str, *, skip: int = 0, after: float = 0.0) -> None:
        """Trouble for a coming call; `{id}` in the path stands for any id."""
        path, after_ms = path.replace("{id}", "*"), int(after * 1000)
        self.sevdesk.sandbox.faults.append(Fault(kind, method, path, skip=skip, after_ms=after_ms))  # type: ignore[arg-type]

    async def ended(self, job_id: str, seconds: float) -> asyncpg.Record | None:
        """The job's row once it has ended or is parked; None when that is not in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            row = await self.billing.job(job_id)
            if row is not None and row["state"] in ENDED:
                return row
            await asyncio.sleep(0.03)
        return None

    async def ended_in_turn(self, job_id: str, patience: float) -> asyncpg.Record | None:
        """As `ended`, where others come first: None when for so many seconds no job has gone on, nor was to."""
        while (row := await self.ended(job_id, patience)) is None and await self.billing.db.fetchval(MOVED, patience):
            pass
        return row

    async def unfinished(self, job_id: str) -> str:
        """What the ledger and the queue have of a job that has not ended in time, and of those before and behind it."""
        rows = await self.billing.db.fetch(UNFINISHED, job_id)
        return "\n".join(f"{row['job']} in the queue: {row['place']}" for row in rows) or f"{job_id} is not recorded"

    async def settled(self) -> None:
        """Wait until sevDesk has committed all that was still to come."""
        while self.sevdesk.sandbox.late_commits:  # noqa: ASYNC110 - the sandbox tells nobody
            await asyncio.sleep(0.02)

    async def afresh(self) -> None:
        """Nothing queued, no trouble ordered."""
        await self.billing.redis.flushdb()
        self.sevdesk.sandbox.faults.clear()


async def _worker_url(pool: asyncpg.Pool, url: str) -> str:
    """The database for the role of `sql/roles.sql`."""
    await pool.execute((sql_dir() / "roles.sql").read_text())
    await pool.execute("ALTER ROLE sevdesk_worker LOGIN PASSWORD 'only-in-tests'")
    parts = urlsplit(url)
    return parts._replace(netloc=f"sevdesk_worker:only-in-tests@{parts.netloc.rpartition('@')[2]}").geturl()


@asynccontextmanager
async def lane(
    services: Services, template: str, nursery: Nursery, number: int, *, views: str = ""
) -> AsyncIterator[Lane]:
    """A lane of its own; `number` is its Redis database. `views`: BILLING_SCHEMA, as the worker's role sees it."""
    name = f"chaos_{secrets.token_hex(6)}"
    url = await asyncio.to_thread(local.create_database, services, name, template=template)
    redis_url = urlsplit(services.redis_url)._replace(path=f"/{number}").geturl()
    try:
        path = {"search_path": f"{views}, public"} if views else {}
        async with (
            asyncpg.create_pool(url, min_size=1, max_size=4, server_settings=path) as pool,
            running() as sevdesk,
        ):
            admin = await pool.fetchval(
                "INSERT INTO contacts (last_name, is_internal, is_admin) VALUES ('Chefin', true, true) RETURNING id"
            )
            # One layout for all; and no scheduled sync that would come between by the clock on the wall.
            await pool.execute(
                "UPDATE sevdesk_config SET template_eb_ar = $1, payment_sync_interval_minutes = 1440", LAYOUT
            )
            await pool.execute("INSERT INTO sevdesk_schedules VALUES ('payments', now() + interval '2 days')")
            async with redis.asyncio.Redis.from_url(redis_url) as client:
                await client.flushdb()
                environment = {
                    "DATABASE_URL": await _worker_url(pool, url) if views else url,
                    "BILLING_SCHEMA": views,
                    "REDIS_URL": redis_url,
                    "SEVDESK_BASE_URL": sevdesk.base_url,
                    "SEVDESK_API_TOKEN": sevdesk.token,
                    "WRITE_QUARANTINE": str(QUARANTINE),
                    "SHUTDOWN_GRACE": "5",
                    "PERSON_JOB_LIMIT": "100000/60",
                    "WORKER_MAX_JOBS": "8",
                }
                yield Lane(Billing(pool, client, admin), sevdesk, nursery, environment)
    finally:
        await asyncio.to_thread(local.drop_database, services, name)
