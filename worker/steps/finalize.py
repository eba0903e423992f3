"""template, finalize: set the draft's layout, then make sevDesk draw its number; only a cancellation undoes that."""

from collections.abc import Mapping

from sevdesk_client.errors import Unavailable
from sevdesk_client.models import CreditNote
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import Event, Finalized, FinalizedHow, TemplateSet
from worker.domain.lifecycle import apply
from worker.domain.outcome import Rejected
from worker.domain.problems import problem
from worker.steps.deal_check import late_warnings
from worker.steps.field_map import TEMPLATE_ID
from worker.steps.payments import DRAFT, Receivable, compare, recordable
from worker.steps.publish_order import awaits_turn
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import (
    Intent,
    LookResult,
    Step,
    StepContext,
    StepResult,
    WriteOutcome,
    is_synced,
    write_outcome,
)
from worker.steps.unmarked import cancellations_of

# "Downloaded as PDF": sets sendDate and sends no mail; the document is sent by the email step or on paper.
SEND_TYPE = "VPDF"


async def look_template(context: StepContext, account: SevdeskAccount) -> LookResult:
    """The billing template's sevDesk layout, else the one configured for deal type and document kind, else none."""
    template_id = TEMPLATE_ID.value(context)
    if template_id is None:
        return StepResult(outcome=WriteOutcome.MOOT)
    return Intent("change_parameter", template_id, context, earlier_outcome=WriteOutcome.MOOT)


async def leap_template(intent: Intent, account: SevdeskAccount) -> StepResult:
    """PUT changeParameter. Setting the same layout again changes nothing, so an unknown outcome is repeated."""
    await account.client.change_parameter(intent.context.external_id, "template", intent.request)
    return StepResult((TemplateSet(template_id=intent.request),))


async def look_finalize(context: StepContext, account: SevdeskAccount) -> LookResult:
    """Finalize a draft that has our sums. If it is finalized already, record that."""
    remote = context.remote
    assert remote is not None  # `publish` looks in every attempt, and goes on only with our sums
    if remote.status != DRAFT:
        return await adopt_finalized(context, remote, account)
    if (turn := awaits_turn(context)) is not None:
        return StepResult(stop=turn)
    return Intent("send_by", remote.id, context)


async def leap_finalize(intent: Intent, account: SevdeskAccount) -> StepResult:
    """PUT sendBy: sevDesk draws the number and the invoice is open."""
    remote = await account.client.send_by(intent.request, send_type=SEND_TYPE)
    event = finalized(remote, "finalized")
    nothing_owed = _compared(intent.context, event, remote, {}) if remote.sum_gross == 0 else ()
    return StepResult((event, *nothing_owed), remote)


async def adopt_finalized(context: StepContext, remote: SevInvoice, account: SevdeskAccount) -> StepResult:
    """Record that sevDesk has finalized the invoice, and any payment or cancellation since: the feed ignored those.

    After an own write of unknown outcome also what `check` has left out. Raises Unavailable while it has no number.
    """
    require_number(remote)
    event, number = finalized(remote, "found_finalized"), context.invoice.number
    cancelled_by = await cancellations_of(remote, number, account)
    outcome = write_outcome(context.open_intent, remote)
    stop = Rejected(problem("cancelled_in_sevdesk", number=number)) if remote.id in cancelled_by else None
    warnings = late_warnings(context) if context.open_intent is not None and stop is None else ()
    events = (event, *warnings, *_compared(context, event, remote, cancelled_by))
    return StepResult(events, remote, stop, outcome=outcome)


def _compared(
    context: StepContext, event: Finalized, remote: SevInvoice, cancelled_by: Mapping[str, SevInvoice]
) -> tuple[Event, ...]:
    """What sevDesk shows of payments and cancellations once the invoice is finalized."""
    invoice, after = context.invoice, apply(context.handback, event)
    receivable = Receivable(invoice.id, invoice.number, invoice.gross_amount, after)
    return recordable(after, compare(receivable, remote, cancelled_by))


def require_number(document: SevInvoice | CreditNote) -> None:
    """Raises Unavailable for what is no draft and has no number: that is still to come."""
    if not (document.credit_note_number if isinstance(document, CreditNote) else document.invoice_number):
        model = type(document).__name__
        raise Unavailable(f"GET /{model}/{{id}}", "the document is no draft any more, but has no number")


def finalized(remote: SevInvoice, how: FinalizedHow) -> Finalized:
    """The event for sevDesk's finalized copy; its number may differ from any we expected (one report)."""
    return Finalized(
        external_id=remote.id,
        number=remote.invoice_number or "",
        gross=remote.sum_gross,
        enshrined=remote.enshrined is not None,
        how=how,
        seen_update=remote.update,
        account_gross=remote.account_gross,
    )


def _skip_template(context: StepContext) -> bool:
    """An e-invoice's layout can be set only once it has a number; before, sevDesk answers 503 (one report)."""
    return context.invoice.is_e_invoice or is_synced(context)


def _skip_template_of_e_invoice(context: StepContext) -> bool:
    """Once the PDF is stored, another layout would come too late."""
    return not context.invoice.is_e_invoice or (context.pdf_sha256 is not None and context.open_intent is None)


TEMPLATE = Step("template", look_template, leap_template, already_done=_skip_template)
TEMPLATE_OF_E_INVOICE = Step(
    "template_of_e_invoice", look_template, leap_template, already_done=_skip_template_of_e_invoice
)
FINALIZE = Step("finalize", look_finalize, leap_finalize, already_done=is_synced)
