"""e_invoice: judge the XML, and the one inside the PDF, by the official rules, and compare both with the invoice.

After publishing and before the mail, where another XML than the one that passed is judged anew. What is fatal parks the
job, unless CHECK_LEVELS says that it only warns; a person who says `retry --as confirmed` lets the document pass.
Whether sevDesk's XML names the buyer just as its request did is not established. The event says what was found and
which version of the rules judged, for the XML with this digest.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from worker.domain.check_levels import Level
from worker.domain.dates import delivery_date, delivery_date_until, due_date
from worker.domain.events import EInvoiceChecked, PdfStored, XmlStored
from worker.domain.outcome import Parked
from worker.domain.payloads import SendInvoice
from worker.domain.problems import problem
from worker.domain.recipients import NoRecipient
from worker.domain.units import UNECE
from worker.einvoice.comparison import IN_PDF, Expected, content_fault, differences, disagreements
from worker.einvoice.finding import FaultKind, Finding
from worker.einvoice.reading import Unreadable, read
from worker.einvoice.validation import missing_packages, validate
from worker.steps.field_map import buyer_reference
from worker.steps.pdf import digest_of, of_other_invoice
from worker.steps.pdf import look as read_pdf
from worker.steps.sending import already_sent
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult

MAX_FINDINGS = 5  # findings in the problem's sentence; the event has all


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """Reads XML and PDF, unless this attempt has stored them. Raises `SevDeskError`, `RulesUnavailable`.

    The recipient's row may be gone since the document was made; without it nobody can say whether the XML is right.
    """
    if isinstance(context.recipient, NoRecipient):
        return StepResult(stop=Parked(context.recipient.problem))
    xml = context.xml or (await account.client.get_xml(context.external_id)).encode()
    if _passed(context) and digest_of(xml) == context.xml_sha256:
        return StepResult()
    # sevDesk mails the PDF that it has now, so of one that passed earlier the newer rendering is stored, too.
    newer = await read_pdf(context, account) if _passed(context) else StepResult()
    if newer.stop:
        return newer
    pdf = _content(newer) or context.pdf or (await account.client.get_pdf(context.external_id)).content
    units = [await account.unit(item.unit) for item in sorted(context.invoice.items, key=lambda item: item.position)]
    codes = tuple(UNECE.get(unit.code or "") if unit else None for unit in units)
    expected = replace(expectation(context), units=codes)
    findings, rules = await asyncio.to_thread(_judge, xml, pdf, expected)
    stop = _why_not(context, findings)
    passed = "let_pass" if any(each.fatal for each in findings) else "compared" if rules is None else "valid"
    event = EInvoiceChecked(
        verdict=stop.problem.code if stop else passed,
        rules=rules,
        sha256=digest_of(xml),
        findings=tuple(str(each) if each.fatal else f"warning: {each}" for each in findings),
    )
    if event.sha256 == context.xml_sha256 or await of_other_invoice(context, xml):
        return StepResult((*newer.events, event), stop=stop)
    # sevDesk has made the XML anew since it was stored, and what is judged must be stored.
    anew = XmlStored(filename=f"{expected.number}.xml", sha256=event.sha256, content=xml)
    return StepResult((*newer.events, anew, event), stop=stop)


def _content(stored: StepResult) -> bytes | None:
    return next((event.content for event in stored.events if isinstance(event, PdfStored)), None)


def _judge(xml: bytes, pdf: bytes, expected: Expected) -> tuple[list[Finding], str | None]:
    """Blocks; runs in a thread."""
    verdict = validate(xml, pdf)
    found = [*verdict.findings, *_contents(xml, expected, "")]
    if verdict.attached is not None:
        found += _contents(verdict.attached, expected, IN_PDF, beside=xml)
    return found, verdict.rules


def _contents(xml: bytes, expected: Expected, where: str, *, beside: bytes | None = None) -> Iterator[Finding]:
    """`beside`: the other XML, with which what we cannot know is compared."""
    try:
        said, other = read(xml), None if beside is None else read(beside)
    except Unreadable:
        return  # a format fault, which `validate` has found
    for each in [*differences(said, expected), *(disagreements(said, other) if other else ())]:
        yield content_fault(f"{each}{where}")


def expectation(context: StepContext) -> Expected:
    """What the XML must say, by the billing system and sevDesk's number."""
    invoice, party = context.invoice, context.party
    about = (invoice.document_kind, invoice.issue_date, invoice.service_from, invoice.service_to)
    days = (delivery_date(*about), delivery_date_until(*about), invoice.issue_date)
    term, sent = invoice.payment_term_days, context.document.content if context.document else {}
    percent, skonto_days = sent.get("discount"), sent.get("discount_time")
    return Expected(
        invoice=invoice,
        party=party,
        number=context.handback.external_invoice_number,
        buyer_reference=buyer_reference(party.buyer_reference, True) or "-",
        service=tuple(day for day in days if day is not None),
        due=None if term is None else due_date(invoice.issue_date, term),
        skonto=(skonto_days, Decimal(percent)) if percent and skonto_days is not None else None,
    )


def _why_not(context: StepContext, findings: list[Finding]) -> Parked | None:
    """Rules first, for what breaks them may be no invoice at all."""
    fatal = [each for each in findings if each.fatal]
    broken = [each for each in fatal if each.kind is not FaultKind.CONTENT]
    differing = [each.coded for each in fatal if each.kind is FaultKind.CONTENT]
    number = context.invoice.number
    if broken and context.level("e_invoice_invalid") is Level.PARK:
        told = "; ".join(each.in_problem for each in broken[:MAX_FINDINGS])
        return Parked(problem("e_invoice_invalid", number=number, count=len(broken), findings=told))
    if differing and context.level("e_invoice_differs") is Level.PARK:
        told = ", ".join(differing[:MAX_FINDINGS])
        return Parked(problem("e_invoice_differs", number=number, count=len(differing), differences=told))
    return None


def _passed(context: StepContext) -> bool:
    """Nothing speaks against its mail. What was only compared is judged once the rules are installed."""
    known = context.e_invoice_verdict
    return known is not None and (known != "compared" or bool(missing_packages()))


def _already_done(context: StepContext) -> bool:
    """Passed before, and this job mails nothing; of a mail that has gone, or may have, nothing is asked again."""
    if isinstance(context.payload, SendInvoice) and already_sent(context):
        return True
    mails = isinstance(context.payload, SendInvoice) and context.payload.channel == "email"
    return not context.made_as_e_invoice or (_passed(context) and not mails) or context.open_intent is not None


E_INVOICE = Step("e_invoice", look, already_done=_already_done)
