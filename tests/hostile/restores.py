"""A busy run, backups of it at random moments, and restores: rounds of these, on one account of sevDesk."""

import asyncio
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chaos.lane import QUARANTINE, Lane, Subject
from chaos.ledgers import Wanted, copies_of, counted, counts, differences, drawn_numbers, wanted_counts
from chaos.scenarios import CANCELLED, HALF, PUBLISHED, SENT, make_ready
from flow.conftest import make_settings
from hostile.backups import Backups, dump, load

from worker.operator.connections import open_account
from worker.operator.recovery import recover
from worker.store import Store

PATIENCE = 120.0
WORKERS = 3
LATEST_WRITE = "SELECT coalesce(max(id), 0) FROM sevdesk_intents"
PENDING = "SELECT noticed_at > coalesce(recovered_at, '-infinity') IS TRUE FROM sevdesk_restores"
# What only a person can tell of this kind of job, as it is called in the counts: a mail, mostly.
MAILS = {
    "send_invoice": "mail",
    "cancel_invoice": "cancellation mail",
    "credit_invoice": "mail about a part",
    "export_datev": "export",
}
# How a mail's job ends whose invoice was cancelled after the backup, and before it the mail was sent.
CANCELLED_SINCE = ("invoice_cancelled", "cancelled_before_mail")
LOST = "export_job_id_lost"  # how an export's job ends that a person found in sevDesk
UNKNOWN = ("mail_outcome_unknown", "export_start_unknown")
ASKS = (*UNKNOWN, "mail_not_on_record", "export_before_restore")
STORNO = {"reason": "Irrtum", "notify": True}
PAID = replace(PUBLISHED, claim="paid", status=1000)


@dataclass(frozen=True, slots=True)
class Order:
    """From what an invoice is, the jobs that are asked for, and how often sevDesk must have each thing in the end."""

    ready: str
    jobs: tuple[tuple[str, Mapping[str, Any]], ...]
    wanted: Wanted


ORDERS = (
    Order("approved", (("publish_invoice", {}), ("send_invoice", {})), SENT),
    Order("published", (("send_invoice", {}),), SENT),
    Order("published", (("send_invoice", {}), ("cancel_invoice", STORNO)),
          replace(CANCELLED, mails=1, cancellation_mails=1)),
    Order("paid", (("credit_invoice", {"reason": "Mangel", "notify": True, "positions": HALF}),),
          replace(PAID, credits=1)),
    Order("paid", (("cancel_invoice", {**STORNO, "refund": True}),),
          replace(CANCELLED, refunded=True, cancellation_mails=1)),
    Order("sent", (("send_invoice", {"resend": True}),), replace(SENT, mails=2)),
    Order("published", (("export_datev", {}),), replace(PUBLISHED, exports=1)),
)  # fmt: skip


