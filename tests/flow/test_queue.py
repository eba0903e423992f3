"""The queue itself, without jobs' work: order, turns, the person limit and what races could lose."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from flow.billing import Billing
from flow.books import state, until
from flow.conftest import RunWorker, Sessions
from flow.holding import HoldableSevdesk
from flow.waiting import PATIENCE, wait_for
from structlog.testing import capture_logs

from worker.domain.ledger import AttemptEnd, Job
from worker.domain.problems import problem
from worker.queue import claims, inbox
from worker.queue.inbox import TURN_KEY, InboxWorker
from worker.runner import runner
from worker.settings import JobLimit
from worker.store import LockSession, Store

Logs = list[Any]


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Every log line of the test."""
    with capture_logs() as lines:
        yield lines


async def done(store: Store, locks: LockSession, jobs: list[Job]) -> list[str]:
    """End the jobs, free their keys, and answer with their ids."""
    for job in jobs:
        await store.record(job, ending=AttemptEnd("done"))
    await locks.claim(0, [job.order_key for job in jobs])
    return [job.job_id for job in jobs]


async def ask(billing: Billing, person: UUID | None = None, invoice: UUID | None = None) -> str:
    """A job; of an invoice of its own, unless one is given."""
    return await billing.request("publish_invoice", by=person, invoice_id=invoice or uuid4())


async def order_of_starts(store: Store, locks: LockSession) -> list[str]:
    """Start and end one job after the other until none is ready."""
    order: list[str] = []
    while jobs := (await locks.claim(1))[0]:
        order += await done(store, locks, jobs)
    return order


async def test_people_take_turns(billing: Billing, store: Store, sessions: Sessions) -> None:
    """A has thirty jobs and B three that came later: they alternate while B has any; the oldest of each comes first."""
    a, b = uuid4(), uuid4()
    first = [await ask(billing, a) for _ in range(30)]
    second = [await ask(billing, b) for _ in range(3)]
    order = await order_of_starts(store, await sessions())
    assert order[:6] == [first[0], second[0], first[1], second[1], first[2], second[2]]
    assert order[6:] == first[3:]


async def test_system_gets_one_start_in_five(billing: Billing, store: Store, sessions: Sessions) -> None:
    """Ten people and a sweep have no end of jobs: after four of people's comes one of the sweep's."""
    sweep = {await ask(billing) for _ in range(20)}
    for _ in range(10):
        person = uuid4()
        for _ in range(8):
            await ask(billing, person)
    order = await order_of_starts(store, await sessions())
    assert [job_id in sweep for job_id in order[:50]] == [False, False, False, False, True] * 10


async def test_both_doors_lead_to_one_queue(billing: Billing, store: Store, sessions: Sessions, worker: object) -> None:
    """A person's thousand jobs from Redis do not keep a colleague waiting who asks through the outbox."""
    jobs = [await billing.enqueue("publish_invoice", invoice_id=uuid4()) for _ in range(300)]
    await billing.ended(jobs[0])
    asked = await ask(billing, uuid4())
    mine = await billing.ended(asked)
    left = "SELECT count(*) FROM sevdesk_jobs WHERE started_at > $1 OR started_at IS NULL"
    assert await billing.db.fetchval(left, mine["started_at"]) > 0 or (await billing.job(jobs[-1]))["finished_at"]
    assert mine["state"] == "rejected"  # its invoice does not exist, nor does the person


async def test_jobs_of_a_key_follow_each_other(billing: Billing, store: Store, sessions: Sessions) -> None:
    """Four workers, ten invoices with five jobs each: never two at once, in the order asked, none forgotten."""
    invoices = [uuid4() for _ in range(10)]
    asked = [(invoice, await ask(billing, uuid4(), invoice)) for _ in range(5) for invoice in invoices]
    running: set[str] = set()
    started: list[str] = []

    async def work() -> None:
        locks = await sessions()
        while len(started) < len(asked):
            jobs, _ = await locks.claim(random.randint(1, 4))
            for job in jobs:
                assert job.order_key not in running
                running.add(job.order_key)
                started.append(job.job_id)
            await asyncio.sleep(random.random() / 100)
            running.difference_update(job.order_key for job in jobs)
            await done(store, locks, jobs)
            await store.query("ready_due_jobs", most=100)  # where a key was busy for a moment

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(work() for _ in range(4)))
    for invoice in invoices:
        of_invoice = [job_id for owner, job_id in asked if owner == invoice]
        assert [job_id for job_id in started if job_id in of_invoice] == of_invoice
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_queue") == 0


