"""What a job that is done leaves for a person: open notices, findings of an export, what it could not tell."""

from collections.abc import Mapping
from typing import Any

from worker.domain.adoption import LISTED
from worker.domain.commands import filled
from worker.domain.notices import NOTICES, cause_of, next_step_of
from worker.operator.advice import ToLookAt
from worker.operator.rows import ExportFindingsRow, NoticeRow
from worker.store import Store
from worker.store.rows import Row

# Of one invoice: one per code.
MAX_NOTICES = 100


async def left_by(store: Store, job: Row) -> list[ToLookAt]:
    """`job`: a row of `whole_job`. Of an invoice's job all that is noticed of the invoice, as `why` tells it."""
    result = job["result"] or {}
    if job["state"] != "done":
        return []
    if job["invoice_id"] is not None:
        return await _of_invoice(store, job)
    match job["kind"]:
        case "export_datev":
            return await _of_export(store, result)
        case "sync_payments" | "adopt":
            return [*_of_result(job, result), *await _while_it_ran(store, job)]
    return []


async def _of_invoice(store: Store, job: Row) -> list[ToLookAt]:
    rows: list[NoticeRow] = await store.query("open_notices", invoice_id=job["invoice_id"], most=MAX_NOTICES)
    return [
        ToLookAt(cause_of(*about, row["currency"]), next_step_of(*about))
        for row in rows
        for about in [(row["code"], row["parameters"], row["invoice_number"])]
    ]


async def _of_export(store: Store, result: Mapping[str, Any]) -> list[ToLookAt]:
    if (export_id := result.get("export_id")) is None:
        return []
    export: ExportFindingsRow | None = await store.query("export_with_findings", export_id=export_id)
    if export is None:
        return []
    cause = f"The export is {export['status']}; number of its findings: {export['findings']}."
    step = f"sevdesk-worker exports {{export_id}} lists them. {NOTICES['export_finding'].next_step}"
    return [ToLookAt(cause, filled(step, **export, number=export["export_id"]))]


def _of_result(job: Row, result: Mapping[str, Any]) -> list[ToLookAt]:
    """What is only counted there."""
    found = []
    if unresolved := result.get("unresolved"):
        cause = f"Number of invoices whose state in sevDesk only a person can explain: {unresolved}."
        step = "The worker's log names each (payment_sync.unresolved): mend it in sevDesk, then sync it again."
        found.append(ToLookAt(cause, step))
    if held_back := result.get("held_back"):
        cause = f"Number of changes that were held back, because a person has been asked about so many: {held_back}."
        found.append(ToLookAt(cause, "See what is asked: sevdesk-worker jobs --state parked --code mass_change."))
    doubts = sum(number for code, number in result.get("findings", {}).items() if code not in LISTED)
    if job["kind"] == "adopt" and doubts:
        found.append(ToLookAt(f"Number of doubts: {doubts}.", "See each: sevdesk-worker adopt --dry-run."))
    return found


async def _while_it_ran(store: Store, job: Row) -> list[ToLookAt]:
    rows = await store.query("notices_opened", since=job["started_at"], until=job["finished_at"])
    if not rows:
        return []
    counts = ", ".join(f"{row['notices']} {row['code']}" for row in rows)
    return [ToLookAt(f"While it ran, this was noticed of invoices: {counts}.", "sevdesk-worker status lists it.")]
