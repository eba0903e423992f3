"""Takes jobs from Redis into the ledger: committed there first, then removed here. The only module that subclasses arq.

`InboxWorker` keeps arq's wire format, keys, health record and abort set. What it finds, due now or later, it takes into
the ledger in pages; unreadable entries become rejected jobs. From then on Redis knows nothing of a job.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

import structlog
from arq import Worker
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss, default_queue_name, in_progress_key_prefix, job_key_prefix
from arq.worker import func
from redis.exceptions import NoPermissionError, RedisError

from worker.domain import jobs
from worker.domain.ledger import IncomingJob
from worker.domain.signature import Keys
from worker.gate.subscription import subscribed
from worker.observability.outage import Outage
from worker.queue.claims import ClaimLoop
from worker.queue.loop import RECONNECT_SECONDS, survived, wait_for
from worker.queue.message import WAKE_CHANNEL, read_member, read_payload, under_digest
from worker.queue.redis_client import dump
from worker.store import Store

log = structlog.get_logger()

# Poll interval where no PUBLISH wakes the loop. It costs one round trip.
POLL_SECONDS = 0.5
# Entries taken in by one statement, and names of the abort set at a time. A page of the largest payloads takes some
# 200 MB of memory; larger ones are no faster (measured).
PAGE, ABORTS = 250, 1000
# Whoever holds this key takes a page in; the others leave it to them. It only saves work, so it may expire at any time.
TURN_KEY, TURN_MS, STALE_TURNS = "arq:inbox-turn", 2000, 5
# What takes a job back where its producer would have to sign it.
SIGNED_DISMISS = (
    "With JOB_SIGNING_KEYS arq's abort set counts for nothing; use sevdesk-worker dismiss JOB --reason TEXT."
)
# Seconds until SUBSCRIBE is tried again where the Redis user may not: rights change rarely.
FORBIDDEN_WAIT = 60.0
# Tie-break for equal enqueue times: the order of kinds in `jobs.KINDS`, which is that of an invoice's life.
KIND_POSITION = {kind: position for position, kind in enumerate(jobs.KINDS)}
HEALTH_SECONDS = 10  # arq keeps each report a second longer, which `operator/connections.py` counts on
# How long a stopping worker waits for Redis.
CLOSE_SECONDS = 2.0


async def _unused(ctx: dict[Any, Any]) -> None:
    """arq wants a function; jobs are run by `worker/queue/claims.py`."""


class InboxWorker(Worker):
    """arq's Worker, which hands over what it reads."""

    def __init__(
        self,
        redis: ArqRedis,
        store: Store,
        claims: ClaimLoop,
        postgres: Outage,
        *,
        name: str,
        keys: Keys,
    ) -> None:
        super().__init__(
            functions=[func(_unused, name="unused")],
            redis_pool=redis,
            handle_signals=False,
            keep_result=0,
            job_serializer=dump,
            job_deserializer=json.loads,
            health_check_interval=HEALTH_SECONDS,
            health_check_key=f"{default_queue_name}:health-check:{name}",
        )
        self.store, self._claims, self.name = store, claims, name.encode()
        self._redis, self._postgres, self._keys = Outage("redis"), postgres, keys
        self._wake = asyncio.Event()
        self._denied_since: float | None = None  # others have had their turn all the while

    async def main(self) -> None:
        """Poll until cancelled."""
        while True:
            self._wake.clear()
            more = False
            async with survived("inbox", self._postgres, self._redis):
                more = await self._poll()
                await self.record_health()
                self._redis.over()
            if not more:
                await wait_for(self._wake, POLL_SECONDS)

    async def listen(self) -> None:
        """Wake the loop at each PUBLISH, until cancelled. Without pub/sub only the poll interval counts."""
        while True:
            try:
                async with subscribed(self.pool, WAKE_CHANNEL) as messages:
                    async for _ in messages:
                        self._wake.set()
            except NoPermissionError:
                await asyncio.sleep(FORBIDDEN_WAIT)
            except (RedisError, OSError):
                await asyncio.sleep(RECONNECT_SECONDS)

    # -- into the ledger -----------------------------------------------------------------------------------------------

    async def _poll(self) -> bool:
        """Take one page in. True if there may be another."""
        async with self.pool.pipeline(transaction=False) as pipe:
            pipe.zrange(abort_jobs_ss, 0, ABORTS - 1)  # first: what it names is among the waiting, or was taken in
            pipe.zrange(default_queue_name, 0, PAGE - 1)
            aborted, waiting = await pipe.execute(raise_on_error=False)
        if isinstance(waiting, RedisError):
            raise waiting
        aborted = [] if isinstance(aborted, RedisError) else aborted  # jobs come in though it be unreadable
        taken = not waiting or await self._take_page(waiting, withdrawing=bool(aborted) and not self._keys)
        if taken and len(waiting) == PAGE:
            return True
        if taken and aborted:  # every job that it names is in the ledger now
            await self._dismiss(aborted)
            return len(aborted) == ABORTS
        return False

    async def _take_page(self, page: Sequence[bytes], *, withdrawing: bool) -> bool:
        """False, and nothing is taken in, while another worker is at it. `withdrawing`: the abort set has names."""
        read = {member: read_member(member) for member in page}
        ids = {member: job_id for member, job_id in read.items() if isinstance(job_id, str)}
        async with self.pool.pipeline(transaction=True) as pipe:
            pipe.set(TURN_KEY, self.name, nx=True, px=TURN_MS)
            # In one with the payloads: of an entry that has gone since the page was read, no payload is missing.
            pipe.zmscore(default_queue_name, page)  # type: ignore[arg-type]  # bytes are as good
            pipe.mget([job_key_prefix + job_id for job_id in ids.values()] or [TURN_KEY])
            ours, scores, raws = await pipe.execute()
        if not ours:
            await self._free_stale_turn()
            return False
        self._denied_since = None
        there = {member: score for member, score in zip(page, scores, strict=True) if score is not None}
        incoming = [job for member in there if isinstance(job := read[member], IncomingJob)]
        for (member, job_id), raw in zip(ids.items(), raws, strict=False):
            if member in there:
                incoming.append(read_payload(job_id, raw, there[member], self._keys, time.time()))
        incoming.sort(key=lambda job: (job.score, KIND_POSITION.get(job.kind, len(KIND_POSITION))))
        try:
            # Of the whole set, which may have more names than were read.
            named = await self.pool.zmscore(abort_jobs_ss, list(ids)) if withdrawing and ids else []  # type: ignore[arg-type]
            withdrawn = [job_id for job_id, score in zip(ids.values(), named, strict=False) if score is not None]
            await self._record(incoming, withdrawn)
            await self._remove(list(there))
        finally:
            with contextlib.suppress(RedisError, OSError):
                await self.pool.delete(TURN_KEY)
        return True

    async def _free_stale_turn(self) -> None:
        """Nobody holds it for so long; one that a restored dump brought back has lost its expiry."""
        self._denied_since = self._denied_since or time.monotonic()
        if time.monotonic() - self._denied_since > STALE_TURNS * TURN_MS / 1000:
            self._denied_since = None
            await self.pool.delete(TURN_KEY)

    async def _remove(self, page: Sequence[bytes]) -> None:
        """Entries and payloads, which are in the ledger."""
        if not page:
            return
        async with self.pool.pipeline(transaction=True) as pipe:
            pipe.zrem(default_queue_name, *page)
            pipe.delete(*(prefix.encode() + member for member in page
                          for prefix in (job_key_prefix, in_progress_key_prefix)))  # fmt: skip
            await pipe.execute()

    async def _record(self, incoming: Sequence[IncomingJob], withdrawn: Sequence[str]) -> None:
        """Insert a page's jobs into the ledger. `withdrawn`: those of them that the abort set names already."""
        # A lost or spoilt payload does not matter where the ledger has the job already.
        poison = [job.job_id for job in incoming if job.problem]
        known = await self.store.known_jobs(poison) if poison else set()
        new = [job if job.proven else under_digest(job) for job in incoming if job.job_id not in known]
        before = await self._claims.take_in(new) if new and not poison and not withdrawn else None
        if before is not None or not new:
            return self._tell_known(before or sorted(known))
        rows, ended = await self.store.take_in_jobs(new, withdrawn)
        self._tell_withdrawn(ended)
        recorded = {row["job_id"] for row in rows}
        self._tell_known([*sorted(known), *(job.job_id for job in new if job.job_id not in recorded)])
        for row in rows:
            if row["state"] == "rejected":
                log.warning("job.rejected", job_id=row["job_id"], problem=row["problem"], reason=row["error"])
                self.store.notifications.event(
                    job_id=row["job_id"],
                    kind=row["kind"],
                    invoice_id=row["invoice_id"],
                    outcome="rejected",
                    problem=row["problem"],
                )
        if any(row["state"] == "queued" for row in rows):
            self._claims.arrived()

    def _tell_known(self, job_ids: Sequence[str]) -> None:
        """Log that entries changed nothing; usually a producer uses an id twice. Once a minute at most."""
        if job_ids and self._postgres.is_news("known"):
            reason = "The ledger has a job with this id already, so the entry was removed and changes nothing."
            log.info("inbox.job_known", job_id=job_ids[0], entries=len(job_ids), reason=reason)

    async def _dismiss(self, members: Sequence[bytes]) -> None:
        """End the jobs that arq's abort set names, of those that have not been started. It cannot be signed."""
        if self._keys:
            log.warning("inbox.abort_refused", jobs=len(members), next_step=SIGNED_DISMISS)
        else:
            job_ids = [job_id for member in members if isinstance(job_id := read_member(member), str)]
            self._tell_withdrawn(await self.store.dismiss_aborted_jobs(job_ids))
        await self.pool.zrem(abort_jobs_ss, *members)

    def _tell_withdrawn(self, job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            log.info("job.dismissed", job_id=job_id, reason="Its producer took it back through arq.")

    async def close(self) -> None:
        """Remove our health key, which expires anyway, and hang up. Takes CLOSE_SECONDS at most."""
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.pool.delete(self.health_check_key)
        await self.pool.aclose(close_connection_pool=True)
        self._pool = None
