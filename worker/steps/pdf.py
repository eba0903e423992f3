"""pdf, xml: store the finalized invoice's PDF, and an e-invoice's XML, in Postgres."""

import hashlib

from worker.domain.events import DocumentStored, PdfStored, XmlStored
from worker.steps.sevdesk_account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getPdf with preventSendBy: a pure read, which may be repeated."""
    document = await account.client.get_pdf(context.external_id)
    name = document.filename or f"{context.handback.external_invoice_number}.pdf"
    return stored(PdfStored, name, document.content)


async def look_xml(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getXml: a read. sevDesk's e-invoice flag is unreliable in reads (live, two peers), so ours decides."""
    content = (await account.client.get_xml(context.external_id)).encode()
    name = context.handback.external_invoice_number or context.external_id
    return stored(XmlStored, f"{name}.xml", content)


def stored(kind: type[DocumentStored], filename: str, content: bytes) -> StepResult:
    """The event that puts the document into `sevdesk_documents`."""
    return StepResult((kind(filename=filename, sha256=digest_of(content), content=content),))


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
