"""How status, top and jobs look in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.cli.tables import facts, table
from worker.domain.ledger import ENDED, JobState
from worker.domain.schedule import MISSED_SYNCS
from worker.operator.diagnosis import duration
from worker.operator.leader import silent_leader
from worker.operator.rows import AccountRow, ListedJobRow, ReconciliationRow, WaitingJobRow
from worker.store.rows import Row

STATES = [state for state in JobState if state not in ENDED]
# Columns of the tables of jobs: title -> key of the row.
RUNNING = {"for": "seconds", "kind": "kind", "invoice": "invoice_number", "attempt": "attempt", "worker": "worker",
           "job": "job_id"}  # fmt: skip
PARKED = {"since": "seconds", "kind": "kind", "invoice": "invoice_number", "why": "error", "next step": "next_step",
          "job": "job_id"}  # fmt: skip
LISTED = {"age": "age", "kind": "kind", "invoice": "invoice_number", "state": "state", "try": "attempt",
          "again in": "again_in", "why": "error", "job": "job_id"}  # fmt: skip


class AccountStatus(AccountRow):
    """`token_here`: whether this command's own environment has a token."""

    token_here: bool


class Status(TypedDict):
    """What `status` prints; the shape of its JSON."""

    jobs: dict[str, int]  # unfinished and parked, by state
    newest_jobs: dict[str, int]  # the newest thousand, by state
    running: list[Row]
    parked: list[Row]
    oldest_waiting: WaitingJobRow | None
    account: AccountStatus
    last_reconciliation: ReconciliationRow | None
    about: Row
    workers: int  # with a lock session in Postgres
    leader: Row | None  # its name, and for how many seconds it has been silent
    redis: dict[str, Any]
    ms: int  # taken to read all this


def status_view(status: Status) -> RenderableType:
    """One line per subject, then tables of running and of parked jobs."""
    parts: list[RenderableType] = [
        facts(
            ("queue", _queue(status["jobs"])),
            ("newest jobs", _newest(status["newest_jobs"], status["about"]["jobs"])),
            ("oldest waiting", _oldest(status["oldest_waiting"])),
            ("workers", _workers(status["redis"], status["workers"])),
            *([("leader", Text(silent, "red"))] if (silent := silent_leader(status["leader"])) else []),
            ("sevDesk", _sevdesk(status["account"], status["redis"]["error_budget_left"])),
            ("payment sync", _sync(status["account"])),
            ("drift", _drift(status["last_reconciliation"])),
            ("on record", _on_record(status["about"])),
        )
    ]
    if status["running"]:
        parts.append(_table(status["running"], RUNNING, "running"))
    if status["parked"]:
        parts.append(_table(status["parked"], PARKED, f"parked ({status['jobs'].get('parked', 0)}), newest first"))
        parts.append("why INVOICE tells the cause and the next step; mended, retry INVOICE takes it up again.")
    return Group(*parts)


def _queue(jobs: Mapping[str, int]) -> Text:
    counts = [f"{jobs[state]} {state}" for state in STATES if jobs.get(state)]
    return Text(", ".join(counts) or "empty", "yellow" if jobs.get("parked") else "")


def _newest(jobs: Mapping[str, int], estimate: int) -> str:
    counts = ", ".join(f"{jobs[state]} {state}" for state in sorted(jobs, key=lambda state: -jobs[state]))
    # Postgres' estimate is as old as its last ANALYZE; one below the number just counted is wrong, so it is not shown.
    return (counts or "none") + (f" (about {estimate} in all)" if estimate > sum(jobs.values()) else "")


def _oldest(job: WaitingJobRow | None) -> str:
    if job is None:
        return "none"
    about = f" for {job['invoice_number']}" if job["invoice_number"] else ""
    return f"{duration(job['seconds'])}: {job['kind']}{about}, {job['state']}"


def _on_record(about: Row) -> str:
    since = f", the oldest job of {about['oldest_job']:%Y-%m-%d}" if about["oldest_job"] else ""
    largest = ", ".join(f"{each['table']} {each['bytes'] / 1e6:.0f}" for each in about["largest"][:3])
    return f"{about['bytes'] / 1e6:.0f} MB in the worker's tables ({largest}){since}"


def _workers(redis: Mapping[str, Any], sessions: int) -> Text:
    if not redis["reachable"]:
        error = f"Redis does not answer ({redis['error']}): new jobs wait there"
        return Text(f"{sessions} with a session in Postgres; {error}", "red")
    names = ", ".join(redis["workers"])
    return Text(names or "none has reported within ten seconds", "" if names else "red")


def _sevdesk(account: AccountStatus, budget_left: float | None) -> Text:
    name = f"{account['account_name']}, " if account["account_name"] else ""
    token = "token configured" if account["token_configured"] else "no token: jobs that need sevDesk are parked"
    tested = "connected" if account["is_connected"] else "connection not tested"
    failing = budget_left is not None and budget_left < 0.5
    errors = f"; many calls end in errors: {budget_left:.0%} of ERROR_BUDGET left, jobs are slowed" if failing else ""
    return Text(f"{name}{token}, {tested}{errors}", "yellow" if failing or not account["token_configured"] else "")


def _sync(account: AccountStatus) -> Text:
    minutes = account["payment_sync_interval_minutes"]
    if account["last_sync_at"] is None:
        return Text(f"never yet, every {minutes} min")
    late = (account["sync_age"] or 0) > 60 * minutes * MISSED_SYNCS
    return Text(f"{duration(account['sync_age'])} ago, every {minutes} min", "yellow" if late else "")


def _drift(last: ReconciliationRow | None) -> Text:
    if last is None:
        return Text("never reconciled")
    counts = ", ".join(f"{count} {drift}" for drift, count in sorted(last["drift"].items())) or "none"
    text = f"{counts}, {duration(last['age'])} ago, {last['invoices']} invoices"
    return Text(text, "yellow" if last["drift"] else "")


def job_table(jobs: Sequence[ListedJobRow]) -> Table:
    """The list that `jobs` prints: the error only while it matters, the next attempt only if it lies ahead."""
    shown = [
        {
            **job,
            "again_in": job["again_in"] if (job["again_in"] or 0) > 0 else None,
            "error": job["error"] if job["state"] not in ("done", "running") else None,
        }
        for job in jobs
    ]
    return _table(shown, LISTED)


def _table(jobs: Sequence[Mapping[str, object]], columns: Mapping[str, str], title: str | None = None) -> Table:
    """Values of type float are seconds."""
    cells = [[job[key] for key in columns.values()] for job in jobs]
    texts = [[duration(cell) if isinstance(cell, float) else cell for cell in row] for row in cells]
    return table(tuple(columns), texts, title)
