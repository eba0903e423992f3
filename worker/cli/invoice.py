"""Commands about one invoice or job: show, why, preview; and mapping, which needs none."""

from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli.base import FOUND, AsJson, cli, fail, settings, show, with_store
from worker.cli.find import invoice_id_of, resolve
from worker.store import Store

Subject = Annotated[
    str, typer.Argument(metavar="INVOICE", help="Its number, its id, or sevDesk's number or id for it.")
]


@cli.command("show")
def show_invoice(
    invoice: Subject,
    as_json: AsJson = False,
    bundle: Annotated[
        Path | None, typer.Option(metavar="FILE.zip", help="Write all evidence into a ZIP instead, and print its seal.")
    ] = None,
) -> None:
    """Show one invoice: where it stands, its jobs, and everything that happened to it, in order."""
    from worker.cli.story import story

    if bundle is not None:
        return _write_bundle(invoice, bundle, as_json)

    async def read(store: Store) -> dict[str, Any]:
        invoice_id = await invoice_id_of(store, invoice)
        return {
            "invoice": dict(await store.query("invoice_head", invoice_id=invoice_id)),
            "jobs": [dict(row) for row in await store.query("jobs_of_invoice", invoice_id=invoice_id)],
            "timeline": [dict(row) for row in await store.query("timeline", invoice_id=invoice_id)],
        }

    found = with_store(read)
    show(as_json, found, lambda out: out.print(story(found)))


def _write_bundle(invoice: str, target: Path, as_json: bool) -> None:
    from worker import evidence

    async def collect(store: Store) -> bytes:
        return await evidence.bundle(store, await invoice_id_of(store, invoice))

    content = with_store(collect)
    try:
        target.write_bytes(content)
    except OSError as error:
        fail(f"Cannot write {target}: {error.strerror}.")
    seal = evidence.seal_of(content)
    show(
        as_json,
        {"file": str(target), "seal": seal},
        lambda out: out.print(f"{target}\nSeal, to be kept elsewhere: {seal}"),
    )


@cli.command()
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What `show --bundle` wrote.")],
    seal: Annotated[str | None, typer.Option(help="The seal that was printed then and kept elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check an evidence bundle offline; names the first altered byte or missing row. Exit 3: it is not as it was."""
    from worker import evidence

    try:
        problems = evidence.verify(bundle.read_bytes(), seal)
    except OSError as error:
        fail(f"Cannot read {bundle}: {error.strerror}.")
    show(
        as_json,
        {"problems": [str(problem) for problem in problems]},
        lambda out: out.print("\n".join(map(str, problems)) or "Untouched."),
    )
    if problems:
        raise typer.Exit(FOUND)


@cli.command()
def why(
    subject: Annotated[str, typer.Argument(metavar="INVOICE|JOB", help="An invoice (number or id), or a job's id.")],
    as_json: AsJson = False,
) -> None:
    """Say in plain words why an invoice or job is where it is, and what comes next. Exit 3: a person must act."""
    from worker.cli.scene import gather
    from worker.why import Why, explain

    given = settings()

    async def look(store: Store) -> Why:
        found = await resolve(store, subject)
        if found is None:
            fail(
                f"No invoice or job has the number or id {subject!r}. A job no worker has polled yet is only in Redis."
            )
        return explain(await gather(store, found, given))

    answer = with_store(look, given)
    lines = (f"{answer.subject}: {answer.state}", f"  why   {answer.cause}", f"  next  {answer.next_step}")
    show(as_json, answer, lambda out: out.print("\n".join(lines), soft_wrap=True))
    if answer.needs_person:
        raise typer.Exit(FOUND)


@cli.command()
def preview(
    invoice: Subject,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask sevDesk nothing: ids only it knows are shown as 0 and named.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what publishing an invoice would send, and the sums to expect. Sends nothing. Exit 3: it would stop."""
    from worker.cli.sevdesk import desk_unless, said
    from worker.cli.story import previewed
    from worker.preview import Preview, preview_of

    given = settings()

    async def look(store: Store) -> Preview:
        invoice_id = await invoice_id_of(store, invoice)
        async with desk_unless(offline, given) as real:
            return await preview_of(store, invoice_id, given, real)

    with said("Use --offline to ask sevDesk nothing."):
        found = with_store(look, given)
    show(as_json, found, lambda out: out.print(previewed(found)))
    if found.refusal is not None:
        raise typer.Exit(FOUND)


@cli.command()
def mapping(as_json: AsJson = False) -> None:
    """Print which of our fields fills which of sevDesk's, and which comes back; found out from the code that maps."""
    import asyncio

    from worker.cli.story import mapping_table
    from worker.mapping import field_mapping

    found = asyncio.run(field_mapping())
    show(as_json, found, lambda out: out.print(mapping_table(found)))
