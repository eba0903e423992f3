"""The demo's credit note: a customer who has paid gives one of two positions back."""

from decimal import Decimal

INVOICE_NUMBER = "R1-2026-10-0002"  # two positions at 19 %: 3 x 10 and 1 x 25, paid in full
REASON, POSITIONS = "Paket zurückgegeben", '[{"position": 2}]'
JOB = "credit_invoice"
EVENTS = ["credit_saved", "credited", "credit_pdf_stored"]
GROSS = Decimal("29.75")


def is_ours(internal_note: str | None) -> bool:
    """Whether a credit note in sevDesk has a marker of ours: the invoice number and a digest of the job's id."""
    return (internal_note or "").startswith(f"{INVOICE_NUMBER}/")
