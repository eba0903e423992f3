"""export_datev: start sevDesk's export once, wait for it, download it, check it, store it.

sevDesk cannot be asked which exports it runs, so if the answer to the start was lost, a person must find out. All later
parts need only the stored job id of sevDesk's and may be repeated.
"""

import asyncio
import hashlib
import io
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal, get_args

import structlog

from sevdesk_client import errors
from worker.datev.acceptance import accept
from worker.datev.book import Book
from worker.datev.documents import ZERO, Document, Payment, subtotals_by_rate
from worker.datev.order import Order
from worker.datev.package import pack, parts
from worker.datev.report import Period, Report
from worker.domain.invoice import Item
from worker.domain.ledger import Job
from worker.domain.money import are_computable, is_amount, predict
from worker.domain.outcome import Done, NotYet, Outcome, Parked, Rejected, Retry
from worker.domain.payloads import ExportDatev
from worker.domain.problems import Problem, problem
from worker.handlers.handler import HandlerContext
from worker.handlers.write_once import write_once
from worker.steps.sevdesk_refusals import refusal
from worker.steps.step import digest
from worker.store.exports import finish_export, rows_of_period
from worker.store.rows import ConfigRow, DocumentRow, ExportRow, from_row

log = structlog.get_logger()

# Small exports take seconds, a year with images an hour: a tenth of the age so far, within these bounds (seconds).
FIRST_POLL, LONGEST_POLL, POLL_SHARE = 2.0, 60.0, 0.1
# Many times what a large export takes; after this none is expected any more.
GIVE_UP_SECONDS = 6 * 3600.0
# Only one start at a time, on all workers: otherwise two overlapping periods could start at once.
STEP = SUBJECT = "start_export"
START_WAIT = 1.0  # seconds until a start that another one holds up is tried again

RESTORED = "export_before_restore"  # the problem's code
# SQLite's codes for a temporary file that cannot be written: its folder is full, or not there.
DISK_ERRORS = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
CHECKED = {"accepted", "accepted_with_findings", "refused"}
OrderField = Literal["start_date", "end_date", "scope", "by_pay_date", "include_images", "enshrine"]
ORDER: tuple[OrderField, ...] = get_args(OrderField)  # what sevDesk is asked for


async def export_datev(context: HandlerContext, job: Job, payload: ExportDatev) -> Outcome:
    """One attempt, which continues where the export's row says the last one stopped."""
    return await Export(context).run(job, payload)


