"""Commands that list and save what jobs have left behind: files, exports."""

import hashlib
from contextlib import ExitStack
from pathlib import Path
from shlex import quote
from typing import Annotated, Any
from uuid import UUID

import typer

from worker.cli.base import LOOK, USAGE, AsJson, cli, dump, fail, show, with_store
from worker.cli.csv_output import AsCsv, print_csv
from worker.cli.invoices import Subject, invoice_id_of
from worker.cli.saving import new_file, safe_name
from worker.operator.lookup import resolve_export
from worker.operator.results import export_parts, findings_of, stored_file
from worker.operator.rows import ExportFindingsRow
from worker.store import Store
from worker.store.rows import Row

SaveTo = Annotated[
    Path | None, typer.Option("--save", metavar="DIR", help="Save them there: mode 0600, never over an existing file.")
]
FILE_COLUMNS = ("kind", "filename", "bytes", "fetched_at", "sha256")
EXPORT_COLUMNS = ("export_id", "start_date", "end_date", "scope", "status", "progress", "findings", "created_at")


@cli.command(rich_help_panel=LOOK)
def files(invoice: Subject, save: SaveTo = None, as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the PDFs and XML files stored of an invoice, and save them."""
    from worker.cli.tables import local_time, table

    async def read(store: Store) -> tuple[list[Row], list[Path]]:
        found: list[Row] = await store.query("files_of_invoice", invoice_id=await invoice_id_of(store, invoice))
        if save is None:
            return found, []
        names = _different([file["filename"] for file in found], [file["sha256"] for file in found])
        with ExitStack() as files:
            for file, name in zip(found, names, strict=True):
                try:
                    files.enter_context(new_file(save, name)).write(await stored_file(store, file))
                except ValueError as error:
                    fail(f"{error}, so nothing was saved. sevdesk-worker reconcile compares all stored PDFs.")
        return found, [save / safe_name(name) for name in names]

    found, saved = with_store(read)
    if as_csv:
        return print_csv(FILE_COLUMNS, found)
    listed = [{**file, "saved_as": str(path)} for file, path in zip(found, saved, strict=True)] if save else found
    cells = [(f["kind"], f["filename"], f["bytes"], local_time(f["fetched_at"]), f["sha256"][:12]) for f in found]
    view = table(("kind", "file", "bytes", "fetched", "sha256"), cells) if found else "No file of it is stored."
    show(as_json, listed, [*map(str, saved)] if saved else view)


def _different(names: list[str], digests: list[str]) -> list[str]:
    """Names for files of one folder: of several with the same name, each gets the first digits of its SHA-256."""
    safe = [safe_name(name).casefold() for name in names]
    return [
        name if safe.count(own) == 1 else f"{digest[:8]}-{name}"
        for name, own, digest in zip(names, safe, digests, strict=True)
    ]


@cli.command(rich_help_panel=LOOK)
def exports(
    export: Annotated[str | None, typer.Argument(metavar="ID", help="One export; without it, a list.")] = None,
    save: SaveTo = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=10_000)] = 20,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the DATEV exports; of one its findings, and save sevDesk's archive, the package and the report."""
    from worker.cli.export_view import export_list, export_view

    if export is None:
        if save is not None:
            fail("--save needs the id of an export; sevdesk-worker exports lists them.", USAGE)
        rows: list[Row] = with_store(lambda store: store.query("list_exports", most=limit))
        return print_csv(EXPORT_COLUMNS, rows) if as_csv else show(as_json, rows, export_list(rows))

    async def read(store: Store) -> tuple[dict[str, Any], ExportFindingsRow | None, list[Path]]:
        export_id = await resolve_export(store, export)
        if export_id is None:
            fail(f"No export has the id {export!r}. sevdesk-worker exports lists them.")
        found = dict(await store.query("whole_export", export_id=export_id))
        unsettled: ExportFindingsRow | None = await store.query("export_with_findings", export_id=export_id)
        return found, unsettled, [] if save is None else await _save_export(store, found, export_id, save)

    found, unsettled, saved = with_store(read)
    if as_csv:
        return print_csv(("kind", "text", "text_en", "file", "line", "number", "note"), findings_of(found["report"]))
    shown = {**found, "saved_as": list(map(str, saved))} if save else found
    show(as_json, shown, [*map(str, saved)] if saved else export_view(found, unsettled))


async def _save_export(store: Store, found: dict[str, Any], export_id: UUID, folder: Path) -> list[Path]:
    """sevDesk's archive, the package of archive and readable report, and the report as JSON; part by part."""
    short = str(export_id)[:8]
    if found["archive_sha256"] is None:
        fail(f"The export is {found['status']} and has no archive; why: sevdesk-worker exports {quote(short)}.")
    begin = f"DATEV-{found['start_date']}-{found['end_date']}-{short}"
    names = [f"{begin}-archive.zip", f"{begin}-package.zip", f"{begin}-report.json"]
    digests = {"archive_sha256": hashlib.sha256(), "package_sha256": hashlib.sha256()}
    with ExitStack() as files:
        archive, package, report = (files.enter_context(new_file(folder, name)) for name in names)
        async for original, content in export_parts(store, export_id):
            package.write(content)
            digests["package_sha256"].update(content)
            if original:
                archive.write(content)
                digests["archive_sha256"].update(content)
        if any(digest.hexdigest() != found[name] for name, digest in digests.items()):
            fail("The stored package is not what was recorded with it, so nothing was saved. Ask for a new export.")
        report.write(dump(found["report"]).encode())
    return [folder / name for name in names]
