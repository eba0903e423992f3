"""publish: save one draft of the invoice in sevDesk, with exactly our sums.

Found again by its marker (`customerInternalNote` = our invoice number; survives and filters exactly, measured by four).
What sevDesk computed must equal the billing invoice to the cent; otherwise the draft is deleted and the job parked.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from sevdesk_client.models import InvoiceDraft
from worker.domain.events import ADOPTED, DraftDeleted, Drafted, DraftedHow
from worker.domain.money import stated_sums, sums_problem
from worker.domain.outcome import Parked
from worker.domain.payloads import PublishInvoice
from worker.domain.problems import Problem, problem
from worker.steps.deal_check import deal_stop
from worker.steps.document import content_of, differences, draft_of, not_our_document, sums_of
from worker.steps.finalize import adopt_finalized
from worker.steps.payments import DERIVED, DRAFT
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import (
    DRAFT_WRITES,
    Intent,
    LookResult,
    Step,
    StepContext,
    StepResult,
    WriteOutcome,
    digest,
    is_synced,
    write_outcome,
)


async def look(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Save a draft if sevDesk has no copy; delete one that is outdated or has other sums; keep one that is right."""
    remote, ambiguous = await _find(context, account)
    if ambiguous is not None:
        return StepResult(stop=ambiguous, outcome=WriteOutcome.UNKNOWN)
    draft, outcome = await draft_of(context, account), write_outcome(context.open_intent, remote)
    unfinished = remote is None or remote.status == DRAFT
    if context.open_intent is not None and unfinished and (stop := deal_stop(context)):
        return StepResult(stop=stop, outcome=outcome)
    if remote is None:
        return Intent("save_invoice", draft, context, earlier_outcome=outcome)
    if remote.status != DRAFT:
        return await _already_finalized(context, draft, remote, account)
    if (sums := sums_of(remote)) != (stated := stated_sums(context.invoice)):
        about = sums_problem("sevdesk_sums_differ", sums, stated, context.invoice.currency).parameters
        return _deletion(context, remote, outcome, "sums_differ", about)
    if _request_digest(context) not in (None, digest(draft)):
        return _deletion(context, remote, outcome, "invoice_changed")
    if found := await differences(context, content_of(draft), remote, account):
        return _deletion(context, remote, outcome, "changed_in_sevdesk", {"differences": ", ".join(found)})
    opened = context.open_intent is not None and context.open_intent.step == PUBLISH.name
    known = context.handback.external_id == remote.id and not opened
    return StepResult(() if known else (_drafted(context, draft, remote, "found"),), remote, outcome=outcome)


def _deletion(
    context: StepContext, remote: SevInvoice, outcome: WriteOutcome, cause: str, about: Mapping[str, str] | None = None
) -> Intent:
    """The intent to delete the draft; its summary holds the fields of `DraftDeleted`."""
    summary = {"cause": cause, "parameters": dict(about or {})}
    return Intent("delete_draft", remote.id, context, summary, outcome)


def _request_digest(context: StepContext) -> str | None:
    """Digest of the request that made the present draft; None if unknown."""
    opened = context.open_intent
    return opened.request_sha256 if opened is not None and opened.action == "save_invoice" else context.draft_sha256


async def leap(intent: Intent, account: SevdeskAccount) -> StepResult:
    """POST saveInvoice, or DELETE of an outdated or wrong draft."""
    context = intent.context
    if intent.action == "delete_draft":
        return await _delete(intent, account)
    saved = await account.client.save_invoice(intent.request)
    right = sums_of(saved) == stated_sums(context.invoice)  # if not, the next look deletes it
    made = _drafted(context, intent.request, saved, "created")
    if right and _skonto_of(saved) != _skonto_of(intent.request):
        return StepResult((made,), saved, Parked(_skonto_not_kept(context, intent.request, saved)))
    return StepResult((made,), saved, finished=right)


