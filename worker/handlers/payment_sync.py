"""The passage of `sync_payments`: pages of what changed in sevDesk, compared with our claims, recorded page by page."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from functools import reduce
from typing import Any, Literal
from uuid import UUID

import structlog

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain import lifecycle
from worker.domain.events import DeletedInSevdesk
from worker.domain.jobs import SyncPayments
from worker.domain.ledger import Change, Job
from worker.domain.outcome import Done, Outcome, Parked, Rejected
from worker.domain.problems import problem
from worker.handlers.handler import HandlerContext
from worker.steps import payments
from worker.steps.account import SevdeskAccount
from worker.steps.payments import Receivable
from worker.store import InvoiceChanged, Store
from worker.store.rows import FinishedRunRow, ReceivableRow, SyncRunRow, handback_of

log = structlog.get_logger()

PAGE = 1000  # the most sevDesk gives at once (official)
BATCH = 10_000  # rows of ours looked at in one statement: a few hundred kilobytes
# `update` has whole seconds and is set before the change can be read; a slow write takes seconds (measured: 3-4). Two
# minutes also cover a hand-over between sevDesk's own servers, and cost a few rows that are compared and left alone.
OVERLAP = timedelta(minutes=2)
COUNTS: tuple[Literal["pages", "seen", "changed"], ...] = ("pages", "seen", "changed")  # of a run
# How often one page is compared again because an invoice's own job moved it meanwhile; each such job takes seconds.
MAX_LOOKS = 5


async def sync_payments(context: HandlerContext, job: Job, payload: SyncPayments) -> Outcome:
    """One run over the part of the book that was asked for."""
    return await Sync(context.store, context.sevdesk).run(job, payload)


class Sync:
    """One run. Safe to repeat at any point: the watermark moves last, and what is known already changes nothing."""

    def __init__(self, store: Store, account: SevdeskAccount) -> None:
        self.store, self.account = store, account
        self.unresolved: list[Parked] = []  # what only a person can explain
        self.met: set[str] = set()  # external ids of ours that a full sweep has seen
        self.passed: datetime | None = None  # the feed asks no more for changes up to this instant
        self.missed = 0
        self.began: datetime | None = None
        self.moved: set[str] = set()  # external ids of ours that somebody has moved since

    async def run(self, job: Job, payload: SyncPayments) -> Outcome:
        """Everything that changed since the watermark, or the part of the book that was asked for."""
        joined: FinishedRunRow | None = await self.store.query("run_to_join", scope=payload.scope, job_id=job.job_id)
        if joined is not None:
            return await self._join(job, joined)
        if payload.invoice_id is not None:
            return await self._one(job, payload.invoice_id)
        if payload.party_id is not None:
            return await self._customer(job, payload)
        if payload.full:
            return await self._full(job)
        days = (payload.start_date, payload.end_date) if payload.start_date and payload.end_date else None
        return await (self._range(job, payload.scope, {"days": days}) if days else self._feed(job))

    async def _join(self, job: Job, joined: FinishedRunRow) -> Done:
        """The run that was going when we were asked, and what has changed on the pages it had read by then."""
        since = await self._feed(job)
        return Done({**since.result, "joined": joined["job_id"]} | {k: joined[k] + since.result[k] for k in COUNTS})

    async def _one(self, job: Job, invoice_id: UUID) -> Outcome:
        row = await self.store.query("external_id_of", invoice_id=invoice_id)
        if row is None:
            return Rejected(problem("invoice_not_found", invoice_id=invoice_id))
        if row["external_id"] is None:
            return Rejected(problem("payment_state_missing", invoice_id=invoice_id))
        changed = await self._by_id(job, row["external_id"])
        return self.unresolved[0] if self.unresolved else Done({"seen": 1, "changed": changed})

    async def _by_id(self, job: Job, external_id: str) -> int:
        """One invoice, asked for alone. That sevDesk no longer has it is an event, too."""
        try:
            return await self._page(job, [await self.account.client.get_invoice(external_id)])
        except NotFound:
            receivables = await self._receivables([external_id])
            changes = [self._gone(receivable) for receivable in receivables.values()]
            return len(await self.store.record(job, changes)) if changes else 0

    def _gone(self, receivable: Receivable) -> Change:
        event = DeletedInSevdesk(external_id=receivable.handback.external_id or "")
        return Change(receivable.invoice_id, receivable.handback, lifecycle.apply(receivable.handback, event), (event,))

    async def _customer(self, job: Job, payload: SyncPayments) -> Outcome:
        link = await self.store.query("contact_of_party", party_id=payload.party_id)
        if link is None:
            return Rejected(problem("party_without_contact", party_id=payload.party_id))
        return await self._range(job, payload.scope, {"contact_id": link})

    async def _range(self, job: Job, scope: str, asked: Mapping[str, Any]) -> Done:
        """A part of the book; the watermark stays where it is."""
        run = await self._begin(job, scope)
        async with aclosing(self._pages(asked)) as pages:
            async for page in pages:
                await self._note(run["id"], page, await self._page(job, page))
        return await self._finished(run["id"])

    async def _feed(self, job: Job) -> Done:
        """What changed since the watermark; without one, everything."""
        since: datetime | None = await self.store.query("watermark")
        run = await self._begin(job, "feed")
        newest: datetime | None = None
        async with aclosing(self._pages({"update_after": since - OVERLAP if since else None})) as pages:
            async for page in pages:
                # Of the first page: what changes on a page behind us while we read on is younger, by sevDesk's own
                # clock, and belongs to the next run.
                newest = newest or max((there.update for there in page if there.update is not None), default=None)
                await self._note(run["id"], page, await self._page(job, page))
        if newest is not None:
            # Nor past our own start: a clock of sevDesk's that is ahead may be set right.
            await self.store.query("move_watermark", watermark=min(newest, run["started_at"]))
        await self.store.query("set_last_sync")
        return await self._finished(run["id"])

    async def _full(self, job: Job) -> Outcome:
        """The whole book, then by id what it does not show; proves that the feed is complete."""
        watermark: datetime | None = await self.store.query("watermark")
        self.passed = watermark - OVERLAP if watermark else None  # what is younger, its next run would still find
        run = await self._begin(job, "full")
        async with aclosing(self._pages({})) as pages:
            async for page in pages:
                await self._note(run["id"], page, await self._page(job, page))
        unseen = 0
        async for external_id in self._not_met():
            unseen += 1
            await self._note(run["id"], [], await self._by_id(job, external_id))
        if self.missed:
            next_step = "The feed overlooked changes; report this."
            log.warning("payment_sync.missed_changes", missed=self.missed, next_step=next_step)
        outcome = await self._finished(run["id"])
        return Done({**outcome.result, "missed": self.missed, "by_id": unseen})

    async def _not_met(self) -> AsyncIterator[str]:
        """Ours that no page showed, in batches by id, so that memory stays flat."""
        last = ""
        while True:
            ids = [row["external_id"] for row in await self.store.query("synced_after", last=last, most=BATCH)]
            for external_id in ids:
                if external_id not in self.met:
                    yield external_id
            if len(ids) < BATCH:
                return
            last = ids[-1]

    async def _begin(self, job: Job, scope: str) -> SyncRunRow:
        run: SyncRunRow = await self.store.query("start_run", job_id=job.job_id, scope=scope)
        self.began = run["started_at"]
        return run

    async def _note(self, run_id: int, page: list[SevInvoice], changed: int) -> None:
        await self.store.query("count_page", run_id=run_id, seen=len(page), changed=changed)
        log.info("payment_sync.page", seen=len(page), changed=changed)

    async def _finished(self, run_id: int) -> Done:
        totals = await self.store.query("finish_run", run_id=run_id)
        return Done({**totals, "unresolved": len(self.unresolved)})

    async def _pages(self, asked: Mapping[str, Any]) -> AsyncGenerator[list[SevInvoice]]:
        """Pages that overlap by one invoice, which is then left out. While one is compared, the next is on its way.

        When a document is deleted in sevDesk while we read, all behind it move up and the next page would pass some
        over. Then the overlap is missing as well, and we go back until we meet the page that was read last.
        """

        def ask() -> asyncio.Task[list[SevInvoice]]:
            return asyncio.create_task(self.account.client.list_invoices(**asked, offset=offset, limit=PAGE))

        offset, before = 0, set[str]()
        ahead = ask()
        try:
            while True:
                page = await ahead
                ids = {there.id for there in page}
                if offset and before.isdisjoint(ids):
                    log.info("payment_sync.page_shifted", offset=offset)
                    offset = max(0, offset - PAGE)
                    ahead = ask()
                    continue
                if more := len(page) == PAGE:
                    offset += PAGE - 1
                    ahead = ask()
                if new := [there for there in page if there.id not in before]:
                    yield new
                if not more:
                    return
                before = ids
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _page(self, job: Job, page: list[SevInvoice]) -> int:
        """Compare and record one page; answers with how many invoices changed.

        An invoice that its own job moves at the same moment is compared again, so that the watermark passes nothing
        that is not stored. Raises `InvoiceChanged` when that does not come to an end.
        """
        cancelled_by = payments.cancellations(page)
        left, changed = page, 0
        for _ in range(MAX_LOOKS):
            changes = await self._changes(left, cancelled_by)
            recorded = await self.store.record(job, changes, all_or_nothing=False) if changes else set()
            changed += len(recorded)
            overtaken = {change.before.external_id for change in changes if change.invoice_id not in recorded}
            left = [there for there in left if there.id in overtaken]
            if not left:
                return changed
        raise InvoiceChanged

    async def _changes(self, page: list[SevInvoice], cancelled_by: Mapping[str, SevInvoice]) -> list[Change]:
        receivables = await self._receivables([there.id for there in page])
        self.met |= receivables.keys()
        found = []
        for there in page:
            if there.id not in receivables:
                continue
            change = await self._change(receivables[there.id], there, cancelled_by)
            if change and there.id in self.moved:
                change = await self._change_now(receivables[there.id], there.id, cancelled_by)
            if change:
                self.missed += self.passed is not None and there.update is not None and there.update <= self.passed
                found.append(change)
        return found

    async def _change_now(
        self, receivable: Receivable, external_id: str, cancelled_by: Mapping[str, SevInvoice]
    ) -> Change | None:
        """An invoice's own job was faster than its page, which may be older than what we know by now."""
        with suppress(NotFound):  # the next run finds out
            return await self._change(receivable, await self.account.client.get_invoice(external_id), cancelled_by)
        return None

    async def _receivables(self, external_ids: Sequence[str]) -> dict[str, Receivable]:
        rows: list[ReceivableRow] = await self.store.query(
            "receivables_by_external_id", external_ids=list(external_ids)
        )
        if self.began is not None:
            self.moved |= {
                str(row["external_id"]) for row in rows if (row["accounting_synced_at"] or self.began) > self.began
            }
        return {
            str(row["external_id"]): Receivable(row["id"], row["invoice_number"], row["gross_amount"], handback_of(row))
            for row in rows
        }

    async def _change(
        self, receivable: Receivable, there: SevInvoice, cancelled_by: Mapping[str, SevInvoice]
    ) -> Change | None:
        """What one invoice's claim becomes; None when it stays, or when only a person can tell."""
        if payments.unclear(there) and there.id not in cancelled_by:
            cancelled_by = payments.cancellations(await self.account.client.find_invoices(receivable.number))
        if payments.unexplained(receivable, there, cancelled_by):
            self._ask("closed_without_payment", receivable)
        events = payments.compare(receivable, there, cancelled_by)
        if there.id in cancelled_by and receivable.handback.paid_amount > 0:
            paid = receivable.handback.paid_amount
            self._ask("cancelled_though_paid", receivable, paid=paid, currency=there.currency)
        try:
            after = reduce(lifecycle.apply, events, receivable.handback)
        except lifecycle.IllegalTransition as conflict:
            # One invoice that the billing system closed by itself must not hold up everybody else's payments.
            self._ask("payment_state_conflict", receivable, event=conflict.event, status=conflict.status)
            return None
        return Change(receivable.invoice_id, receivable.handback, after, events) if events else None

    def _ask(self, code: str, receivable: Receivable, **parameters: object) -> None:
        """Note what only a person can explain; the run goes on."""
        found = problem(code, number=receivable.number, **parameters)
        log.warning("payment_sync.unresolved", problem=code, reason=found.cause(), next_step=found.next_step())
        self.unresolved.append(Parked(found))
