"""The package for the tax adviser: a ZIP of the unchanged archive and the readable report, never in memory as a whole.

Pure: the only input and output are the seekable files it is given.
"""

import shutil
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

# Bytes. Small beside what a worker needs anyway, large enough that 256 MiB are few statements.
PART_BYTES = 1 << 20
ARCHIVE_NAME, REPORT_NAME = "original.zip", "Pruefbericht.txt"


def pack(archive: BinaryIO, report: str, package: BinaryIO) -> tuple[int, int]:
    """Write the package; returns where in it the archive begins and ends. Raises OSError if it cannot be written."""
    archive.seek(0)
    original = _entry(ARCHIVE_NAME)
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as made:
        with made.open(original, "w") as target:
            shutil.copyfileobj(archive, target, PART_BYTES)
        made.writestr(_entry(REPORT_NAME), report.encode("utf-8-sig"))
    begin = original.header_offset + len(original.FileHeader())
    return begin, begin + original.file_size


def parts(package: BinaryIO, begin: int, end: int) -> Iterator[tuple[bool, bytes]]:
    """The package's bytes in order, at most PART_BYTES at a time, each with whether they belong to the archive."""
    package.seek(0)
    place = 0
    for until, original in ((begin, False), (end, True), (None, False)):
        while content := package.read(PART_BYTES if until is None else min(PART_BYTES, until - place)):
            yield original, content
            place += len(content)


def _entry(name: str) -> zipfile.ZipInfo:
    """Not to be packed (a ZIP file gets no smaller), readable by its owner, and without a time."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o600 << 16
    return entry
