"""publish: sevDesk holds one draft of the invoice, with exactly our sums.

Found again by its marker (`customerInternalNote` = our invoice number; survives and filters exactly, measured by four).
What sevDesk computed must equal the billing invoice to the cent; otherwise the draft is deleted and the job parked.
"""

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import InvoiceDraft, PositionDraft
from worker.domain.events import DraftDeleted, Drafted, Event
from worker.domain.invoice import Invoice, SyncStatus
from worker.domain.money import Sums, stated_sums, sums_problem
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps.account import SevdeskAccount
from worker.steps.field_map import INVOICE, INVOICE_IDS, POSITION, filled, looked_up
from worker.steps.finalize import adopted
from worker.steps.payments import CANCELLATION, DRAFT
from worker.steps.step import (
    DRAFT_WRITES,
    Intent,
    LookResult,
    Step,
    StepContext,
    StepResult,
    WriteOutcome,
    digest,
    write_outcome,
)


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Ours already; a stale or wrong draft to delete; or nothing there, so save it."""
    remote, problem = await _find(context, account)
    if problem is not None:
        return StepResult(stop=problem, outcome=WriteOutcome.UNKNOWN)
    draft, outcome = await _draft(context, account), write_outcome(context.open_intent, remote)
    if remote is None:
        return Intent("save_invoice", draft, context, earlier_outcome=outcome)
    if remote.status != DRAFT:
        return await _adopt_finalized(context, remote, account)
    if _sums(remote) != stated_sums(context.invoice):
        return Intent("delete_draft", remote.id, context, {"cause": _different(context.invoice, remote)}, outcome)
    if _written(context) not in (None, digest(draft)):
        return Intent("delete_draft", remote.id, context, {"cause": "The billing system changed the invoice."}, outcome)
    opened = context.open_intent is not None and context.open_intent.step == PUBLISH.name
    known = context.handback.external_id == remote.id and not opened
    return StepResult(
        () if known else (_drafted(context, remote, "found"),),
        remote,
        outcome=outcome,
    )


def _written(context: StepContext) -> str | None:
    """Digest of the request that made the draft which is there, if we know it."""
    opened = context.open_intent
    return opened.request_sha256 if opened is not None and opened.action == "save_invoice" else context.draft_sha256


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST saveInvoice, or DELETE of a draft that must not stay."""
    context = intent.context
    if intent.action == "delete_draft":
        return await _delete(intent, account)
    saved = await account.client.save_invoice(intent.request)
    right = _sums(saved) == stated_sums(context.invoice)
    return StepResult((_drafted(context, saved, "created"),), saved, finished=right)


async def _find(context: StepContext, account: SevdeskAccount) -> tuple[SevInvoice | None, Parked | None]:
    """sevDesk's copy: as just seen, by the id we handed back, else by the marker."""
    if context.remote is not None:
        return context.remote, None
    if context.handback.external_id is not None and context.open_intent is None:
        try:
            return await account.client.get_invoice(context.handback.external_id), None
        except NotFound:
            pass  # deleted by hand: the marker tells whether another copy exists
    number = context.invoice.number
    hits = [hit for hit in await account.client.find_invoices(number) if hit.invoice_type != CANCELLATION]
    if len(hits) > 1:
        ids = ", ".join(sorted(hit.id for hit in hits))
        return None, Parked(problem("marker_ambiguous", count=len(hits), number=number, ids=ids))
    return (hits[0] if hits else None), None


async def _draft(context: StepContext, account: SevdeskAccount) -> InvoiceDraft:
    return InvoiceDraft(
        **filled(INVOICE, context),
        **await looked_up(INVOICE_IDS, context, account),
        positions=tuple(PositionDraft(**filled(POSITION, item)) for item in context.invoice.items),
    )


def _sums(remote: SevInvoice) -> Sums:
    return Sums(remote.sum_net, remote.sum_tax, remote.sum_gross)


def _drafted(context: StepContext, remote: SevInvoice, how: str) -> Event:
    addressee = context.addressee
    return Drafted(
        external_id=remote.id,
        net=remote.sum_net,
        tax=remote.sum_tax,
        gross=remote.sum_gross,
        recipient_kind=addressee.party.kind,
        recipient_id=addressee.party.id,
        recipient_reason=addressee.reason,
        how=how,
    )


def _different(invoice: Invoice, remote: SevInvoice) -> str:
    return (
        f"sevDesk computes net {remote.sum_net}, tax {remote.sum_tax}, gross {remote.sum_gross} {invoice.currency}; "
        f"the invoice says net {invoice.net_amount}, tax {invoice.tax_amount}, gross {invoice.gross_amount}."
    )


async def _delete(intent: Intent, account: SevdeskAccount) -> StepResult:
    """Away with the draft: for wrong sums the job stops here, for a changed invoice it saves afresh."""
    context, cause = intent.context, str(intent.summary["cause"])
    await account.client.delete_draft(intent.request)
    event = DraftDeleted(external_id=intent.request, cause=cause)
    if context.remote is None or _sums(context.remote) == stated_sums(context.invoice):
        return StepResult((event,), None, finished=False)
    stated = stated_sums(context.invoice)
    parked = Parked(sums_problem("sevdesk_sums_differ", _sums(context.remote), stated, context.invoice.currency))
    return StepResult((event,), None, stop=parked)


async def _adopt_finalized(context: StepContext, remote: SevInvoice, account: SevdeskAccount) -> StepResult:
    """Somebody, or an earlier attempt, has finalized it already. Ours only if the sums are."""
    if _sums(remote) == stated_sums(context.invoice):
        return await adopted(context, remote, account)
    return StepResult(
        stop=Parked(
            sums_problem(
                "marked_invoice_differs",
                _sums(remote),
                stated_sums(context.invoice),
                context.invoice.currency,
                external_id=remote.id,
                number=context.invoice.number,
            )
        ),
        outcome=write_outcome(context.open_intent, remote),
    )


def _settled(context: StepContext) -> bool:
    return context.handback.sync_status is SyncStatus.SYNCED


PUBLISH = Step("publish", look, leap, already_done=_settled, also_resolves=DRAFT_WRITES, every_attempt=True)
