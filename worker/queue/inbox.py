"""Takes jobs from Redis into the ledger, and starts them. The only module that talks to arq.

`InboxWorker` keeps arq's wire format, keys and bookkeeping, and replaces what is not safe for accounting: due jobs are
written into the ledger in bulk before any of them runs, unreadable entries are rejected and removed, people take turns
(`fairness`), claims are made in one round trip, a PUBLISH wakes the loop at once, and Redis or Postgres may go away and
come back. arq's claim only saves other workers a look; the lock in Postgres decides who runs a job.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from arq import Worker
from arq.connections import ArqRedis
from arq.constants import default_queue_name, in_progress_key_prefix, job_key_prefix
from arq.utils import timestamp_ms
from arq.worker import func
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from worker.domain import jobs
from worker.domain.ledger import IncomingJob, JobRef
from worker.queue.fairness import FairQueue, WaitingJob
from worker.queue.message import YEAR_MS, far_future, read_member, read_payload
from worker.store import CONNECTION_LOST, Store

log = structlog.get_logger()

WAKE_CHANNEL = "arq:wake"
# When Redis drops a payload, the same as producers set. The ledger has the job long before.
PAYLOAD_TTL_MS = 7 * 24 * 3600 * 1000
# Poll interval where no PUBLISH wakes the loop. It costs two commands.
POLL_SECONDS = 0.5
# arq's claim on a running job, renewed every third of it. The reaper frees jobs of dead workers that Postgres knows to
# be running; after a kill between the two claims only this time-out does.
LEASE_SECONDS = 6.0
# Due ids read in one command; whole backlogs are read page by page.
PAGE, MAX_PAGES = 1000, 50
# How many waiting jobs per slot are checked at once for being taken by other workers.
HEAD_PER_SLOT = 5
# Seconds between tries while Redis or Postgres is away; and until a job that crashed the runner is tried again.
OUTAGE_WAIT, CRASH_WAIT = 1.0, 5.0
# How long claims under way may take at shutdown: as long as Redis may take to answer.
START_SECONDS = 5.0
# Tie-break for equal enqueue times: the order of kinds in `jobs.KINDS`, which is that of an invoice's life.
KIND_POSITION = {kind: position for position, kind in enumerate(jobs.KINDS)}
HEALTH_SECONDS = 10


def connect_redis(url: str) -> ArqRedis:
    """A client with its own pool: arq's has no socket time-out and no keep-alive, and does not decode passwords.

    Time-outs: 5 s to answer, 2 s to connect; a command is tried 3 times within about a second.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=50,
        timeout=10,
        socket_timeout=5,
        socket_connect_timeout=2,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), 3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, BusyLoadingError, ReadOnlyError],
    )
    return ArqRedis(pool, job_serializer=_dump, job_deserializer=json.loads, default_queue_name=default_queue_name)


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


async def wake_jobs(redis: ArqRedis, jobs: Sequence[JobRef], *, clear_claim: bool = False) -> None:
    """Enqueue jobs of the ledger, due now. Safe to repeat: an existing entry at most becomes due earlier.

    The entry holds no payload: the ledger has it, and a mail's text has no business in a second place.
    `clear_claim` also removes arq's claim, for jobs whose worker is gone.
    """
    if not jobs:
        return
    now = timestamp_ms()
    async with redis.pipeline(transaction=True) as pipe:
        for job in jobs:
            body: dict[str, Any] = {"t": None, "f": job.kind, "a": [], "k": {}, "et": now}
            if clear_claim:
                pipe.delete(in_progress_key_prefix + job.job_id)
            pipe.set(job_key_prefix + job.job_id, json.dumps(body), nx=True, px=PAYLOAD_TTL_MS)
            pipe.zadd(default_queue_name, {job.job_id: now}, lt=True)
        pipe.publish(WAKE_CHANNEL, "1")
        await pipe.execute()


