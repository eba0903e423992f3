"""DATEV export: create a job, poll its progress, get the link to its archive; and the export settings.

No answer of these calls was captured; they follow the specification, and what it leaves open is a switch.
"""

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from sevdesk_client.sandbox.account.export_records import ExportConfig, ExportJob
from sevdesk_client.sandbox.account.formats import Object, berlin_day, is_true, parse_decimal, parse_unix, timestamp
from sevdesk_client.sandbox.account.records import CLIENT_ID, Invoice
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.documents import archive, postings
from sevdesk_client.sandbox.documents.cii import embedded_xml
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, objects
from sevdesk_client.sandbox.endpoints.errors import Refusal, not_found
from sevdesk_client.sandbox.endpoints.lookup import find

SCOPE = frozenset("EXTCD")  # Earnings, Expenditure, Transactions, Cash register, Assets (official)
STORAGE: Final = "/storage"
_FAILURES = {"fail": (400, "The export failed"), "crash": (500, "An unexpected error occured")}  # inferred


def create_job(account: Account, call: Call) -> Answer:
    """GET /Export/createDatevCsvZipExportJob: creates a job, enshrines with enshrineDocuments, answers the job id."""
    start, end, scope = _period_and_scope(call.query)
    if account.export_config.accounting_year_begin is None:
        raise Refusal(400, "accountingYearBegin is not set")  # the refusal is official, its wording inferred
    running = any(fraction_done(account, each) < 1 for each in account.exports.values())
    # 409 is documented without a meaning; "another job is running" is a guess.
    if account.switches.datev_conflict == "always" or (account.switches.datev_conflict == "running" and running):
        raise Refusal(409, "Conflict")
    by_pay_date = is_true(call.query.get("exportByPaydate"))
    enshrined = is_true(call.query.get("includeEnshrined", "true"))
    chosen = postings.invoices_of(account, start, end, by_pay_date, enshrined) if "E" in scope else []
    notes = postings.credit_notes_of(account, start, end, enshrined) if "E" in scope and not by_pay_date else []
    lines = list(postings.revenues(account, [*chosen, *notes], by_pay_date))
    lines += postings.payments(account, start, end) if "T" in scope else ()
    images, enshrines = (is_true(call.query.get(key)) for key in ("includeDocumentImages", "enshrineDocuments"))
    ident = str(uuid.uuid4())
    account.exports[ident] = ExportJob(
        id=ident,
        hash=f"{hashlib.sha1(ident.encode(), usedforsecurity=False).hexdigest()}_{ident[:8]}",  # as the example
        create=account.now(),
        parameters=dict(call.query),
        start=berlin_day(start),
        end=berlin_day(end),
        config=account.export_config,
        chart=account.switches.datev_chart,
        postings=tuple(lines if images else (replace(each, image_guid="") for each in lines)),
        debtors=postings.debtors(account, lines),
        images=_images(account, chosen, notes) if images else {},
        enshrined=_enshrine(account, chosen) if enshrines else (),
        enshrine_documents=enshrines,
    )
    return objects(ident)


def _images(
    account: Account, chosen: Iterable[Invoice], notes: Iterable[Invoice]
) -> dict[str, tuple[Invoice, str | None]]:
    """What is printed for each document, by its GUID; whether a credit note's PDF holds XML is not established."""
    printed = {postings.image_guid(each): (replace(each), embedded_xml(account, each)) for each in chosen}
    return printed | {postings.image_guid(each): (each, None) for each in notes}


def _period_and_scope(query: dict[str, str]) -> tuple[datetime, datetime, str]:
    """startDate, endDate and scope, all required (official); the refusals are inferred."""
    start, end, scope = parse_unix(query.get("startDate")), parse_unix(query.get("endDate")), query.get("scope", "")
    if start is None or end is None:
        raise Refusal(400, "startDate and endDate must be timestamps")
    if start > end:
        raise Refusal(400, "startDate must be before endDate")
    if not scope or not SCOPE.issuperset(scope):
        raise Refusal(400, "scope must consist of the letters E, X, T, C and D")
    return start, end, scope


def _enshrine(account: Account, chosen: Iterable[Invoice]) -> tuple[int, ...]:
    """Enshrine all exported documents for good (official: "enshrine all models"); ids of those that were not yet."""
    fresh = [each for each in chosen if each.enshrined is None]
    for each in fresh:
        each.enshrined = account.now()
        account.touch(each)
    return tuple(each.id for each in fresh)


def generate_hash(account: Account, call: Call) -> Answer:
    """GET /Progress/generateDownloadHash: a hash by its description, progress by its schema (switch datev_hash)."""
    job = find(account, account.exports, call.query.get("jobId", ""), "ExportJob")
    if account.switches.datev_hash == "progress":
        return _wrapped(account, _progress(account, job))
    return objects(job.hash)


def get_progress(account: Account, call: Call) -> Answer:
    """GET /Progress/getProgress: counts as a poll; {current, total}, in a list (official) or bare (one client)."""
    jobs = {each.hash: each for each in account.exports.values()}
    job = find(account, jobs, call.query.get("hash", ""), "Progress")
    _count_poll(account, job)
    return _wrapped(account, _progress(account, job))


