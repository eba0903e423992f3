"""The passage of `sync_payments`: pages of what changed in sevDesk, compared with our claims, recorded page by page."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import structlog

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from worker import lifecycle
from worker.invoice import handback_of
from worker.jobs import SyncPayments
from worker.outcome import Done, Outcome, Rejected
from worker.steps import payments
from worker.steps.desk import Desk
from worker.steps.payments import Claim
from worker.store import Change, Job, Store

log = structlog.get_logger()

PAGE = 1000  # the most sevDesk gives at once (official)
# `update` has whole seconds and is set before the change can be read; a slow write takes seconds (measured: 3-4). Two
# minutes also cover a hand-over between sevDesk's own servers, and cost a few rows that are compared and left alone.
OVERLAP = timedelta(minutes=2)


class Sync:
    """One run. Safe to repeat at any point: the watermark moves last, and what is known already changes nothing."""

    def __init__(self, store: Store, desk: Desk) -> None:
        self.store, self.desk = store, desk

    async def run(self, job: Job, payload: SyncPayments) -> Outcome:
        """Everything that changed since the watermark, or one invoice."""
        if payload.invoice_id is None:
            return await self._feed(job)
        external_id = await self.store.query("external_id_of", invoice_id=payload.invoice_id)
        if external_id is None:
            return Rejected(f"There is no invoice {payload.invoice_id}. Check the id and ask again.")
        if external_id["external_id"] is None:
            return Rejected(f"Invoice {payload.invoice_id} is not in sevDesk yet. Publish it first.")
        return await self._one(job, external_id["external_id"])

    async def _one(self, job: Job, external_id: str) -> Outcome:
        try:
            there = await self.desk.client.get_invoice(external_id)
        except NotFound:
            log.warning("payment.missing", external_id=external_id)
            return Rejected(f"sevDesk no longer has invoice {external_id}. Look into sevDesk's deletion log.")
        return Done({"seen": 1, "changed": await self._page(job, [there])})

    async def _feed(self, job: Job) -> Outcome:
        since = await self.store.query("watermark")
        run_id = await self.store.query("start_run", job_id=job.job_id, scope="feed" if since else "first")
        newest = since
        async for page in self._pages(since):
            changed = await self._page(job, page)
            newest = max([newest, *(i.update for i in page)], key=lambda at: at.timestamp() if at else 0.0)
            await self.store.query("note_page", run_id=run_id, seen=len(page), changed=changed)
            log.info("payments.page", seen=len(page), changed=changed)
        if newest is not None:
            await self.store.query("move_watermark", watermark=newest)
        await self.store.query("note_sync")
        totals = dict(await self.store.query("finish_run", run_id=run_id))
        return Done(totals)

    async def _pages(self, since: datetime | None) -> AsyncIterator[list[SevInvoice]]:
        offset = 0
        while True:
            page = await self.desk.client.list_invoices(
                update_after=since - OVERLAP if since else None, offset=offset, limit=PAGE
            )
            if page:
                yield page
            if len(page) < PAGE:
                return
            offset += PAGE

    async def _page(self, job: Job, page: list[SevInvoice]) -> int:
        """Compare and record one page; answers with how many invoices changed."""
        rows = await self.store.query("claims_by_external_id", external_ids=[there.id for there in page])
        claims = {
            row["external_id"]: Claim(row["id"], row["invoice_number"], row["gross_amount"], handback_of(row))
            for row in rows
        }
        cancelled_by = await self._cancelled_by(page, claims)
        changes = []
        for there in page:
            claim = claims.get(there.id)
            if claim is None:
                continue
            if events := payments.compare(claim, there, cancelled_by):
                after = claim.handback
                for event in events:
                    after = lifecycle.apply(after, event)
                changes.append(Change(claim.invoice_id, claim.handback, after, events))
        return len(await self.store.record(job, changes, must_fit=False)) if changes else 0

    async def _cancelled_by(self, page: list[SevInvoice], claims: dict[str, Claim]) -> dict[str, SevInvoice]:
        """The cancellations on this page, and those asked for by marker where the page does not explain a status."""
        known = payments.cancellations(page)
        for there in page:
            if there.id in claims and payments.unclear(there) and there.id not in known:
                found = payments.cancellations(await self.desk.client.find_invoices(claims[there.id].number))
                if there.id not in found:
                    log.warning("payment.unclear", external_id=there.id, status=there.status)
                known |= found
        return known
