"""A shadow run: the approved invoices are published into a sandbox of this process, and the documents compared.

Nothing of it reaches the database or the real sevDesk. The sandbox's account is fresh: without contacts and drafts, and
with sevDesk's stock units; layouts that it does not have are left out.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from typing import Any

from sevdesk_client.client import SevDeskClient
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.jobs import Kind
from worker.domain.ledger import Job
from worker.domain.outcome import Outcome
from worker.domain.payloads import Payload
from worker.operator.dry_run import DryRunner
from worker.operator.page_store import PageStore
from worker.operator.rehearse import Rehearsal, Report, walk
from worker.settings import Settings
from worker.steps.document import not_our_document
from worker.steps.http_client import open_http
from worker.steps.sevdesk_account import SevdeskAccount
from worker.store import Store
from worker.store.rows import Row

LAYOUTS = "whether the account has the templates, and how the documents look in them"
REAL_ANSWERS = "what the real sevDesk refuses or computes otherwise than the sandbox"
REAL_ACCOUNT = "what the real account holds: contacts, drafts, documents with the invoices' markers, own units, users"


# Columns of `load_invoice` before anything was sent; a contact person is a user of the real account.
UNWRITTEN = {
    "sync_status": "not_synced",
    **dict.fromkeys(("external_id", "external_invoice_number", "document", "draft_sha256", "pdf_sha256", "xml_sha256")),
    **dict.fromkeys(("e_invoice_verdict", "contact_person_id")),
}


class ShadowStore(PageStore):
    """The page's invoices as if the worker had never written any of them, and no contact were linked."""

    def __init__(self, store: Store, templates: frozenset[str]) -> None:
        super().__init__(store)
        self._templates = templates

    async def query(self, statement: str, /, **values: Any) -> Any:
        if statement in ("load_contact_link", "find_open_intent"):
            return None
        found = await super().query(statement, **values)
        return self._unwritten(found) if statement == "load_invoice" and found is not None else found

    def _unwritten(self, row: Row) -> Row:
        template_id = row["template_id"] if row["template_id"] in self._templates else None
        return {**row, **UNWRITTEN, "template_id": template_id}


class ShadowRunner(DryRunner):
    """Also compares sevDesk's finalized document with the request, once more and as a whole."""

    compared = 0  # documents, so far

    async def _steps(self, job: Job, kind: Kind, payload: Payload, account: SevdeskAccount) -> Outcome:
        outcome = await super()._steps(job, kind, payload, account)
        context = self._context
        if context is None or context.document is None or not isinstance(context.remote, SevInvoice):
            return outcome
        self.compared += 1
        unseen = replace(context, document=replace(context.document, seen_update=None))  # so positions are read as well
        return await not_our_document(unseen, context.remote, account) or outcome


@asynccontextmanager
async def _sandbox(settings: Settings) -> AsyncIterator[SevdeskAccount]:
    """A fresh account. Raises ImportError without the extra `sandbox`."""
    from sevdesk_client.sandbox.http.server import running

    async with running() as sandbox, open_http({}, seconds=settings.write_timeout) as http:
        yield SevdeskAccount(SevDeskClient(http, sandbox.token, base_url=sandbox.base_url))


async def shadow_run(store: Store, settings: Settings, since: date | None, until: date | None) -> Rehearsal:
    """Publish them all there. Raises ImportError without the extra `sandbox`."""
    report = Report()
    async with _sandbox(settings) as account:
        templates = frozenset(template.id for template in await account.client.list_templates())
        page_store = ShadowStore(store, templates)
        runner = ShadowRunner(page_store, account, settings)
        async for each in walk(page_store, runner, since, until):
            report.add(each)
    return report.made((REAL_ACCOUNT, REAL_ANSWERS, LAYOUTS), compared=runner.compared)