async def cancel_all(*tasks: asyncio.Task[Any]) -> None:
    """Cancel until it works: on Python 3.11 redis-py's time-outs (wait_for) can swallow a cancellation (measured)."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.2)


async def _unused(ctx: dict[Any, Any]) -> None:
    """arq wants a function; `run_job` below never looks one up."""


class InboxWorker(Worker):
    """arq's Worker with `run_one` in place of functions: takes a job id, returns the seconds until the next try."""

    def __init__(
        self, redis: ArqRedis, store: Store, run_one: Callable[[str], Awaitable[float | None]], *, name: str, slots: int
    ) -> None:
        super().__init__(
            functions=[func(_unused, name="unused")],
            redis_pool=redis,
            handle_signals=False,
            max_jobs=slots,
            keep_result=0,
            job_serializer=_dump,
            job_deserializer=json.loads,
            health_check_interval=HEALTH_SECONDS,
            health_check_key=f"{default_queue_name}:health-check:{name}",
        )
        self.store, self.run_one, self.name = store, run_one, name.encode()
        self._wake = asyncio.Event()
        self._starting = asyncio.Lock()
        self._known: dict[str, UUID | None] = {}  # jobs the ledger has, and who asked for each
        self._waiting = FairQueue()
        self._notified = True
        self._read_at = 0.0
        self._renewed_at = monotonic()
        self._lost: str | None = None

    # -- the loop ------------------------------------------------------------------------------------------------------

    async def main(self) -> None:
        """Poll until cancelled. An outage is logged when it begins and when it ends."""
        while True:
            self._wake.clear()
            try:
                await self._iteration()
                self._connection_restored()
            except (RedisError, *CONNECTION_LOST) as error:
                self._connection_lost(error)
                await asyncio.sleep(OUTAGE_WAIT)
            except Exception:
                log.exception("inbox.unexpected_error")
                await asyncio.sleep(OUTAGE_WAIT)
            with contextlib.suppress(TimeoutError):
                # Not wait_for: on Python 3.11 it can swallow a cancellation that meets the event (measured).
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    def _connection_lost(self, error: BaseException) -> None:
        name = "redis" if isinstance(error, RedisError) else "postgres"
        if self._lost is None:
            self._lost = name
            log.warning(f"{name}.lost", error=type(error).__name__, next_step="The worker waits and goes on by itself.")

    def _connection_restored(self) -> None:
        if self._lost is not None:
            name, self._lost = self._lost, None
            log.info(f"{name}.restored")

    async def listen(self) -> None:
        """Wake the loop at each PUBLISH, until cancelled. Without pub/sub only the poll interval counts."""
        while True:
            try:
                async with self.pool.pubsub() as channel:
                    await channel.subscribe(WAKE_CHANNEL)
                    while True:
                        if await channel.get_message(ignore_subscribe_messages=True, timeout=5.0):
                            self._notified = True
                            self._wake.set()
            except (RedisError, OSError):
                await asyncio.sleep(OUTAGE_WAIT)

    async def _iteration(self) -> None:
        if self._notified or monotonic() - self._read_at > POLL_SECONDS:
            ready = await self._take_in(await self._due())
            self._waiting.refill((job_id, self._known[job_id]) for job_id in ready if job_id not in self.tasks)
        async with self._starting:
            if self.allow_pick_jobs:
                await self._start_waiting()
        await self._renew_leases()
        await self.record_health()

    # -- into the ledger -----------------------------------------------------------------------------------------------

    async def _due(self) -> dict[bytes, float]:
        """Due members and their scores, oldest first."""
        self._notified, now = False, timestamp_ms()
        due, hopeless = await self._first_page(now)
        for page in range(1, MAX_PAGES if len(due) == PAGE else 1):
            more = await self.pool.zrangebyscore(
                default_queue_name, "-inf", now, start=page * PAGE, num=PAGE, withscores=True
            )
            due += more
            if len(more) < PAGE:
                break
        for member in hopeless:
            job_id = read_member(member)
            await self._reject([(member, far_future(job_id) if isinstance(job_id, str) else job_id)])
        self._read_at = monotonic()
        still = {member.decode(errors="replace") for member, _ in due}
        self._known = {job_id: requested_by for job_id, requested_by in self._known.items() if job_id in still}
        return dict(due)

    async def _first_page(self, now: int) -> tuple[list[tuple[bytes, float]], list[bytes]]:
        """Due members with scores, and members whose score lies so far ahead that it is not in milliseconds."""
        async with self.pool.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(default_queue_name, "-inf", now, start=0, num=PAGE, withscores=True)
            pipe.zrangebyscore(default_queue_name, now + YEAR_MS, "+inf", start=0, num=PAGE)
            due, hopeless = await pipe.execute()
        return due, hopeless

    async def _take_in(self, due: Mapping[bytes, float]) -> list[str]:
        """Insert new jobs into the ledger, reject unreadable entries, and return what may run, oldest first."""
        read = {member: read_member(member) for member in due}
        await self._reject([(m, a) for m, a in read.items() if isinstance(a, IncomingJob)])
        scores = {job_id: due[member] for member, job_id in read.items() if isinstance(job_id, str)}
        if any(job_id not in self._known for job_id in scores):
            await self._record({job_id: score for job_id, score in scores.items() if job_id not in self._known})
        return [job_id for job_id in scores if job_id in self._known]

    async def _record(self, new: Mapping[str, float]) -> None:
        raws = await self.pool.mget([job_key_prefix + job_id for job_id in new])
        now = timestamp_ms()
        arrivals = [read_payload(job_id, raw, now) for job_id, raw in zip(new, raws, strict=True)]
        good = [a for a in arrivals if not a.problem]
        good.sort(key=lambda a: (new[a.job_id], KIND_POSITION.get(a.kind, len(KIND_POSITION))))
        recorded = {row["job_id"] for row in await self.store.insert_incoming_jobs(good)} if good else set()
        self._known.update({a.job_id: a.requested_by for a in good if a.job_id in recorded or a.requested_by})
        # A lost or spoilt payload does not matter where the ledger has the job already; `wake_jobs` sends an empty one.
        if others := [a.job_id for a in arrivals if a.job_id not in recorded and a.job_id not in self._known]:
            self._known.update(await self.store.known_jobs(others))
        await self._reject([(a.job_id.encode(), a) for a in arrivals if a.problem and a.job_id not in self._known])

    async def _reject(self, poison: Sequence[tuple[bytes, IncomingJob]]) -> None:
        """Insert a rejected row into the ledger, then remove the entry from Redis."""
        if not poison:
            return
        for row in await self.store.insert_incoming_jobs([arrival for _, arrival in poison]):
            log.warning("job.rejected", job_id=row["job_id"], problem=row["problem"], reason=row["error"])
        async with self.pool.pipeline(transaction=True) as pipe:
            for member, _ in poison:
                pipe.zrem(default_queue_name, member)
                pipe.delete(*(prefix.encode() + member for prefix in (job_key_prefix, in_progress_key_prefix)))
            await pipe.execute()

    # -- running -------------------------------------------------------------------------------------------------------

    async def _start_waiting(self) -> None:
        """Start the next jobs, as many as there are free slots."""
        while (free_slots := self.max_jobs - self.job_counter) > 0 and (wanted := self._waiting.take(free_slots)):
            if not await self._claim(wanted):
                await self._skip_taken()

    async def _claim(self, wanted: Sequence[WaitingJob]) -> bool:
        """Claim these jobs in one round trip and start those that were free. True if all of them were."""
        now, lost = timestamp_ms(), list[WaitingJob]()
        async with self.pool.pipeline(transaction=True) as pipe:
            for waiting in wanted:
                pipe.set(in_progress_key_prefix + waiting.job_id, self.name, nx=True, px=int(LEASE_SECONDS * 1000))
                pipe.get(in_progress_key_prefix + waiting.job_id)
                pipe.zscore(default_queue_name, waiting.job_id)
            answers = await pipe.execute(raise_on_error=False)
        for waiting, owner, score in zip(wanted, answers[1::3], answers[2::3], strict=True):
            # A claim of ours without a task is left over from an outage of Redis.
            if owner == self.name and isinstance(score, float) and score <= now:
                self._start(waiting.job_id, int(max(score, 0)))
                continue
            lost.append(waiting)
            if owner == self.name:
                await self.pool.delete(in_progress_key_prefix + waiting.job_id)  # another worker has just done it
        self._waiting.refund(lost)
        return not lost

    async def _skip_taken(self) -> None:
        """Remove from the queues, in one round trip, what other workers have claimed since the last poll."""
        head = self._waiting.take(HEAD_PER_SLOT * self.max_jobs)
        if not head:
            return
        now = timestamp_ms()
        async with self.pool.pipeline(transaction=False) as pipe:
            pipe.mget([in_progress_key_prefix + waiting.job_id for waiting in head])
            pipe.zmscore(default_queue_name, [waiting.job_id for waiting in head])
            claims, scores = await pipe.execute()
        ours = {
            waiting.job_id
            for waiting, owner, score in zip(head, claims, scores, strict=True)
            if owner in (None, self.name) and score is not None and score <= now
        }
        self._waiting.put_back(waiting for waiting in head if waiting.job_id in ours)
        self._waiting.refund(waiting for waiting in head if waiting.job_id not in ours)

    def _start(self, job_id: str, score: int) -> None:
        self.job_counter += 1
        task = self.loop.create_task(self.run_job(job_id, score))
        self.tasks[job_id] = task
        task.add_done_callback(lambda _: self._ended(job_id))

    def _ended(self, job_id: str) -> None:
        self.job_counter -= 1
        task = self.tasks.pop(job_id)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job.crashed", job_id=job_id, exc_info=error)

    async def run_job(self, job_id: str, score: int) -> None:
        """Run one attempt. Its outcome is in the ledger; Redis only learns when the next one is due."""
        again: float | None = CRASH_WAIT
        try:
            again = await self.run_one(job_id)
        except asyncio.CancelledError:
            again = 0.0
            raise
        finally:
            with contextlib.suppress(RedisError, OSError):
                await asyncio.shield(self._finish_in_redis(job_id, score, again))

    async def _finish_in_redis(self, job_id: str, score: int, again: float | None) -> None:
        delay = None if again is None else max(1, timestamp_ms() + int(again * 1000) - score)
        await self.finish_job(job_id, again is None, None, None, False, delay, None)

    async def _renew_leases(self) -> None:
        """Keep our leases alive while their jobs run."""
        if self.tasks and monotonic() - self._renewed_at > LEASE_SECONDS / 3:
            self._renewed_at = monotonic()
            async with self.pool.pipeline(transaction=False) as pipe:
                for job_id in self.tasks:
                    pipe.pexpire(in_progress_key_prefix + job_id, int(LEASE_SECONDS * 1000))
                await pipe.execute()

    # -- the end -------------------------------------------------------------------------------------------------------

    async def drain(self, grace: float) -> None:
        """Pick nothing more, give running jobs `grace` seconds, then cancel what is left and wait for it."""
        self.allow_pick_jobs = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS), self._starting:
                pass  # what a pick under way has claimed is in self.tasks now
        if self.tasks:
            await asyncio.wait(list(self.tasks.values()), timeout=grace)
        left = list(self.tasks.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=5)

    async def close(self) -> None:
        """Forget our health key and hang up."""
        with contextlib.suppress(RedisError, OSError):
            await self.pool.delete(self.health_check_key)
        await self.pool.aclose(close_connection_pool=True)
        self._pool = None
