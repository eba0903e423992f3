"""pdf, xml: the finalized invoice's PDF, and an e-invoice's XML, lie in Postgres."""

import hashlib

from worker.domain.events import PdfStored, XmlStored
from worker.steps.account import SevdeskAccount
from worker.steps.step import Step, StepContext, StepResult


async def look(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getPdf with preventSendBy: a pure read, repeated at will."""
    external_id = context.handback.external_id
    assert external_id is not None
    document = await account.client.get_pdf(external_id)
    return StepResult(
        (
            PdfStored(
                filename=document.filename or f"{context.handback.external_invoice_number}.pdf",
                sha256=hashlib.sha256(document.content).hexdigest(),
                content=document.content,
            ),
        )
    )


async def look_xml(context: StepContext, account: SevdeskAccount) -> StepResult:
    """GET getXml: a read. The flag on sevDesk's side is unreliable in reads (live, two peers), so ours decides."""
    external_id = context.handback.external_id
    assert external_id is not None
    content = (await account.client.get_xml(external_id)).encode()
    name = context.handback.external_invoice_number or external_id
    return StepResult((XmlStored(filename=f"{name}.xml", sha256=hashlib.sha256(content).hexdigest(), content=content),))


def _no_xml_wanted(context: StepContext) -> bool:
    return not context.invoice.is_e_invoice or context.has_xml


def _stored(context: StepContext) -> bool:
    return context.pdf_sha256 is not None


XML = Step("xml", look_xml, already_done=_no_xml_wanted)
PDF = Step("pdf", look, already_done=_stored)
FETCH_PDF = Step("pdf", look)
