"""Weeks of a change-over in chance order: nothing is published twice, and nothing is written that nobody asked for."""

import asyncio
import random
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from flow.billing import FINAL, Billing
from flow.books import until
from flow.changeover import publish_there
from flow.conftest import RunWorker

from sevdesk_client.sandbox.endpoints import cancelling, paying
from sevdesk_client.sandbox.http.server import Running

TYPES, INVOICES, STEPS = ("EB", "KOP"), 24, 90
LISTS: tuple[list[str] | None, ...] = (["EB"], ["KOP"], [], None, ["EB", "KOP"])


class Weeks:
    """Both programs, a person who switches the list back and forth, and people who ask for things."""

    def __init__(self, billing: Billing, sevdesk: Running, seed: int) -> None:
        self.billing, self.sevdesk, self.chance = billing, sevdesk, random.Random(seed)
        self.account = sevdesk.sandbox.account
        self.types: dict[UUID, str] = {}
        self.theirs: dict[UUID, Any] = {}  # what the other program has published
        self.listed: list[str] | None = None
        self.mail_asked: set[UUID] = set()
        self.cancel_asked: set[UUID] = set()
        self.jobs: list[str] = []

    async def begin(self) -> None:
        for place in range(INVOICES):
            kind = TYPES[place % 2]
            deal = await self.billing.deal(await self.billing.company(), deal_type=kind)
            self.types[await self.billing.invoice(deal)] = kind

    async def settle(self) -> None:
        """All jobs have ended, or wait for people."""
        await until(self._settled)
        self.jobs.clear()

    async def _settled(self) -> bool:
        ended = "SELECT count(*) FROM sevdesk_jobs WHERE job_id = ANY ($1) AND state = ANY ($2)"
        return await self.billing.db.fetchval(ended, self.jobs, [*FINAL, "dismissed"]) == len(self.jobs)

    async def step(self) -> None:
        invoice = self.chance.choice(list(self.types))
        ways = [self.switch, self.send, self.cancel, self.sync, self.other_cancels, self.pay]
        ways += [self.publish] * 2 + [self.other_publishes] * 3
        await self.chance.choice(ways)(invoice)

    async def ask(self, kind: str, **payload: Any) -> None:
        self.jobs.append(await self.billing.request(kind, **payload))  # for the system, which has no limit

    async def switch(self, _: UUID) -> None:
        """People wait until what runs has ended; jobs that are parked wait on."""
        await self.settle()
        self.listed = self.chance.choice(LISTS)
        names = None if self.listed is None else ",".join(self.listed)
        await self.ask("update_config", publish_only=names)
        await self.settle()
        assert await self.billing.db.fetchval("SELECT publish_only FROM sevdesk_config") == self.listed

    async def publish(self, invoice: UUID) -> None:
        await self.ask("publish_invoice", invoice_id=invoice)

    async def other_publishes(self, invoice: UUID) -> None:
        """What it may by the list, and what nobody has published or cancelled."""
        row = await self.billing.row(invoice)
        its = self.listed is not None and self.types[invoice] not in self.listed
        if its and invoice not in self.theirs and row["external_id"] is None and row["claim_status"] == "open":
            self.theirs[invoice] = await publish_there(
                self.billing, self.sevdesk, invoice, number=f"AR-{len(self.theirs)}"
            )

    async def send(self, invoice: UUID) -> None:
        self.mail_asked.add(invoice)
        await self.ask("send_invoice", invoice_id=invoice)

    async def cancel(self, invoice: UUID) -> None:
        if self.chance.random() < 0.3:
            self.cancel_asked.add(invoice)
            await self.ask("cancel_invoice", invoice_id=invoice, reason="Doppelt")

    async def sync(self, _: UUID) -> None:
        await self.ask("sync_payments", **({"full": True} if self.chance.random() < 0.3 else {}))

    async def other_cancels(self, invoice: UUID) -> None:
        there = self.theirs.get(invoice)
        if (
            there is not None
            and there.status == 200
            and invoice not in self.cancel_asked
            and self.chance.random() < 0.3
        ):
            await self.settle()
            cancelling.cancel(self.account, self.account.invoices[there.id])

    async def pay(self, invoice: UUID) -> None:
        there = self.theirs.get(invoice)
        if there is not None and self.account.invoices[there.id].status == 200 and invoice not in self.cancel_asked:
            await self.settle()
            there = self.account.invoices[there.id]
            paying.pay(self.account, there, there.fields.sums.gross, there.fields.invoice_date, closes=False)


@pytest.mark.parametrize("seed", range(4))
async def test_weeks_of_two_programs(billing: Billing, sevdesk: Running, run_worker: RunWorker, seed: int) -> None:
    """Each invoice has one document at most, links go to the right one, and mails only where they were asked for."""
    weeks = Weeks(billing, sevdesk, seed)
    await weeks.begin()
    async with run_worker(), run_worker():
        for _ in range(STEPS):
            await weeks.step()
            await asyncio.sleep(weeks.chance.random() * 0.05)
        await weeks.settle()
        await weeks.ask("sync_payments", full=True)
        await weeks.settle()
    final = [it for it in weeks.account.invoices.values() if it.status != 100 and it.type != "SR"]
    numbers = {(await billing.row(invoice))["invoice_number"]: invoice for invoice in weeks.types}
    published = Counter[UUID]()
    for document in final:
        named = document.note or (document.fields.header or "").split()[-1]
        published[numbers[named]] += 1
    assert max(published.values()) == 1
    for invoice in weeks.types:
        row = await billing.row(invoice)
        there = weeks.theirs.get(invoice)
        if there is not None and row["external_id"] is not None:
            assert row["external_id"] == str(there.id)
        if row["claim_status"] == "cancelled":
            documents = [it for it in final if str(it.id) == row["external_id"]]
            assert all(it.status == 1000 for it in documents) and published[invoice] == len(documents)
    mailed = {row["invoice_id"] for row in await billing.db.fetch("SELECT invoice_id FROM sevdesk_mails")}
    assert mailed <= weeks.mail_asked | weeks.cancel_asked
