"""The document images of an archive: whether each posting's image is there. Pure.

A posting names its image by the GUID in Beleglink, `document.xml` names the file of each GUID (official, DATEV).
Whether sevDesk's archives have these links was never captured; without them, or with the images packed once more,
nothing is judged.
"""

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import BinaryIO
from xml.parsers import expat

from worker.datev.findings import Finding, Findings
from worker.datev.messages import Message, message

_GUID = re.compile(r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}")
_CHUNK = 64 * 1024


class UnreadableIndex(Exception):
    """`document.xml` is no XML, or declares a document type, which could define entities."""


def guid_of(link: str) -> str:
    """The GUID in a Beleglink such as `BEDI "<GUID>"`; empty if there is none."""
    found = _GUID.search(link.upper())
    return found[0] if found else ""


class Images:
    """Collects what the archive has, then compares it with the links of the postings."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.packed = self.indexed = False
        self._files: dict[str, str] = {}  # GUID -> file name

    def __bool__(self) -> bool:
        return bool(self.names) or self.packed

    def read_index(self, stream: BinaryIO) -> None:
        """Reads `document.xml` to its end. Raises `UnreadableIndex`."""
        parser, guid = expat.ParserCreate(namespace_separator=" "), ""

        def refuse(*_: object) -> None:
            raise UnreadableIndex

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal guid
            tag = name.rpartition(" ")[2]
            if tag == "document":
                guid = guid_of(attributes.get("guid", ""))
            elif tag == "extension" and guid and attributes.get("name"):
                self._files.setdefault(guid, PurePosixPath(attributes["name"]).name)

        parser.StartDoctypeDeclHandler, parser.StartElementHandler = refuse, start
        try:
            while chunk := stream.read(_CHUNK):
                parser.Parse(chunk)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise UnreadableIndex from error
        self.indexed = True

    def compare(self, links: Callable[[], Iterable[tuple[str, str]]], findings: Findings) -> Message | None:
        """Compares with each document that is posted (number, GUID or empty); returns why nothing is judged."""
        posted, linked = any(True for _ in links()), any(guid for _, guid in links())
        if not self and posted:
            findings.add(Finding(message("images_missing")))
            return None
        if self.packed:
            return message("images_packed")
        if not posted:
            return message("no_image_expected")
        if not self.indexed or not linked:
            return message("images_not_indexed")
        for number, guid in links():
            if not guid:
                findings.add(Finding(message("image_not_linked"), number=number))
            elif self._files.get(guid) not in self.names:
                findings.add(Finding(message("image_missing"), number=number))
        return None
