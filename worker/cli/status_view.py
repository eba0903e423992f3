"""How status, top and jobs look in a terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.cli.export_view import findings_step
from worker.cli.tables import Sentence, facts, short_id, table
from worker.domain.agreement import NEXT_STEP, Contradiction, Registered, versions
from worker.domain.ledger import ENDED, JobState
from worker.domain.notices import cause_of, next_step_of
from worker.gate.budget import SLOW_SHARE
from worker.operator.advice import LEADER_STEP, rejected_step
from worker.operator.diagnosis import duration, sync_is_late
from worker.operator.health import other_account_seen, restored
from worker.operator.leader import silent_leader
from worker.operator.rows import (
    AccountRow,
    ExportFindingsRow,
    ListedJobRow,
    NoticeRow,
    ReconciliationRow,
    WaitingJobRow,
)
from worker.operator.sevdesk_health import REFUSED_STEP, SevdeskHealth
from worker.store.rows import Row

MAX_NAMES = 10  # of publish_only

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
    rejected: list[Row]  # of which a person is told, each with the number of all as `in_all`
    oldest_waiting: WaitingJobRow | None
    account: AccountStatus
    last_reconciliation: ReconciliationRow | None
    about: Row
    workers: list[Registered]  # with a lock session in Postgres
    contradictions: list[Contradiction]  # between their settings
    notices: dict[str, int]  # open ones by code
    newest_notices: list[NoticeRow]
    export: ExportFindingsRow | None
    leader: Row | None  # its name, and for how many seconds it has been silent
    redis: dict[str, Any]
    ms: int  # taken to read all this


def status_view(status: Status) -> RenderableType:
    """One line per subject, then tables of running and of parked jobs."""
    parts: list[RenderableType] = [
        facts(
            ("queue", _queue(status["jobs"], status["redis"]["in_inbox"])),
            ("to look at", _notices(status["notices"])),
            ("newest jobs", _newest(status["newest_jobs"], status["about"]["jobs"])),
            ("oldest waiting", _oldest(status["oldest_waiting"])),
            ("workers", _workers(status["redis"], status["workers"])),
            *(("settings", Text(f"{each.sentence()} {NEXT_STEP}", "red")) for each in status["contradictions"]),
            *_silent(status["leader"]),
            ("sevDesk", _sevdesk(status["account"], status["redis"], len(status["workers"]))),
            ("payment sync", _sync(status["account"])),
            *_publishes_only(status["account"]),
            ("drift", _drift(status["last_reconciliation"])),
            ("DATEV", _export(status["export"])),
            ("on record", _on_record(status["about"])),
        )
    ]
    if (forgets := restored(status["account"])) is not None:
        parts.append(Text(f"restore: {forgets}", "red"))
    if status["running"]:
        parts.append(_table(status["running"], RUNNING, "running"))
    if status["parked"]:
        parts.append(_table(status["parked"], PARKED, f"parked ({status['jobs'].get('parked', 0)}), newest first"))
        parts.append("why INVOICE tells the cause and the next step; mended, retry INVOICE takes it up again.")
    if status["rejected"]:
        shown = [{**row, "next_step": rejected_step(row["next_step"], row["job_id"])} for row in status["rejected"]]
        parts.append(_table(shown, PARKED, f"rejected ({shown[0]['in_all']}), newest first"))
    if status["newest_notices"]:
        rows = [_notice(row) for row in status["newest_notices"]]
        title = f"to look at ({sum(status['notices'].values())}), newest first"
        parts.append(table(("since", "invoice", "why", "next step"), rows, title))
    return Group(*parts)


def needs_person(status: Status) -> bool:
    """True if a job is parked or rejected, something is noticed, or nothing goes on until somebody acts.

    That is: sevDesk refuses the token, workers have none, or one of another account; no worker runs, or
    none that leads, and jobs wait or payments are to be read; payment syncs do not come; Redis does not answer, where
    new jobs wait; workers contradict each other; the database was restored.
    """
    redis, account = status["redis"], status["account"]
    unfinished = sum(status["jobs"].values()) + (redis["in_inbox"] or 0)
    health: SevdeskHealth | None = redis["sevdesk"]
    refused = health is not None and health.refused_for is not None
    seen = status["jobs"].get("parked") or status["rejected"] or status["notices"] or status["export"]
    wrong = refused or other_account_seen(account) or status["contradictions"] or not redis["reachable"]
    # Even with nothing asked for, payments come in, and a worker has had a token.
    unled = silent_leader(status["leader"]) or bool(status["workers"]) != account["token_configured"]
    late = account["token_configured"] and sync_is_late(account)
    return bool(seen or wrong or unled or late or restored(account) or (unfinished and not status["workers"]))


def _silent(leader: Row | None) -> list[tuple[str, Text]]:
    """A line if the leader is silent."""
    silent = silent_leader(leader)
    return [] if silent is None else [("leader", Text(f"{silent} {LEADER_STEP}", "red"))]


def _publishes_only(account: AccountStatus) -> list[tuple[str, Text]]:
    """A line if another program publishes, too."""
    if (names := account["publish_only"]) is None:
        return []
    more = f", +{len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    shown = ", ".join(names[:MAX_NAMES]) or "nothing"
    return [("publishes only", Text(f"{shown}{more}; another program publishes the rest"))]


def _notices(notices: Mapping[str, int]) -> Text:
    counts = [f"{count} {code}" for code, count in notices.items()]
    return Text(", ".join(counts) or "nothing", "yellow" if notices else "")


def _notice(row: NoticeRow) -> tuple[str, str, str, str]:
    about = (row["code"], row["parameters"], row["invoice_number"])
    return duration(row["seconds"]), row["invoice_number"], cause_of(*about, row["currency"]), next_step_of(*about)


def _export(export: ExportFindingsRow | None) -> Sentence:
    if export is None:
        return Sentence("no open findings")
    counted = f"{export['findings']} finding{'' if export['findings'] == 1 else 's'}"
    what = f"{export['start_date']} to {export['end_date']}: {export['status']}, {counted}"
    return Sentence(f"{what}. {findings_step(export)}", "yellow")


def _queue(jobs: Mapping[str, int], in_inbox: int | None) -> Text:
    counts = [f"{jobs[state]} {state}" for state in STATES if jobs.get(state)]
    counts += [f"{in_inbox} in Redis, not taken in yet"] if in_inbox else []
    return Text(", ".join(counts) or "empty", "yellow" if jobs.get("parked") else "")


def _newest(jobs: Mapping[str, int], estimate: int) -> str:
    counts = ", ".join(f"{jobs[state]} {state}" for state in sorted(jobs, key=lambda state: -jobs[state]))
    # Postgres' estimate is as old as its last ANALYZE; one below the number just counted is wrong, so it is not shown.
    return (counts or "none") + (f" (about {estimate} in all)" if estimate > sum(jobs.values()) else "")


def _oldest(job: WaitingJobRow | None) -> str:
    if job is None:
        return "none"
    about = f" for {job['invoice_number']}" if job["invoice_number"] else ""
    return f"{duration(job['seconds'])}: {job['kind']}{about}, {job['state']} (job {short_id(job['job_id'])})"


def _on_record(about: Row) -> str:
    since = f", the oldest job of {about['oldest_job']:%Y-%m-%d}" if about["oldest_job"] else ""
    largest = [f"{each['table']} {size:.0f}" for each in about["largest"][:3] if (size := each["bytes"] / 1e6) >= 1]
    named = f" ({', '.join(largest)})" if largest else ""
    return f"{about['bytes'] / 1e6:.0f} MB in the worker's tables{named}{since}"


def _workers(redis: Mapping[str, Any], living: Sequence[Registered]) -> Text:
    """Who has a session in Postgres, and when each reported to Redis; a dead worker has its last report only."""
    if not redis["reachable"]:
        error = f"Redis does not answer ({redis['error']}): new jobs wait there"
        return Text(f"{len(living)} with a session in Postgres; {error}", "red")
    seen: Mapping[str, float] = redis["workers"]
    dead = sorted(seen.keys() - {each.name for each in living})
    gone = [f"{name} (gone; last seen {seen[name]:.0f} s ago)" for name in dead]
    several = len(versions(living)) > 1
    names = [
        f"{each.name}{f', {each.version}' if several else ''} "
        + (f"(last seen {seen[each.name]:.0f} s ago)" if each.name in seen else "(has not reported to Redis)")
        for each in living
    ]
    none = "none has reported within ten seconds; start one: sevdesk-worker run"
    return Text(", ".join(names + gone) or none, "" if living and not gone else "red")


def _sevdesk(account: AccountStatus, redis: Mapping[str, Any], workers: int) -> Text:
    name = f"{account['account_name']}, " if account["account_name"] else ""
    if not account["token_configured"]:
        if account["token_here"] and not workers:
            return Text(f"{name}no worker has been started with a token yet", "yellow")
        return Text(f"{name}no token: jobs that need sevDesk are parked", "yellow")
    health: SevdeskHealth | None = redis["sevdesk"]
    seen = "its calls are not known without Redis" if health is None else health.sentence(datetime.now(UTC))
    well = health is None or health.refused_for is health.silent_for is None
    left = redis["error_budget_left"]
    failing = left is not None and left < 1 - SLOW_SHARE
    errors = f"; many calls end in errors: {left:.0%} of ERROR_BUDGET left, jobs are slowed" if failing else ""
    step = f". {REFUSED_STEP}" if health is not None and health.refused_for is not None else ""
    other = other_account_seen(account)
    said = other or f"token configured, {seen}{errors}{step}"
    return Text(f"{name}{said}", "" if well and not failing and not other else "yellow")


def _sync(account: AccountStatus) -> Text:
    minutes = account["payment_sync_interval_minutes"]
    if account["last_sync_at"] is None:
        return Text(f"never yet, every {minutes} min")
    late = account["token_configured"] and sync_is_late(account)
    step = ". Look for its jobs: sevdesk-worker jobs --kind sync_payments" if late else ""
    return Text(f"{duration(account['sync_age'])} ago, every {minutes} min{step}", "yellow" if late else "")


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
