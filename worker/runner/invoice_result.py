"""What the caller of a finished job about one invoice may want to know, without reading the invoice."""

from collections.abc import Mapping
from typing import Any

from worker.domain.credit import FINALIZED
from worker.domain.results import CancelResult, CreditResult, InvoiceResult
from worker.steps.bounce import bounce_result
from worker.steps.sending import sending_result
from worker.steps.step import StepContext


def result_of(kind: str, context: StepContext) -> Mapping[str, Any]:
    """The result of a job of this kind; see `domain.results`."""
    state: InvoiceResult = {
        "external_id": context.handback.external_id,
        "external_invoice_number": context.handback.external_invoice_number,
        "accounting_sync_status": context.handback.sync_status.value,
        "document_status": context.handback.document_status.value,
    }
    if kind == "send_invoice":
        return {**state, **sending_result(context)}
    if kind == "mail_bounced":
        return {**state, **bounce_result(context)}
    if kind == "cancel_invoice":
        made = context.cancellation
        return CancelResult(
            **state,
            cancellation_external_id=made.external_id if made else None,
            cancellation_number=made.number if made else None,
            refund_due=str(made.refund_due) if made and made.refund_due else None,
        )
    note = context.credit_note
    if kind != "credit_invoice" or note is None:
        return state
    assert note.status == FINALIZED and note.number is not None
    return CreditResult(
        **state,
        credit_note_external_id=note.external_id,
        credit_note_number=note.number,
        credited=str(note.gross),
        refund_due=str(note.refund_due or 0),
    )
