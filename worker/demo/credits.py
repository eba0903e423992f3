"""The demo's credit notes: customers who have paid give one of two positions back, one of them on an e-invoice."""

from decimal import Decimal
from typing import NamedTuple

JOB = "credit_invoice"


class DemoCredit(NamedTuple):
    """A credit note over one position of an invoice, and the events that it leaves."""

    reason: str
    positions: str
    gross: Decimal
    events: list[str]


_SECOND = '[{"position": 2}]'
_EVENTS = ["credit_saved", "credited", "credit_pdf_stored"]
CREDITS = {  # by the invoice's number
    # 3 x 10 and 1 x 25 at 19 %, paid in full.
    "R1-2026-10-0002": DemoCredit("Paket zurückgegeben", _SECOND, Decimal("29.75"), _EVENTS),
    # An e-invoice: the official rules judge the XML in the credit note's PDF.
    "R1-2026-10-0033": DemoCredit("Keine Anfahrt nötig", _SECOND, Decimal("113.05"), [*_EVENTS, "e_invoice_checked"]),
}


def is_ours(internal_note: str | None) -> bool:
    """Whether a credit note in sevDesk has a marker of ours: the invoice number and a digest of the job's id."""
    return (internal_note or "").partition("/")[0] in CREDITS
