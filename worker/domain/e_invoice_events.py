"""What can happen to an e-invoice beyond what happens to every invoice. Pure."""

from dataclasses import dataclass

from worker.domain.event_base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EInvoiceChecked(Event):
    """An e-invoice was judged before its mail. `rules`: their version and date, null if they are not installed.

    `verdict` is `valid`, or `let_pass` by a person or CHECK_LEVELS in spite of findings, or the problem's code; without
    rules `compared` with the invoice only. `not_judged`: of a correction's PDF no XML could be read.
    """

    document: str = "invoice"  # or `credit_note`, or `cancellation`
    verdict: str
    rules: str | None
    sha256: str  # of the XML; of a credit note's or cancellation's PDF, which holds the XML
    findings: tuple[str, ...]  # rule id, kind of fault and text; warnings begin with `warning:`
