"""Two that lock the same rows at once: neither waits for the other for ever, and the second one sees the first."""

import asyncio
from datetime import timedelta

import pytest
from flow.billing import Billing
from flow.books import until
from flow.conftest import Sessions
from flow.test_queue import ask

from worker.domain.ledger import AttemptEnd, Change
from worker.domain.problems import problem
from worker.store import Store
from worker.store.connection import run_statement
from worker.store.pooler import in_transaction
from worker.store.rows import handback_of

CLAIM = (
    "UPDATE sevdesk_queue SET phase = 'running', due_at = NULL",
    "UPDATE sevdesk_jobs SET state = 'running', attempt = 1",
)
END = ("UPDATE sevdesk_jobs SET state = 'done'", "DELETE FROM sevdesk_queue")


@pytest.mark.parametrize(
    ("statement", "met"),
    [("dismiss_aborted_jobs", CLAIM), ("waits_begin_anew", CLAIM), ("requeue_abandoned_jobs", END)],
)
async def test_no_two_wait_for_each_other(
    statement: str, met: tuple[str, str], billing: Billing, store: Store, sessions: Sessions
) -> None:
    """A claim locks the queue's row first, the end of an attempt the ledger's; who meets them keeps to their order."""
    job_id = await ask(billing)
    if met is END:
        locks = await sessions()
        await locks.claim(1)
        await locks.close()
    if statement == "waits_begin_anew":
        await billing.db.execute("UPDATE sevdesk_queue SET phase = 'waiting', due_at = now() + interval '1 h'")
        await billing.db.execute("UPDATE sevdesk_jobs SET state = 'waiting', problem = '', problem_parameters = '{}'")
    async with billing.db.acquire() as other, other.transaction():
        await other.execute(met[0])
        waiting = asyncio.create_task(store.query(statement, job_ids=[job_id], by=timedelta(hours=-1)))
        await until(lambda: billing.db.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
        await other.execute(met[1])
    assert await waiting in ([], "UPDATE 0")


@pytest.mark.parametrize("statement", ["promote", "dismiss_aborted_jobs", "requeue_abandoned_jobs"])
async def test_queue_rows_keep_an_order(statement: str, billing: Billing, store: Store) -> None:
    """A process promotes keys whose jobs another one ends or frees, while somebody holds the row between."""
    phase, state = {"promote": ("blocked", "queued"), "dismiss_aborted_jobs": ("ready", "queued")}.get(
        statement, ("running", "running")
    )
    await billing.db.execute(
        """INSERT INTO sevdesk_jobs (job_id, kind, payload, origin, order_key, state)
           VALUES ('1', 'publish_invoice', '{}', 'redis', 'c', $1), ('2', 'publish_invoice', '{}', 'redis', 'b', $1),
                  ('3', 'publish_invoice', '{}', 'redis', 'a', $1)""",
        state,
    )
    await billing.db.execute(
        """INSERT INTO sevdesk_queue (job_id, seq, kind, order_key, phase, rank)
           SELECT job_id, seq, kind, order_key, $1, 1 FROM sevdesk_jobs""",
        phase,
    )
    async with billing.db.acquire() as other, other.transaction():
        await other.execute("SELECT FROM sevdesk_queue WHERE order_key = 'b' FOR UPDATE")
        both = [
            asyncio.create_task(store.query(name, order_keys=list(keys), job_ids=list("123")))
            for name, keys in (("promote", "abc"), (statement, "cba"))
        ]
        await until(lambda: billing.db.fetchval("SELECT count(*) = 2 FROM pg_locks WHERE NOT granted"))
    await asyncio.gather(*both)
    left = await billing.db.fetch("SELECT phase FROM sevdesk_queue")
    assert [row["phase"] for row in left] == ([] if statement == "dismiss_aborted_jobs" else ["ready"] * 3)


async def test_invoices_keep_an_order(billing: Billing, store: Store, sessions: Sessions) -> None:
    """Two jobs record the same invoices, read in opposite order, while somebody holds the one between."""
    locks = await sessions()
    invoices = sorted([await billing.usual_invoice() for _ in range(3)])
    for _ in range(2):
        await ask(billing)
    jobs, _ = await locks.claim(2)
    known = [handback_of(await store.query("load_handback", invoice_id=invoice)) for invoice in invoices]
    changes = [Change(invoice, each, each, ()) for invoice, each in zip(invoices, known, strict=True)]
    async with billing.db.acquire() as other, other.transaction():
        await other.execute("SELECT FROM billing_invoices WHERE id = $1 FOR UPDATE", invoices[1])
        both = [
            asyncio.create_task(store.record(job, order, all_or_nothing=False))
            for job, order in zip(jobs, (changes, changes[::-1]), strict=True)
        ]
        await until(lambda: billing.db.fetchval("SELECT count(*) = 2 FROM pg_locks WHERE NOT granted"))
    assert await asyncio.gather(*both) == [set(invoices)] * 2


async def test_first_of_two_answers_counts(billing: Billing, store: Store, sessions: Sessions) -> None:
    """Two people answer a parked job's question at once, and say the opposite: the second one changes nothing."""
    locks = await sessions()
    job_id = await ask(billing)
    [job], _ = await locks.claim(1)
    intent = await locks.open_intent(
        subject=job.order_key, job_id=job_id, step="send", action="send_mail", summary={}, request_sha256="",
        quarantine=0.0, earlier=None,
    )  # fmt: skip
    await store.record(job, ending=AttemptEnd("parked", problem("invoice_changed"), asks_about=intent))
    async with in_transaction(store.pool) as first:
        assert await run_statement(first, "answer_intent", job_id=job_id, answer="done") == intent
        await run_statement(first, "unpark", job_id=job_id)
        second = asyncio.create_task(store.unpark(job_id, answer="not-done"))
        await until(lambda: billing.db.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
    assert await second is None
    assert await billing.db.fetchval("SELECT answer FROM sevdesk_intents") == "done"
