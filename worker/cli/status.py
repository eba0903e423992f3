"""Commands that look at the whole: status, top. Neither shows personal data."""

import asyncio
import signal
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from worker.cli.base import USAGE, AsJson, cli, console, dump, fail, settings, show, with_store
from worker.operator.connections import redis_state
from worker.settings import Settings
from worker.store import Store
from worker.store.operator_rows import AccountRow, StateCountRow

if TYPE_CHECKING:
    from worker.cli.status_view import Status

# What fits on a screen; `jobs` lists the rest.
MAX_SHOWN = 10
# Enough to see a trend, and read in a millisecond.
NEWEST = 1000


async def glance(store: Store, given: Settings) -> "Status":
    """Everything that `status` shows, read through indexes: the cost does not grow with the number of invoices."""
    began = monotonic()
    near_redis = asyncio.create_task(redis_state(given.redis_url))
    account: AccountRow = await store.query("account")
    found: Status = {
        "jobs": _by_state(await store.query("queue_states")),
        "newest_jobs": _by_state(await store.query("recent_states", most=NEWEST)),
        "running": await store.query("running_jobs", most=MAX_SHOWN),
        "parked": await store.query("parked_jobs", most=MAX_SHOWN),
        "oldest_waiting": await store.query("oldest_waiting"),
        "account": {**account, "token_here": given.sevdesk_api_token is not None},
        "last_reconciliation": await store.query("last_reconciliation"),
        "about": await store.query("table_sizes"),
        "redis": await near_redis,
        "ms": 0,
    }
    found["ms"] = round((monotonic() - began) * 1000)
    return found


def _by_state(rows: list[StateCountRow]) -> dict[str, int]:
    return {row["state"]: row["jobs"] for row in rows}


@cli.command()
def status(as_json: AsJson = False) -> None:
    """Show the queue, what is parked, the workers, the connection and the last payment sync."""
    from worker.cli.status_view import page

    given = settings()
    found = with_store(lambda store: glance(store, given), given)
    show(as_json, found, lambda out: out.print(page(found)))


@cli.command()
def top(
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch the same as status, live, until Ctrl-C; --json prints one line a look."""
    from rich.live import Live

    from worker.cli.status_view import page

    given = settings()
    if not 0.1 <= every <= 3600:
        fail("--every must be 0.1 to 3600 seconds.", USAGE)

    # A handler of our own: asyncio's would make Ctrl-C during a look a cancelled connection, and that a failure.
    signal.signal(signal.SIGINT, _leave)

    def look() -> "Status":
        return with_store(lambda store: glance(store, given), given)

    if once:
        seen = look()
        show(as_json, seen, lambda out: out.print(page(seen)))
        return
    while as_json:
        typer.echo(dump(look(), indent=None))
        sleep(every)
    out = console()
    with Live(page(look()), console=out, screen=out.is_terminal, auto_refresh=False) as live:
        while True:
            sleep(every)
            live.update(page(look()), refresh=True)


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)  # what asyncio lets through from wherever it is