def download_info(account: Account, call: Call) -> Answer:
    """GET /ExportJob/jobDownloadInfo: counts as a poll; a new link each time once the job is done."""
    job = find(account, account.exports, call.query.get("jobId", ""), "ExportJob")
    _count_poll(account, job)
    if fraction_done(account, job) < 1:  # the answer is not established
        if account.switches.datev_not_ready == "not_found":
            raise not_found("ExportJob", job.id, account.switches.not_found)
        return objects([] if account.switches.datev_not_ready == "empty" else None)
    seconds, now = account.switches.datev_link_seconds, account.now()
    signature, expires = secrets.token_hex(32), now + timedelta(seconds=seconds)
    job.links[signature] = expires
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Date": f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Credential": f"SANDBOX/{now.astimezone(UTC):%Y%m%d}/eu-central-1/s3/aws4_request",
        "X-Amz-Expires": str(max(seconds, 0)),
        "X-Amz-Signature": signature,
    }
    address = f"http://{call.headers.get('host', '127.0.0.1')}{STORAGE}{storage_path(job)}?{urlencode(query)}"
    return _wrapped(account, {"filename": job.filename, "link": address, "linkExpireDate": timestamp(expires)})


def storage_path(job: ExportJob) -> str:
    """The path of the archive below STORAGE."""
    return f"/{CLIENT_ID}/{job.id}/zip/{quote(job.filename)}"


async def fetch(account: Account, method: str, path: str, call: Call) -> Answer:
    """Download by signed link, like the S3 bucket that sevDesk uses (official example): the archive or a refusal.

    Switches datev_layout and datev_faults apply at download time.
    """
    signature = call.query.get("X-Amz-Signature", "")
    job = next((each for each in account.exports.values() if signature in each.links), None)
    reply = _refuse_download(account, method, path, call, job)
    if reply is None and job is not None:
        layout, faults = account.switches.datev_layout, tuple(account.switches.datev_faults)
        content = await asyncio.to_thread(archive.build, job, layout=layout, faults=faults)
        reply = Answer(200, content, "application/zip")
    assert reply is not None
    if job is not None:
        authorized = "authorization" in call.headers
        job.downloads.append({"at": timestamp(account.now()), "status": reply.status, "authorization": authorized})
    return reply


def _refuse_download(account: Account, method: str, path: str, call: Call, job: ExportJob | None) -> Answer | None:
    """S3's refusal of another method, an Authorization header, a wrong signature or an expired link; else None."""
    if method != "GET":
        return _storage_error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    if "authorization" in call.headers:
        return _storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
    if job is None or path != storage_path(job):
        return _storage_error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")
    if account.now() >= job.links[call.query["X-Amz-Signature"]]:
        return _storage_error(403, "AccessDenied", "Request has expired")
    return None


def _storage_error(status: int, code: str, message: str) -> Answer:
    text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(), "application/xml")


def fraction_done(account: Account, job: ExportJob) -> float:
    """From 0 to 1, by polls and seconds (switches datev_polls, datev_seconds); below 1 unless datev_job is "run"."""
    switches = account.switches
    by_polls = job.polls / switches.datev_polls if switches.datev_polls > 0 else 1.0
    elapsed = (account.now() - job.create).total_seconds()
    by_time = elapsed / switches.datev_seconds if switches.datev_seconds > 0 else 1.0
    return min(by_polls, by_time, 1.0 if switches.datev_job == "run" else 0.9)


def _progress(account: Account, job: ExportJob) -> Object:
    return {"current": int(fraction_done(account, job) * 100), "total": 100}


def _count_poll(account: Account, job: ExportJob) -> None:
    """Count a poll, and refuse it if the job failed (switch datev_job)."""
    job.polls += 1
    if failure := _FAILURES.get(account.switches.datev_job):
        raise Refusal(*failure)


def _wrapped(account: Account, value: Object) -> Answer:
    return objects([value] if account.switches.datev_form == "array" else value)


def update_export_config(account: Account, call: Call) -> Answer:
    """PUT /SevClient/{id}/updateExportConfig: null (official), or "Access denied" for API tokens (one report)."""
    if call.ident != CLIENT_ID:
        raise not_found("SevClient", call.ident, account.switches.not_found)
    if account.switches.export_config_access == "deny":
        raise Refusal(403, "Access denied")  # the status was not recorded
    numbers = [parse_decimal(call.body.get(key)) for key in ("accountantNumber", "accountantClientNumber")]
    begin = parse_unix(call.body.get("accountingYearBegin"))
    if numbers[0] is None or numbers[1] is None or begin is None:
        raise Refusal(400, "accountantNumber, accountantClientNumber and accountingYearBegin are required")
    account.export_config = ExportConfig(int(numbers[0]), int(numbers[1]), berlin_day(begin))
    return objects(None)


def export_job_json(account: Account, job: ExportJob) -> Object:
    """A job as the control endpoints show it."""
    status = "running" if fraction_done(account, job) < 1 else "done"
    return {
        "id": job.id,
        "hash": job.hash,
        "create": timestamp(job.create),
        "parameters": job.parameters,
        "status": "failed" if account.switches.datev_job in _FAILURES else status,
        "progress": int(fraction_done(account, job) * 100),
        "polls": job.polls,
        "filename": job.filename,
        "chart": job.chart,
        "postings": len(job.postings),
        "documents": len(job.images),
        "enshrined": [str(ident) for ident in job.enshrined],
        "links": [timestamp(end) for end in job.links.values()],
        "downloads": job.downloads,
    }
