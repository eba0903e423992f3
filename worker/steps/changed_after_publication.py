"""unchanged: the invoice still says in the billing system what its document says.

What we sent is stored with the document (`sevdesk_invoices.content`). Only what the billing system says itself is
compared, not what settings and sevDesk's lists add to it, so that a new setting raises no question about old documents.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from worker.domain import money
from worker.domain.check_levels import Level
from worker.domain.events import ChangedAfterPublication
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.steps import field_map
from worker.steps.field_map import filled, looked_up
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult, WriteOutcome, is_synced

CODE = "changed_after_publication"

# Fields of `InvoiceDraft` and `PositionDraft`, and the billing system's columns that fill them.
HEAD = {
    "invoice_date": "issue_date",
    "customer_internal_note": "invoice_number",
    "currency": "currency",
    "tax_rule": "tax_rule",
    "time_to_pay": "payment_term_days",
    "delivery_date": "service_from",
    "delivery_date_until": "service_to",
    "head_text": "head_text",
    "foot_text": "foot_text",
    "discount": "skonto_percent",
    "discount_time": "skonto_days",
    "is_e_invoice": "is_e_invoice",
}
POSITION = {
    "name": "name",
    "text": "description",
    "quantity": "quantity",
    "price": "unit_price",
    "tax_rate": "tax_rate",
    "unity_id": "unit",
}


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Asks a person, if it does not. Raises `SevDeskError` where a unit must be looked up."""
    return await unless_changed(context, account, WriteOutcome.UNKNOWN) or StepResult()


async def unless_changed(context: StepContext, account: SevdeskAccount, outcome: WriteOutcome) -> StepResult | None:
    """The event, once, and the question to a person; None if nothing changed or the level is off.

    `outcome` is that of the open intent. Raises `SevDeskError` where a unit must be looked up.
    """
    level = context.level(CODE)
    changed = ", ".join(await changed_columns(context, account)) if level is not Level.OFF else ""
    if not changed:
        return None
    events = () if changed in context.changes_told else (ChangedAfterPublication(columns=changed),)
    asks = level is Level.PARK
    stop = Parked(problem(CODE, number=context.invoice.number, columns=changed)) if asks else None
    return StepResult(events, stop=stop, outcome=outcome) if events or stop else None


async def changed_columns(context: StepContext, account: SevdeskAccount) -> list[str]:
    """The columns whose values are not those of the document; none if nobody knows what we sent."""
    document, invoice = context.document, context.invoice
    if document is None:
        return []
    content = document.content
    if content.get("terms_of_job"):  # the job named them, the row does not
        percent, days = Decimal(str(content["discount"])), content["discount_time"]
        context = replace(context, invoice=replace(invoice, skonto_percent=percent, skonto_days=days))
    now = filled((field for field in field_map.INVOICE if field.name in HEAD), context)
    changed = [column for name, column in HEAD.items() if not _same(content.get(name), now[name])]
    if content.get("document_kind", invoice.document_kind) != invoice.document_kind:
        changed.append("document_kind")
    return changed + (await _changed_positions(content, context, account) or _changed_totals(context))


async def _changed_positions(content: Mapping[str, Any], context: StepContext, account: SevdeskAccount) -> list[str]:
    sent = {position["position_number"]: position for position in content["positions"]}
    items = {item.position: item for item in context.invoice.items}
    if sent.keys() != items.keys():
        return [f"positions[{number}]" for number in sorted(sent.keys() ^ items.keys())]
    changed = []
    for number, item in sorted(items.items()):
        now = filled(field_map.POSITION, item) | await looked_up(field_map.POSITION_IDS, item, account)
        changed += [
            f"positions[{number}].{column}"
            for name, column in POSITION.items()
            if not _same(sent[number].get(name), now[name])
        ]
    return changed


def _changed_totals(context: StepContext) -> list[str]:
    """The totals agreed with the positions when the document was made, so that they changed if they no longer do."""
    invoice = context.invoice
    if not money.are_computable(invoice.items):
        return []
    expected, stated = money.predict(invoice.items, invoice.currency), money.stated_sums(invoice)
    return [f"{name}_amount" for name in ("net", "tax", "gross") if getattr(expected, name) != getattr(stated, name)]


def _same(sent: Any, now: Any) -> bool:
    """`sent` is a JSON value of the stored request."""
    if isinstance(now, Decimal):
        return sent is not None and Decimal(str(sent)) == now
    return str("" if sent is None else sent) == str("" if now is None else now)


UNCHANGED = Step("unchanged", look, already_done=lambda context: not is_synced(context), every_attempt=True)
