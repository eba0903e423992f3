"""Kills at random moments: several workers on a stream of jobs, one of them dying every fraction of a second."""

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from typing import Any

from chaos.children import Child
from chaos.lane import Lane, Subject
from chaos.ledgers import Wanted, counted, examine
from chaos.scenarios import CANCELLED, SENT

# Slow enough that a kill meets somebody at work, quick enough for all to be through in minutes.
READ_MS, WRITE_MS = 10, 40
PATIENCE = 120.0  # in which no job goes on
CANNOT_TELL = "mail_outcome_unknown"
RUNNING = "SELECT count(*) FROM sevdesk_jobs WHERE state = 'running' AND worker LIKE $1"
OPEN = """SELECT count(*) FROM sevdesk_intents WHERE closed_at IS NULL AND worker LIKE $1"""


@dataclass
class Storm:
    """What happened, and what is wrong in the end."""

    invoices: int = 0
    jobs: dict[str, str] = field(default_factory=dict)  # id -> kind
    kills: int = 0
    at_work: int = 0  # kills that met a running job
    in_write: int = 0  # kills that left an open intent
    flushes: int = 0
    asked: int = 0
    attempts: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.at_work} at work, {self.in_write} within a write), {self.flushes} FLUSHALL, "
            f"{self.invoices} invoices, {len(self.jobs)} jobs in {self.attempts} attempts; "
            f"{counted(self.findings)}, asked a person {self.asked}; "
            f"{self.seconds:.0f} s"
        )


async def blow(lane: Lane, *, kills: int, workers: int, invoices: int, flush_every: int | None, seed: int) -> Storm:
    """Ask for everything little by little, kill all the while; then let the living finish, and check every book."""
    chance, storm, started = random.Random(seed), Storm(), time.monotonic()
    lane.sevdesk.sandbox.read_ms, lane.sevdesk.sandbox.write_ms = READ_MS, WRITE_MS
    living = [await lane.worker() for _ in range(workers)]
    asked: list[tuple[Subject, Wanted]] = []
    while storm.kills < kills:
        if len(asked) < invoices * (storm.kills + 1) / kills:
            # Redis forgets what no worker has seen, so where it is emptied the jobs come through the outbox.
            asked.append(await _ask(lane, storm, chance, outbox=flush_every is not None or chance.random() < 0.5))
        await asyncio.sleep(chance.uniform(0.05, 0.35))
        victim = chance.randrange(workers)
        await kill(lane, storm, living[victim])
        if flush_every is not None and storm.kills % flush_every == 0:
            await lane.billing.redis.flushall()
            storm.flushes += 1
        living[victim] = await lane.worker()
    await _finish(lane, storm)
    for subject, wanted in asked:
        storm.findings += [f"{subject.number} | {text}" for text in await examine(lane, subject, wanted)]
    for worker in living:
        await worker.kill()
    storm.invoices, storm.seconds = len(asked), time.monotonic() - started
    return storm


async def _ask(lane: Lane, storm: Storm, chance: random.Random, *, outbox: bool) -> tuple[Subject, Wanted]:
    """Publish and send; one invoice in five is cancelled as well. All asked at once: the ledger keeps the order."""
    subject, wanted = await lane.subject(), SENT
    kinds: list[tuple[str, dict[str, Any]]] = [("publish_invoice", {}), ("send_invoice", {})]
    if chance.random() < 0.2:
        kinds.append(("cancel_invoice", {"reason": "Irrtum", "notify": True}))
        wanted = replace(CANCELLED, mails=1, cancellation_mails=1)
    ask = lane.billing.request if outbox else lane.billing.enqueue
    for kind, options in kinds:
        storm.jobs[await ask(kind, invoice_id=subject.invoice, **options)] = kind
    return subject, wanted


async def kill(lane: Lane, storm: Storm, victim: Child) -> None:
    """SIGKILL, and count what it met."""
    name = f"%:{victim.pid}:%"
    await victim.kill()
    storm.kills += 1
    storm.at_work += await lane.billing.db.fetchval(RUNNING, name) > 0
    storm.in_write += await lane.billing.db.fetchval(OPEN, name) > 0


async def _finish(lane: Lane, storm: Storm) -> None:
    """All jobs end; a question is answered by somebody who looks into the mail account."""
    for job_id, kind in storm.jobs.items():
        row = await lane.ended_in_turn(job_id, PATIENCE)
        if row is not None and row["state"] == "parked" and row["problem"] == CANNOT_TELL:
            storm.asked += 1
        if row is None:
            storm.findings.append(f"{kind} | loss: not ended: {await lane.unfinished(job_id)}")
        elif row["state"] != "done":
            storm.findings.append(f"{kind} | loss: the job is {row['state']}: {row['error']}")
        storm.attempts += row["attempt"] if row else 0
