"""The bytes below an evidence bundle: a ZIP file that is always spelt the same, and the one byte that changed. Pure."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256

# Of ZIP's local file header: fixed part, then the name and an extra field, then the content.
_LOCAL_HEADER, _LOCAL_LENGTHS = 30, struct.Struct("<26xHH")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # ZIP's first moment; the same content is to be the same file
_UNIX, _PLAIN_FILE = 3, 0o100644 << 16
# CRC-32 of a byte before any other, without the register's start value: the syndrome of a change in the last byte.
_SYNDROMES = {zlib.crc32(bytes([change])) ^ zlib.crc32(b"\0"): change for change in range(256)}
_TABLE = [syndrome for syndrome, _ in sorted(_SYNDROMES.items(), key=lambda item: item[1])]
_BY_TOP_BYTE = {entry >> 24: index for index, entry in enumerate(_TABLE)}


def stored_zip(files: Mapping[str, bytes]) -> bytes:
    """The files, uncompressed and in this order; equal files make equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = _UNIX, _PLAIN_FILE
            archive.writestr(info, content)
    return out.getvalue()


def read_stored(content: bytes) -> dict[str, bytes]:
    """The files as they are, without minding ZIP's own checks, so that a damaged one can still be looked at.

    Raises ValueError for what is no such ZIP file.
    """
    try:
        infos = zipfile.ZipFile(io.BytesIO(content)).infolist()
        files = {info.filename: _content(content, info) for info in infos}
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, struct.error, OSError) as error:
        raise ValueError("is not a readable ZIP file of ours") from error
    if len(files) != len(infos):
        raise ValueError("has two files of one name")
    return files


def _content(content: bytes, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise ValueError("compressed")
    name, extra = _LOCAL_LENGTHS.unpack_from(content, info.header_offset)
    start = info.header_offset + _LOCAL_HEADER + name + extra
    if start + info.file_size > len(content):
        raise ValueError("cut off")
    return content[start : start + info.file_size]


def first_difference(one: bytes, other: bytes) -> int | None:
    """The first byte that differs; where one goes on after the other's end, that end."""
    if one == other:
        return None
    shorter = min(len(one), len(other))
    return next((offset for offset in range(shorter) if one[offset] != other[offset]), shorter)


def altered_byte(content: bytes, crc32: int, digest: str) -> tuple[int, int] | None:
    """Where exactly one byte was changed, and what it was; None when it was more than one.

    CRC-32 is linear: a changed byte shows as the same difference of checksums wherever it is, moved on once for each
    byte that follows. Moving back from the end meets every place; the SHA-256 then proves the guess.
    """
    syndrome = zlib.crc32(content) ^ crc32
    for offset in range(len(content) - 1, -1, -1):
        change = _SYNDROMES.get(syndrome)
        if change:
            restored = content[:offset] + bytes([content[offset] ^ change]) + content[offset + 1 :]
            if sha256(restored).hexdigest() == digest:
                return offset, restored[offset]
        index = _BY_TOP_BYTE[syndrome >> 24]
        syndrome = ((syndrome ^ _TABLE[index]) << 8 | index) & 0xFFFFFFFF
    return None
