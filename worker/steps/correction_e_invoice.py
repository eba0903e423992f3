"""Judges the XML inside the PDF of an e-invoice's credit note or cancellation, before that PDF is stored and mailed.

sevDesk has no getXml for credit notes (official). That their PDF holds XML is inferred from its refusal “Could not
generate ZUGFeRD Invoice” (measured by one peer), and of cancellation invoices nothing is known, so a PDF without XML is
only a warning.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from worker.domain.check_levels import Level
from worker.domain.events import EInvoiceChecked
from worker.domain.invoice import Cancellation, CreditNote
from worker.domain.money import are_computable
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.einvoice.comparison import Correction, correction_differences, sums_by_rate
from worker.einvoice.finding import FaultKind, Finding
from worker.einvoice.reading import Address, Unreadable, read
from worker.einvoice.validation import validate_pdf
from worker.steps.document import currency_of, items_of
from worker.steps.pdf import digest_of
from worker.steps.step import StepContext

MAX_FINDINGS = 5
_CREDIT_NOTE = "381"  # UNTDID 1001


def of_credit_note(context: StepContext, note: CreditNote) -> Correction:
    """What the XML of a credit note over a part of the invoice must say."""
    sums = {rate: (net, gross - net) for rate, (net, gross) in note.by_rate.items()}
    return _correction(context, note, sums, _CREDIT_NOTE)


def of_cancellation(context: StepContext, storno: Cancellation) -> Correction:
    """What the XML of the cancellation invoice, or of the credit note over the whole, must say."""
    items = items_of(context.document.content) if context.document else context.invoice.items
    sums = sums_by_rate(items, currency_of(context)) if are_computable(items) else {}
    return _correction(context, storno, sums, _CREDIT_NOTE if storno.kind == "credit_note" else None)


def _correction(
    context: StepContext,
    document: CreditNote | Cancellation,
    by_rate: Mapping[Decimal, tuple[Decimal, Decimal]],
    type_code: str | None,
) -> Correction:
    """The buyer is the one that our request for the invoice named: sevDesk copies it from there, or we do."""
    content = context.document.content if context.document else {}
    name, street, code, city = (content.get(f"address_{field}") for field in ("name", "street", "zip", "city"))
    return Correction(
        number=document.number,
        day=document.day,
        gross=document.gross,
        currency=currency_of(context),
        buyer=Address(name, street, code, city, country=None),
        preceding=context.handback.external_invoice_number,
        by_rate=by_rate,
        type_code=type_code,
    )


async def judged(
    context: StepContext, kind: Literal["credit_note", "cancellation"], expected: Correction, pdf: bytes
) -> tuple[EInvoiceChecked, Parked | None]:
    """The event, and why the document must not be mailed. Raises `RulesUnavailable`."""
    code = f"{kind}_invalid"
    findings, rules, read_it = await asyncio.to_thread(_judge, expected, pdf)
    fatal = [each for each in findings if each.fatal]
    passes = code in context.confirmed or context.level("e_invoice_invalid") is not Level.PARK
    stop = None
    if fatal and not passes:
        told = "; ".join(each.text if each.kind is FaultKind.CONTENT else str(each) for each in fatal[:MAX_FINDINGS])
        about = {kind: expected.number or "–", "number": context.invoice.number, "count": len(fatal), "findings": told}
        stop = Parked(problem(code, **about))
    event = EInvoiceChecked(
        document=kind,
        verdict=code if stop else "let_pass" if fatal else "valid" if read_it else "not_judged",
        rules=rules,
        sha256=digest_of(pdf),
        findings=tuple(str(each) if each.fatal else f"warning: {each}" for each in findings),
    )
    return event, stop


def _judge(expected: Correction, pdf: bytes) -> tuple[list[Finding], str | None, bool]:
    """Findings, the rules' version, and whether there was XML to judge. Blocks; runs in a thread."""
    verdict = validate_pdf(pdf)
    if verdict.attached is None:
        return [replace(each, fatal=False) for each in verdict.findings], verdict.rules, False
    return [*verdict.findings, *_contents(verdict.attached, expected)], verdict.rules, True


def _contents(xml: bytes, expected: Correction) -> Iterator[Finding]:
    try:
        said = read(xml)
    except Unreadable:
        return  # a format fault, which the rules have found
    yield from (Finding(FaultKind.CONTENT, "content", each) for each in correction_differences(said, expected))
    if not said.preceding:
        told = "the corrected invoice is not named in the XML (BT-25)"
        yield Finding(FaultKind.CONTENT, "content", told, fatal=False)  # a text may name it (§ 31 Abs. 5 UStDV)
