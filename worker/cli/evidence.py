"""Evidence bundles: the command verify, and writing one for `show --bundle`."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.base import LOOK, MUST_ACT, AsJson, cli, fail, show, with_store, write_private
from worker.store import Store


@cli.command(rich_help_panel=LOOK)
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What `show --bundle` wrote.")],
    seal: Annotated[str | None, typer.Option(help="The seal that was printed then and kept elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check an evidence bundle offline; names altered, missing and extra files and the first such record.

    Exit code 3: something differs.
    """
    from worker.evidence import bundle as evidence

    try:
        problems = evidence.verify(bundle.read_bytes(), seal)
    except OSError as error:
        fail(f"Cannot read {bundle}: {error.strerror}.")
    show(as_json, {"problems": problems}, "\n".join(problems) or "Untouched.")
    if problems:
        raise typer.Exit(MUST_ACT)


def write_bundle(invoice: str, target: Path, as_json: bool) -> None:
    from worker.cli.invoices import invoice_id_of
    from worker.evidence import bundle as evidence

    async def collect(store: Store) -> bytes:
        return await evidence.bundle(store, await invoice_id_of(store, invoice))

    content = with_store(collect)
    write_private(target, content)
    seal = evidence.seal_of(content)
    show(as_json, {"file": str(target), "seal": seal}, f"{target}\nSeal, to be kept elsewhere: {seal}")
