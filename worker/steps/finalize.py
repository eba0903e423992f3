"""template, finalize: the draft gets its layout, then its number. After this only a cancellation undoes it."""

from dataclasses import replace

from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import Finalized, TemplateSet
from worker.domain.invoice import SyncStatus
from worker.domain.lifecycle import apply
from worker.domain.outcome import Rejected
from worker.domain.problems import problem
from worker.steps.account import SevdeskAccount
from worker.steps.field_map import TEMPLATE_ID
from worker.steps.payments import DRAFT, Receivable, cancellations, compare, unclear
from worker.steps.step import (
    Intent,
    LookResult,
    Step,
    StepContext,
    StepResult,
    WriteOutcome,
    write_outcome,
)

# Downloaded as PDF: the document goes out through our own mail step or on paper; sendDate is set, no mail is sent.
SEND_TYPE = "VPDF"


async def look_template(context: StepContext, account: SevdeskAccount) -> LookResult:
    """The billing template's sevDesk layout, else the one configured for deal type and document kind, else none."""
    template_id = TEMPLATE_ID.value(context)
    if template_id is None:
        return StepResult(outcome=WriteOutcome.MOOT)
    return Intent("change_parameter", template_id, context, earlier_outcome=WriteOutcome.MOOT)


async def leap_template(intent: Intent, account: SevdeskAccount) -> StepResult:
    """PUT changeParameter. Setting the same layout twice changes nothing, so an unknown outcome is simply repeated."""
    external_id = intent.context.handback.external_id
    assert external_id is not None
    await account.client.change_parameter(external_id, "template", intent.request)
    return StepResult((TemplateSet(template_id=intent.request),))


async def look_finalize(context: StepContext, account: SevdeskAccount) -> LookResult:
    """A draft with our sums is finalized; what is finalized already is taken over."""
    remote = context.remote
    assert remote is not None  # `publish` looks in every attempt, and goes on only with our sums
    if remote.status != DRAFT:
        return await adopted(context, remote, account)
    return Intent("send_by", remote.id, context)


async def leap_finalize(intent: Intent, account: SevdeskAccount) -> StepResult:
    """PUT sendBy: the number is drawn and the invoice is open."""
    remote = await account.client.send_by(intent.request, send_type=SEND_TYPE)
    return StepResult((finalized(remote, "finalized"),), remote)


async def adopted(context: StepContext, remote: SevInvoice, account: SevdeskAccount) -> StepResult:
    """Finalized already. What was paid or cancelled since is taken over too: the payment feed may have read past it."""
    event, number = finalized(remote, "found finalized"), context.invoice.number
    receivable = Receivable(context.invoice.id, number, context.invoice.gross_amount, apply(context.handback, event))
    cancelled_by = cancellations(await account.client.find_invoices(number)) if unclear(remote) else {}
    outcome = write_outcome(context.open_intent, remote)
    result = StepResult((event, *compare(receivable, remote, cancelled_by)), remote, outcome=outcome)
    return (
        replace(result, stop=Rejected(problem("cancelled_in_sevdesk", number=number)))
        if remote.id in cancelled_by
        else result
    )


def finalized(remote: SevInvoice, how: str) -> Finalized:
    """The event for sevDesk's finalized copy; its number may differ from any we had in mind (one report)."""
    return Finalized(
        external_id=remote.id,
        number=remote.invoice_number or "",
        gross=remote.sum_gross,
        enshrined=remote.enshrined is not None,
        how=how,
    )


def _settled(context: StepContext) -> bool:
    return context.handback.sync_status is SyncStatus.SYNCED


def _not_now(context: StepContext) -> bool:
    """An e-invoice takes its layout only once it has a number; before, sevDesk answers 503 (one report)."""
    return context.invoice.is_e_invoice or _settled(context)


def _not_later(context: StepContext) -> bool:
    return not context.invoice.is_e_invoice or (context.pdf_sha256 is not None and context.open_intent is None)


TEMPLATE = Step("template", look_template, leap_template, already_done=_not_now)
TEMPLATE_OF_E_INVOICE = Step("template_of_e_invoice", look_template, leap_template, already_done=_not_later)
FINALIZE = Step("finalize", look_finalize, leap_finalize, already_done=_settled)
