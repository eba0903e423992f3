"""The report of a comparison as one HTML file without scripts or links."""

from collections.abc import Iterable
from html import escape

from worker.domain.dates import BERLIN
from worker.reconcile.compare import Difference, Drift
from worker.reconcile.read import Reconciliation

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1d2733 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } td, th { padding: .35rem .6rem; text-align: left; vertical-align: top }
th { border-bottom: 2px solid #1d2733 } td { border-bottom: 1px solid #d8dee6 } td.n { white-space: nowrap }
.good { color: #17663a } .bad { color: #a3341f } .quiet { color: #66707c }
@media print { body { margin: 0 } }
"""
MEANING = {
    Drift.EXISTENCE: "Missing in sevDesk, twice in sevDesk, or not linked",
    Drift.NUMBER: "Another number than the one stored here",
    Drift.STATUS: "Draft, open or cancelled on one side only",
    Drift.GROSS: "Another gross sum",
    Drift.PAID: "Another payment state",
    Drift.CONTACT: "Another contact than the recipient's",
    Drift.PDF: "The PDF is not stored, or was changed since",
    Drift.CONTENT: "An adopted document no longer says what it said when it was taken over",
}


def report(result: Reconciliation) -> str:
    """The HTML page. All texts from the databases are escaped."""
    at = f"{result.started_at.astimezone(BERLIN):%Y-%m-%d %H:%M %Z}"
    verdict = _verdict(result)
    sections = "".join(
        _section(drift, [f for f in result.findings if f.drift is drift]) for drift in Drift if result.counts.get(drift)
    )
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>Reconciliation {escape(at)}</title><style>{STYLE}</style></head>\n<body>"
        f"<h1>Billing system and sevDesk, {escape(at)}</h1>\n{verdict}"
        f"<p class=quiet>{counted(result.invoices, 'linked invoice')}, {counted(result.documents, 'document')} in "
        f"sevDesk, {result.changing} left out because of changes meanwhile.</p>\n{sections}</body></html>\n"
    )


def _verdict(result: Reconciliation) -> str:
    if not result.findings:
        return "<p class=good>Both books agree.</p>\n"
    repairable = sum(finding.repair is not None for finding in result.findings)
    return (
        f"<p class=bad>{counted(len(result.findings), 'difference')}: jobs can repair {repairable}, "
        f"a person must act on {len(result.findings) - repairable}.</p>\n"
    )


def counted(number: int, name: str) -> str:
    """Such as "1 call" and "2 calls"."""
    return f"{number} {name}{'' if number == 1 else 's'}"


def _section(drift: Drift, findings: Iterable[Difference]) -> str:
    rows = "".join(_row(finding) for finding in findings)
    head = "".join(f"<th>{name}</th>" for name in ("Invoice", "sevDesk id", "Here", "In sevDesk", "Next step"))
    return f"<h2>{drift.value}: {MEANING[drift]}</h2>\n<table><tr>{head}</tr>{rows}</table>\n"


def _row(finding: Difference) -> str:
    names = (finding.invoice_number, finding.external_id or "-")
    texts = (finding.ours, finding.theirs, finding.next_step)
    cells = [f"<td class=n>{escape(text)}</td>" for text in names] + [f"<td>{escape(text)}</td>" for text in texts]
    return f"<tr>{''.join(cells)}</tr>\n"
