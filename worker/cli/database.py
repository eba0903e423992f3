"""The commands that care for the database: migrate, clean."""

from typing import Annotated

import typer

from worker.cli.base import ACT, AsJson, cli, fail, settings, show, with_store


@cli.command(rich_help_panel=ACT)
def migrate(
    billing_reference: Annotated[
        bool,
        typer.Option("--billing-reference", help="Also create the reference billing tables (empty database only)."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the worker's own tables up to date."""
    import psycopg

    from worker.store.migrate import NotMigrated, billing_tables
    from worker.store.migrate import migrate as apply

    given = settings()
    try:
        applied = apply(given.database_url, billing_reference=billing_reference, billing_schema=given.billing_schema)
    except psycopg.OperationalError as error:
        fail(f"Cannot reach Postgres: {_first_line(error)}. Check DATABASE_URL.")
    except psycopg.errors.InsufficientPrivilege as error:
        fail(f"{_first_line(error)}: migrate must run as the owner of the tables; name that role in DATABASE_URL.")
    except psycopg.Error as error:
        where = " --billing-reference is for an empty database." if billing_reference else ""
        fail(f"Postgres refuses: {_first_line(error)}.{where}")
    except NotMigrated as error:
        fail(str(error))
    text = f"Applied {', '.join(applied)}." if applied else "Nothing to apply."
    if "billing_reference" in applied:
        text += f"\nCreated the billing tables {', '.join(billing_tables())}; they are empty."
    show(as_json, {"applied": applied}, text)


@cli.command(rich_help_panel=ACT)
def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be deleted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete ended jobs, their writes and payment syncs older than RETENTION_DAYS, as the leader does by itself."""
    from worker.maintenance.retention import clean as delete

    days = settings().retention_days
    deleted = with_store(lambda store: delete(store, days, dry_run=dry_run))
    text = (
        f"{'Would delete' if dry_run else 'Deleted'} {deleted['jobs']} ended jobs that are older than {days} days, "
        f"with {deleted['intents']} writes and {deleted['sync_runs']} payment syncs."
    )
    show(as_json, {**deleted, "days": days, "dry_run": dry_run}, text)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
