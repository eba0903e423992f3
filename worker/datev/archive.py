"""Reads a DATEV archive (ZIP) that may be hostile. Pure: the only input is the seekable file it is given.

sevDesk names it `BITTE-ENTPACKEN_Buchungsstapel_und_Belegbilder_...zip` (official example); what it holds was never
captured. Expected are EXTF files and images of documents (PDF, ...), either with DATEV's `document.xml`, in any folder
(one report: `DATEV_Rechnungsausgang_<from>_bis_<to>`), or packed once more for DATEV's Belegtransfer as
`DATEV_..._bis_....zip` (one report; the name says "please unpack"). That package is checked for damage but never
unpacked here; every other archive in the archive is refused.

Sizes are counted while unpacking, since the sizes in the ZIP directory may be false. Every fault of the archive raises
`ArchiveRefused` with the reason, also while a member is being read.
"""

import io
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import IO, BinaryIO

from worker.datev.messages import Message, message

_CHUNK = 64 * 1024


class ArchiveRefused(Exception):
    """The archive cannot or must not be read; `reason` says why. As text it is German."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason.german)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may be at most; in bytes, unless said otherwise."""

    archive: int = 256 << 20  # as the download allows
    members: int = 50_000  # count: one image for each document of a large year
    unpacked: int = 2 << 30  # all members together
    ratio: int = 250  # unpacked : packed. Measured: an EXTF file of 50,000 postings has 15, PDFs have about 1
    ratio_from: int = 8 << 20  # a member smaller than this, unpacked, may have any ratio (empty columns pack well)


LIMITS = Limits()


class MemberKind(StrEnum):
    """What a member is, by its name; which EXTF category a table has is in its header."""

    TABLE = "table"
    IMAGE = "image"
    INDEX = "index"
    PACKAGE = "package"  # images for DATEV's Belegtransfer, still packed
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive. `packed` and `size` are bytes as the ZIP directory claims, so they may be false."""

    name: str
    kind: MemberKind
    packed: int
    size: int


# The bytes that a member of this suffix must begin with. XML files are e-invoices.
_MAGIC = {
    ".pdf": (b"%PDF",),
    ".jpg": (b"\xff\xd8",),
    ".jpeg": (b"\xff\xd8",),
    ".png": (b"\x89PNG",),
    ".gif": (b"GIF8",),
    ".tif": (b"II*\x00", b"MM\x00*"),
    ".tiff": (b"II*\x00", b"MM\x00*"),
    ".xml": (b"<",),
}
_NESTED = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".tar", ".zst", ".jar", ".cab", ".iso")
_NESTED_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
_PACKAGE = re.compile(r"DATEV_\w{1,60}_[0-9]{8}_bis_[0-9]{8}\.zip", re.ASCII)
_ENCRYPTED = 0x1
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError,
           RuntimeError, OverflowError, IndexError)  # fmt: skip


class Archive:
    """An opened archive. `members` are in the order of the directory; the size limits hold for one pass over them."""

    def __init__(self, source: BinaryIO, limits: Limits = LIMITS) -> None:
        """Reads the directory. Raises `ArchiveRefused`."""
        self._limits = limits
        self._bytes_left = limits.unpacked
        size = source.seek(0, io.SEEK_END)
        if size > limits.archive:
            raise ArchiveRefused(message("archive_too_large", size=size))
        try:
            self._zip = zipfile.ZipFile(source)
            infos = self._zip.infolist()
        except _BROKEN as error:
            raise ArchiveRefused(message("archive_damaged")) from error
        if len(infos) > limits.members:
            raise ArchiveRefused(message("archive_entries", count=len(infos), limit=limits.members))
        # Entries of an overlapping bomb share their bytes, so they claim more packed bytes than precede the directory.
        if sum(info.compress_size for info in infos) > self._zip.start_dir:
            raise ArchiveRefused(message("archive_overlapping"))
        _refuse_unsafe_entries(infos)
        self._infos = {info.filename: info for info in infos if not info.is_dir()}
        self.members = tuple(
            Member(name, _kind(name), info.compress_size, info.file_size) for name, info in self._infos.items()
        )

    def open(self, member: Member) -> BinaryIO:
        """The member's bytes; limits and check sum are enforced while they are read. Raises `ArchiveRefused`."""
        try:
            raw = self._zip.open(self._infos[member.name])
        except _BROKEN as error:
            raise ArchiveRefused(_of_entry("entry_damaged", member.name)) from error
        return io.BufferedReader(_MemberStream(raw, member, self), _CHUNK)

    def verify(self, member: Member) -> Message | None:
        """Reads a member to its end; a message if it is not what its suffix says, or None. Raises `ArchiveRefused`."""
        with self.open(member) as stream:
            head = stream.read(1024)
            while stream.read(_CHUNK):
                pass
        wanted = _MAGIC.get(PurePosixPath(member.name).suffix.lower())
        # Readers allow 1 KiB of other bytes before the mark of a PDF, and a byte order mark or blanks before XML.
        begin = head if wanted != (b"<",) else head.lstrip(b"\xef\xbb\xbf \t\r\n")
        if wanted and not (begin.startswith(wanted) or (wanted == (b"%PDF",) and b"%PDF" in head)):
            return _of_entry("file_suffix", member.name)
        return None

    def count_unpacked(self, member: Member, total: int, new: int) -> None:
        """Counts `new` unpacked bytes of a member, of which `total` are read now. Raises `ArchiveRefused`."""
        self._bytes_left -= new
        if self._bytes_left < 0:
            raise ArchiveRefused(message("archive_unpacks_large", limit=self._limits.unpacked))
        if total > self._limits.ratio_from and total > self._limits.ratio * max(member.packed, 1):
            raise ArchiveRefused(_of_entry("entry_bomb", member.name))