async def test_waiting_job_holds_its_key(billing: Billing, store: Store, sessions: Sessions) -> None:
    """The first job of an invoice waits for a retry: the second one does not pass it; parked, it lets it pass."""
    locks, invoice = await sessions(), uuid4()
    first, second = [await ask(billing, None, invoice) for _ in range(2)]
    [job], _ = await locks.claim(5)
    await store.record(job, ending=AttemptEnd("waiting", problem("invoice_changed"), after=3600.0))
    assert (await locks.claim(5, [job.order_key]))[0] == []
    await billing.make_due(first)
    await store.query("ready_due_jobs", most=10)
    [job], _ = await locks.claim(5)
    assert job.job_id == first
    await store.record(job, ending=AttemptEnd("parked", problem("invoice_changed")))
    assert [job.job_id for job in (await locks.claim(5, [job.order_key]))[0]] == [second]


async def test_scheduled_job_is_in_nobodys_way(billing: Billing, worker: object) -> None:
    """A publication asked for next week, then its cancellation for now: the cancellation is not kept waiting."""
    invoice = await billing.usual_invoice()
    later = (datetime.now().timestamp() + 7 * 86_400) * 1000
    scheduled = await billing.enqueue("publish_invoice", score=later, invoice_id=invoice)
    row = await billing.until_state(scheduled, "queued")
    assert abs(row["not_before"].timestamp() * 1000 - later) < 1
    assert (await billing.do("cancel_invoice", invoice_id=invoice, reason="sooner"))["state"] == "done"
    assert (await billing.job(scheduled))["attempt"] == 0
    assert await billing.redis.keys("arq:job:*") == []


async def test_late_commit_is_not_overlooked(billing: Billing, store: Store, sessions: Sessions) -> None:
    """A request was open while five thousand jobs passed: the leader sets the claims back to it."""
    locks = await sessions()
    async with billing.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        late = await connection.fetchval(
            "SELECT sevdesk_request_job('publish_invoice', '{}', requested_by => gen_random_uuid())"
        )
        await billing.db.execute("SELECT setval('sevdesk_people_rank', 5000)")
        await transaction.commit()
    assert (await locks.claim(5))[0] == []
    await store.query("correct_ranks")
    assert [job.job_id for job in (await locks.claim(5))[0]] == [late]


@pytest.mark.parametrize("seed", range(3))
async def test_limit_holds_for_every_window(seed: int, billing: Billing, store: Store, sessions: Sessions) -> None:
    """Five workers claim for two people at once, slots short: in no window are there more starts than allowed."""
    chance, limit, span = random.Random(seed), 5, timedelta(seconds=0.4)
    people = [uuid4(), uuid4()]
    jobs = {await ask(billing, chance.choice(people)) for _ in range(40)}
    started = 0

    async def work() -> None:
        nonlocal started
        locks = await sessions(JobLimit(limit, span.total_seconds()))
        while started < len(jobs):
            await store.query("ready_due_jobs", most=100)
            claimed, _ = await locks.claim(chance.randint(1, 3))
            started += len(claimed)
            await asyncio.sleep(chance.random() / 20)
            await done(store, locks, claimed)

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(work() for _ in range(5)))
    for person in people:
        rows = await billing.db.fetch(
            "SELECT started_at FROM sevdesk_jobs WHERE requested_by = $1 ORDER BY started_at", person
        )
        starts = [row["started_at"] for row in rows]
        assert all(later - start >= span for start, later in zip(starts, starts[limit:], strict=False))