class Export:
    """One attempt at one export."""

    def __init__(self, context: HandlerContext) -> None:
        self.context, self.store, self.locks = context, context.store, context.locks
        self.account, self.settings = context.sevdesk, context.settings

    async def run(self, job: Job, payload: ExportDatev) -> Outcome:
        """Raises `SevDeskError` or one of `CONNECTION_LOST`; then the attempt is repeated."""
        row: ExportRow | None = await self.store.query(
            "find_or_insert_export", **payload.model_dump(), job_id=job.job_id, requested_by=job.requested_by
        )
        if row is None:
            return Rejected(problem("export_not_found", export_id=payload.export_id))
        if row["status"] in CHECKED:
            return Done({"export_id": str(row["export_id"]), "status": row["status"]})
        if row["job_id"] != job.job_id:
            return Rejected(problem("export_taken", export_id=row["export_id"], other_job=row["job_id"]))
        if row["sevdesk_job_id"] is None:
            return await self._start_alone(job, row)
        return await self._fetch(row, row["sevdesk_job_id"])

    # -- the one write -------------------------------------------------------------------------------------------------

    async def _start_alone(self, job: Job, row: ExportRow) -> Outcome:
        if not await self.locks.hold(SUBJECT):
            return NotYet(START_WAIT, problem("export_starting"))
        try:
            return await self._start(job, row)
        finally:
            await self.locks.release(SUBJECT)

    async def _start(self, job: Job, row: ExportRow) -> Outcome:
        """Record the intent, then send the order."""
        start, end = row["start_date"], row["end_date"]
        other = await self.store.query("overlapping_export", export_id=row["export_id"], start_date=start, end_date=end)
        if other is not None:
            return Rejected(problem("export_overlaps", other_export=other))
        earlier = await self._earlier_start(job, row)
        if isinstance(earlier, Outcome):
            return earlier
        unsure = earlier is None and RESTORED not in job.confirmed
        if unsure and await self.store.query("asked_before_restore", job_id=job.job_id, end_date=end):
            return Parked(problem(RESTORED, period=f"{start.isoformat()}/{end.isoformat()}"))
        order = {name: row[name] for name in ORDER}
        values: tuple[Any, ...] = tuple(order.values())
        try:
            sevdesk_job_id, intent_id = await write_once(
                self.context,
                job,
                lambda: self.account.client.create_datev_export(*values),
                subject=SUBJECT,
                step=STEP,
                action="create_datev_export",
                summary={"start_date": start.isoformat(), "end_date": end.isoformat(), "enshrine": row["enshrine"]},
                request_sha256=digest(order),
                earlier=earlier,
            )
        except errors.Refused as error:
            return await self._failed(row, _why_refused(error))
        export_id = row["export_id"]
        await self.store.query(
            "export_started", export_id=export_id, sevdesk_job_id=sevdesk_job_id, intent_id=intent_id
        )
        log.info("datev_export.started", export_id=str(export_id))
        return NotYet(FIRST_POLL, problem("export_in_progress"))

    async def _earlier_start(self, job: Job, row: ExportRow) -> int | Outcome | None:
        """The id of an open intent that is known not to have happened; None if none is open.

        An outcome if it did happen, or if nobody knows yet.
        """
        pending = await self.store.open_intent_of(SUBJECT)
        if pending is None:
            return await self._lost(row) if await self.store.query("export_found", job_id=job.job_id) else None
        if pending["settles_in"] > 0:
            return NotYet(pending["settles_in"], problem("quarantine", action="create_datev_export"))
        intent_id: int = pending["id"]
        period = f"{pending['summary'].get('start_date')}/{pending['summary'].get('end_date')}"
        if pending["job_id"] != job.job_id:
            return Parked(problem("other_write_open", action="create_datev_export", other_job=pending["job_id"]))
        if pending["answer"] == "not-done":
            return intent_id
        if pending["answer"] == "done":
            await self.store.record(job, intent=(intent_id, "found_done"))
            return await self._lost(row)
        return Parked(problem("export_start_unknown", period=period), asks_about=intent_id)

    async def _lost(self, row: ExportRow) -> Outcome:
        period = f"{row['start_date']}/{row['end_date']}"
        return await self._failed(row, Rejected(problem("export_job_id_lost", period=period)))

    # -- what may be repeated ------------------------------------------------------------------------------------------

    async def _fetch(self, row: ExportRow, sevdesk_job_id: str) -> Outcome:
        info = None
        with suppress(errors.NotFound):  # whether a running job answers like this is not established
            info = await self.account.client.datev_download_info(sevdesk_job_id)
        if info is None:
            return await self._poll_later(row, sevdesk_job_id)
        with TemporaryFile() as archive, TemporaryFile() as package:
            try:
                await self.account.client.download(info.link, archive)
            except errors.Refused as error:
                # The link has expired, or the file is too large; each attempt asks for a new link.
                return Retry(problem("export_download_refused", answer=error.answer))
            except OSError as error:
                return Retry(_no_room(error.strerror))
            return await self._check_and_store(row, info.filename, archive, package)

    async def _check_and_store(
        self, row: ExportRow, filename: str | None, archive: BinaryIO, package: BinaryIO
    ) -> Outcome:
        """The files may be as large as MAX_ARCHIVE_BYTES, so what reads or writes them as a whole runs in a thread."""
        export_id = row["export_id"]
        archive_sha256 = await asyncio.to_thread(_sha256, archive)
        try:
            report = await self._check(row, archive)
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF not in DISK_ERRORS:
                raise
            return Retry(_no_room(f"{error}"))
        try:
            begin, end = await asyncio.to_thread(pack, archive, report.as_text(), package)
        except OSError as error:
            return Retry(_no_room(error.strerror))
        await finish_export(
            self.store,
            export_id,
            parts(package, begin, end),
            archive_sha256=archive_sha256,
            archive_bytes=end - begin,
            package_sha256=await asyncio.to_thread(_sha256, package),
            package_bytes=package.seek(0, io.SEEK_END),
            status=report.status.value,
            filename=filename or f"DATEV_{row['start_date']}_{row['end_date']}.zip",
            report=report.as_dict(),
        )
        log.info("datev_export.finished", export_id=str(export_id), status=report.status.value)
        return Done({"export_id": str(export_id), "status": report.status.value, "findings": report.counts})

    async def _poll_later(self, row: ExportRow, sevdesk_job_id: str) -> Outcome:
        if row["age"] > GIVE_UP_SECONDS:
            hours = f"{GIVE_UP_SECONDS / 3600:.0f}"
            return await self._failed(row, Parked(problem("export_never_finished", hours=hours)))
        with suppress(errors.SevDeskError):  # for show only (official: the step may be left out)
            progress = await self.account.client.datev_progress(sevdesk_job_id)
            percent = min(99, 100 * progress.current // progress.total) if progress.total > 0 else 0
            await self.store.query("export_progress", export_id=row["export_id"], progress=percent)
        wait = min(LONGEST_POLL, max(FIRST_POLL, row["age"] * POLL_SHARE))
        return NotYet(wait, problem("export_in_progress"))

    async def _check(self, row: ExportRow, archive: BinaryIO) -> Report:
        """Compare with our own documents, in a thread: a large package takes seconds and would block the event loop."""
        days = {"first": row["start_date"], "last": row["end_date"]}
        types = {"AR": self.settings.sevdesk_invoice_type_ar, "SR": self.settings.sevdesk_invoice_type_sr}
        order = Order(row["scope"], row["by_pay_date"], row["include_images"], row["enshrine"])
        config: ConfigRow = await self.store.query("config")
        with Book(payments_known="T" in order.scope) as book:
            async for each in rows_of_period(self.store, "documents_of_period", by_pay_date=order.by_pay_date, **days):
                book.add_document(_document(each, types))
            if book.payments_known:
                async for each in rows_of_period(self.store, "payments_of_period", **days):
                    book.add_payment(Payment(**each))
            chart = config["datev_chart_of_accounts"]
            return await checked(book, archive, Period(**days), chart, order)

    async def _failed(self, row: ExportRow, outcome: Parked | Rejected) -> Outcome:
        await self.store.query("export_failed", export_id=row["export_id"], error=outcome.problem.cause())
        return outcome


async def checked(book: Book, archive: BinaryIO, period: Period, chart: str, order: Order) -> Report:
    """`accept` in a thread, which has ended when this ends: the caller then closes what it reads.

    SQLite brings the whole process down when a database is closed under a statement (measured: SIGSEGV).
    """
    work = asyncio.ensure_future(asyncio.to_thread(accept, book, archive, period, chart, order))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        book.abandon()
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # nobody else asks for it, which asyncio would log
        raise


def _why_refused(error: errors.Refused) -> Parked:
    if error.status == 409 or "accountingYearBegin" in error.reason:
        return Parked(problem("export_not_configured", answer=error.answer))
    return Parked(refusal(error))


def _document(row: DocumentRow, types: Mapping[str, str]) -> Document:
    """The document that the export must contain; amounts per tax rate, each position rounded by itself, as in sevDesk.

    A cancellation has the negative amounts of its invoice, and so has a credit note over the whole of it.
    """
    sign = 1 if row["kind"] == "invoice" else -1
    advance = types.get(row["document_kind"]) == "AR"
    if row["subtotals"] is not None:
        parts = ((Decimal(rate), -Decimal(of["net"]), -Decimal(of["tax"])) for rate, of in row["subtotals"].items())
        return from_row(Document, row, subtotals=subtotals_by_rate(parts), customer=row["party"], advance=advance)
    items = [Item(*columns) for columns in row["items"]]
    if not (is_amount(row["gross"]) and are_computable(items)):
        return from_row(Document, {**row, "gross": ZERO}, subtotals=(), customer=row["party"], advance=advance,
                        comparable=False)  # fmt: skip
    positions = []
    for item in items:
        sums = predict((item,), row["currency"])
        positions.append((item.tax_rate, sign * sums.net, sign * sums.tax))
    return from_row(Document, row, subtotals=subtotals_by_rate(positions), customer=row["party"], advance=advance)


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type] # it reads any binary file


def _no_room(reason: str | None) -> Problem:
    """Something was written to this machine's temporary folder (TMPDIR), and that failed."""
    return problem("export_download_refused", answer=f"{reason}, in the worker's temporary folder")
