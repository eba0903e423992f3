"""adopt: take over what billing system and sevDesk have from before, then have the payment states brought over."""

import structlog

from worker.adopt.take_over import FIRST, PAGE, TakeOver
from worker.domain.ledger import Job
from worker.domain.outcome import Done, Outcome
from worker.domain.payloads import Adopt
from worker.handlers.handler import HandlerContext
from worker.store import Store

log = structlog.get_logger()


async def adopt(context: HandlerContext, job: Job, payload: Adopt) -> Outcome:
    """Link what is certain, and ask for a full payment sync and, with `archive`, for PDFs. Raises `SevDeskError`.

    Only that sync takes anything away (cancelled, renumbered, gone), and asks first if it would from many at once.
    """
    found = await TakeOver(context.store, context.sevdesk.client, job).run()
    log.info("adopt.finished", linked=found.linked, contacts=found.contacts_linked, doubts=len(found.doubts))
    key = f"adopt:{job.job_id}"
    sync = await context.store.request_job("sync_payments", {"full": True}, key=f"{key}:sync_payments")
    pdfs = await _ask_for_documents(context.store, key) if payload.archive else 0
    counted = {"invoices": found.invoices, "known": found.known, "linked": found.linked, "pdfs_asked": pdfs}
    return Done(counted | {"contacts_linked": found.contacts_linked, "findings": found.counts, "sync_job": sync})


async def _ask_for_documents(store: Store, key: str) -> int:
    """Once per run and invoice; an e-invoice's XML comes with its PDF. Returns how many."""
    asked, after = 0, FIRST
    while rows := await store.query("not_archived", after=after, most=PAGE):
        for row in rows:
            await store.request_job("fetch_invoice_pdf", {"invoice_id": str(row["id"])}, key=f"{key}:{row['id']}")
        asked, after = asked + len(rows), rows[-1]["id"]
    return asked
