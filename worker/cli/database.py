"""The command that prepares the database: migrate."""

from typing import Annotated

import typer

from worker.cli.base import AsJson, cli, fail, settings, show


@cli.command()
def migrate(
    billing_reference: Annotated[
        bool,
        typer.Option("--billing-reference", help="Also create the reference billing tables (empty database only)."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the worker's own tables up to date."""
    import psycopg
    from yoyo.exceptions import LockTimeout

    from worker.store.migrate import migrate as apply

    try:
        applied = apply(settings().database_url, billing_reference=billing_reference)
    except psycopg.OperationalError as error:
        fail(f"Cannot reach Postgres: {_first_line(error)}. Check DATABASE_URL.")
    except psycopg.errors.InsufficientPrivilege as error:
        fail(f"{_first_line(error)}: migrate must run as the owner of the tables; name that role in DATABASE_URL.")
    except psycopg.Error as error:
        where = " --billing-reference is for an empty database." if billing_reference else ""
        fail(f"Postgres refuses: {_first_line(error)}.{where}")
    except LockTimeout as error:
        fail(f"{_first_line(error).partition(' (')[0]}. If no migrate is running, empty the table yoyo_lock.")
    show(as_json, {"applied": applied}, f"Applied {', '.join(applied)}." if applied else "Nothing to apply.")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
