"""Evidence bundles: whatever is changed afterwards is found and named, offline."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.evidence.bundle import MANIFEST, RECORDS, SEAL, assemble, seal_of, verify
from worker.evidence.zip_file import read_stored, stored_zip

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NAME = "documents/1-invoice_pdf.pdf"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 4
ROWS: list[tuple[str, dict[str, Any]]] = [
    ("invoice", {"id": "0b7f0f2e-0000-4000-8000-000000000001", "invoice_number": "INV-1", "gross": Decimal("119.00")}),
    ("event", {"event_type": "drafted", "payload": {"gross": "119.00", "how": "created"}}),
    ("event", {"event_type": "finalized", "payload": {"number": "RE-1000"}}),
    ("request", {"id": 1, "action": "save_invoice", "request_sha256": "ab" * 32}),
    ("document", {"id": 1, "kind": "invoice_pdf", "mimetype": "application/pdf"}),
    ("mail", {"id": 1, "recipient": "erika@example.com", "subject": "Rechnung RE-1000\u2028"}),
]
BUNDLE = assemble(ROWS, {NAME: PDF}, NOW)
FILES = read_stored(BUNDLE)


def rebuilt(**changed: bytes | None) -> bytes:
    """The bundle with other files, its digests left as they were; None takes a file out."""
    names = {"records": RECORDS, "manifest": MANIFEST, "seal": SEAL, "pdf": NAME}
    replaced = {names.get(key, key): content for key, content in changed.items()}
    return stored_zip({name: content for name, content in {**FILES, **replaced}.items() if content is not None})


def lines() -> list[bytes]:
    return FILES[RECORDS].splitlines(keepends=True)


def test_untouched_bundle_is_whole() -> None:
    """Nothing to report, also against the seal kept elsewhere; the same records make the same bytes."""
    assert verify(BUNDLE) == verify(BUNDLE, seal=seal_of(BUNDLE)) == []
    assert assemble(ROWS, {NAME: PDF}, NOW) == BUNDLE
    manifest = json.loads(FILES[MANIFEST])
    assert (manifest["records"], manifest["kinds"]["event"], manifest["invoice_number"]) == (6, 2, "INV-1")
    assert json.loads(lines()[0])["body"]["gross"] == "119.00"


@given(st.integers(0, len(BUNDLE) - 1), st.integers(1, 255))
def test_no_byte_changes_unseen(place: int, change: int) -> None:
    """Any byte of the file, whichever part it belongs to."""
    altered = bytearray(BUNDLE)
    altered[place] ^= change
    assert verify(bytes(altered)) != []


@given(st.sampled_from([RECORDS, MANIFEST, NAME]), st.data())
def test_altered_file_is_named(name: str, data: st.DataObject) -> None:
    """The file, and for a record its number."""
    place = data.draw(st.integers(0, len(FILES[name]) - 1))
    altered = bytearray(FILES[name])
    altered[place] ^= data.draw(st.integers(1, 255))
    [problem] = verify(stored_zip({**FILES, name: bytes(altered)}))
    assert problem.startswith(f"{name}: ")
    if name == RECORDS:
        number = FILES[name][:place].count(b"\n") + 1
        assert problem == f"{RECORDS}: record {number} was altered"


@pytest.mark.parametrize("gone", range(len(ROWS)))
def test_missing_record_is_named(gone: int) -> None:
    """Cut out of the middle, the beginning or the end."""
    left = [line for number, line in enumerate(lines()) if number != gone]
    [problem] = verify(rebuilt(records=b"".join(left)))
    assert problem.startswith(f"{RECORDS}: record {gone + 1} ") and "is missing" in problem


def test_swapped_records_are_noticed() -> None:
    """Both are genuine, but not in that order."""
    one, two, three, *rest = lines()
    [problem] = verify(rebuilt(records=b"".join([one, three, two, *rest])))
    assert "record 2 is missing or was replaced; record 3 stands in its place" in problem


def test_forged_record_breaks_the_chain() -> None:
    """Its own digest was recomputed, but the next record remembers the old one."""
    forged = json.loads(lines()[1])
    forged["body"]["payload"]["gross"] = "1190.00"
    del forged["sha256"]
    plain = json.dumps(forged, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    forged["sha256"] = hashlib.sha256(plain.encode()).hexdigest()
    line = json.dumps(forged, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    [problem] = verify(rebuilt(records=b"".join([lines()[0], line, *lines()[2:]])))
    assert "record 3 is missing or was replaced; record 3 " in problem


def test_replaced_last_record_is_noticed() -> None:
    """The manifest remembers the end of the chain."""
    other = assemble([*ROWS[:-1], ("mail", {"id": 1, "recipient": "max@example.com"})], {}, NOW)
    assert verify(rebuilt(records=read_stored(other)[RECORDS])) == [f"{RECORDS}: the last record was replaced"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"pdf": None}, f"{NAME}: is missing"),
        ({"pdf": PDF + b"!"}, f"{NAME}: has {len(PDF) + 1} bytes instead of {len(PDF)}"),
        ({"pdf": PDF[::-1]}, f"{NAME}: was altered"),
        ({"documents/2.pdf": PDF}, "documents/2.pdf: does not belong to the bundle"),
        ({"manifest": None}, f"{MANIFEST}: is missing"),
        ({"seal": b"nonsense"}, f"{MANIFEST}: differs from its SHA-256 in {SEAL}"),
    ],
)
def test_changed_files_are_named(changed: dict[str, bytes | None], problem: str) -> None:
    """Missing, longer, rewritten, additional."""
    assert verify(rebuilt(**changed)) == [problem]


def test_only_the_seal_finds_a_forger() -> None:
    """Whoever makes a new bundle makes a whole one, but not the one whose seal was kept."""
    forged = assemble([("invoice", {"id": "x", "invoice_number": "INV-1"})], {}, NOW)
    assert verify(forged) == []
    assert verify(forged, seal=seal_of(BUNDLE)) == [f"{MANIFEST}: does not have this seal"]


@given(st.binary(max_size=200))
def test_anything_can_be_verified(content: bytes) -> None:
    """Whatever the bytes, they are no bundle and raise nothing."""
    assert verify(content) != []
    assert verify(BUNDLE + content) == [] if not content else verify(BUNDLE + content) != []


@given(st.recursive(st.none() | st.integers() | st.text(), lambda i: st.dictionaries(st.text(), i), max_leaves=5))
def test_any_manifest_can_be_verified(value: Any) -> None:
    """A manifest of another shape, however well sealed."""
    content = json.dumps({"format": "sevdesk-worker evidence 1", "files": value, "records": value}).encode()
    seal = f"{hashlib.sha256(content).hexdigest()}  {MANIFEST}\n".encode()
    assert verify(rebuilt(manifest=content, seal=seal)) != []
