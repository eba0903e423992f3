"""Everything that changes the queue, at random and at once, while sessions are killed: ledger and queue stay one."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
from flow.billing import Billing

from worker.domain.ledger import AttemptEnd, IncomingJob, Job
from worker.domain.problems import problem
from worker.settings import JobLimit, Settings
from worker.store import CONNECTION_LOST, LockSession, Store

WORKERS = 6
# Rows of ledger and queue that do not belong together. Every statement changes both, so there are none at any time.
TORN = """
    SELECT job_id, j.state, q.phase FROM sevdesk_jobs j FULL JOIN sevdesk_queue q USING (job_id)
    WHERE CASE j.state
        WHEN 'requested' THEN q.phase IN ('ready', 'blocked', 'waiting')
        WHEN 'queued' THEN q.phase IN ('ready', 'blocked', 'waiting', 'scheduled')
        WHEN 'waiting' THEN q.phase IN ('ready', 'blocked', 'waiting')
        WHEN 'running' THEN q.phase = 'running'
        WHEN 'parked' THEN q.phase = 'parked'
        ELSE j.job_id IS NOT NULL AND q.job_id IS NULL END IS NOT TRUE"""
KILL = """
    SELECT pg_terminate_backend(pid) FROM (
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'sevdesk-worker%'
        ORDER BY random() LIMIT 1) victim"""
ENDS = (
    AttemptEnd("done"),
    AttemptEnd("rejected", problem("invoice_changed")),
    AttemptEnd("parked", problem("invoice_changed")),
    AttemptEnd("queued", problem("handed_back")),
    AttemptEnd("waiting", problem("invoice_changed"), after=0.2),
)


class Worker:
    """One process's part of the queue, with one act after the other."""

    def __init__(self, store: Store, locks: LockSession, invoices: Sequence[UUID], chance: random.Random) -> None:
        self.store, self.locks, self.invoices, self.chance = store, locks, invoices, chance
        self.jobs: list[Job] = []
        self.ended: list[str] = []
        self.acts: dict[Callable[[], Awaitable[Any]], int] = {
            self.claim: 30, self.end: 30, self.request: 8, self.take_in: 8, self.take_back: 6, self.unpark: 6,
            self.dismiss: 4, self.lose: 6, self.kill: 1, self.maintain: 30,
        }  # fmt: skip

    async def act(self, *, draining: bool = False) -> None:
        """Any one of them; to drain the queue, only those that bring its jobs to an end."""
        if not self.locks.alive:
            self.jobs, self.ended = [], []
            await self.locks.connect()
        acts = {self.claim: 2, self.end: 2, self.maintain: 1} if draining else self.acts
        [act] = self.chance.choices(list(acts), list(acts.values()))
        await (self.end(ENDS[:1]) if draining and act == self.end else act())

    async def claim(self) -> None:
        released = self.ended.copy()
        self.jobs += (await self.locks.claim(max(4 - len(self.jobs), 0), released))[0]
        del self.ended[: len(released)]

    async def end(self, ends: Sequence[AttemptEnd] = ENDS) -> None:
        some = [self.jobs.pop() for _ in range(self.chance.randint(0, len(self.jobs)))]
        self.ended += [job.order_key for job in some]
        await asyncio.gather(*(self.store.record(job, ending=self.chance.choice(ends)) for job in some))

    async def lose(self) -> None:
        """The pool's connections break: no end is recorded, and the keys are freed."""
        self.ended += [job.order_key for job in self.jobs]
        self.jobs = []

    async def request(self) -> None:
        await self.store.request_job("publish_invoice", {"invoice_id": str(self.chance.choice(self.invoices))})

    async def take_in(self) -> None:
        jobs = [
            IncomingJob(uuid4().hex, "publish_invoice", {}, invoice_id=self.chance.choice(self.invoices))
            for _ in range(5)
        ]
        await self.store.take_in_jobs(jobs, [job.job_id for job in jobs[: self.chance.randint(0, 3)]])

    async def take_back(self) -> None:
        ids = await self._some("SELECT job_id FROM sevdesk_queue ORDER BY random() LIMIT 15")
        await self.store.dismiss_aborted_jobs(ids)

    async def unpark(self) -> None:
        for job_id in await self._some("SELECT job_id FROM sevdesk_queue WHERE phase = 'parked' LIMIT 3"):
            await self.store.unpark(job_id)

    async def dismiss(self) -> None:
        for job_id in await self._some("SELECT job_id FROM sevdesk_jobs WHERE state IN ('parked', 'rejected') LIMIT 2"):
            await self.store.dismiss(job_id, by="Anna", reason="old")

    async def kill(self) -> None:
        await self.store.pool.execute(KILL)

    async def maintain(self) -> None:
        statements = ("ready_due_jobs", "requeue_abandoned_jobs", "promote_forgotten", "correct_ranks")
        await self.store.query(self.chance.choice(statements), most=100)

    async def _some(self, statement: str) -> list[str]:
        return [row["job_id"] for row in await self.store.pool.fetch(statement)]


@pytest.mark.parametrize("seconds", [4, pytest.param(120, marks=pytest.mark.long)])
async def test_ledger_and_queue_stay_one(seconds: int, billing: Billing, settings: Settings) -> None:
    """No two wait for each other, none of the rows come apart, and in the end every job that nobody parked is over."""
    loop, chance = asyncio.get_running_loop(), random.Random(seconds)
    invoices, until = [uuid4() for _ in range(5)], loop.time() + seconds
    busy = "SELECT count(*) FROM sevdesk_queue WHERE phase <> 'parked'"

    async def work() -> None:
        locks = LockSession(settings.lock_url, uuid4().hex, JobLimit(10_000, 60.0), lambda: None, lambda: None)
        store = await Store.connect(settings.database_url, size=2)
        worker = Worker(store, locks, invoices, chance)
        try:
            while (draining := loop.time() > until) is False or await billing.db.fetchval(busy):
                with suppress(*CONNECTION_LOST):
                    await worker.act(draining=draining)
                await asyncio.sleep(0)
        finally:
            await locks.close()
            await store.close()

    async def watch() -> None:
        while loop.time() < until:
            assert await billing.db.fetch(TORN) == []
            await asyncio.sleep(0.05)

    async with asyncio.timeout(seconds + 60), asyncio.TaskGroup() as group:
        for task in (watch(), *(work() for _ in range(WORKERS))):
            group.create_task(task)
    assert await billing.db.fetch(TORN) == []
