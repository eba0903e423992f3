"""The command that prepares the database: migrate."""

from typing import Annotated

import typer

from worker.cli.base import AsJson, cli, fail, settings, show


@cli.command()
def migrate(
    billing_reference: Annotated[
        bool, typer.Option(help="Also create the reference billing tables (empty database only).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the worker's own tables up to date."""
    import psycopg

    from worker.store.migrate import migrate as apply

    try:
        applied = apply(settings().database_url, billing_reference=billing_reference)
    except psycopg.OperationalError as error:
        fail(f"Cannot reach Postgres: {str(error).strip().splitlines()[0]}. Check DATABASE_URL.")
    show(as_json, {"applied": applied}, f"Applied {', '.join(applied)}." if applied else "Nothing to apply.")
