"""Forged evidence bundles: made by somebody who knows the format, but has neither the key nor the kept seal."""

import io
import json
import struct
import tracemalloc
import zipfile
from hashlib import sha256
from typing import Any

import pytest
from pydantic import SecretStr
from unit.test_evidence import NAME, NOW, PDF, ROWS

from worker.evidence.bundle import MANIFEST, RECORDS, SEAL, assemble, key_of, seal_of, verify
from worker.evidence.hmac_file import HMAC, maker
from worker.evidence.zip_file import read_stored, stored_zip

OLD = {"2025": SecretStr("the-key-of-last-year-with-32-characters")}
KEYS = {"2026": SecretStr("the-key-of-this-year-with-32-characters"), **OLD}
FOREIGN = {"2026": SecretStr("a-key-that-has-only-the-same-name-as-ours")}
BUNDLE = assemble(ROWS, {NAME: PDF}, NOW, KEYS)
FILES = read_stored(BUNDLE)
OTHER_ROWS = [("invoice", {"id": "x", "invoice_number": "INV-2"}), *ROWS[1:]]


def with_manifest(more: dict[str, bytes] | None = None, /, **changed: Any) -> bytes:
    """The bundle with another manifest, whose SHA-256 was recomputed."""
    manifest = {**json.loads(FILES[MANIFEST]), **changed}
    return resealed(json.dumps(manifest, indent=2, ensure_ascii=False).encode() + b"\n", more or {})


def resealed(manifest: bytes, more: dict[str, bytes]) -> bytes:
    seal = f"{sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
    return stored_zip({**FILES, **more, MANIFEST: manifest, SEAL: seal})


def listed(**files: bytes) -> dict[str, Any]:
    """The manifest's list of files, with these as well."""
    more = {name: {"bytes": len(content), "sha256": sha256(content).hexdigest()} for name, content in files.items()}
    return {"files": {**json.loads(FILES[MANIFEST])["files"], **more}}


def test_key_proves_who_made_it() -> None:
    """Each of the keys checks, the first one seals; without a key the bundle is whole, but nobody's."""
    assert verify(BUNDLE, KEYS) == verify(BUNDLE) == verify(assemble(ROWS, {}, NOW, OLD), KEYS) == []
    assert key_of(BUNDLE) == "2026"
    assert maker("2026", KEYS) == "It was made with the key '2026'."
    assert "was not checked" in maker("2026", {})
    unsealed = assemble(ROWS, {NAME: PDF}, NOW)
    assert "anybody could have made it" in maker(key_of(unsealed), KEYS)
    assert "anybody could have made this bundle" in json.loads(read_stored(unsealed)[MANIFEST])["proof"]
    assert b"secret" not in BUNDLE and not any(key.get_secret_value().encode() in BUNDLE for key in KEYS.values())


UNSEALED = assemble(OTHER_ROWS, {NAME: PDF}, NOW)
STRIPPED = stored_zip({name: content for name, content in FILES.items() if name != HMAC})
FORGED = {
    "no HMAC": (UNSEALED, f"{HMAC}: there is none, so anybody could have made this bundle"),
    "HMAC taken out": (STRIPPED, f"{HMAC}: is missing"),
    "another key of that name": (
        assemble(OTHER_ROWS, {NAME: PDF}, NOW, FOREIGN), f"{HMAC}: was not made of this manifest with the key '2026'"),
    "an unknown key": (
        assemble(ROWS, {}, NOW, {"x": OLD["2025"]}), f"{HMAC}: is by the key 'x', which EVIDENCE_KEYS does not have"),
    "our HMAC of another bundle": (
        stored_zip({**read_stored(assemble(ROWS, {NAME: PDF[::-1]}, NOW, FOREIGN)), HMAC: FILES[HMAC]}),
        f"{HMAC}: was not made of this manifest with the key '2026'"),
    "an HMAC that the manifest does not name": (
        stored_zip({**read_stored(UNSEALED), HMAC: FILES[HMAC]}), f"{HMAC}: does not belong to the bundle"),
}  # fmt: skip


@pytest.mark.parametrize("way", FORGED)
def test_forger_without_key_is_found(way: str) -> None:
    """Everything else in the bundle was recomputed."""
    forged, said = FORGED[way]
    [problem] = verify(forged, KEYS)
    assert problem.startswith(said)


def test_kept_seal_needs_no_key() -> None:
    """A bundle from before the first key is proven by its seal; a wrong HMAC is not."""
    before = assemble(ROWS, {NAME: PDF}, NOW)
    assert verify(before, KEYS, seal_of(before)) == []
    wrong = assemble(ROWS, {}, NOW, FOREIGN)
    assert verify(wrong, KEYS, seal_of(wrong)) != []


