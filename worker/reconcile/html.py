"""The report of a comparison as one HTML file without scripts or links."""

from worker.domain.dates import BERLIN
from worker.domain.formats import counted
from worker.domain.html_page import Html, heading, page, paragraph, table
from worker.reconcile.compare import Drift
from worker.reconcile.read import Reconciliation

COLUMNS = ("Invoice", "sevDesk id", "Here", "In sevDesk", "Next step")
MEANING = {
    Drift.EXISTENCE: "Missing in sevDesk, twice in sevDesk, or not linked",
    Drift.NUMBER: "Another number than the one stored here",
    Drift.STATUS: "Draft, open or cancelled on one side only",
    Drift.GROSS: "Another gross sum",
    Drift.PAID: "Another payment state",
    Drift.CONTACT: "Another contact than the recipient's",
    Drift.PDF: "The PDF is not stored, or was changed since",
    Drift.PROVIDER: "Published in sevDesk, and called another program's here",
    Drift.CONTENT: "An adopted document no longer says what it said when it was taken over",
}


def report(result: Reconciliation) -> str:
    """The HTML page."""
    at = f"{result.started_at.astimezone(BERLIN):%Y-%m-%d %H:%M %Z}"
    scope = f"{counted(result.invoices, 'linked invoice')}, {counted(result.documents, 'document')} in sevDesk"
    parts = [_verdict(result), paragraph(f"{scope}, {result.changing} left out because of changes meanwhile.", "quiet")]
    for drift in Drift:
        rows = [(each.invoice_number, each.external_id, each.ours, each.theirs, each.next_step)
                for each in result.findings if each.drift is drift]  # fmt: skip
        if rows:
            parts += [heading(f"{drift.value}: {MEANING[drift]}"), table(COLUMNS, rows)]
    return page(f"Billing system and sevDesk, {at}", parts)


def _verdict(result: Reconciliation) -> Html:
    if not result.findings:
        return paragraph("Both books agree.", "good")
    repairable = sum(finding.repair is not None for finding in result.findings)
    return paragraph(
        f"{counted(len(result.findings), 'difference')}: jobs can repair {repairable}, "
        f"a person must act on {len(result.findings) - repairable}.",
        "bad",
    )
