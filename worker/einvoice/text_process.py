"""The process that reads PDFs with pypdf, apart from the worker because a PDF may exhaust time and memory.

It reads from stdin a line with the PDF's length and then the PDF, and answers a line of JSON: `text` of the pages, and
base64 of the `xml` inside an e-invoice, each null if there is none or nobody can read it.
"""

import base64
import json
import resource
import sys
from io import BytesIO
from itertools import islice

from pypdf import PdfReader

# Bytes of address space; pypdf itself takes 100 MB of it.
MAX_MEMORY = 400 * 2**20
MAX_PAGES = 100
MAX_TEXT = 2_000_000  # characters; a page of an invoice has 3,000
MAX_XML = 16 * 2**20  # bytes, as `reading.py` takes
# What a ZUGFeRD PDF may call its XML, in small letters (ZUGFeRD 1.0, 2.0, 2.1 and later).
ATTACHED = frozenset({"zugferd-invoice.xml", "factur-x.xml", "xrechnung.xml"})


def text_of(pdf: bytes) -> str | None:
    """The text of the first pages; None if the file cannot be read."""
    try:
        pages = islice(PdfReader(BytesIO(pdf)).pages, MAX_PAGES)
        return "\n".join(page.extract_text()[:MAX_TEXT] for page in pages)[:MAX_TEXT]
    except Exception:  # pypdf raises many kinds on broken files, MemoryError among them
        return None


def attached_xml(pdf: bytes) -> list[bytes]:
    """The XML inside a ZUGFeRD PDF: several if there are some that differ, none if it holds none or cannot be read."""
    try:
        attachments = PdfReader(BytesIO(pdf)).attachments
        found = [each for name, contents in attachments.items() if name.lower() in ATTACHED for each in contents]
    except Exception:  # as above; each means that nobody can read the XML
        return []
    return list(dict.fromkeys(found))


def main() -> None:
    """Answer until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    for line in sys.stdin.buffer:
        pdf = sys.stdin.buffer.read(int(line))
        xml = next(iter(attached_xml(pdf)), b"")
        inside = base64.b64encode(xml).decode() if 0 < len(xml) <= MAX_XML else None
        answer = {"text": text_of(pdf), "xml": inside}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
