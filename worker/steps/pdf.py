"""pdf, xml: store the finalized invoice's PDF, and an e-invoice's XML, in Postgres; nothing of another document's.

Another document's PDF parks before it is stored or mailed (`pdf_differs`), because a customer must not get what is owed
by another one. A PDF that cannot be told to be ours is stored and mailed, since how sevDesk sets its PDFs is not
established, and the event says what was not seen. The XML of another invoice is left to the step `e_invoice`, which
says all that differs; `fetch_invoice_pdf` does not have it, so that the job parks here.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import structlog

from sevdesk_client.models import Document
from worker.domain.check_levels import Level
from worker.domain.events import PdfStored, XmlStored
from worker.domain.outcome import Parked
from worker.domain.payloads import FetchInvoicePdf
from worker.domain.problems import problem
from worker.einvoice.comparison import IN_PDF
from worker.einvoice.pdf_text import reads_pdfs, shown
from worker.einvoice.reading import Unreadable, read
from worker.steps.document import gross_of
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult

CODE = "pdf_differs"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Compared:
    """`other`: the question to a person about another document's PDF, `missing` and `xml` as in `Shown`."""

    other: Parked | None = None
    missing: tuple[str, ...] = ()
    xml: bytes | None = None


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getPdf with preventSendBy: a pure read, which may be repeated."""
    document = await account.client.get_pdf(context.external_id)
    number = context.handback.external_invoice_number
    found = await compared(context, document, number, gross_of(context))
    if found.other is not None:
        return StepResult(stop=found.other)
    if context.made_as_e_invoice and found.xml is not None and await of_other_invoice(context, found.xml):
        return _not_stored(context, f"xml_number{IN_PDF}")
    name, sha256 = document.filename or f"{number}.pdf", digest_of(document.content)
    return StepResult((PdfStored(filename=name, sha256=sha256, content=document.content, not_shown=found.missing),))


async def look_xml(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getXml: a read. sevDesk's e-invoice flag is unreliable in reads (live, two peers), so ours decides."""
    content = (await account.client.get_xml(context.external_id)).encode()
    if await of_other_invoice(context, content):
        return _not_stored(context, "xml_number")
    name = context.handback.external_invoice_number or context.external_id
    return StepResult((XmlStored(filename=f"{name}.xml", sha256=digest_of(content), content=content),))


async def of_other_invoice(context: StepContext, xml: bytes) -> bool:
    """Whether the XML has another number than the invoice. False if a person or CHECK_LEVELS lets that pass."""
    if context.level("e_invoice_differs") is not Level.PARK:
        return False
    try:
        number = (await asyncio.to_thread(read, xml)).number
    except Unreadable:
        return False
    return number not in (None, context.handback.external_invoice_number)


def _not_stored(context: StepContext, differences: str) -> StepResult:
    if not isinstance(context.payload, FetchInvoicePdf):
        return StepResult()
    return StepResult(
        stop=Parked(problem("e_invoice_differs", number=context.invoice.number, count=1, differences=differences))
    )


async def compared(context: StepContext, pdf: Document, number: str | None, gross: Decimal | None) -> Compared:
    """What the PDF shows of the document's number and gross total; `other` has to be asked before it is stored."""
    if CODE in context.confirmed:
        return Compared()
    found = await asyncio.to_thread(shown, pdf.content, pdf.filename, number, gross, list(_mentioned(context)))
    if found.other is not None:
        about = {"number": context.invoice.number, "document_number": number or "–", "other_number": found.other}
        return Compared(Parked(problem(CODE, **about)))
    if found.missing and reads_pdfs():
        log.warning(
            "pdf.not_shown",
            document_number=number,
            not_shown=found.missing,
            reason="What it shows cannot be read, or it is written otherwise; the PDF is stored all the same.",
            next_step="Look at the PDF in sevDesk.",
        )
    return Compared(None, found.missing, found.xml)


def _mentioned(context: StepContext) -> Iterator[str]:
    """What may bring the number of another document onto this one."""
    yield from context.private_texts
    yield json.dumps(context.document.content if context.document else {}, ensure_ascii=False)
    yield context.invoice.number
    yield context.handback.external_invoice_number or ""
    yield from (each.number for each in context.deal_invoices)


def digest_of(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _no_xml_wanted(context: StepContext) -> bool:
    return not context.made_as_e_invoice or context.xml_sha256 is not None


def _has_pdf(context: StepContext) -> bool:
    return context.pdf_sha256 is not None


XML = Step("xml", look_xml, already_done=_no_xml_wanted)
PDF = Step("pdf", look, already_done=_has_pdf)
FETCH_PDF = Step("pdf", look)