class _MemberStream(io.RawIOBase):
    """A member's stream: counts the unpacked bytes, and raises `ArchiveRefused` for every error of zipfile."""

    def __init__(self, stream: IO[bytes], member: Member, archive: Archive) -> None:
        self._stream, self._member, self._archive, self._total = stream, member, archive, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # any writable buffer
        try:
            chunk: bytes = self._stream.read(len(buffer))
        except _BROKEN as error:
            raise ArchiveRefused(_of_entry("entry_damaged", self._member.name)) from error
        first = self._total == 0
        self._total += len(chunk)
        self._archive.count_unpacked(self._member, self._total, len(chunk))
        if first and chunk.startswith(_NESTED_MAGIC) and self._member.kind is not MemberKind.PACKAGE:
            raise ArchiveRefused(_of_entry("entry_nested", self._member.name))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def printable_name(name: str) -> str:
    """The last part of a member's name, cut to 80 characters, with `?` for what cannot be printed."""
    return "".join(c if c.isprintable() else "?" for c in PurePosixPath(name).name[:80]) or "?"


def _of_entry(code: str, name: str) -> Message:
    return message(code, name=printable_name(name))


def _kind(name: str) -> MemberKind:
    path = PurePosixPath(name)
    if _PACKAGE.fullmatch(name):
        return MemberKind.PACKAGE
    if path.name.lower() == "document.xml":
        return MemberKind.INDEX
    suffix = path.suffix.lower()
    # How sevDesk names its tables was never captured, so every .csv file is one until its header says otherwise.
    if suffix == ".csv" or (suffix == ".txt" and path.name.upper().startswith(("EXTF", "DTVF"))):
        return MemberKind.TABLE
    return MemberKind.IMAGE if suffix in _MAGIC else MemberKind.UNKNOWN


def _refuse_unsafe_entries(infos: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for info in infos:
        # zipfile cuts names at NUL and may replace backslashes; orig_filename is the name as stored.
        if reason := _unsafe_reason(info, info.orig_filename):
            raise ArchiveRefused(_of_entry(reason, info.filename))
        folded = info.filename.casefold().rstrip("/")
        if folded in seen:
            raise ArchiveRefused(_of_entry("entry_doubled", info.filename))
        seen.add(folded)


def _unsafe_reason(info: zipfile.ZipInfo, name: str) -> str | None:
    reasons = {
        "entry_backslash": "\\" in name,
        "entry_absolute": name.startswith("/") or name[1:2] == ":",
        "entry_outside": ".." in name.split("/"),
        "entry_name": not name or any(ord(c) < 32 for c in name),
        "entry_link": stat.S_ISLNK(info.external_attr >> 16),
        "entry_encrypted": info.flag_bits & _ENCRYPTED,
        "entry_packing": info.compress_type not in _PACKINGS,
        "entry_nested": name.lower().endswith(_NESTED) and not _PACKAGE.fullmatch(name),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)
