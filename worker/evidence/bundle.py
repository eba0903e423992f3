"""Evidence for one invoice: a ZIP file that can be checked offline, for the tax adviser and for auditors.

    records.jsonl     one JSON object a line: the invoice, its events, jobs, requests to sevDesk, documents, mails.
                      Each has its number, the SHA-256 of the record before it, and its own
    documents/...     the PDFs and XML as sevDesk gave them
    manifest.json     number of records, SHA-256 of the last one, size and SHA-256 of each file
    manifest.sha256   SHA-256 of manifest.json, as `sha256sum` writes it
    manifest.hmac     with EVIDENCE_KEYS: HMAC-SHA256 of manifest.json, and the key's name, which the manifest has too

`verify` needs only the ZIP file, and the key for the HMAC. Without a key a forger can recompute everything in it, but
not change a seal (the SHA-256 of manifest.json) that is kept elsewhere. Bundles hold personal data, so store them like
the invoice itself.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from worker.evidence.hmac_file import HMAC, NO_KEYS, Keys, forged, hmac_file
from worker.evidence.zip_file import read_stored, stored_zip
from worker.store import Store

FORMAT = "sevdesk-worker evidence 1"
RECORDS, MANIFEST, SEAL = "records.jsonl", "manifest.json", "manifest.sha256"
NO_PREDECESSOR = "0" * 64  # `prev` of the first record
EXTENSIONS = {"application/pdf": "pdf", "application/xml": "xml"}
# Names that a bundle gives: none that leads out of a folder, or that differs from another one by capitals only.
_NAME = re.compile(r"records\.jsonl|documents/[0-9]+-[a-z_]+\.(pdf|xml|bin)")
# Read into objects, JSON takes up to 20 times its size in memory; a real manifest has some kilobytes.
_LARGEST_MANIFEST, _LARGEST_RECORD = 1 << 20, 1 << 24
_NO_KEY = "none: EVIDENCE_KEYS was not set, so anybody could have made this bundle"


# -- making ------------------------------------------------------------------------------------------------------------


async def bundle(store: Store, invoice_id: UUID, keys: Keys = NO_KEYS) -> bytes:
    """The ZIP file, sealed with the first of the keys. Raises LookupError if the invoice does not exist."""
    rows = [(row["kind"], row["body"]) for row in await store.query("evidence_rows", invoice_id=invoice_id)]
    if not rows or rows[0][0] != "invoice":
        raise LookupError(f"there is no invoice {invoice_id}")
    documents = {
        f"documents/{body['id']}-{body['kind']}.{EXTENSIONS.get(body['mimetype'], 'bin')}": await store.query(
            "document_content", id=body["id"]
        )
        for kind, body in rows
        if kind == "document"
    }
    return assemble(rows, documents, datetime.now(UTC), keys)


def assemble(
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    documents: Mapping[str, bytes],
    now: datetime,
    keys: Keys = NO_KEYS,
) -> bytes:
    """The ZIP file of these records (kind and columns, the invoice's first) and documents by name. Pure."""
    lines, previous = [], NO_PREDECESSOR
    for number, (kind, body) in enumerate(rows, 1):
        line, previous = _line({"n": number, "kind": kind, "prev": previous, "body": body})
        lines.append(line)
    files = {RECORDS: b"".join(lines), **documents}
    key = next(iter(keys), None)
    manifest = {
        "format": FORMAT,
        "made_at": now.isoformat(),
        "key": key,
        "proof": _NO_KEY if key is None else f"HMAC-SHA256 in {HMAC}",
        "invoice_id": rows[0][1]["id"],
        "invoice_number": rows[0][1]["invoice_number"],
        "records": len(rows),
        "kinds": Counter(kind for kind, _ in rows),
        "head": previous,
        "files": {name: {"bytes": len(content), "sha256": _hex(content)} for name, content in files.items()},
    }
    content = _manifest_file(manifest)
    made_by = {} if key is None else {HMAC: hmac_file(content, key, keys)}
    return stored_zip({**files, MANIFEST: content, SEAL: _seal_file(content), **made_by})


def _manifest_file(manifest: Mapping[str, Any]) -> bytes:
    return json.dumps(manifest, indent=2, ensure_ascii=False, default=str).encode() + b"\n"


def _line(record: Mapping[str, Any]) -> tuple[bytes, str]:
    """A record's line and the SHA-256 in it, which is that of the line without it."""
    digest = _hex(_canonical(record))
    return _canonical({**record, "sha256": digest}) + b"\n", digest


def _canonical(value: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys and no blanks; money and times as text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def _seal_file(manifest: bytes) -> bytes:
    return f"{_hex(manifest)}  {MANIFEST}\n".encode()


def _hex(content: bytes) -> str:
    return sha256(content).hexdigest()


# -- checking ----------------------------------------------------------------------------------------------------------


def seal_of(content: bytes) -> str | None:
    """The SHA-256 of the bundle's manifest; None if `content` is no bundle."""
    try:
        manifest = read_stored(content).get(MANIFEST)
    except ValueError:
        return None
    return None if manifest is None else _hex(manifest)


def key_of(content: bytes) -> str | None:
    """The name of the key that an untouched bundle was sealed with; None without one."""
    name: str | None = json.loads(read_stored(content)[MANIFEST])["key"]
    return name


def verify(content: bytes, keys: Keys = NO_KEYS, seal: str | None = None) -> list[str]:
    """What differs from the bundle as it was made, one sentence each; empty if nothing does. Never raises.

    A forged bundle is found with `keys`, or with a `seal` that was kept elsewhere, which does without an HMAC.
    """
    try:
        files = read_stored(content)
    except ValueError as error:
        return [f"bundle: {error}"]
    if missing := [name for name in (RECORDS, MANIFEST, SEAL) if name not in files]:
        return [f"{name}: is missing" for name in missing]
    if files[SEAL] != _seal_file(files[MANIFEST]):
        return [f"{MANIFEST}: differs from its SHA-256 in {SEAL}"]
    try:
        manifest = _read_manifest(files[MANIFEST])
        problems = [*_records(files[RECORDS], manifest), *_files(files, manifest)]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return [f"{MANIFEST}: is not of the format {FORMAT!r}"]
    if not problems and content != stored_zip(files):
        problems = ["bundle: the ZIP file itself was altered, outside of the files in it"]
    kept = seal == _hex(files[MANIFEST])
    if seal is not None and not kept:
        problems.append(f"{MANIFEST}: does not have this seal")
    needed = {} if kept and HMAC not in files else keys
    if (fault := forged(files[MANIFEST], manifest["key"], files.get(HMAC), needed)) is not None:
        problems.append(fault)
    return problems


def _read_manifest(content: bytes) -> dict[str, Any]:
    """Raises ValueError unless it is written as `assemble` writes it: a name that stands twice reads differently."""
    if len(content) > _LARGEST_MANIFEST:
        raise ValueError("too large")
    manifest: dict[str, Any] = json.loads(content)
    key_is_name = isinstance(manifest["key"], str | None)
    if manifest["format"] != FORMAT or not key_is_name or _manifest_file(manifest) != content:
        raise ValueError("of another form")
    return manifest


def _files(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Iterable[str]:
    """Files that differ from the manifest, are missing, are not in it, or have a name that no bundle gives."""
    for name, expected in manifest["files"].items():
        if not _NAME.fullmatch(name):
            yield f"{name}: is no name of a file in a bundle"
        size, expected_size = len(files.get(name, b"")), expected["bytes"]
        if name not in files:
            yield f"{name}: is missing"
        elif name == RECORDS:  # `_records` says which of them differs
            continue
        elif size != expected_size:
            yield f"{name}: has {size} bytes instead of {expected_size}"
        elif _hex(files[name]) != expected["sha256"]:
            yield f"{name}: was altered"
    for name in files.keys() - manifest["files"].keys() - {MANIFEST, SEAL, HMAC}:
        yield f"{name}: does not belong to the bundle"


def _records(content: bytes, manifest: Mapping[str, Any]) -> list[str]:
    """The first record that was altered or is missing; later ones cannot be checked, as each names the one before."""
    previous, number, kinds = NO_PREDECESSOR, 0, Counter[str]()
    for number, line in enumerate(io.BytesIO(content), 1):
        record = _record(line)
        if record is None:
            return [f"{RECORDS}: record {number} was altered"]
        if (record["n"], record["prev"]) != (number, previous):
            return [f"{RECORDS}: record {number} is missing or was replaced; record {record['n']} stands in its place"]
        if number == 1 and not _is_of(record["body"], manifest):
            return [f"{MANIFEST}: is of another invoice than {RECORDS}"]
        previous = record["sha256"]
        kinds[record["kind"]] += 1
    if number < manifest["records"]:
        return [f"{RECORDS}: record {number + 1} of {manifest['records']} is missing"]
    if previous != manifest["head"] or number > manifest["records"]:
        return [f"{RECORDS}: the last record was replaced"]
    return [] if kinds == manifest["kinds"] else [f"{MANIFEST}: counts other records than {RECORDS} has"]


def _is_of(invoice: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    named = (invoice["id"], invoice["invoice_number"])
    return named == (manifest["invoice_id"], manifest["invoice_number"])


def _record(line: bytes) -> dict[str, Any] | None:
    """The record in a line; None if the line differs from its own SHA-256."""
    if len(line) > _LARGEST_RECORD:
        return None
    try:
        record: dict[str, Any] = json.loads(line)
        digest = record.pop("sha256")
        intact = _line(record) == (line, digest) and {"n", "prev", "kind", "body"} <= record.keys()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return {**record, "sha256": digest} if intact else None
