"""Opens the DATEV archive (ZIP) without trusting it. Pure: a seekable file in, members and findings out.

sevDesk names it `BITTE-ENTPACKEN_Buchungsstapel_und_Belegbilder_...zip` (official example); what it holds was never
captured. Expected are EXTF files and images of documents (PDF, ...), either with DATEV's `document.xml` beside them or
packed once more for DATEV's Belegtransfer as `DATEV_..._bis_....zip` (one report; the name says "please unpack"). That
package is checked for damage but never opened here; every other archive in the archive is refused.

Sizes are counted while unpacking, never taken from the directory, which an attacker writes. Any fault of the archive
as a whole raises `ArchiveRefused` with the reason in German, also from a member in the middle of being read.
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

_CHUNK = 64 * 1024


class ArchiveRefused(Exception):
    """The archive cannot or must not be read; the message says why, in German."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, unless said otherwise."""

    archive: int = 512 << 20  # what the download allows at most
    members: int = 50_000  # count: one image for each document of a large year
    unpacked: int = 2 << 30  # all members together
    ratio: int = 250  # unpacked : packed. Measured: an EXTF file of 50,000 postings has 15, PDFs have about 1
    ratio_from: int = 8 << 20  # below this size a high ratio harms nobody (empty columns pack very well)


LIMITS = Limits()


class Kind(StrEnum):
    """What a member is, by its name; an EXTF file's header says the rest."""

    TABLE = "table"
    IMAGE = "image"
    INDEX = "index"
    PACKAGE = "package"  # images for DATEV's Belegtransfer, still packed
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive. `packed` and `size` are what the directory claims."""

    name: str
    kind: Kind
    packed: int
    size: int


# How the content of an image must begin. E-invoices (XML) lie beside them.
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
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError,
           RuntimeError, OverflowError, IndexError)  # fmt: skip


class Archive:
    """The opened archive: its members in order, each to be read once."""

    def __init__(self, source: BinaryIO, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._left = limits.unpacked
        size = source.seek(0, io.SEEK_END)
        if size > limits.archive:
            raise ArchiveRefused(f"Das Archiv ist mit {size} Byte größer als erlaubt.")
        try:
            self._zip = zipfile.ZipFile(source)
            infos = self._zip.infolist()
        except _BROKEN as error:
            raise ArchiveRefused("Das Archiv ist beschädigt oder kein ZIP.") from error
        if len(infos) > limits.members:
            raise ArchiveRefused(f"Das Archiv hat {len(infos)} Einträge; erlaubt sind {limits.members}.")
        # Entries that share their bytes (overlapping bombs) claim more packed bytes than lie before the directory.
        if sum(info.compress_size for info in infos) > self._zip.start_dir:
            raise ArchiveRefused("Die Einträge des Archivs überlappen sich.")
        _refuse_tricks(infos)
        self._infos = {info.filename: info for info in infos if not info.is_dir()}
        self.members = tuple(
            Member(name, _kind(name), info.compress_size, info.file_size) for name, info in self._infos.items()
        )

    def open(self, member: Member) -> BinaryIO:
        """The member's bytes, bounded and checked while they are read."""
        try:
            raw = self._zip.open(self._infos[member.name])
        except _BROKEN as error:
            raise ArchiveRefused(f"Der Eintrag {shown(member.name)} ist beschädigt.") from error
        return io.BufferedReader(_Guarded(raw, member, self), _CHUNK)

    def verify(self, member: Member) -> str | None:
        """Reads the member through (length, check sum); says in German what its content is not, or None."""
        with self.open(member) as stream:
            head = stream.read(1024)
            while stream.read(_CHUNK):
                pass
        wanted = _MAGIC.get(PurePosixPath(member.name).suffix.lower())
        # A PDF may have junk before its mark (its readers allow 1 KiB), an XML file a byte order mark or blanks.
        begin = head if wanted != (b"<",) else head.lstrip(b"\xef\xbb\xbf \t\r\n")
        if wanted and not (begin.startswith(wanted) or (wanted == (b"%PDF",) and b"%PDF" in head)):
            return f"Der Inhalt von {shown(member.name)} passt nicht zu seiner Endung."
        return None

    def spend(self, member: Member, taken: int, count: int) -> None:
        """Counts unpacked bytes: `count` new ones, `taken` of this member so far. Raises beyond the limits."""
        self._left -= count
        if self._left < 0:
            raise ArchiveRefused(f"Das Archiv entpackt sich auf mehr als {self._limits.unpacked} Byte.")
        if taken > self._limits.ratio_from and taken > self._limits.ratio * max(member.packed, 1):
            raise ArchiveRefused(f"Der Eintrag {shown(member.name)} ist verdächtig stark gepackt (ZIP-Bombe).")


