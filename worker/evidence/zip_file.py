"""ZIP files that are equal to the byte if their content is: uncompressed, with a fixed date. Pure."""

import io
import struct
import zipfile
from collections.abc import Mapping

# Of ZIP's local file header: fixed part, then the name and an extra field, then the content.
_LOCAL_HEADER, _LOCAL_LENGTHS = 30, struct.Struct("<26xHH")
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a ZIP file can have
_UNIX, _PLAIN_FILE = 3, 0o100644 << 16


def stored_zip(files: Mapping[str, bytes]) -> bytes:
    """A ZIP file of these files, uncompressed and in this order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, _FIXED_DATE)
            info.create_system, info.external_attr = _UNIX, _PLAIN_FILE
            archive.writestr(info, content)
    return out.getvalue()


def read_stored(content: bytes) -> dict[str, bytes]:
    """The files by name, also those that fail ZIP's own checksum, so that the caller can say what differs in them.

    Raises ValueError if `content` is not such a ZIP file.
    """
    try:
        infos = zipfile.ZipFile(io.BytesIO(content)).infolist()
        if sum(info.file_size for info in infos) > len(content):
            raise ValueError("several files share their bytes")
        files = {info.filename: _content(content, info) for info in infos}
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, struct.error, OSError) as error:
        raise ValueError("is not a ZIP file that can be read") from error
    if len(files) != len(infos):
        raise ValueError("has two files of the same name")
    return files


def _content(content: bytes, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise ValueError("compressed")
    name, extra = _LOCAL_LENGTHS.unpack_from(content, info.header_offset)
    start = info.header_offset + _LOCAL_HEADER + name + extra
    if start + info.file_size > len(content):
        raise ValueError("cut off")
    return content[start : start + info.file_size]
