"""Evidence for one invoice: a ZIP file that proves itself, for the tax adviser and for auditors.

    records.jsonl     one JSON object a line: the invoice, its events, jobs, requests to sevDesk, documents, mails.
                      Each carries its number and the SHA-256 of the line before it, and its own
    documents/...     the PDFs and XML as sevDesk gave them
    manifest.json     how many records there are, the last one's SHA-256, and each file's size and digests
    manifest.sha256   of manifest.json

`verify` needs nothing but the file. It finds every change that was not made with the intent to deceive; whoever
recomputes all digests can forge a bundle, but not its seal (the manifest's SHA-256), so keep that one somewhere else.
The bundle names people (the mails' recipients; the documents), so it is to be kept as the invoice itself is.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from worker.evidence.zip_file import altered_byte, first_difference, read_stored, stored_zip
from worker.store import Store

FORMAT = "sevdesk-worker evidence 1"
RECORDS, MANIFEST, SEAL = "records.jsonl", "manifest.json", "manifest.sha256"
BEGINNING = "0" * 64  # what the first record has in place of a predecessor's digest
ENDINGS = {"application/pdf": "pdf", "application/xml": "xml"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was bundled. `offset` counts bytes in `where` from 0, as far as it can be told."""

    where: str
    what: str
    offset: int | None = None

    def __str__(self) -> str:
        return f"{self.where}{'' if self.offset is None else f', byte {self.offset}'}: {self.what}"


# -- making ------------------------------------------------------------------------------------------------------------


async def bundle(store: Store, invoice_id: UUID) -> bytes:
    """The ZIP file. Raises LookupError when there is no such invoice."""
    rows = [(row["kind"], row["body"]) for row in await store.query("evidence_rows", invoice_id=invoice_id)]
    if not rows or rows[0][0] != "invoice":
        raise LookupError(f"there is no invoice {invoice_id}")
    documents = {
        _document_name(body): await store.query("document_content", id=body["id"])
        for kind, body in rows
        if kind == "document"
    }
    return assemble(rows, documents, datetime.now(UTC))


def assemble(rows: Sequence[tuple[str, Mapping[str, Any]]], documents: Mapping[str, bytes], now: datetime) -> bytes:
    """The bundle of these records; pure. The first row is the invoice's."""
    lines, previous = [], BEGINNING
    for number, (kind, body) in enumerate(rows, 1):
        line, previous = _line({"n": number, "kind": kind, "prev": previous, "body": body})
        lines.append(line)
    files = {RECORDS: b"".join(lines), **documents}
    manifest = {
        "format": FORMAT,
        "made_at": now.isoformat(),
        "invoice_id": rows[0][1]["id"],
        "invoice_number": rows[0][1]["invoice_number"],
        "records": len(rows),
        "kinds": Counter(kind for kind, _ in rows),
        "head": previous,
        "files": {name: _digests(content) for name, content in files.items()},
    }
    shown = json.dumps(manifest, indent=2, ensure_ascii=False, default=str).encode() + b"\n"
    return stored_zip({**files, MANIFEST: shown, SEAL: _seal_file(shown)})


def _document_name(body: Mapping[str, Any]) -> str:
    return f"documents/{body['id']}-{body['kind']}.{ENDINGS.get(body['mimetype'], 'bin')}"


def _line(record: Mapping[str, Any]) -> tuple[bytes, str]:
    """A record's line and its digest, which is over the line without it."""
    digest = sha256(_canonical(record)).hexdigest()
    return _canonical({**record, "sha256": digest}) + b"\n", digest


def _canonical(value: Mapping[str, Any]) -> bytes:
    """One spelling: sorted keys, no blanks; money and times as text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def _digests(content: bytes) -> dict[str, int | str]:
    """The SHA-256 is the proof; the CRC-32 finds the one byte that changed."""
    return {"bytes": len(content), "sha256": sha256(content).hexdigest(), "crc32": zlib.crc32(content)}


def _seal_file(manifest: bytes) -> bytes:
    return f"{sha256(manifest).hexdigest()} {zlib.crc32(manifest)} {len(manifest)}\n".encode()


# -- checking ----------------------------------------------------------------------------------------------------------


def seal_of(content: bytes) -> str | None:
    """The bundle's seal, to be kept elsewhere; None when it is no bundle."""
    try:
        manifest = read_stored(content).get(MANIFEST)
    except ValueError:
        return None
    return None if manifest is None else sha256(manifest).hexdigest()