class _Guarded(io.RawIOBase):
    """A member's stream that counts what comes out and turns zipfile's many errors into one."""

    def __init__(self, stream: IO[bytes], member: Member, archive: Archive) -> None:
        self._stream, self._member, self._archive, self._taken = stream, member, archive, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # any writable buffer
        """As `RawIOBase`; raises `ArchiveRefused`."""
        try:
            chunk: bytes = self._stream.read(len(buffer))
        except _BROKEN as error:
            raise ArchiveRefused(f"Der Eintrag {shown(self._member.name)} ist beschädigt.") from error
        first = self._taken == 0
        self._taken += len(chunk)
        self._archive.spend(self._member, self._taken, len(chunk))
        if first and chunk.startswith(_NESTED_MAGIC) and self._member.kind is not Kind.PACKAGE:
            raise ArchiveRefused(f"Der Eintrag {shown(self._member.name)} ist selbst ein Archiv.")
        buffer[: len(chunk)] = chunk
        return len(chunk)


def shown(name: str) -> str:
    """A member's name, fit for a report: no control characters, bounded. Image names may name a customer."""
    return "".join(c if c.isprintable() else "?" for c in PurePosixPath(name).name[:80]) or "?"


def _kind(name: str) -> Kind:
    path = PurePosixPath(name)
    if _PACKAGE.fullmatch(name):
        return Kind.PACKAGE
    if path.name.lower() == "document.xml":
        return Kind.INDEX
    if path.suffix.lower() in (".csv", ".txt") and path.name.upper().startswith(("EXTF", "DTVF")):
        return Kind.TABLE
    if path.suffix.lower() == ".csv":
        return Kind.TABLE  # sevDesk's naming was never captured: the header decides
    return Kind.IMAGE if path.suffix.lower() in _MAGIC else Kind.UNKNOWN


def _refuse_tricks(infos: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for info in infos:
        # zipfile cuts a name at NUL and may turn backslashes round; what the archive says is in orig_filename.
        if reason := _trick(info, info.orig_filename):
            raise ArchiveRefused(f"Der Eintrag {shown(info.filename)} {reason}.")
        folded = info.filename.casefold().rstrip("/")
        if folded in seen:
            raise ArchiveRefused(f"Der Name {shown(info.filename)} kommt doppelt vor.")
        seen.add(folded)


def _trick(info: zipfile.ZipInfo, name: str) -> str | None:
    if "\\" in name:
        return "hat einen Rückwärtsschrägstrich im Namen"
    if name.startswith("/") or name[1:2] == ":":
        return "hat einen absoluten Pfad"
    if ".." in name.split("/"):
        return "führt aus dem Archiv hinaus (..)"
    if not name or any(ord(c) < 32 for c in name):
        return "hat einen ungültigen Namen"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "ist eine Verknüpfung (Symlink)"
    if info.flag_bits & _ENCRYPTED:
        return "ist verschlüsselt"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "ist mit einem unüblichen Verfahren gepackt"
    if name.lower().endswith(_NESTED) and not _PACKAGE.fullmatch(name):
        return "ist selbst ein Archiv"
    return None
