"""The command that looks whether everything the worker needs is there: doctor."""

import asyncio

import typer

from worker.cli.base import FAILED, AsJson, cli, settings, show
from worker.cli.checks import Check
from worker.settings import Settings

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@cli.command()
def doctor(as_json: AsJson = False) -> None:
    """Check Postgres, the billing tables, rights, Redis, sevDesk and the configuration. Exit 1: something fails."""
    from rich.table import Table
    from rich.text import Text

    checks = asyncio.run(_all(settings()))
    table = Table.grid(padding=(0, 2))
    for check in checks:
        table.add_row(Text(check.level, style=STYLES[check.level]), Text(check.name, style="bold"), Text(check.said))
    well = all(check.level != "fail" for check in checks)
    show(as_json, {"ok": well, "checks": checks}, lambda out: out.print(table))
    if not well:
        raise typer.Exit(FAILED)


async def _all(given: Settings) -> list[Check]:
    from worker.cli.checks_around import redis_checks, sevdesk_checks
    from worker.cli.checks_postgres import postgres_checks

    looks = (postgres_checks(given), redis_checks(given), sevdesk_checks(given))
    return [check for checks in await asyncio.gather(*looks) for check in checks]