def verify(content: bytes, seal: str | None = None) -> list[Problem]:
    """What is not as it was bundled, the records before the files; an empty list means untouched. Never raises.

    With the `seal` that was kept elsewhere it is also proved that this is the bundle made then.
    """
    try:
        return _verify(content, seal)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return [Problem(MANIFEST, "is not shaped like a manifest")]


def _verify(content: bytes, seal: str | None) -> list[Problem]:
    try:
        files = read_stored(content)
    except ValueError as error:
        return [Problem("bundle", str(error))]
    if missing := [name for name in (RECORDS, MANIFEST, SEAL) if name not in files]:
        return [Problem(name, "is missing") for name in missing]
    if problem := _manifest_problem(files):
        return [problem]
    manifest = json.loads(files[MANIFEST])
    problems = [*_chain(files[RECORDS], manifest), *_files(files, manifest)]
    if not problems and (offset := first_difference(content, stored_zip(files))) is not None:
        problems.append(Problem("bundle", "differs from how a bundle is written", offset))
    if seal is not None and seal != sha256(files[MANIFEST]).hexdigest():
        problems.append(Problem(MANIFEST, "is not the manifest that the seal belongs to"))
    return problems


def _manifest_problem(files: Mapping[str, bytes]) -> Problem | None:
    manifest = files[MANIFEST]
    if files[SEAL] == _seal_file(manifest):
        try:
            good = json.loads(manifest)["format"] == FORMAT
        except (ValueError, KeyError, TypeError):
            good = False
        return None if good else Problem(MANIFEST, f"is not of the format {FORMAT!r}")
    match files[SEAL].split():
        case [digest, crc, size] if crc.isdigit() and size.isdigit():
            wanted = {"sha256": digest.decode("ascii", "replace"), "crc32": int(crc), "bytes": int(size)}
            return _different(MANIFEST, manifest, wanted)
        case _:
            return Problem(SEAL, "is damaged")


def _files(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Iterable[Problem]:
    """Every file of the manifest is there and unchanged, and no other."""
    for name, wanted in manifest["files"].items():
        if name not in files:
            yield Problem(name, "is missing")
        elif _digests(files[name]) != wanted and name != RECORDS:  # the records speak for themselves, row by row
            yield _different(name, files[name], wanted)
    for name in files.keys() - manifest["files"].keys() - {MANIFEST, SEAL}:
        yield Problem(name, "does not belong to the bundle")


def _different(name: str, content: bytes, wanted: Mapping[str, Any]) -> Problem:
    if len(content) != wanted["bytes"]:
        return Problem(name, f"has {len(content)} bytes instead of {wanted['bytes']}")
    found = altered_byte(content, wanted["crc32"], wanted["sha256"])
    if found is None:
        return Problem(name, "was altered in several places, or its digest was")
    offset, before = found
    return Problem(name, f"was altered: {before:#04x} became {content[offset]:#04x}", offset)


def _chain(content: bytes, manifest: Mapping[str, Any]) -> list[Problem]:
    """The first record that is altered, missing or out of place; what follows it proves nothing more."""
    previous, number, offset = BEGINNING, 0, 0
    for line in content.splitlines(keepends=True):
        number += 1
        record = _record(line)
        if record is None:
            return [_altered(number, offset, line, content, manifest)]
        name = f"record {record['n']} ({record['kind']})"
        if record["n"] != number or record["prev"] != previous:
            return [Problem(RECORDS, f"record {number} is missing or was replaced; {name} stands in its place", offset)]
        previous, offset = record["sha256"], offset + len(line)
    wanted = manifest["records"]
    if number != wanted or previous != manifest["head"]:
        what = f"record {number + 1} of {wanted} is missing" if number < wanted else "the last record was replaced"
        return [Problem(RECORDS, what, offset)]
    return []


def _altered(number: int, offset: int, line: bytes, content: bytes, manifest: Mapping[str, Any]) -> Problem:
    whole = _different(RECORDS, content, manifest["files"][RECORDS])
    if whole.offset is not None:
        return Problem(RECORDS, f"record {number} {whole.what}", whole.offset)
    return Problem(RECORDS, f"record {number} was altered, somewhere in {len(line)} bytes", offset)


def _record(line: bytes) -> dict[str, Any] | None:
    """A line that is exactly what its own digest says."""
    try:
        record = json.loads(line)
        digest = record.pop("sha256")
        spelt, computed = _line(record)
        intact = (spelt, computed) == (line, digest) and record.keys() == {"n", "kind", "prev", "body"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return {**record, "sha256": digest} if intact else None