def _skonto_not_kept(context: StepContext, draft: InvoiceDraft, saved: SevInvoice) -> Problem:
    """The draft stays: nobody gets it, and the next attempt deletes it."""
    (percent, days), (kept_percent, kept_days) = _skonto_of(draft), _skonto_of(saved)
    kept = {"kept_percent": f"{kept_percent.normalize():f}", "kept_days": kept_days}
    number = context.invoice.number
    return problem("skonto_not_kept", number=number, percent=f"{percent.normalize():f}", days=days, **kept)


def _skonto_of(document: InvoiceDraft | SevInvoice) -> tuple[Decimal, int]:
    return document.discount, document.discount_time or 0


async def _find(context: StepContext, account: SevdeskAccount) -> tuple[SevInvoice | None, Parked | None]:
    """sevDesk's copy: the one just read, else by its id, else by the marker; Parked if several have the marker."""
    if context.remote is not None:
        return context.remote, None
    if context.handback.external_id is not None and context.open_intent is None:
        try:
            return await account.client.get_invoice(context.handback.external_id), None
        except NotFound:
            pass  # deleted by hand; another copy may have the marker
    number = context.invoice.number
    hits = [hit for hit in await account.client.find_invoices(number) if hit.invoice_type not in DERIVED]
    if len(hits) > 1:
        ids = ", ".join(sorted(hit.id for hit in hits))
        return None, Parked(problem("marker_ambiguous", count=len(hits), number=number, ids=ids))
    return (hits[0] if hits else None), None


def _drafted(context: StepContext, draft: InvoiceDraft, remote: SevInvoice, how: DraftedHow) -> Drafted:
    return Drafted(
        external_id=remote.id,
        net=remote.sum_net,
        tax=remote.sum_tax,
        gross=remote.sum_gross,
        recipient_kind=context.party.kind,
        recipient_id=context.party.id,
        recipient_reason=context.addressee.reason,
        how=how,
        content=content_of(draft)
        | {"document_kind": context.invoice.document_kind, "terms_of_job": _names_terms(context)}
        | ({"e_invoice_by_duty": True} if context.by_duty else {}),
        e_invoice_by_duty=context.by_duty,
        seen_update=remote.update,
    )


def _names_terms(context: StepContext) -> bool:
    return isinstance(context.payload, PublishInvoice) and context.payload.skonto_percent is not None


async def _delete(intent: Intent, account: SevdeskAccount) -> StepResult:
    """Delete the draft. Parked if it was saved in this attempt with wrong sums; else a new draft follows."""
    context, stated = intent.context, stated_sums(intent.context.invoice)
    await account.client.delete_draft(intent.request)
    event = DraftDeleted(external_id=intent.request, **intent.summary)
    if context.remote is None or (sums := sums_of(context.remote)) == stated:
        return StepResult((event,), None, finished=False)
    differ = sums_problem("sevdesk_sums_differ", sums, stated, context.invoice.currency)
    return StepResult((event,), None, Parked(differ))


async def _already_finalized(
    context: StepContext, draft: InvoiceDraft, remote: SevInvoice, account: SevdeskAccount
) -> StepResult:
    """A person or an earlier attempt has finalized it. Parked if it is not what we would have saved."""
    sums, stated, invoice = sums_of(remote), stated_sums(context.invoice), context.invoice
    outcome = write_outcome(context.open_intent, remote)
    if sums != stated:
        about = {"external_id": remote.id, "number": invoice.number}
        differs = Parked(sums_problem("marked_invoice_differs", sums, stated, invoice.currency, **about))
        return StepResult(stop=differs, outcome=outcome)
    if other := await not_our_document(context, remote, account):
        return StepResult(stop=other, outcome=outcome)
    adopted = await adopt_finalized(context, remote, account)
    if context.handback.external_id == remote.id:
        return adopted
    return replace(adopted, events=(_drafted(context, draft, remote, ADOPTED), *adopted.events))


PUBLISH = Step("publish", look, leap, already_done=is_synced, also_resolves=DRAFT_WRITES, every_attempt=True)
