"""Fetches the PDF of a credit note or cancellation; an e-invoice's is judged before it is stored and mailed.

sevDesk has no getXml for credit notes (official). That their PDF holds XML is inferred from its refusal “Could not
generate ZUGFeRD Invoice” (measured by one peer), and of cancellation invoices nothing is known, so a PDF without XML is
only a warning.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

from worker.domain.check_levels import Level
from worker.domain.events import EInvoiceChecked, PdfDocumentStored
from worker.domain.invoice import Cancellation, CreditNote
from worker.domain.money import are_computable
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.einvoice.comparison import Correction, content_fault, correction_differences, sums_by_rate
from worker.einvoice.finding import FaultKind, Finding
from worker.einvoice.reading import Address, Unreadable, read
from worker.einvoice.validation import validate_pdf
from worker.steps.document import currency_of, items_of
from worker.steps.payments import CREDIT_NOTE
from worker.steps.pdf import compared, digest_of
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import StepContext, StepResult

MAX_FINDINGS = 5
_CREDIT_NOTE = "381"  # UNTDID 1001


async def fetched_pdf(
    context: StepContext,
    account: SevdeskAccount,
    document: CreditNote | Cancellation,
    stored: Callable[..., PdfDocumentStored],
) -> StepResult:
    """GET getPdf; `stored` makes the event. Raises `RulesUnavailable`."""
    client = account.client
    pdf = await (client.get_credit_note_pdf if is_credit_note(document) else client.get_pdf)(document.external_id)
    found = await compared(context, pdf, document.number, document.gross)
    if found.other is not None:
        return StepResult(stop=found.other)
    name = pdf.filename or f"{document.number or document.external_id}.pdf"
    event = stored(filename=name, sha256=digest_of(pdf.content), content=pdf.content, not_shown=found.missing)
    if not context.made_as_e_invoice:
        return StepResult((event,))
    checked, stop = await _judged(context, document, pdf.content)
    # One that stops is not stored, so that the next attempt fetches and judges it anew.
    return StepResult((checked,), stop=stop) if stop else StepResult((event, checked))


def is_credit_note(document: CreditNote | Cancellation) -> bool:
    """Over a part of the invoice, or over the whole of it in place of a cancellation invoice."""
    return isinstance(document, CreditNote) or document.kind == CREDIT_NOTE


def _expected(context: StepContext, document: CreditNote | Cancellation) -> Correction:
    """What the XML must say. The buyer is the one of our request for the invoice: sevDesk copies it, or we do."""
    content = context.document.content if context.document else {}
    if isinstance(document, CreditNote):
        sums = {rate: (net, gross - net) for rate, (net, gross) in document.by_rate.items()}
    else:
        items = items_of(content) if context.document else context.invoice.items
        sums = sums_by_rate(items, currency_of(context)) if are_computable(items) else {}
    name, street, code, city = (content.get(f"address_{field}") for field in ("name", "street", "zip", "city"))
    return Correction(
        number=document.number,
        day=document.day,
        gross=document.gross,
        currency=currency_of(context),
        buyer=Address(name, street, code, city, country=None),
        preceding=context.handback.external_invoice_number,
        by_rate=sums,
        type_code=_CREDIT_NOTE if is_credit_note(document) else None,
        tax_rule=content.get("tax_rule", context.invoice.tax_rule),
    )


async def _judged(
    context: StepContext, document: CreditNote | Cancellation, pdf: bytes
) -> tuple[EInvoiceChecked, Parked | None]:
    """The event, and why the document must not be mailed. Raises `RulesUnavailable`."""
    kind = "credit_note" if isinstance(document, CreditNote) else "cancellation"
    code = f"{kind}_invalid"
    findings, rules, read_it = await asyncio.to_thread(_judge, _expected(context, document), pdf)
    fatal = [each for each in findings if each.fatal]
    passes = code in context.confirmed or context.level("e_invoice_invalid") is not Level.PARK
    stop = None
    if fatal and not passes:
        told = "; ".join(each.in_problem for each in fatal[:MAX_FINDINGS])
        about = {kind: document.number or "–", "number": context.invoice.number, "count": len(fatal), "findings": told}
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
    yield from map(content_fault, correction_differences(said, expected))
    if not said.preceding:
        told = "the corrected invoice is not named in the XML (BT-25)"
        yield Finding(FaultKind.CONTENT, "content", told, fatal=False)  # a text may name it (§ 31 Abs. 5 UStDV)
