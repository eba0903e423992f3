"""Commands that check whether all is well: doctor before a start, health for a container."""

import asyncio
from typing import Annotated

import typer

from worker.cli.base import FAILED, AsJson, cli, settings, show
from worker.domain.check import Check
from worker.settings import Settings

STYLES = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "yellow"}


@cli.command()
def doctor(as_json: AsJson = False) -> None:
    """Check Postgres, the billing tables, rights, Redis, sevDesk and the configuration. Exit 1: something fails."""
    from rich.table import Table
    from rich.text import Text

    checks = asyncio.run(_all(settings()))
    table = Table.grid(padding=(0, 2))
    for check in checks:
        table.add_row(Text(check.level, style=STYLES[check.level]), Text(check.name, style="bold"), Text(check.detail))
    well = all(check.ok for check in checks)
    show(as_json, {"ok": well, "checks": checks}, lambda out: out.print(table))
    if not well:
        raise typer.Exit(FAILED)


async def _all(given: Settings) -> list[Check]:
    from worker.operator.checks_postgres import postgres_checks
    from worker.operator.checks_services import redis_checks, sevdesk_checks

    looks = (postgres_checks(given), redis_checks(given), sevdesk_checks(given))
    return [check for checks in await asyncio.gather(*looks) for check in checks]


@cli.command()
def health(
    here: Annotated[bool, typer.Option("--here", help="Only a worker on this host counts.")] = False,
    sync_within: Annotated[
        float | None,
        typer.Option(min=0, help="Minutes since the last sync; by default three intervals. 0: it may be any time ago."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check for a container: Postgres, Redis, a living worker, the last sync. Exit 0 or 1."""
    from worker.operator.health import health_checks

    checks = asyncio.run(health_checks(settings(), here=here, sync_within=sync_within))
    lines = [f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {check.detail}" for check in checks]
    well = all(check.ok for check in checks)
    show(as_json, {"healthy": well, "checks": checks}, lambda out: out.print("\n".join(lines), soft_wrap=True))
    if not well:
        raise typer.Exit(FAILED)
