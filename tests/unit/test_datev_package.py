"""The package is a sound ZIP file with the archive in it, byte by byte, and comes in parts."""

import io
import random
import zipfile

import pytest

from worker.datev.package import PART_BYTES, pack, parts


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17])
def test_parts_are_archive_and_package(size: int) -> None:
    """All parts are the package, the marked ones the archive; none is empty or too large."""
    archive, package = random.Random(size).randbytes(size), io.BytesIO()
    begin, end = pack(io.BytesIO(archive), "Prüfbericht\n", package)
    made = list(parts(package, begin, end))
    assert b"".join(content for _, content in made) == package.getvalue()
    assert b"".join(content for original, content in made if original) == archive
    assert all(0 < len(content) <= PART_BYTES for _, content in made)
    with zipfile.ZipFile(package) as both:
        assert both.testzip() is None
        assert both.namelist() == ["original.zip", "Pruefbericht.txt"]
        assert both.read("original.zip") == archive
        assert both.read("Pruefbericht.txt").decode("utf-8-sig") == "Prüfbericht\n"


def test_package_is_the_same_again() -> None:
    """It holds no time, so the same archive and report make the same bytes."""
    first, second = io.BytesIO(), io.BytesIO()
    for package in (first, second):
        pack(io.BytesIO(b"PK"), "x", package)
    assert first.getvalue() == second.getvalue()
