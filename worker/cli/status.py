"""The command about the whole system: status. It shows no personal data."""

import asyncio
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING

import typer

from worker.cli.base import LOOK, MUST_ACT, AsJson, cli, settings, show, with_store
from worker.domain.agreement import contradictions
from worker.maintenance.agreement import registered
from worker.operator.connections import redis_state
from worker.operator.rows import AccountRow
from worker.settings import AGREED, Settings
from worker.store import Store
from worker.store.rows import Row

if TYPE_CHECKING:
    from worker.cli.status_view import Status

# Rows per table: what fits on a screen; `jobs` lists the rest.
MAX_SHOWN = 10
# Jobs whose states are counted: enough to see a trend, and read in a millisecond.
NEWEST = 1000


async def read_status(store: Store, given: Settings, most: int = MAX_SHOWN) -> "Status":
    """Read everything that `status` shows, through indexes: the cost does not grow with the number of invoices.

    `most`: rows per table.
    """
    began = monotonic()
    redis = asyncio.create_task(redis_state(given))
    account: AccountRow = await store.query("account")
    workers = await registered(store)
    result: Status = {
        "jobs": _by_state(await store.query("count_jobs")),
        "newest_jobs": _by_state(await store.query("recent_states", most=NEWEST)),
        "running": await store.query("running_jobs", most=most),
        "parked": await store.query("parked_jobs", most=most),
        "rejected": await store.query("rejected_jobs", most=most),
        "oldest_waiting": await store.query("oldest_waiting"),
        "account": {**account, "token_here": given.sevdesk_api_token is not None},
        "last_reconciliation": await store.query("last_reconciliation"),
        "about": await store.query("table_sizes"),
        "workers": workers,
        "contradictions": contradictions(workers, AGREED),
        "notices": {row["code"]: row["notices"] for row in await store.query("count_notices")},
        "newest_notices": await store.query("open_notices", invoice_id=None, most=MAX_SHOWN),
        "export": await store.query("export_with_findings", export_id=None),
        "leader": await store.query("leader"),
        "redis": await redis,
        "ms": 0,
    }
    result["ms"] = round((monotonic() - began) * 1000)
    return result


def _by_state(rows: list[Row]) -> dict[str, int]:
    jobs: Counter[str] = Counter()
    for row in rows:
        jobs[row["state"]] += row["jobs"]
    return jobs


@cli.command(rich_help_panel=LOOK)
def status(as_json: AsJson = False) -> None:
    """Show the queue, what is parked or noticed, workers, connection and last sync. Exit 3: a person must act."""
    from worker.cli.status_view import needs_person, status_view

    result = with_store(lambda store: read_status(store, settings()))
    show(as_json, result, status_view(result))
    if needs_person(result):
        raise typer.Exit(MUST_ACT)
