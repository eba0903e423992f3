"""Download of DATEV archives by signed link, like the S3 bucket that sevDesk uses (official example)."""

import asyncio
from xml.sax.saxutils import escape

from sevdesk_client.sandbox.account.export_records import ExportJob
from sevdesk_client.sandbox.account.formats import timestamp
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.documents import archive
from sevdesk_client.sandbox.endpoints.calls import Answer, Call
from sevdesk_client.sandbox.endpoints.datev_export import storage_path


async def fetch(account: Account, method: str, path: str, call: Call) -> Answer:
    """The archive, or S3's refusal. Switches datev_layout and datev_faults apply at download time."""
    signature = call.query.get("X-Amz-Signature", "")
    job = next((each for each in account.exports.values() if signature in each.links), None)
    reply = _refused(account, method, path, call, job)
    if reply is None and job is not None:
        layout, faults = account.switches.datev_layout, tuple(account.switches.datev_faults)
        content = await asyncio.to_thread(archive.build, job, layout=layout, faults=faults)
        reply = Answer(200, content, "application/zip")
    assert reply is not None
    if job is not None:
        authorized = "authorization" in call.headers
        job.downloads.append({"at": timestamp(account.now()), "status": reply.status, "authorization": authorized})
    return reply


def _refused(account: Account, method: str, path: str, call: Call, job: ExportJob | None) -> Answer | None:
    """S3's refusal of another method, an Authorization header, a wrong signature or an expired link; else None."""
    if method != "GET":
        return _error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    if "authorization" in call.headers:
        return _error(400, "InvalidArgument", "Only one auth mechanism allowed")
    if job is None or path != storage_path(job):
        return _error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    if account.now() >= job.links[call.query["X-Amz-Signature"]]:
        return _error(403, "AccessDenied", "Request has expired")
    return None


def _error(status: int, code: str, message: str) -> Answer:
    text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(), "application/xml")
