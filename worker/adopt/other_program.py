"""Takes over what another program publishes during a change-over, from the pages that a payment sync reads."""

from collections import Counter
from collections.abc import Iterable

import structlog

from sevdesk_client.models import Invoice as SevInvoice
from worker.adopt.documents import Documents
from worker.adopt.matching import claimed, judge_on_page
from worker.adopt.rows import linked_parties, old_invoice
from worker.domain import lifecycle
from worker.domain.ledger import Change, Job
from worker.store import Store
from worker.store.rows import UnknownValue

log = structlog.get_logger()


async def take_over(store: Store, job: Job, page: Iterable[SevInvoice]) -> int:
    """Link the invoices that `publish_only` leaves to another program with their documents; returns how many.

    A doubt is logged. What a job changes meanwhile is left for a later run.
    """
    documents = Documents()
    documents.add(page)
    external_ids = [document.id for document in documents]
    ids = await store.query("published_by_other", names=documents.names(), external_ids=external_ids)
    rows = await store.query("old_invoices", ids=[row["id"] for row in ids]) if ids else []
    contact_ids = [document.contact_id for document in documents if document.contact_id is not None]
    documents.owners = linked_parties(await store.query("known_contacts", contact_ids=contact_ids))
    invoices = []
    for row in rows:
        try:
            invoices.append(old_invoice(row))
        except UnknownValue:  # reconcile names it
            continue
    claims = Counter(id for invoice in invoices for id in claimed(invoice, documents))
    changes = []
    for invoice in invoices:
        verdict = judge_on_page(invoice, documents, claims)
        if verdict.event is not None:
            after = lifecycle.apply(invoice.handback, verdict.event)
            changes.append(Change(invoice.id, invoice.handback, after, (verdict.event,)))
        elif verdict.finding is not None:
            found = verdict.finding
            log.warning("adopt.doubt", code=found.code, reason=found.cause(), next_step=found.next_step())
    return len(await store.record(job, changes, all_or_nothing=False)) if changes else 0
