"""Evidence bundles: the command verify, and writing one for `show --bundle`."""

from pathlib import Path
from typing import Annotated

import typer

from worker.cli.base import (
    LOOK,
    MUST_ACT,
    AsJson,
    cli,
    fail,
    read_settings,
    settings,
    show,
    with_store,
)
from worker.cli.saving import new_private_file, require_new
from worker.settings import EvidenceSettings
from worker.store import Store

# Bytes of the largest file that is read: a bundle has the documents of one invoice, some megabytes.
LARGEST = 256 << 20


@cli.command(rich_help_panel=LOOK)
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="FILE.zip", help="What `show --bundle` wrote.")],
    seal: Annotated[str | None, typer.Option(help="The seal that was printed then and kept elsewhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check an evidence bundle offline; names altered, missing and extra files and the first such record.

    Exit code 3: something differs. With EVIDENCE_KEYS, a bundle that was not made with one of these keys is found too.
    """
    from worker.evidence import bundle as evidence
    from worker.evidence.hmac_file import maker

    keys, content = read_settings(EvidenceSettings).evidence_keys, _read(bundle)
    problems = evidence.verify(content, keys, seal)
    made = None if problems else maker(evidence.key_of(content), keys)
    show(as_json, {"problems": problems, "maker": made}, problems or [f"Untouched. {made}"])
    if problems:
        raise typer.Exit(MUST_ACT)


def _read(path: Path) -> bytes:
    """The file's content; ends the command with exit code 1 if it is none, or larger than any bundle."""
    try:
        if not path.is_file():  # a device or a pipe might never end
            fail(f"Cannot read {path}: it is not a file.")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        fail(f"Cannot read {path}: {getattr(error, 'strerror', error)}.")
    if len(content) > LARGEST:
        fail(f"{path} is larger than {LARGEST >> 20} MB, so it is no evidence bundle.")
    return content


def write_bundle(invoice: str, target: Path, as_json: bool) -> None:
    from worker.cli.invoices import invoice_id_of
    from worker.evidence import bundle as evidence

    require_new(target)  # an earlier bundle is evidence, too
    keys = settings().evidence_keys
    key = next(iter(keys), None)

    async def collect(store: Store) -> bytes:
        return await evidence.bundle(store, await invoice_id_of(store, invoice), keys)

    content = with_store(collect)
    with new_private_file(target) as file:
        file.write(content)
    seal = evidence.seal_of(content)
    text = f"{target}\nSeal, to be kept elsewhere: {seal}"
    if key is None:
        text += "\nEVIDENCE_KEYS is not set, so anybody could have made this bundle; only the kept seal proves it."
    show(as_json, {"file": str(target), "seal": seal, "key": key}, text)