async def test_limited_job_is_put_off_once(billing: Billing, store: Store, sessions: Sessions) -> None:
    """Of a hundred jobs of one person 20 start, and each other one gets a start time of its own, in one claim."""
    person, locks = uuid4(), await sessions(JobLimit(20, 60.0))
    jobs = [await ask(billing, person) for _ in range(100)]
    claimed, limited = await locks.claim(100)
    assert [job.job_id for job in claimed] == jobs[:20]
    assert [job.job_id for job in limited] == jobs[20:100]
    assert await locks.claim(50) == ([], [])
    starts = [job.start_at for job in limited]
    minutes = [round((start - starts[0]).total_seconds() / 60) for start in starts]
    assert Counter(minutes) == {0: 20, 1: 20, 2: 20, 3: 20}
    assert all(earlier <= later for earlier, later in pairwise(starts))


async def test_quarantine_is_the_writers(billing: Billing, store: Store, sessions: Sessions) -> None:
    """A reader with a shorter setting waits for as long as the writer said."""
    locks = await sessions()
    job_id = await ask(billing)
    [job], _ = await locks.claim(1)
    await locks.open_intent(
        subject=job.order_key, job_id=job_id, step="draft", action="save_invoice", summary={}, request_sha256="",
        quarantine=45.0, earlier=None,
    )  # fmt: skip
    row = await store.open_intent_of(job.order_key)
    assert row is not None and 40 < row["settles_in"] <= 45


async def test_aborted_job_never_starts(billing: Billing, worker: object) -> None:
    """arq's own way of taking a job back: it is dismissed if it has not started."""
    invoice, other = await billing.usual_invoice(), uuid4()
    async with billing.db.acquire() as locker:
        await locker.execute("SELECT pg_advisory_lock(sevdesk_lock_key_v1('invoice:' || $1))", str(other))
        aborted = await billing.enqueue("publish_invoice", invoice_id=other)
        await billing.until_state(aborted, "queued")
        await billing.redis.zadd("arq:abort", {aborted: 1})
        row = await billing.until_state(aborted, "dismissed")
        await locker.execute("SELECT pg_advisory_unlock_all()")
    assert (row["attempt"], row["dismissed_by"]) == (0, "producer")
    started = await billing.enqueue("publish_invoice", invoice_id=invoice)
    await billing.ended(started)
    await billing.redis.zadd("arq:abort", {started: 1})
    async with asyncio.timeout(PATIENCE):
        while await billing.redis.exists("arq:abort"):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)
    assert (await billing.job(started))["state"] == "done"
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_queue") == 0


async def test_aborted_job_does_not_start_at_once(billing: Billing, run_worker: RunWorker) -> None:
    """Three jobs came while no worker ran, and one was taken back: a worker that starts does the others."""
    jobs = [await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice()) for _ in range(3)]
    await billing.redis.zadd("arq:abort", {jobs[1]: 1})
    async with run_worker():
        for job_id, end in zip(jobs, ("done", "dismissed", "done"), strict=True):
            await billing.until_state(job_id, end)


async def test_last_of_many_aborted_jobs_does_not_start(billing: Billing, run_worker: RunWorker) -> None:
    """The abort set has more names than are read at a time, and the job's is the last of them."""
    job = await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice())
    await billing.redis.zadd("arq:abort", {f"another {n}": 1 for n in range(inbox.ABORTS)} | {job: 2})
    async with run_worker():
        assert (await billing.until_state(job, "dismissed"))["attempt"] == 0
        async with asyncio.timeout(PATIENCE):
            while await billing.redis.exists("arq:abort"):  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.01)


