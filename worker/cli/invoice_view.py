"""How show, preview and mapping look in a terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.cli.base import dump

if TYPE_CHECKING:
    from worker.domain.problems import Lang, ProblemType
    from worker.operator.mapping import Row
    from worker.operator.preview import Preview
    from worker.store.operator_rows import InvoiceHeadRow, InvoiceJobRow, TimelineRow

BERLIN = ZoneInfo("Europe/Berlin")


class Story(TypedDict):
    """What `show` knows about an invoice; the shape of its JSON."""

    invoice: "InvoiceHeadRow"
    jobs: "list[InvoiceJobRow]"
    timeline: "list[TimelineRow]"  # oldest first


def story(found: Story) -> RenderableType:
    """Numbers, sums and statuses, then what happened, in Berlin time."""
    row = found["invoice"]
    head = Table.grid(padding=(0, 2))
    for name, said in (
        ("invoice", f"{row['invoice_number']} ({row['document_kind']}, {row['id']})"),
        ("sevDesk", f"{row['external_invoice_number'] or '-'} (id {row['external_id'] or '-'})"),
        ("sums", f"net {row['net_amount']}, tax {row['tax_amount']}, gross {row['gross_amount']} {row['currency']}"),
        ("status", f"{row['document_status']}, {row['accounting_sync_status']}, {row['claim_status']}"),
        ("paid", f"{row['paid_amount']} {row['currency']}{_on(row['paid_at'])}"),
    ):
        head.add_row(Text(name, style="bold"), Text(said))
    return Group(head, _timeline(found["timeline"]))


def _on(moment: Any) -> str:
    return f" on {moment.astimezone(BERLIN):%Y-%m-%d}" if moment else ""


def _timeline(rows: "Sequence[TimelineRow]") -> RenderableType:
    if not rows:
        return Text("Nothing has happened yet.")
    table = plain("when", "", "what", "detail")
    for row in rows:
        at = f"{row['at'].astimezone(BERLIN):%Y-%m-%d %H:%M:%S}"
        table.add_row(at, row["source"], Text(row["what"]), Text(_detail(row["detail"])))
    return table


def _detail(detail: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in detail.items() if value not in (None, ""))


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 and text.isalnum() else text  # a digest


def previewed(found: "Preview") -> RenderableType:
    """Recipient, sums, refusal, and the request's JSON."""
    head = Table.grid(padding=(0, 2))
    for name, said in (
        ("invoice", found.invoice_number),
        ("recipient", found.recipient or "none"),
        ("because", found.recipient_reason),
        ("sums stated", str(found.stated)),
        ("sums expected", str(found.predicted) if found.predicted else "cannot be computed"),
        ("template", found.template_id or "none: sevDesk's default"),
        ("would stop", found.problem.cause() if found.problem else "no"),
        ("next step", found.problem.next_step(job=found.invoice_number) if found.problem else "-"),
        *(("unknown here", what) for what in found.unknown),
    ):
        head.add_row(Text(name, style="bold"), Text(said))
    if found.body is None:
        return head
    return Group(head, Text("\nPOST /Invoice/Factory/saveInvoice", style="bold"), Text(dump(found.body)))


def mapping_table(rows: Sequence["Row"]) -> Table:
    """One field per line."""
    table = plain("ours", "", "sevDesk's", "call")
    for row in rows:
        table.add_row(Text(row.ours), row.direction, Text(row.theirs), Text(row.call))
    return table


def problem_table(found: Sequence["ProblemType"], lang: "Lang") -> Table:
    """One problem a row."""
    table = plain("code", "who acts", "cause", "next step")
    for entry in found:
        table.add_row(Text(entry.code), entry.actor.value, Text(entry.cause[lang]), Text(entry.next_step[lang]))
    return table


def plain(*columns: str) -> Table:
    """An empty table with these column titles; long cells are wrapped."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
