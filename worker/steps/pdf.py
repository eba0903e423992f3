"""pdf, xml: the finalized invoice's PDF, and an e-invoice's XML, lie in Postgres."""

import hashlib

from worker.domain.events import PdfStored, XmlStored
from worker.steps.account import Desk
from worker.steps.step import Case, Step, Told


async def look(case: Case, desk: Desk) -> Told:
    """GET getPdf with preventSendBy: a pure read, repeated at will."""
    external_id = case.handback.external_id
    assert external_id is not None
    document = await desk.client.get_pdf(external_id)
    return Told(
        (
            PdfStored(
                filename=document.filename or f"{case.handback.external_invoice_number}.pdf",
                sha256=hashlib.sha256(document.content).hexdigest(),
                content=document.content,
            ),
        )
    )


async def look_xml(case: Case, desk: Desk) -> Told:
    """GET getXml: a read. The flag on sevDesk's side is unreliable in reads (live, two peers), so ours decides."""
    external_id = case.handback.external_id
    assert external_id is not None
    content = (await desk.client.get_xml(external_id)).encode()
    name = case.handback.external_invoice_number or external_id
    return Told((XmlStored(filename=f"{name}.xml", sha256=hashlib.sha256(content).hexdigest(), content=content),))


def _no_xml_wanted(case: Case) -> bool:
    return not case.invoice.is_e_invoice or case.has_xml


def _stored(case: Case) -> bool:
    return case.pdf_sha256 is not None


XML = Step("xml", look_xml, settled=_no_xml_wanted)
PDF = Step("pdf", look, settled=_stored)
FETCH_PDF = Step("pdf", look)
