"""pdf: the finalized invoice's PDF lies in Postgres."""

import hashlib

from worker.lifecycle import PdfStored
from worker.steps.desk import Desk
from worker.steps.step import Case, Step, Told


async def look(case: Case, desk: Desk) -> Told:
    """GET getPdf with preventSendBy: a pure read, repeated at will."""
    external_id = case.handback.external_id
    assert external_id is not None
    document = await desk.client.get_pdf(external_id)
    return Told(
        (
            PdfStored(
                filename=document.filename,
                sha256=hashlib.sha256(document.content).hexdigest(),
                content=document.content,
            ),
        )
    )


def _stored(case: Case) -> bool:
    return case.pdf_sha256 is not None


PDF = Step("pdf", look, settled=_stored)
FETCH_PDF = Step("pdf", look)
