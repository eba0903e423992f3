"""pdf, xml: store the finalized invoice's PDF, and an e-invoice's XML, in Postgres."""

import asyncio
import hashlib
from decimal import Decimal

from worker.domain.events import DocumentStored, PdfStored, XmlStored
from worker.domain.outcome import Parked
from worker.domain.problems import problem
from worker.einvoice.pdf_text import not_shown
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult

CODE = "pdf_differs"


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getPdf with preventSendBy: a pure read, which may be repeated."""
    document = await account.client.get_pdf(context.external_id)
    number = context.handback.external_invoice_number
    stop = await other_pdf(context, document.content, number, context.invoice.gross_amount)
    return StepResult(stop=stop) if stop else stored(PdfStored, document.filename or f"{number}.pdf", document.content)


async def look_xml(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getXml: a read. sevDesk's e-invoice flag is unreliable in reads (live, two peers), so ours decides."""
    content = (await account.client.get_xml(context.external_id)).encode()
    name = context.handback.external_invoice_number or context.external_id
    return stored(XmlStored, f"{name}.xml", content)


def stored(kind: type[DocumentStored], filename: str, content: bytes) -> StepResult:
    """The event that puts the document into `sevdesk_documents`."""
    return StepResult((kind(filename=filename, sha256=digest_of(content), content=content),))


async def other_pdf(context: StepContext, pdf: bytes, number: str | None, gross: Decimal | None) -> Parked | None:
    """The question to a person about a PDF that does not show number and total, before it is stored or mailed."""
    missing = [] if CODE in context.confirmed else await asyncio.to_thread(not_shown, pdf, number, gross)
    about = {"number": context.invoice.number, "document_number": number or "–"}
    return Parked(problem(CODE, not_shown=", ".join(missing), **about)) if missing else None


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
