"""The command acknowledge: a person has dealt with what is on record."""

from typing import Annotated

import typer

from worker.cli.base import ACT, USAGE, AsJson, cli, fail, show, with_store
from worker.cli.jobs import login_name
from worker.operator.lookup import resolve, resolve_export
from worker.store import Store


@cli.command(rich_help_panel=ACT)
def acknowledge(
    subject: Annotated[
        str, typer.Argument(metavar="INVOICE|EXPORT", help="An invoice (number or id), or a DATEV export's id.")
    ],
    reason: Annotated[str, typer.Option(help="What was done about it; stays on record.")] = "",
    by: Annotated[str, typer.Option(help="Who did it; by default the login name.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say that you have dealt with what `why` or `status` tells about an invoice or an export; they then stop."""
    if not 0 < len(reason.strip()) <= 500:
        fail("Say what was done with --reason, in up to 500 characters.", USAGE)

    async def close(store: Store) -> list[str]:
        about = {"by": by.strip() or login_name(), "reason": reason.strip()}
        found = await resolve(store, subject)
        if found is not None and found.invoice_id is not None:
            closed = await store.query("acknowledge_notices", invoice_id=found.invoice_id, **about)
            return [row["code"] for row in closed]
        export_id = await resolve_export(store, subject)
        if export_id is None or not await store.query("acknowledge_export", export_id=export_id, **about):
            fail(f"No invoice, and no export with findings, has the number or id {subject!r}.")
        return ["export_with_findings"]

    codes = with_store(close)
    text = f"Acknowledged: {', '.join(codes)}." if codes else f"Nothing is on record about {subject} to acknowledge."
    show(as_json, {"acknowledged": codes}, [text])
