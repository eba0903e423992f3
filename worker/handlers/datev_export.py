"""The passage of `export_datev`: start once, poll, fetch, check, store. Resumable at every point.

sevDesk cannot be asked which exports it runs, so a start whose answer was lost is a question for a person; everything
after it hangs on the stored job id and is repeated at will.
"""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

import structlog

from sevdesk_client import errors
from sevdesk_client.models import DownloadInfo
from worker.datev.acceptance import accept
from worker.datev.documents import Document, Payment, subtotals_by_rate
from worker.datev.report import Period, Report
from worker.domain.jobs import ExportDatev
from worker.domain.ledger import Job
from worker.domain.money import predict
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry
from worker.domain.problems import problem
from worker.handlers.handler import HandlerContext
from worker.steps.refusals import refusal, unknown_outcome
from worker.steps.step import digest
from worker.store.rows import ConfigRow, DocumentRow, ExportRow, item_of

log = structlog.get_logger()

# Small exports take seconds, a year with images an hour: look often at first, then once a minute.
FIRST_POLL, LONGEST_POLL, POLL_SHARE = 2.0, 60.0, 0.1
# After this nothing will come any more.
GIVE_UP_SECONDS = 6 * 3600.0
# Only one start at a time, on all workers: whether periods overlap can be told no other way.
STEP = SUBJECT = "start_export"
START_WAIT = 1.0

