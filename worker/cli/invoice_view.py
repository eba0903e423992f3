"""How show and preview look in a terminal."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from rich.console import Group, RenderableType
from rich.text import Text

from worker.cli.base import dump
from worker.cli.tables import facts, local_time, money, table
from worker.domain.dates import BERLIN
from worker.domain.money import figure
from worker.store.connection import EARLIEST, LATEST

if TYPE_CHECKING:
    from worker.domain.advances import Reckoning
    from worker.operator.preview import Preview
    from worker.operator.rows import InvoiceHeadRow


class InvoiceHistory(TypedDict):
    """What `show` prints; the shape of its JSON."""

    invoice: "InvoiceHeadRow"
    jobs: list[Mapping[str, Any]]
    timeline: list[Mapping[str, Any]]  # oldest first


def history_view(history: InvoiceHistory) -> RenderableType:
    """Numbers, sums and statuses, then the timeline in local time; the day of payment is sevDesk's, a Berlin day."""
    row, paid_at = history["invoice"], history["invoice"]["paid_at"]
    paid_on = f" on {paid_at.astimezone(BERLIN):%Y-%m-%d}" if paid_at else ""
    if paid_at in (EARLIEST, LATEST):
        paid_on = " on a day beyond the calendar"
    sums = {"net": row["net_amount"], "tax": row["tax_amount"], "gross": row["gross_amount"]}
    head = facts(
        ("invoice", f"{row['invoice_number']} ({row['document_kind']}, {row['id']})"),
        ("sevDesk", f"{row['external_invoice_number'] or '-'} (id {row['external_id'] or '-'})"),
        ("sums", ", ".join(f"{name} {money(amount, row['currency'])}" for name, amount in sums.items())),
        ("status", f"{row['document_status']}, {row['accounting_sync_status']}, {row['claim_status']}"),
        ("paid", f"{money(row['paid_amount'], row['currency'])}{paid_on}"),
    )
    if not history["timeline"]:
        return Group(head, "Nothing has happened yet.")
    rows = [(local_time(row["at"]), row["source"], row["what"], _detail(row["detail"])) for row in history["timeline"]]
    return Group(head, table(("when", "", "what", "detail"), rows))


def _reckoning(found: "Reckoning", form: str | None) -> Iterator[tuple[str, str]]:
    """The advances of a final invoice's deal, and what is deducted of them."""
    for advance in found.advances:
        sums = str(advance.sums) if advance.sums else "sums that cannot be computed"
        yield "advance", f"{advance.number} of {advance.issue_date}: {sums} {advance.currency}"
    for rate in found.rates:
        before = f", {figure(rate.deducted_before)} by earlier final invoices" if rate.deducted_before else ""
        amounts = f"net {figure(rate.deducted)} of {figure(rate.advances)} {rate.currency}{before}"
        if rate.deducted_tax != rate.advances_tax:
            amounts += f"; tax {figure(rate.deducted_tax)} of {figure(rate.advances_tax)}"
        yield f"deducted at {rate.rate.normalize():f}%", amounts
    if form == "remainder":
        yield "deduction", "not expected: the invoice bills only the rest (final_invoice_form remainder)"


def _detail(detail: object) -> str:
    if not isinstance(detail, Mapping):  # an event of another program
        return _shortened(str(detail))
    return ", ".join(f"{name} {_shortened(str(value))}" for name, value in detail.items() if value not in (None, ""))


def _shortened(text: str) -> str:
    """The first digits are enough of a SHA-256."""
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text


VERDICTS = {
    "publishes": "would publish it",
    "published": "is done already, and would change nothing",
    "parks": "would park, for a person to act",
    "rejects": "would be rejected",
    "waits": "would wait and be tried again by itself",
}


def preview_view(preview: "Preview") -> RenderableType:
    """What would come of it, recipient, sums, advances, refusal, and the request's JSON."""
    problem, before = preview.problem, preview.stopped_before
    head = facts(
        ("invoice", f"{preview.invoice_number} ({preview.standing})"),
        ("publishing", VERDICTS[preview.verdict]),
        ("calls", ", ".join(preview.writes) or "none that writes"),
        ("recipient", preview.recipient or "none"),
        ("because", preview.recipient_reason),
        ("sums stated", str(preview.stated)),
        ("sums expected", str(preview.predicted) if preview.predicted else "cannot be computed"),
        *(_reckoning(preview.reckoning, preview.final_invoice_form) if preview.reckoning else ()),
        ("template", preview.template_id or "none: sevDesk's default"),
        ("would stop", problem.cause() if problem else "no"),
        ("next step", preview.next_step or "-"),
        *([("behind", "{kind} {job_id}, {state}".format_map(preview.behind))] if preview.behind else ()),
        *([("stopped before", before.cause())] if before and before != problem else ()),
        *(("warning", warning) for warning in preview.warnings),
        *(("unknown here", what) for what in preview.unknown),
    )
    if preview.body is None:
        return head
    return Group(head, Text("\nPOST /Invoice/Factory/saveInvoice", style="bold"), dump(preview.body))
