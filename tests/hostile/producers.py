"""Many producers who know nothing of each other ask for the same invoices, while workers die and Redis is emptied."""

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from typing import Any

from chaos.lane import Lane, Subject
from chaos.ledgers import copies_of, counts, examine, mails_about
from chaos.scenarios import CANCELLED, PUBLISHED, SENT
from chaos.storm import CANNOT_TELL, PATIENCE, READ_MS, WRITE_MS, Storm, kill

VISITS = 3  # invoices that each producer asks for
CANCELS = 0.25  # of these; so about every sixth invoice stands in the end
# What else than done a job may come to, because another producer's job came before it.
TOO_LATE = {
    "publish_invoice": {"invoice_not_approved"},
    "send_invoice": {"invoice_cancelled", "cancelled_before_mail", "invoice_not_published", "publication_parked"},
    "cancel_invoice": set[str](),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A job that a producer asked for, and will ask for again under the same id if Redis has lost it."""

    job_id: str
    kind: str
    subject: Subject
    options: dict[str, Any]


@dataclass
class Crowd:
    """The producers and what they asked for; `progress` goes from 0 to 1 with the kills."""

    lane: Lane
    chance: random.Random
    subjects: list[Subject]
    progress: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    asked_again: int = 0

    async def producer(self, number: int) -> None:
        """One by one, at random moments; every other producer by Redis, the rest by the outbox."""
        jobs = []
        for subject in self.chance.sample(self.subjects, min(VISITS, len(self.subjects))):
            moments = sorted(self.chance.uniform(0, 0.95) for _ in range(3))
            kinds: list[tuple[str, dict[str, Any]]] = [("publish_invoice", {}), ("send_invoice", {})]
            if self.chance.random() < CANCELS:
                kinds.append(("cancel_invoice", {"reason": "Irrtum", "notify": True}))
            jobs += [(moment, kind, subject, options) for moment, (kind, options) in zip(moments, kinds, strict=False)]
        ask = self.lane.billing.enqueue if number % 2 else self.lane.billing.request
        for moment, kind, subject, options in sorted(jobs, key=lambda job: job[0]):
            while self.progress < moment:  # noqa: ASYNC110 - the storm goes on by itself
                await asyncio.sleep(0.02)
            job_id = await ask(kind, invoice_id=subject.invoice, **options)
            self.asked.append(Asked(job_id, kind, subject, options))

    async def ask_again(self) -> None:
        """What the ledger does not have, Redis has lost before a worker saw it."""
        for job in self.asked:
            if await self.lane.billing.job(job.job_id) is None:
                await self.lane.billing.enqueue(
                    job.kind, job_id=job.job_id, invoice_id=job.subject.invoice, **job.options
                )
                self.asked_again += 1

    async def finish(self, storm: Storm) -> None:
        """Every job comes to an end that its place among the others explains."""
        for job in self.asked:
            storm.jobs[job.job_id] = job.kind
            row = await self.lane.ended_in_turn(job.job_id, PATIENCE)
            if row is not None and row["problem"] == CANNOT_TELL and row["state"] == "parked":
                storm.asked += 1
                mailed = mails_about(self.lane, copies_of(self.lane, job.subject)) > 0
                await self.lane.billing.retry(job.job_id, "done" if mailed else "not-done")
                row = await self.lane.ended_in_turn(job.job_id, PATIENCE)
            if row is None:
                storm.findings.append(f"{job.kind} | loss: not ended: {await self.lane.unfinished(job.job_id)}")
            elif row["state"] != "done" and row["problem"] not in TOO_LATE[job.kind]:
                storm.findings.append(f"{job.kind} | loss: the job is {row['state']}: {row['error']}")
            storm.attempts += row["attempt"] if row else 0

    async def examine(self, storm: Storm) -> None:
        """What was done, by the ledger, is in sevDesk once, and all books tell the same."""
        for subject in self.subjects:
            done = {job.kind for job in self.asked if job.subject is subject and await self._is_done(job)}
            if not done:
                continue
            if not copies_of(self.lane, subject):
                found = await self._never_published(subject)
            else:
                wanted = SENT if "send_invoice" in done else PUBLISHED
                if "cancel_invoice" in done:
                    wanted = replace(CANCELLED, mails=wanted.mails, cancellation_mails=1)
                found = await examine(self.lane, subject, wanted)
            storm.findings += [f"{subject.number} | {text}" for text in found]

    async def _is_done(self, job: Asked) -> bool:
        return bool((await self.lane.billing.job(job.job_id))["state"] == "done")

    async def _never_published(self, subject: Subject) -> list[str]:
        """Cancelled before anybody published it: here only, and sevDesk has nothing of it."""
        row = await self.lane.billing.row(subject.invoice)
        there = {what: count for what, count in counts(self.lane, subject, []).items() if count > 1}
        cancelled = {row[name] for name in ("accounting_sync_status", "document_status", "claim_status")}
        return [] if cancelled == {"cancelled"} and not there else [f"odd: {cancelled}, and sevDesk has {there}"]


async def rush(
    lane: Lane, *, producers: int, invoices: int, kills: int, flushes: int, workers: int, seed: int
) -> tuple[Storm, Crowd]:
    """Kill and flush while the producers ask; then let the living finish, and check every book."""
    chance, storm, started = random.Random(seed), Storm(invoices=invoices), time.monotonic()
    lane.sevdesk.sandbox.read_ms, lane.sevdesk.sandbox.write_ms = READ_MS, WRITE_MS
    crowd = Crowd(lane, chance, [await lane.subject() for _ in range(invoices)])
    living = [await lane.worker() for _ in range(workers)]
    asking = asyncio.gather(*(crowd.producer(number) for number in range(producers)))
    while storm.kills < kills:
        await asyncio.sleep(chance.uniform(0.05, 0.35))
        victim = chance.randrange(workers)
        await kill(lane, storm, living[victim])
        living[victim] = await lane.worker()
        if storm.flushes < flushes * storm.kills // kills:
            await lane.billing.redis.flushall()
            storm.flushes += 1
        crowd.progress = storm.kills / kills
    await asking
    await asyncio.sleep(1)  # what Redis still has is taken into the ledger
    await crowd.ask_again()
    await crowd.finish(storm)
    await crowd.examine(storm)
    for worker in living:
        await worker.kill()
    storm.seconds = time.monotonic() - started
    return storm, crowd
