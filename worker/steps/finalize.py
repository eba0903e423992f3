"""template, finalize: the draft gets its layout, then its number. After this only a cancellation undoes it."""

from dataclasses import replace

from sevdesk_client.errors import NotFound
from sevdesk_client.models import Invoice as SevInvoice
from worker.domain.events import Finalized, TemplateSet
from worker.domain.invoice import SyncStatus
from worker.domain.lifecycle import apply
from worker.domain.outcome import Parked, Rejected
from worker.steps.account import Desk
from worker.steps.payments import Claim, cancellations, compare, unclear
from worker.steps.step import DRAFT, Answer, Case, Fate, Intent, Step, Told, became

# Downloaded as PDF: the document goes out through our own mail step or on paper; sendDate is set, no mail is sent.
SEND_TYPE = "VPDF"


async def look_template(case: Case, desk: Desk) -> Answer:
    """The billing template's sevDesk layout, else the one configured for deal type and document kind, else none."""
    if case.template_id is None:
        return Told(fate=Fate.MOOT)
    return Intent("change_parameter", case.template_id, case, earlier=Fate.MOOT)


async def leap_template(intent: Intent, desk: Desk) -> Told:
    """PUT changeParameter. Setting the same layout twice changes nothing, so an unknown outcome is simply repeated."""
    external_id = intent.case.handback.external_id
    assert external_id is not None
    await desk.client.change_parameter(external_id, "template", intent.request)
    return Told((TemplateSet(template_id=intent.request),))


async def look_finalize(case: Case, desk: Desk) -> Answer:
    """A draft with our sums is finalized; what is finalized already is taken over."""
    external_id = case.handback.external_id
    assert external_id is not None
    try:
        there = case.seen or await desk.client.get_invoice(external_id)
    except NotFound:
        return Told(
            stop=Parked(f"The draft {external_id} is no longer in sevDesk.", "Retry to save and finalize it afresh."),
            fate=became(case.open_intent, None),
        )
    ours = case.invoice
    if (there.sum_net, there.sum_tax, there.sum_gross) != (ours.net_amount, ours.tax_amount, ours.gross_amount):
        return Told(
            stop=Parked(
                f"The draft {external_id} was changed in sevDesk: gross {there.sum_gross} {there.currency} there, "
                f"{case.invoice.gross_amount} {case.invoice.currency} here.",
                "Delete the draft in sevDesk, then retry.",
            ),
            fate=became(case.open_intent, there),
        )
    if there.status != DRAFT:
        return await adopted(case, there, desk)
    return Intent("send_by", external_id, case)


async def leap_finalize(intent: Intent, desk: Desk) -> Told:
    """PUT sendBy: the number is drawn and the invoice is open."""
    there = await desk.client.send_by(intent.request, send_type=SEND_TYPE)
    return Told((finalized(there, "finalized"),), there, heard=True)


async def adopted(case: Case, there: SevInvoice, desk: Desk) -> Told:
    """Finalized already. What was paid or cancelled since is taken over too: the payment feed may have read past it."""
    event, number = finalized(there, "found finalized"), case.invoice.number
    claim = Claim(case.invoice.id, number, case.invoice.gross_amount, apply(case.handback, event))
    cancelled_by = cancellations(await desk.client.find_invoices(number)) if unclear(there) else {}
    fate = became(case.open_intent, there)
    told = Told((event, *compare(claim, there, cancelled_by)), there, heard=True, fate=fate)
    return (
        replace(told, stop=Rejected(f"Invoice {number} was cancelled in sevDesk."))
        if there.id in cancelled_by
        else told
    )


def finalized(there: SevInvoice, how: str) -> Finalized:
    """The event for sevDesk's finalized copy; its number may differ from any we had in mind (one report)."""
    return Finalized(
        external_id=there.id,
        number=there.invoice_number or "",
        gross=there.sum_gross,
        enshrined=there.enshrined is not None,
        how=how,
    )


def _settled(case: Case) -> bool:
    return case.handback.sync_status is SyncStatus.SYNCED


def _not_now(case: Case) -> bool:
    """An e-invoice takes its layout only once it has a number; before, sevDesk answers 503 (one report)."""
    return case.invoice.is_e_invoice or _settled(case)


def _not_later(case: Case) -> bool:
    return not case.invoice.is_e_invoice or (case.pdf_sha256 is not None and case.open_intent is None)


TEMPLATE = Step("template", look_template, leap_template, settled=_not_now)
TEMPLATE_OF_E_INVOICE = Step("template_of_e_invoice", look_template, leap_template, settled=_not_later)
FINALIZE = Step("finalize", look_finalize, leap_finalize, settled=_settled)