ENDED = {"accepted", "accepted_with_findings", "refused", "failed"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; its digest is what the intent keeps."""

    start_date: str
    end_date: str
    scope: str
    by_pay_date: bool
    include_images: bool
    enshrine: bool


async def export_datev(context: HandlerContext, job: Job, payload: ExportDatev) -> Outcome:
    """One attempt, which goes on from whatever the export's row says has been reached."""
    return await Export(context).run(job, payload)


class Export:
    """One attempt at one export."""

    def __init__(self, context: HandlerContext) -> None:
        self.store, self.locks, self.account, self.settings = (
            context.store,
            context.locks,
            context.sevdesk,
            context.settings,
        )

    async def run(self, job: Job, payload: ExportDatev) -> Outcome:
        """Goes on from whatever the row says has been reached."""
        row = await self._adopt(job, payload)
        if row is None:
            return Rejected(problem("export_not_found", export_id=payload.export_id))
        if row["status"] in ENDED and row["status"] != "failed":
            return Done({"export_id": str(row["export_id"]), "status": row["status"]})
        if row["job_id"] != job.job_id:
            return Rejected(problem("export_taken", export_id=row["export_id"], other_job=row["job_id"]))
        if row["sevdesk_job_id"] is None:
            started = await self._start_alone(job, row)
            return NotYet(FIRST_POLL, problem("export_in_progress")) if started is None else started
        await self._close_leftover(job)
        return await self._fetch(row, row["sevdesk_job_id"])

    async def _adopt(self, job: Job, payload: ExportDatev) -> ExportRow | None:
        row: ExportRow | None = await self.store.query(
            "find_or_insert_export",
            **payload.model_dump(),
            job_id=job.job_id,
            requested_by=job.requested_by,
        )
        return row

    # -- the one write -------------------------------------------------------------------------------------------------

    async def _start_alone(self, job: Job, row: ExportRow) -> Outcome | None:
        if not await self.locks.hold(SUBJECT):
            return NotYet(START_WAIT, problem("export_starting"))
        try:
            return await self._start(job, row)
        finally:
            await asyncio.shield(self.locks.release(SUBJECT))

    async def _start(self, job: Job, row: ExportRow) -> Outcome | None:
        """Intent, call, job id. None when sevDesk has taken the order."""
        other = await self.store.query(
            "overlapping_export",
            export_id=row["export_id"],
            start_date=row["start_date"],
            end_date=row["end_date"],
        )
        if other is not None:
            return Rejected(problem("export_overlaps", other_export=other))
        earlier = await self._earlier(job, row)
        if isinstance(earlier, Outcome):
            return earlier
        opened = monotonic()
        wanted = _wanted(row)
        intent_id = await self.locks.open_intent(
            subject=SUBJECT,
            job_id=job.job_id,
            step=STEP,
            action="create_datev_export",
            summary={"start_date": wanted.start_date, "end_date": wanted.end_date, "enshrine": wanted.enshrine},
            request_sha256=digest(wanted),
            earlier=earlier,
        )
        return await self._order(job, row, intent_id, opened)

    async def _order(self, job: Job, row: ExportRow, intent_id: int, opened: float) -> Outcome | None:
        try:
            sevdesk_job_id = await self.account.client.create_datev_export(
                row["start_date"],
                row["end_date"],
                row["scope"],
                row["by_pay_date"],
                row["include_images"],
                row["enshrine"],
            )
        except (errors.NotSent, errors.Throttled):
            await self.store.record(job, intent=(intent_id, "not_sent"))
            raise
        except errors.Refused as error:
            await self.store.record(job, intent=(intent_id, "refused"))
            return await self._failed(row, _why_refused(error))
        except errors.SevDeskError as error:
            rest = self.settings.write_quarantine - (monotonic() - opened)
            return Retry(unknown_outcome(error), max(rest, 0.0))
        await self.store.query("export_started", export_id=row["export_id"], sevdesk_job_id=sevdesk_job_id)
        await self.store.record(job, intent=(intent_id, "done"))
        log.info("datev_export.started", export_id=str(row["export_id"]))
        return None

    async def _earlier(self, job: Job, row: ExportRow) -> int | Outcome | None:
        """The id of an open start that a person said did not happen; the question, while nobody has said anything."""
        pending = await self.store.open_intent_of(SUBJECT)
        if pending is None:
            return None
        if (rest := self.settings.write_quarantine - pending["age"]) > 0:
            return NotYet(rest, problem("quarantine", action="create_datev_export"))
        number: int = pending["id"]
        period = f"{pending['summary'].get('start_date')} to {pending['summary'].get('end_date')}"
        if pending["job_id"] != job.job_id:
            return Parked(problem("other_write_open", action="create_datev_export", other_job=pending["job_id"]))
        if pending["answer"] == "not-done":
            return number
        if pending["answer"] == "done":
            await self.store.record(job, intent=(number, "found_done"))
            return await self._failed(row, Rejected(problem("export_job_id_lost", period=period)))
        return Parked(problem("export_start_unknown", period=period), asks_about=number)

    async def _close_leftover(self, job: Job) -> None:
        """The job id was stored and the process died before the intent was closed."""
        pending = await self.store.open_intent_of(SUBJECT)
        if pending is not None and pending["job_id"] == job.job_id:
            await self.store.record(job, intent=(pending["id"], "found_done"))

    # -- what may be repeated at will ----------------------------------------------------------------------------------

    async def _fetch(self, row: ExportRow, sevdesk_job_id: str) -> Outcome:
        info = await self._download_info(sevdesk_job_id)
        if info is None:
            return await self._poll_later(row, sevdesk_job_id)
        try:
            content = await self.account.client.download(info.link)
        except errors.Refused as error:
            # The link has run out, or the file is too large; a new link is asked for with each attempt.
            return Retry(problem("export_download_refused", answer=error.answer))
        report = await self._check(row, content)
        await self.store.query(
            "export_finished",
            export_id=row["export_id"],
            status=report.status.value,
            filename=info.filename or f"DATEV_{row['start_date']}_{row['end_date']}.zip",
            archive=content,
            sha256=hashlib.sha256(content).hexdigest(),
            report=report.as_dict(),
            report_archive=_with_report(content, report),
        )
        log.info("datev_export.finished", export_id=str(row["export_id"]), status=report.status.value)
        return Done({"export_id": str(row["export_id"]), "status": report.status.value, "findings": report.counts})

    async def _download_info(self, sevdesk_job_id: str) -> DownloadInfo | None:
        try:
            return await self.account.client.datev_download_info(sevdesk_job_id)
        except errors.NotFound:
            return None  # whether a running job answers like this is not established

    async def _poll_later(self, row: ExportRow, sevdesk_job_id: str) -> Outcome:
        if row["age"] > GIVE_UP_SECONDS:
            hours = f"{GIVE_UP_SECONDS / 3600:.0f}"
            return await self._failed(row, Parked(problem("export_never_finished", hours=hours)))
        try:
            progress = await self.account.client.datev_progress(sevdesk_job_id)
            percent = min(99, 100 * progress.current // progress.total) if progress.total > 0 else 0
            await self.store.query("export_progress", export_id=row["export_id"], progress=percent)
        except errors.SevDeskError:
            pass  # for show only (official: the step may be left out)
        wait = min(LONGEST_POLL, max(FIRST_POLL, row["age"] * POLL_SHARE))
        return NotYet(wait, problem("export_in_progress"))

    async def _check(self, row: ExportRow, content: bytes) -> Report:
        """In a thread of its own: a large package takes seconds, and the loop must go on."""
        days = {"first": row["start_date"], "last": row["end_date"]}
        types = {"AR": self.settings.sevdesk_invoice_type_ar, "SR": self.settings.sevdesk_invoice_type_sr}
        rows: list[DocumentRow] = await self.store.query("documents_of_period", **days)
        documents = [_document(found, types) for found in rows]
        payments = None
        if "T" in row["scope"]:
            payments = [Payment(**found) for found in await self.store.query("payments_of_period", **days)]
        config: ConfigRow = await self.store.query("config")
        return await asyncio.to_thread(
            accept, io.BytesIO(content), documents, payments, Period(**days), config["datev_chart_of_accounts"]
        )

    async def _failed(self, row: ExportRow, outcome: Parked | Rejected) -> Outcome:
        await self.store.query("export_failed", export_id=row["export_id"], error=outcome.problem.cause())
        return outcome


def _wanted(row: ExportRow) -> Wanted:
    return Wanted(
        start_date=row["start_date"].isoformat(),
        end_date=row["end_date"].isoformat(),
        scope=row["scope"],
        by_pay_date=row["by_pay_date"],
        include_images=row["include_images"],
        enshrine=row["enshrine"],
    )


def _why_refused(error: errors.Refused) -> Parked:
    if error.status == 409 or "accountingYearBegin" in error.reason:
        return Parked(problem("export_not_configured", answer=error.answer))
    return Parked(refusal(error))


def _document(row: DocumentRow, types: Mapping[str, str]) -> Document:
    """Per tax rate as sevDesk rounds: each position by itself. A cancellation is the exact negative."""
    sign = -1 if row["kind"] == "cancellation" else 1
    positions = []
    for item in (item_of(each) for each in row["items"] or ()):
        sums = predict((item,), row["currency"])
        positions.append((item.tax_rate, sign * sums.net, sign * sums.tax))
    return Document(
        number=row["number"],
        kind=row["kind"],
        day=row["day"],
        gross=row["gross"],
        subtotals=subtotals_by_rate(positions),
        tax_rule=row["tax_rule"],
        currency=row["currency"],
        cancels=row["cancels"],
        customer=row["party"],
        advance=types[row["document_kind"]] == "AR",
    )


def _with_report(content: bytes, report: Report) -> bytes:
    """A second archive: the original untouched, beside it what the tax adviser should know."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("original.zip", content)
        archive.writestr("Pruefbericht.txt", report.as_text().encode("utf-8-sig"))
    return packed.getvalue()
