"""undelete: an invoice counts as deleted in sevDesk, but is there: its row says again what sevDesk says."""

from contextlib import suppress

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.invoice import SyncStatus
from worker.domain.outcome import Rejected
from worker.domain.problems import problem
from worker.steps.document import not_our_document
from worker.steps.finalize import adopt_finalized
from worker.steps.payments import DRAFT
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult, is_synced


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Read it by its id; there and finalized, it is taken over with its number and payments. Nothing is written."""
    number, external_id = context.invoice.number, context.handback.external_id
    if context.handback.sync_status is not SyncStatus.PARKED or external_id is None:
        return StepResult(stop=Rejected(problem("nothing_to_undelete", number=number)))
    remote: SevInvoice | None = None
    with suppress(NotFound):
        remote = await account.client.get_invoice(external_id)
    if remote is None or remote.status == DRAFT:
        return StepResult(stop=Rejected(problem("still_gone", number=number, external_id=external_id)))
    if other := await not_our_document(context, remote, account):
        return StepResult(stop=other)
    return await adopt_finalized(context, remote, account)


UNDELETE = Step("undelete", look, already_done=is_synced)
