"""With signing keys, only what a producer signed becomes a job, and who asks through Postgres is known by name."""

import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from flow.billing import Billing
from flow.books import state, until
from flow.conftest import RunWorker
from flow.signing import KEYS, signed

from sevdesk_client.sandbox.http.server import Running
from worker.store.sql_files import sql_dir


async def rejected(billing: Billing) -> list[tuple[str, str]]:
    rows = await billing.db.fetch("SELECT job_id, problem FROM sevdesk_jobs WHERE state = 'rejected' ORDER BY seq")
    return [(row["job_id"], row["problem"]) for row in rows]


async def test_only_signed_jobs_are_done(billing: Billing, run_worker: RunWorker, sevdesk: Running) -> None:
    """A forged entry under the id of a job to come is rejected under another; the true one is done, and only once."""
    invoice, job_id = await billing.usual_invoice(), str(uuid4())
    payload = {"invoice_id": str(invoice), "requested_by": str(billing.admin)}
    async with run_worker(job_signing_keys=KEYS):
        await billing.enqueue("publish_invoice", job_id=job_id, invoice_id=invoice)
        await until(lambda: rejected(billing))
        [(taken, problem)] = await rejected(billing)
        assert (taken[:7], problem) == ("sha256:", "signature_missing")
        for _ in range(2):  # the second time somebody puts the same entry back
            token = signed(job_id, payload)
            await billing._enqueue("publish_invoice", {"signed": token}, job_id)
            assert (await billing.ended(job_id))["state"] == "done"
            await until(lambda: _taken_in(billing))
    assert len((await state(sevdesk))["invoices"]) == 1
    assert len(await rejected(billing)) == 1


async def _taken_in(billing: Billing) -> bool:
    return await billing.redis.zcard("arq:queue") == 0


async def test_abort_set_cannot_be_forged(billing: Billing, run_worker: RunWorker) -> None:
    """A job that waits for its time stays, though Redis says that its producer took it back."""
    job_id = str(uuid4())
    payload = {"invoice_id": str(await billing.usual_invoice()), "requested_by": str(billing.admin)}
    token = signed(job_id, payload)
    async with run_worker(job_signing_keys=KEYS):
        await billing._enqueue("publish_invoice", {"signed": token}, job_id, (time.time() + 3600) * 1000)
        await until(lambda: _taken_in(billing))
        await billing.redis.zadd("arq:abort", {job_id: 1})
        await until(lambda: _no_aborts(billing))
    assert (await billing.job(job_id))["state"] == "queued"


async def _no_aborts(billing: Billing) -> bool:
    return await billing.redis.zcard("arq:abort") == 0


@pytest.fixture
async def as_billing(billing: Billing, database_url: str) -> Any:
    """A connection of a login role that is a member of sevdesk_billing."""
    await billing.db.execute((sql_dir() / "roles.sql").read_text())
    await billing.db.execute(
        "DO $$ BEGIN CREATE ROLE billing_backend LOGIN PASSWORD 'only-in-tests'; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
    await billing.db.execute("GRANT sevdesk_billing TO billing_backend")
    parts = urlsplit(database_url)
    place = parts.netloc.rpartition("@")[2]
    connection = await asyncpg.connect(parts._replace(netloc=f"billing_backend:only-in-tests@{place}").geturl())
    yield connection
    await connection.close()


FORBIDDEN = """
INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, order_key, state) VALUES ('x', 'x', '{}', '', 'x', 'done')
UPDATE sevdesk_jobs SET requested_by = NULL
DELETE FROM sevdesk_mails
UPDATE sevdesk_config SET datev_chart_of_accounts = 'SKR04'
SELECT * FROM sevdesk_queue
SELECT sevdesk_enqueue_v1('x', 'publish_invoice', '{}', 'system', NULL, NULL, NULL)
UPDATE billing_invoices SET paid_amount = 0
"""


async def test_billing_role_asks_and_reads(billing: Billing, as_billing: asyncpg.Connection) -> None:
    """The ledger says which database user asked; anything else of the worker's is refused."""
    statement = "SELECT sevdesk_request_job('publish_invoice', $1::jsonb, requested_by => $2)"
    payload = f'{{"invoice_id": "{await billing.usual_invoice()}"}}'
    job_id = await as_billing.fetchval(statement, payload, billing.admin)
    row = await as_billing.fetchrow("SELECT origin, database_user, state FROM sevdesk_jobs WHERE job_id = $1", job_id)
    assert tuple(row) == ("outbox", "billing_backend", "requested")
    for forbidden in FORBIDDEN.strip().splitlines():
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_billing.execute(forbidden)


async def test_search_path_cannot_be_turned(billing: Billing, as_billing: asyncpg.Connection) -> None:
    """The function runs as the owner, so a caller's own tables and functions must not be found first."""
    await as_billing.execute("CREATE TEMP TABLE sevdesk_jobs (job_id text)")
    job_id = await as_billing.fetchval("SELECT public.sevdesk_request_job('test_connection')")
    assert await billing.db.fetchval("SELECT origin FROM public.sevdesk_jobs WHERE job_id = $1", job_id) == "outbox"


async def test_strangers_cannot_ask(billing: Billing, as_billing: asyncpg.Connection) -> None:
    """Not everybody who may log in to the database may ask for jobs."""
    await billing.db.execute("REVOKE sevdesk_billing FROM billing_backend")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_billing.fetchval("SELECT sevdesk_request_job('test_connection')")
