"""Commands that print reference material and need no database: schema, mapping."""

import typer

from worker.cli.base import AsJson, cli, dump, show
from worker.domain import jobs


@cli.command()
def schema(as_json: AsJson = False) -> None:
    """Print the JSON Schema of every job's payload (always JSON)."""
    shown = {
        kind.name: {"asked_by": kind.role.value, "payload": kind.payload.model_json_schema()}
        for kind in jobs.KINDS.values()
    }
    typer.echo(dump(shown))


@cli.command()
def mapping(as_json: AsJson = False) -> None:
    """Print which of our fields fills which of sevDesk's, and which come back: the tables the steps work by."""
    from worker.cli.invoice_view import mapping_table
    from worker.operator.mapping import field_mapping

    found = field_mapping()
    show(as_json, found, lambda out: out.print(mapping_table(found)))