async def test_job_behind_an_aborted_one_starts(
    billing: Billing, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first job of an invoice waits for its time and is taken back: the one behind it waits for no poll."""
    monkeypatch.setattr(claims, "POLL_SECONDS", 3600.0)
    invoice = await billing.usual_invoice()
    first = await ask(billing, None, invoice)
    await billing.db.execute(
        "UPDATE sevdesk_queue SET phase = 'waiting', due_at = now() + interval '1 h' WHERE job_id = $1", first
    )
    async with run_worker():
        behind = await ask(billing, None, invoice)
        await until(
            lambda: billing.db.fetchval("SELECT phase = 'blocked' FROM sevdesk_queue WHERE job_id = $1", behind)
        )
        await billing.redis.zadd("arq:abort", {first: 1})
        await billing.until_state(behind, "done")
    assert (await billing.job(first))["state"] == "dismissed"


async def test_aborted_job_is_started_by_no_other(billing: Billing, run_worker: RunWorker, sessions: Sessions) -> None:
    """Two hundred were taken back before a worker read them, while another worker claims without a pause."""
    jobs = [await billing.enqueue("publish_invoice", invoice_id=uuid4()) for _ in range(200)]
    await billing.redis.zadd("arq:abort", dict.fromkeys(jobs, 1))
    other, started = await sessions(), list[Any]()

    async def claim() -> None:
        while True:
            started.extend((await other.claim(5))[0])

    claiming = asyncio.create_task(claim())
    async with run_worker():
        await until(lambda: billing.db.fetchval("SELECT count(*) = 200 FROM sevdesk_jobs"))
        async with asyncio.timeout(PATIENCE):
            while await billing.redis.exists("arq:abort"):  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.01)
    claiming.cancel()
    assert started == []
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs WHERE state = 'dismissed'") == 200


async def test_abort_waits_until_its_job_is_there(
    billing: Billing, run_worker: RunWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker is just taking the job in: the abort set keeps its name until the ledger has it."""
    polled = asyncio.Event()
    free = InboxWorker._free_stale_turn
    monkeypatch.setattr(InboxWorker, "_free_stale_turn", lambda inbox: (polled.set(), free(inbox))[1])
    await billing.redis.set(TURN_KEY, "another")
    await billing.redis.zadd("arq:abort", {"mine": 1})
    await billing.enqueue("publish_invoice", invoice_id=uuid4(), job_id="mine")
    async with run_worker(), asyncio.timeout(PATIENCE):
        await polled.wait()
        await billing.redis.delete(TURN_KEY)
        await billing.until_state("mine", "dismissed")


async def test_unreadable_abort_set_stops_nobody(billing: Billing, worker: object) -> None:
    """A key of another type in its place, as a user without the right to it would see: jobs come in and are done."""
    await billing.redis.set("arq:abort", "nonsense")
    assert (await billing.do("publish_invoice", invoice_id=await billing.usual_invoice()))["state"] == "done"


async def test_leadership_moves_with_the_session(sessions: Sessions) -> None:
    """One of three leads, however often they ask; when its session ends, another one does."""
    first, second, third = [await sessions() for _ in range(3)]
    assert [await each.lead() for each in (first, second, third, first, second)] == [True, False, False, True, False]
    await first.close()
    assert [await each.lead() for each in (third, second)] == [True, False]


async def test_maintenance_goes_on_elsewhere(billing: Billing, run_worker: RunWorker, logs: Logs) -> None:
    """The leader stops: the other worker makes due jobs ready from then on."""
    async with run_worker():
        async with run_worker():
            await wait_for(lambda: [line["event"] for line in logs].count("locks.ready") == 2)
        job_id = await billing.request("publish_invoice", invoice_id=await billing.usual_invoice(), by=uuid4())
        await billing.ended(job_id)
        waiting = await ask(billing)
        await billing.db.execute(
            "UPDATE sevdesk_queue SET phase = 'waiting', due_at = now() WHERE job_id = $1", waiting
        )
        await billing.ended(waiting)
        await wait_for(lambda: "leader.elected" in [line["event"] for line in logs])


async def test_jobs_of_a_company_cost_one_claim_each(
    billing: Billing, run_worker: RunWorker, sevdesk: HoldableSevdesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty invoices of a company that sevDesk does not know yet: one contact, and no job is started twice."""
    # One after the other they all write the contact, which on a loaded machine takes longer than ten seconds.
    monkeypatch.setattr(runner, "CONTACT_PATIENCE", PATIENCE)
    deal = await billing.deal(await billing.company())
    invoices = [await billing.invoice(deal) for _ in range(40)]
    async with run_worker(), run_worker(), sevdesk.held("POST /Contact") as hold:
        jobs = [await billing.enqueue("publish_invoice", invoice_id=invoice) for invoice in invoices]
        await hold.reached()
        running = "SELECT count(*) = 40 FROM sevdesk_jobs WHERE state = 'running'"
        await until(lambda: billing.db.fetchval(running))
        hold.release()
        rows = [await billing.ended(job_id) for job_id in jobs]
    assert Counter((row["state"], row["attempt"]) for row in rows) == {("done", 1): 40}
    assert len((await state(sevdesk))["contacts"]) == 1
