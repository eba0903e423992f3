"""Postgres' clock is set, forward or back, while something waits for a time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from flow.billing import Billing
from flow.clocks import shift, with_own_clock
from structlog.testing import capture_logs

from worker.domain.ledger import AttemptEnd, Job, JobState
from worker.domain.problems import problem
from worker.settings import JobLimit, Settings
from worker.store import LockSession, Store
from worker.store.clock_watch import ClockWatch, jump, steady

JUMPS = ["1 hour", "-1 hour"]
WAIT = "SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM sevdesk_queue WHERE job_id = $1"


@pytest.fixture
async def store(billing: Billing, settings: Settings) -> AsyncIterator[Store]:
    """Sees a clock that the tests set, and has looked at it once."""
    await with_own_clock(billing.db)
    store = await Store.connect(settings.database_url, size=2)
    assert not await store.clock.look()
    yield store
    await store.close()


@pytest.fixture
async def locks(store: Store, settings: Settings) -> AsyncIterator[LockSession]:
    """A person may start two jobs a minute."""
    locks = LockSession(settings.lock_url, uuid4().hex, JobLimit(2, 60.0), lambda: None, lambda: None)
    await locks.connect()
    yield locks
    await locks.close()


async def claimed(billing: Billing, locks: LockSession, person: UUID | None = None) -> Job:
    """The next job of that person, claimed."""
    await billing.request("publish_invoice", by=person, invoice_id=uuid4())
    [job], _ = await locks.claim(1)
    return job


@pytest.mark.parametrize("by", JUMPS)
async def test_quarantine_lasts(by: str, billing: Billing, store: Store, locks: LockSession) -> None:
    """Nobody looks for a write too early, whichever process asks first, nor an hour too late."""
    job = await claimed(billing, locks)
    await locks.open_intent(
        subject=job.order_key, job_id=job.job_id, step="draft", action="save_invoice", summary={}, request_sha256="",
        quarantine=45.0, earlier=None,
    )  # fmt: skip
    for there in (by, "0", by):  # each jump counts anew, and none makes the wait longer
        await shift(billing.db, there)
        row = await store.open_intent_of(job.order_key)
        assert row is not None and 40 < row["settles_in"] <= 46


@pytest.mark.parametrize("seconds", [3, -3])
async def test_old_write_waits_no_longer_for_many_workers(
    seconds: int, store: Store, locks: LockSession, billing: Billing
) -> None:
    """It is open for five hours, as while sevDesk is down; sixty workers notice that the clock was set a little."""
    job = await claimed(billing, locks)
    id = await locks.open_intent(
        subject=job.order_key, job_id=job.job_id, step="draft", action="save_invoice", summary={}, request_sha256="",
        quarantine=45.0, earlier=None,
    )  # fmt: skip
    past = "UPDATE sevdesk_intents SET intent_at = intent_at - $2::interval, settles_at = settles_at - $2 WHERE id = $1"
    await billing.db.execute(past, id, timedelta(hours=5))
    for _ in range(60):
        await store.query("waits_begin_anew", by=timedelta(seconds=seconds))
    row = await store.open_intent_of(job.order_key)
    assert row is not None and row["settles_in"] <= 45


async def test_clock_set_back_delays_no_retry(billing: Billing, store: Store, locks: LockSession) -> None:
    """It waits for as long as it should, though every worker notices the jump."""
    job = await claimed(billing, locks)
    late = problem("unexpected_error", error="X")
    await store.record(job, ending=AttemptEnd(JobState.WAITING, late, after=30.0, costs_retry=True))
    await shift(billing.db, "-1 hour")
    for _ in range(3):
        await store.query("waits_begin_anew", by=timedelta(hours=-1))
    left = await store.pool.fetchval(WAIT, job.job_id)
    assert 25 < left <= 30


@pytest.mark.parametrize("by", JUMPS)
async def test_limit_of_a_person_holds(by: str, billing: Billing, store: Store, locks: LockSession) -> None:
    """Two started, so the third waits a minute at most, and is not started at once."""
    person = uuid4()
    jobs = [await claimed(billing, locks, person) for _ in range(2)]
    await shift(billing.db, by)
    assert await store.clock.look()
    third = await billing.request("publish_invoice", by=person, invoice_id=uuid4())
    assert await locks.claim(5, [job.order_key for job in jobs]) is not None
    assert 50 < await store.pool.fetchval(WAIT, third) <= 61


async def test_waiting_person_is_not_forgotten(billing: Billing, store: Store, locks: LockSession) -> None:
    """A job that the limit had put off starts within a minute after the clock was set back."""
    person = uuid4()
    for _ in range(2):
        await claimed(billing, locks, person)
    third = await billing.request("publish_invoice", by=person, invoice_id=uuid4())
    await locks.claim(5)
    await shift(billing.db, "-1 hour")
    await store.clock.look()
    assert 50 < await store.pool.fetchval(WAIT, third) <= 61


async def test_asked_time_stays(billing: Billing, store: Store) -> None:
    """A job for a certain time keeps it."""
    later = await billing.request("publish_invoice", invoice_id=uuid4())
    scheduled = "UPDATE sevdesk_queue SET phase = 'scheduled', due_at = $2 WHERE job_id = $1 RETURNING due_at"
    at = (await store.query("clock"))["now"] + timedelta(hours=3)
    before = await billing.db.fetchval(scheduled, later, at)
    await shift(billing.db, "-1 hour")
    assert await store.clock.look()
    assert await billing.db.fetchval("SELECT due_at FROM sevdesk_queue WHERE job_id = $1", later) == before


@pytest.mark.parametrize("by", JUMPS)
async def test_second_look_is_a_second_look(by: str, billing: Billing, store: Store) -> None:
    """GONE_AFTER counts from the jump on."""
    invoice = await billing.usual_invoice()
    await store.query("store_missing", invoice_id=invoice, external_id="1")
    await shift(billing.db, by)
    assert await store.clock.look()
    since = await store.query("missing_for", invoice_id=invoice, external_id="1", gone_after=900.0)
    assert 0 <= since < 10


async def test_told_once(billing: Billing, store: Store) -> None:
    """One line for one jump, with the seconds; a statement that fails leaves it to the next reading."""
    with capture_logs() as lines:
        await shift(billing.db, "1 hour")
        await billing.db.execute("ALTER TABLE sevdesk_missing RENAME TO away")
        with pytest.raises(Exception, match="sevdesk_missing"):
            await store.clock.look()
        await billing.db.execute("ALTER TABLE away RENAME TO sevdesk_missing")
        assert [await store.clock.look() for _ in range(3)] == [True, False, False]
    [line] = [line for line in lines if line["event"].startswith("clock.")]
    assert line["event"] == "clock.jumped" and 3599 < line["seconds"] < 3601


async def test_other_clock_is_told_once(store: Store) -> None:
    """This machine's clock is an hour behind Postgres': one warning, for as long as it is so."""

    async def nothing(_: str, **__: object) -> None:
        raise AssertionError("no jump")

    watch, asked = ClockWatch(nothing), steady()
    now = (await store.query("clock"))["now"] + timedelta(hours=1)
    with capture_logs() as lines:
        assert [await watch.read(now, asked) for _ in range(3)] == [False] * 3
    assert [(line["event"], line["seconds"]) for line in lines] == [("clock.apart", pytest.approx(-3600, abs=5))]


def test_slow_answer_is_no_jump() -> None:
    """An answer that took a minute may have been given at its beginning or at its end."""
    assert jump(None, (0, 1)) == jump((10.0, 10.1), (-50.0, 10.0)) == jump((-50.0, 10.0), (9.9, 10.0)) == 0
    assert jump((10.0, 10.1), (15.0, 15.1)) == pytest.approx(5.1)
    assert jump((10.0, 10.1), (5.0, 5.1)) == pytest.approx(-5.1)


async def test_slow_answer_tells_of_no_other_clock() -> None:
    """The process or Postgres stood still for ten seconds in between; both clocks are right."""

    async def nothing(_: str, **__: object) -> None:
        raise AssertionError("no jump")

    with capture_logs() as lines:
        assert not await ClockWatch(nothing).read(datetime.now(UTC) - timedelta(seconds=9), steady() - 10)
    assert lines == []