SWAPPED = {
    "another invoice's id": with_manifest(invoice_id="0b7f0f2e-0000-4000-8000-000000000002"),
    "another number": with_manifest(invoice_number="INV-2"),
    "other counts": with_manifest(kinds={"invoice": 1}),
    "fewer records": with_manifest(records=5),
    "another invoice's manifest": stored_zip({**FILES, **{
        name: read_stored(assemble(OTHER_ROWS, {NAME: PDF}, NOW, KEYS))[name] for name in (MANIFEST, SEAL, HMAC)}}),
    "a name twice": resealed(FILES[MANIFEST].replace(b"{", b'{\n  "records": 0,', 1), {}),
    "other spaces": resealed(FILES[MANIFEST].replace(b": ", b":"), {}),
    "a huge number": resealed(FILES[MANIFEST].replace(b'"records": 6', b'"records": 1e400'), {}),
    "nested deep": resealed(b"[" * 100_000, {}),
    "a large manifest": with_manifest(proof="x" * (1 << 20)),
    "a key that is no name": with_manifest(key=["2026"]),
    "no word about a key": resealed(FILES[MANIFEST].replace(b'  "key": "2026",\n', b""), {}),
}  # fmt: skip


@pytest.mark.parametrize("way", SWAPPED)
def test_swapped_manifest_is_found(way: str) -> None:
    """Without any key: it contradicts the records, or is written otherwise than a bundle's."""
    assert any(problem.startswith((MANIFEST, RECORDS)) for problem in verify(SWAPPED[way]))


NAMES = (
    "../../etc/cron.d/x", "/etc/passwd", "C:\\x.pdf", "documents\\1-invoice_pdf.pdf", "documents/../1-a.pdf",
    "Documents/1-invoice_pdf.pdf", "documents/1-Invoice_PDF.pdf", "documents/1-invoice_pdf.PDF", "RECORDS.jsonl",
    "documents/1-invoice_pdf.pdf ", "documents/\u0661-invoice_pdf.pdf", "documents/1-invoice_pdf.pdf\n",
    "documents/1-\u0456nvoice_pdf.pdf", "documents/", "", "manifest.json/", "\x1b[2J.pdf",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_odd_name_is_found(name: str) -> None:
    """Even if the manifest has it, with the right digest."""
    named = verify(with_manifest({name: b"x"}, **listed(**{name: b"x"})))
    assert f"{name}: is no name of a file in a bundle" in named
    assert verify(stored_zip({**FILES, name: b"x"})) == [f"{name}: does not belong to the bundle"]


@pytest.mark.parametrize("name", [RECORDS, MANIFEST, SEAL, HMAC, NAME])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entry_that_stands_twice_is_found(name: str, first: bool) -> None:
    """Whichever of the two another program would take."""
    out = io.BytesIO()
    entries = [*FILES.items()]
    entries.insert(0 if first else len(entries), (name, b"forged"))
    with zipfile.ZipFile(out, "w") as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    assert verify(out.getvalue()) == ["bundle: has two files of the same name"]


@pytest.mark.parametrize("where", ["before", "behind", "behind, as comment", "another bundle behind"])
def test_added_bytes_are_found(where: str) -> None:
    """They could hold another document, or another archive that other programs would read."""
    commented = BUNDLE[:-2] + struct.pack("<H", 4) + b"%PDF"
    added = {
        "before": b"%PDF-1.7" + BUNDLE,
        "behind": BUNDLE + b"%PDF-1.7",
        "behind, as comment": commented,
        "another bundle behind": UNSEALED + BUNDLE,
    }
    assert verify(added[where]) != []


def repeated(entries: int, size: int) -> bytes:
    """A ZIP file whose entries all are the same stored bytes: small, and large when it is read."""
    single = stored_zip({"a": bytes(size)})
    directory = single.rindex(b"PK\x01\x02")
    entry = single[directory : single.rindex(b"PK\x05\x06")]
    listing = b"".join(entry[:-1] + bytes([33 + number]) for number in range(entries))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, entries, entries, len(listing), directory, 0)
    return single[:directory] + listing + end


def compressed(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(RECORDS, bytes(size))
    return out.getvalue()


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(repeated(200, 1 << 20), id="entries that share their bytes"),
        pytest.param(compressed(200 << 20), id="compressed zeros"),
        pytest.param(stored_zip({**FILES, RECORDS: b"\n" * (1 << 20)}), id="a million empty records"),
        pytest.param(stored_zip({**FILES, RECORDS: b"[" * (1 << 20)}), id="a record nested deep"),
        pytest.param(stored_zip({**FILES, RECORDS: b"[" + b"[]," * (6 << 20)}), id="a record of millions of parts"),
        pytest.param(stored_zip({f"{number}": b"" for number in range(20_000)}), id="many entries"),
    ],
)
def test_bombs_take_little_memory(bomb: bytes) -> None:
    """Less than four times the file, and 16 MB, whatever it claims to hold."""
    tracemalloc.start()
    problems = verify(bomb)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problems != []
    assert most < 4 * len(bomb) + (16 << 20)
