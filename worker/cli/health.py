"""Commands that check the system: doctor for an operator, health for a container."""

import asyncio
from typing import Annotated

import typer

from worker.cli.base import FAILED, LOOK, AsJson, cli, settings, show
from worker.domain.health_check import Check

LEVELS = {"fail": "FAIL"}  # of health, where they are called otherwise
STYLES = {"ok": "green", "warn": "yellow", "fail": "red", "unknown": "yellow"}


@cli.command(rich_help_panel=LOOK)
def doctor(as_json: AsJson = False) -> None:
    """Check Postgres, the billing tables, rights, Redis, sevDesk and the configuration. Exit 1: something fails."""
    from rich.table import Table
    from rich.text import Text

    from worker.operator.checks_here import installation_checks
    from worker.operator.checks_postgres import postgres_checks
    from worker.operator.checks_services import redis_checks, sevdesk_checks

    async def check_all() -> list[Check]:
        given = settings()
        groups = await asyncio.gather(postgres_checks(given), redis_checks(given), sevdesk_checks(given))
        return [*(check for group in groups for check in group), *installation_checks(given)]

    checks = asyncio.run(check_all())
    table = Table.grid(padding=(0, 2))
    for check in checks:
        said = "\n".join(filter(None, (check.detail, check.next_step)))  # DDL begins on a line of its own
        table.add_row(
            Text(check.level, style=STYLES[check.level]),
            Text(check.name, style="bold"),
            Text(said),
        )
    ok = all(check.ok for check in checks)
    show(as_json, {"ok": ok, "checks": checks}, table)
    if not ok:
        raise typer.Exit(FAILED)


@cli.command(rich_help_panel=LOOK)
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
    lines = [
        f"{LEVELS.get(each.level, each.level):<4} {each.name}: {' '.join(filter(None, (each.detail, each.next_step)))}"
        for each in checks
    ]
    healthy = all(check.ok for check in checks)
    show(as_json, {"healthy": healthy, "checks": checks}, lines)
    if not healthy:
        raise typer.Exit(FAILED)
