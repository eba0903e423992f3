"""The passage of `sync_payments`: pages of what changed in sevDesk, compared with our claims, recorded page by page."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from functools import reduce

import structlog

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from worker import lifecycle
from worker.invoice import handback_of
from worker.jobs import SyncPayments
from worker.outcome import Done, Outcome, Parked, Rejected
from worker.steps import payments
from worker.steps.desk import Desk
from worker.steps.payments import Claim
from worker.store import Change, Job, Overtaken, Store

log = structlog.get_logger()

PAGE = 1000  # the most sevDesk gives at once (official)
# `update` has whole seconds and is set before the change can be read; a slow write takes seconds (measured: 3-4). Two
# minutes also cover a hand-over between sevDesk's own servers, and cost a few rows that are compared and left alone.
OVERLAP = timedelta(minutes=2)
# How often one page is compared again because an invoice's own job moved it meanwhile; each such job takes seconds.
MOST_LOOKS = 5


class Sync:
    """One run. Safe to repeat at any point: the watermark moves last, and what is known already changes nothing."""

    def __init__(self, store: Store, desk: Desk) -> None:
        self.store, self.desk = store, desk
        self.unresolved: list[Parked] = []  # what only a person can explain

    async def run(self, job: Job, payload: SyncPayments) -> Outcome:
        """Everything that changed since the watermark, or one invoice."""
        if payload.invoice_id is None:
            return await self._feed(job)
        row = await self.store.query("external_id_of", invoice_id=payload.invoice_id)
        if row is None:
            return Rejected(f"There is no invoice {payload.invoice_id}. Check the id and ask again.")
        if row["external_id"] is None:
            return Rejected(f"Invoice {payload.invoice_id} is not published in sevDesk yet. Publish it first.")
        return await self._one(job, row["external_id"])

    async def _one(self, job: Job, external_id: str) -> Outcome:
        try:
            there = await self.desk.client.get_invoice(external_id)
        except NotFound:
            log.warning("payment.missing", external_id=external_id)
            return Rejected(f"sevDesk no longer has invoice {external_id}. Look into sevDesk's deletion log.")
        changed = await self._page(job, [there])
        return self.unresolved[0] if self.unresolved else Done({"seen": 1, "changed": changed})

    async def _feed(self, job: Job) -> Outcome:
        since = await self.store.query("watermark")
        run = await self.store.query("start_run", job_id=job.job_id, scope="feed" if since else "first")
        updates = []
        async for page in self._pages(since):
            changed = await self._page(job, page)
            updates += [there.update for there in page if there.update is not None]
            await self.store.query("note_page", run_id=run["id"], seen=len(page), changed=changed)
            log.info("payments.page", seen=len(page), changed=changed)
        if updates:
            # Not past our own start: what changed on a page behind us while we read on belongs to the next run.
            await self.store.query("move_watermark", watermark=min(max(updates), run["started_at"]))
        await self.store.query("note_sync")
        totals = await self.store.query("finish_run", run_id=run["id"])
        return Done({**totals, "unresolved": len(self.unresolved)})

    async def _pages(self, since: datetime | None) -> AsyncIterator[list[SevInvoice]]:
        """Pages that overlap by one invoice, which is then left out.

        When a document is deleted in sevDesk while we read, all behind it move up and the next page would pass some
        over. Then the overlap is missing as well, and we go back a page.
        """
        update_after = since - OVERLAP if since else None
        offset, before = 0, set[str]()
        while True:
            page = await self.desk.client.list_invoices(update_after=update_after, offset=offset, limit=PAGE)
            ids = {there.id for there in page}
            if before and before.isdisjoint(ids):
                log.info("payments.page_moved", offset=offset)
                offset, before = max(0, offset - PAGE), set()
                continue
            if new := [there for there in page if there.id not in before]:
                yield new
            if len(page) < PAGE:
                return
            offset, before = offset + PAGE - 1, ids

    async def _page(self, job: Job, page: list[SevInvoice]) -> int:
        """Compare and record one page; answers with how many invoices changed.

        An invoice that its own job moves at the same moment is compared again, so that the watermark passes nothing
        that is not stored. Raises `Overtaken` when that does not come to an end.
        """
        cancelled_by = payments.cancellations(page)
        left, changed = page, 0
        for _ in range(MOST_LOOKS):
            changes = await self._changes(left, cancelled_by)
            recorded = await self.store.record(job, changes, must_fit=False) if changes else set()
            changed += len(recorded)
            overtaken = {change.before.external_id for change in changes if change.invoice_id not in recorded}
            left = [there for there in left if there.id in overtaken]
            if not left:
                return changed
        raise Overtaken

    async def _changes(self, page: list[SevInvoice], cancelled_by: Mapping[str, SevInvoice]) -> list[Change]:
        rows = await self.store.query("claims_by_external_id", external_ids=[there.id for there in page])
        claims = {
            row["external_id"]: Claim(row["id"], row["invoice_number"], row["gross_amount"], handback_of(row))
            for row in rows
        }
        found = [await self._change(claims[there.id], there, cancelled_by) for there in page if there.id in claims]
        return [change for change in found if change is not None]

    async def _change(self, claim: Claim, there: SevInvoice, cancelled_by: Mapping[str, SevInvoice]) -> Change | None:
        """What one invoice's claim becomes; None when it stays, or when only a person can tell."""
        if payments.unclear(there) and there.id not in cancelled_by:
            cancelled_by = payments.cancellations(await self.desk.client.find_invoices(claim.number))
        if payments.unexplained(claim, there, cancelled_by):
            reason = (
                f"sevDesk closed invoice {claim.number} without a payment date, and no cancellation is to be found."
            )
            self._ask(reason, "Look at the invoice in sevDesk, then sync it by its id.")
        events = payments.compare(claim, there, cancelled_by)
        try:
            after = reduce(lifecycle.apply, events, claim.handback)
        except lifecycle.IllegalMove as conflict:
            # One invoice that the billing system closed by itself must not hold up everybody else's payments.
            reason = f"sevDesk's word on invoice {claim.number} does not fit: {conflict}."
            self._ask(reason, "Correct the invoice's status on one side, then sync it by its id.")
            return None
        return Change(claim.invoice_id, claim.handback, after, events) if events else None

    def _ask(self, reason: str, next_step: str) -> None:
        log.warning("payment.unresolved", reason=reason, next_step=next_step)
        self.unresolved.append(Parked(reason, next_step))
