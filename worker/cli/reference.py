"""Commands that print reference material and need no database: schema, problems, mapping."""

from typing import Annotated

import typer

from worker.cli.base import LOOK, USAGE, AsJson, cli, dump, fail, show
from worker.domain.problems import CATALOGUE, Lang


@cli.command(rich_help_panel=LOOK)
def schema(as_json: AsJson = False) -> None:
    """Print the JSON Schema of job payloads and results, event-log payloads and notifications (always JSON)."""
    from worker.operator.interface_schema import interface_schema

    typer.echo(dump(interface_schema()))


@cli.command(rich_help_panel=LOOK)
def problems(
    code: Annotated[str | None, typer.Argument(help="One code, for example recipient_missing_email.")] = None,
    lang: Annotated[Lang, typer.Option(help="Language of the sentences.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Print the catalogue of problems: code, who must act, cause and next step. {names} are parameters."""
    from worker.cli.tables import table

    if code is not None and code not in CATALOGUE:
        fail(f"There is no problem {code!r}. sevdesk-worker problems lists all of them.", USAGE)
    entries = [CATALOGUE[code]] if code else list(CATALOGUE.values())
    rows = [(entry.code, entry.actor.value, entry.cause[lang], entry.next_step[lang]) for entry in entries]
    show(as_json, entries, table(("code", "who acts", "cause", "next step"), rows))


@cli.command(rich_help_panel=LOOK)
def mapping(as_json: AsJson = False) -> None:
    """Print which of our fields fills which of sevDesk's, and which come back: the tables the steps work by."""
    from worker.cli.tables import table
    from worker.operator.mapping import field_mapping

    rows = field_mapping()
    cells = [(row.ours, row.direction, row.theirs, row.call) for row in rows]
    show(as_json, rows, table(("ours", "", "sevDesk's", "call"), cells))
