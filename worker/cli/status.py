"""Commands about the whole system: status, top. They show no personal data."""

import asyncio
import signal
from collections import Counter
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from worker.cli.base import USAGE, AsJson, Visibly, cli, console, dump, fail, settings, show, with_store
from worker.operator.connections import redis_state
from worker.operator.rows import AccountRow
from worker.settings import Settings
from worker.store import Store
from worker.store.rows import Row

if TYPE_CHECKING:
    from worker.cli.status_view import Status

# Rows per table: what fits on a screen; `jobs` lists the rest.
MAX_SHOWN = 10
# Jobs whose states are counted: enough to see a trend, and read in a millisecond.
NEWEST = 1000


async def read_status(store: Store, given: Settings) -> "Status":
    """Read everything that `status` shows, through indexes: the cost does not grow with the number of invoices."""
    began = monotonic()
    redis = asyncio.create_task(redis_state(given))
    account: AccountRow = await store.query("account")
    result: Status = {
        "jobs": _by_state(await store.query("count_jobs")),
        "newest_jobs": _by_state(await store.query("recent_states", most=NEWEST)),
        "running": await store.query("running_jobs", most=MAX_SHOWN),
        "parked": await store.query("parked_jobs", most=MAX_SHOWN),
        "oldest_waiting": await store.query("oldest_waiting"),
        "account": {**account, "token_here": given.sevdesk_api_token is not None},
        "last_reconciliation": await store.query("last_reconciliation"),
        "about": await store.query("table_sizes"),
        "workers": await store.query("living_workers"),
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


@cli.command()
def status(as_json: AsJson = False) -> None:
    """Show the queue, what is parked, the workers, the connection and the last payment sync."""
    from worker.cli.status_view import status_view

    result = with_store(lambda store: read_status(store, settings()))
    show(as_json, result, status_view(result))


@cli.command()
def top(
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch the same as status, live, until Ctrl-C; --json prints one line a look."""
    from rich.live import Live

    from worker.cli.status_view import status_view

    if not 0.1 <= every <= 3600:
        fail("--every must be 0.1 to 3600 seconds.", USAGE)

    # asyncio's own handler would cancel a connection that is being made on Ctrl-C, which is then reported as a failure.
    signal.signal(signal.SIGINT, _exit)

    def read() -> "Status":
        return with_store(lambda store: read_status(store, settings()))

    if once:
        result = read()
        show(as_json, result, status_view(result))
        return
    while as_json:
        typer.echo(dump(read(), indent=None))
        sleep(every)
    out = console()
    with Live(Visibly(status_view(read())), console=out, screen=out.is_terminal, auto_refresh=False) as live:
        while True:
            sleep(every)
            live.update(Visibly(status_view(read())), refresh=True)


def _exit(*_: object) -> NoReturn:
    raise SystemExit(0)  # asyncio lets this exception through at any point
