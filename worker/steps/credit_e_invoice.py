"""Has the official rules judge the XML inside an e-invoice credit note's PDF, before that is stored and mailed.

sevDesk has no getXml for credit notes (official). That their PDF holds XML is inferred from its refusal “Could not
generate ZUGFeRD Invoice” (measured by one peer), so a PDF without XML is only a warning.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from worker.domain.check_levels import Level
from worker.domain.events import EInvoiceChecked
from worker.domain.invoice import CreditNote
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.einvoice.finding import FaultKind, Finding
from worker.einvoice.reading import Unreadable, read
from worker.einvoice.validation import validate_pdf
from worker.steps.pdf import digest_of
from worker.steps.step import StepContext

CODE, MAX_FINDINGS = "credit_note_invalid", 5
_TYPE = "381"  # UNTDID 1001: credit note


async def judged(context: StepContext, note: CreditNote, pdf: bytes) -> tuple[EInvoiceChecked, Parked | None]:
    """The event, and why the credit note must not be mailed. Raises `RulesUnavailable`."""
    findings, rules = await asyncio.to_thread(_judge, note, pdf)
    fatal = [each for each in findings if each.fatal]
    passes = CODE in context.confirmed or context.level("e_invoice_invalid") is not Level.PARK
    stop = None
    if fatal and not passes:
        about = {"credit_note": note.number or note.external_id, "number": context.invoice.number}
        told = "; ".join(map(str, fatal[:MAX_FINDINGS]))
        stop = Parked(problem(CODE, count=len(fatal), findings=told, **about))
    event = EInvoiceChecked(
        document="credit_note",
        verdict=CODE if stop else "let_pass" if fatal else "valid",
        rules=rules,
        sha256=digest_of(pdf),
        findings=tuple(map(str, findings)),
    )
    return event, stop


def _judge(note: CreditNote, pdf: bytes) -> tuple[list[Finding], str | None]:
    """Blocks; runs in a thread."""
    verdict = validate_pdf(pdf)
    if verdict.attached is None:
        return [replace(each, fatal=False) for each in verdict.findings], verdict.rules
    return [*verdict.findings, *_contents(verdict.attached, note)], verdict.rules


def _contents(xml: bytes, note: CreditNote) -> Iterator[Finding]:
    try:
        said = read(xml)
    except Unreadable:
        return  # a format fault, which the rules have found
    differing = {
        "type of document": said.type_code != _TYPE,
        "credit note number": said.number != note.number,
        "gross total": said.gross != note.gross,
    }
    yield from (Finding(FaultKind.CONTENT, "content", name) for name, differs in differing.items() if differs)