@dataclass
class Report:
    """What happened in a round, and what is wrong in the end."""

    restored: str
    jobs: int = 0
    forgotten: int = 0  # jobs that the restored ledger did not have
    behind: int = 0  # writes that the restored database did not have
    noticed: bool = False
    brought_back: int = 0
    asked: int = 0
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.restored}: {self.jobs} jobs, {self.forgotten} forgotten, {self.behind} writes behind, "
            f"{'noticed' if self.noticed else 'not noticed'}, {self.brought_back} brought back, asked {self.asked}; "
            f"{counted(self.findings)}"
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A job that was asked for."""

    subject: Subject
    kind: str
    options: Mapping[str, Any]
    wanted: Wanted


@dataclass
class World:
    """Everything a round needs."""

    lane: Lane
    backups: Backups
    chance: random.Random

    async def round(self, restored: str, each: int) -> Report:
        """Ask for jobs, back up at a random moment, go on, restore at another one, recover, finish, count.

        `restored`: `database`, `redis`, `both` or `database, redis emptied`.
        """
        report, asked = Report(restored), dict[str, Asked]()
        orders = [(await make_ready(self.lane, order.ready), order) for order in ORDERS for _ in range(each)]
        for subject, order in orders:
            for place, (kind, options) in enumerate(order.jobs):
                asked[f"{subject.number}:{place}"] = Asked(subject, kind, options, order.wanted)
        names = sorted(asked, key=lambda name: (name.rpartition(":")[2], self.chance.random()))
        report.jobs, half = len(names), len(names) // 2
        await self._work(asked, names[:half], self.chance.uniform(0.2, 2.5))
        await self._ask(asked, names[half:])  # still in Redis when it is dumped
        old, backup = await dump(self.lane.billing.redis), await self.backups.take()
        await self._work(asked, (), self.chance.uniform(0.3, 4.0))
        await self._restore(old, backup, report)
        await self._finish(asked, report)
        for subject, order in orders:
            found = differences(self._counts(subject), wanted_counts(order.wanted))
            report.findings += [f"{subject.number} | {text}" for text in found]
        report.findings += [f"all | {text}" for text in drawn_numbers(self.lane)]
        return report

    def _counts(self, subject: Subject) -> dict[str, int]:
        return counts(self.lane, subject, copies_of(self.lane, subject))

    async def _ask(self, asked: Mapping[str, Asked], names: Iterable[str]) -> None:
        for name in names:
            job = asked[name]
            about: dict[str, Any] = {"invoice_id": job.subject.invoice}
            if job.kind == "export_datev":
                about = dict.fromkeys(("start_date", "end_date"), job.subject.day.isoformat())
            await self.lane.billing.enqueue(job.kind, job_id=name, **about, **job.options)

    async def _work(self, asked: Mapping[str, Asked], names: Iterable[str], seconds: float) -> None:
        """Workers for so long, which are then killed wherever they are."""
        living = [await self.lane.worker() for _ in range(WORKERS)]
        await self._ask(asked, names)
        await asyncio.sleep(seconds)
        for worker in living:
            await worker.kill()

    async def _restore(self, old: dict[bytes, bytes], backup: str, report: Report) -> None:
        db, redis = self.lane.billing.db, self.lane.billing.redis
        before = await db.fetchval(LATEST_WRITE)
        if report.restored != "redis":
            await self.backups.restore(backup)
        if report.restored == "database, redis emptied":
            await redis.flushdb()
        elif report.restored != "database":
            await load(redis, old)
        await db.expire_connections()
        report.behind = before - await db.fetchval(LATEST_WRITE)

    async def _finish(self, asked: Mapping[str, Asked], report: Report) -> None:
        """Noticed or not, `recover`; jobs that nobody knows any more are asked for again; questions are answered."""
        lane = self.lane
        if report.restored in ("both", "database, redis emptied"):  # nobody would notice it
            report.brought_back = await self._recover()
        living = [await lane.worker() for _ in range(WORKERS)]
        await asyncio.sleep(1.0)
        report.noticed = await lane.billing.db.fetchval(PENDING)
        if report.restored == "database":
            report.brought_back = await self._recover()
        known = {row["job_id"] for row in await lane.billing.db.fetch("SELECT job_id FROM sevdesk_jobs")}
        lost = [name for name in asked if name not in known]
        report.forgotten = len(lost)
        await self._ask(asked, lost)
        until = time.monotonic() + PATIENCE
        for name, job in asked.items():
            await self._ended(name, job, until, report)
        for worker in living:
            await worker.kill()

    async def _recover(self) -> int:
        """What the command does, without the process around it; returns the number of jobs."""
        names = ("DATABASE_URL", "REDIS_URL", "SEVDESK_BASE_URL", "SEVDESK_API_TOKEN")
        given = make_settings(**{name.lower(): self.lane.environment[name] for name in names})
        redis, since = self.lane.billing.redis, datetime.now(UTC) - timedelta(days=1)
        store = await Store.connect(given.database_url, size=1)
        try:
            async with open_account(given) as account:
                _, jobs = await recover(
                    store, account.client, redis, since, quarantine=QUARANTINE, waiting=lambda _: None
                )
                return len(jobs)
        finally:
            await store.close()

    async def _ended(self, name: str, job: Asked, until: float, report: Report) -> None:
        """Held writes need not wait for their minute; a person answers what only a person can."""
        billing, row = self.lane.billing, None
        while time.monotonic() < until:
            row = await billing.job(name)
            if row is not None and row["problem"] == "database_restored":
                await billing.make_due(name)
            if row is not None and row["state"] == "parked" and row["problem"] in ASKS:
                report.asked += 1
                await self._answer(name, job, row["problem"])
            elif row is not None and row["state"] in ("done", "parked", "rejected", "dismissed"):
                break
            await asyncio.sleep(0.05)
        told = row is not None and row["problem"] in (*CANCELLED_SINCE, LOST)
        ended = told or (row is not None and row["state"] in ("done", "dismissed"))
        if not ended:
            report.findings.append(f"{job.kind} | loss: {name} is {row and row['state']}: {row and row['error']}")

    async def _answer(self, name: str, job: Asked, problem: str) -> None:
        """By somebody who looks into the mail account, or under exports."""
        mail = MAILS[job.kind]
        sent = self._counts(job.subject)[mail] >= wanted_counts(job.wanted)[mail]
        if problem in UNKNOWN:
            await self.lane.billing.retry(name, "done" if sent else "not-done")
        elif sent:
            store = Store(self.lane.billing.db)
            assert await store.query("dismiss_job", job_id=name, by="test", reason="It was done already.")
        else:
            await self.lane.billing.retry(name, "confirmed")
