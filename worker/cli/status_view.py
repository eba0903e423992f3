"""How status, top and jobs look in a terminal."""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from worker.operator.diagnosis import span
from worker.store.operator_rows import (
    AccountRow,
    ListedJobRow,
    ParkedJobRow,
    ReconciliationRow,
    RunningJobRow,
    TableSizesRow,
    WaitingJobRow,
)

RowT = TypeVar("RowT")
Cells = tuple[str | int | None, ...]


class ShownAccount(AccountRow):
    """`token_here`: whether this command's own environment has a token."""

    token_here: bool


class Status(TypedDict):
    """What `status` knows; the shape of its JSON."""

    jobs: dict[str, int]  # unfinished and parked, by state
    newest_jobs: dict[str, int]  # the newest thousand, by state
    running: list[RunningJobRow]
    parked: list[ParkedJobRow]
    oldest_waiting: WaitingJobRow | None
    account: ShownAccount
    last_reconciliation: ReconciliationRow | None
    about: TableSizesRow
    redis: dict[str, Any]
    ms: int  # what looking took


def page(found: Status) -> RenderableType:
    """The whole of `status`."""
    parts: list[RenderableType] = [_facts(found)]
    if found["running"]:
        parts.append(
            _table("running", found["running"], ("for", "kind", "invoice", "attempt", "worker", "job"), _running)
        )
    if found["parked"]:
        title = f"parked ({found['jobs'].get('parked', 0)}), newest first"
        parts.append(_table(title, found["parked"], ("since", "kind", "invoice", "why", "next step", "job"), _parked))
        parts.append(Text("why INVOICE tells the cause and the next step; mended, retry INVOICE takes it up again."))
    return Group(*parts)


def _facts(found: Status) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, said, style in (
        _queue(found), _newest(found), _oldest(found), _workers(found), _sevdesk(found), _sync(found), _drift(found),
    ):  # fmt: skip
        grid.add_row(Text(name, style="bold"), Text(said, style=style))
    return grid


def _queue(found: Status) -> tuple[str, str, str]:
    jobs = found["jobs"]
    states = ("requested", "queued", "running", "waiting", "parked")
    said = ", ".join(f"{jobs[state]} {state}" for state in states if jobs.get(state))
    return "queue", said or "empty", "yellow" if jobs.get("parked") else ""


def _newest(found: Status) -> tuple[str, str, str]:
    counts = found["newest_jobs"]
    said = ", ".join(f"{counts[state]} {state}" for state in sorted(counts, key=lambda s: -counts[s]))
    # Postgres' estimate is old after a quiet time; smaller than what was just counted, it says nothing.
    more = f" (about {found['about']['jobs']} in all)" if found["about"]["jobs"] > sum(counts.values()) else ""
    return "newest jobs", f"{said or 'none'}{more}", ""


def _oldest(found: Status) -> tuple[str, str, str]:
    oldest = found["oldest_waiting"]
    if oldest is None:
        return "oldest waiting", "none", ""
    about = f" for {oldest['invoice_number']}" if oldest["invoice_number"] else ""
    return "oldest waiting", f"{span(oldest['seconds'])}: {oldest['kind']}{about}, {oldest['state']}", ""


def _workers(found: Status) -> tuple[str, str, str]:
    near = found["redis"]
    if not near["reachable"]:
        return "workers", f"Redis does not answer ({near['error']}); jobs wait in Postgres", "red"
    said = ", ".join(near["workers"]) or "none has reported within ten seconds"
    return "workers", said, "" if near["workers"] else "red"


def _sevdesk(found: Status) -> tuple[str, str, str]:
    account = found["account"]
    token = "token configured" if account["token_configured"] else "no token: jobs that need sevDesk are parked"
    name = f"{account['account_name']}, " if account["account_name"] else ""
    tested = "connected" if account["is_connected"] else "connection not tested"
    return "sevDesk", f"{name}{token}, {tested}", "" if account["token_configured"] else "yellow"


def _sync(found: Status) -> tuple[str, str, str]:
    account = found["account"]
    every = f"every {account['payment_sync_interval_minutes']} min"
    if account["last_sync_at"] is None:
        return "payment sync", f"never yet, {every}", ""
    late = (account["sync_age"] or 0) > 3 * 60 * account["payment_sync_interval_minutes"]
    return "payment sync", f"{span(account['sync_age'])} ago, {every}", "yellow" if late else ""


def _drift(found: Status) -> tuple[str, str, str]:
    last = found["last_reconciliation"]
    if last is None:
        return "drift", "never reconciled", ""
    said = ", ".join(f"{count} {kind}" for kind, count in sorted(last["drift"].items())) or "none"
    return "drift", f"{said}, {span(last['age'])} ago, {last['invoices']} invoices", "yellow" if last["drift"] else ""


def job_table(found: Sequence[ListedJobRow]) -> Table:
    """The list that `jobs` prints."""
    return _table(None, found, ("age", "kind", "invoice", "state", "try", "again in", "why", "job"), _listed)


def _table(title: str | None, rows: Sequence[RowT], columns: Sequence[str], cells: Callable[[RowT], Cells]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        # A job's id is there to be copied.
        table.add_column(column, overflow="fold", no_wrap=column == "job")
    for row in rows:
        table.add_row(*(Text(str(cell if cell is not None else "-")) for cell in cells(row)))
    return table


def _running(row: RunningJobRow) -> Cells:
    return span(row["seconds"]), row["kind"], row["invoice_number"], row["attempt"], row["worker"], row["job_id"]


def _parked(row: ParkedJobRow) -> Cells:
    return span(row["seconds"]), row["kind"], row["invoice_number"], row["error"], row["next_step"], row["job_id"]


def _listed(row: ListedJobRow) -> Cells:
    again = span(row["again_in"]) if row["again_in"] is not None and row["again_in"] > 0 else None
    why = row["error"] if row["state"] not in ("done", "running") else None
    return (
        span(row["age"]), row["kind"], row["invoice_number"], row["state"], row["attempt"], again, why, row["job_id"]
    )  # fmt: skip
