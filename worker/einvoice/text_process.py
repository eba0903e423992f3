"""The process that reads the text of PDFs with pypdf, apart from the worker because a PDF may exhaust time and memory.

It reads from stdin a line with the PDF's length and then the PDF, and answers a line with its text as JSON, null if
nobody can read it.
"""

import json
import resource
import sys
from io import BytesIO
from itertools import islice

from pypdf import PdfReader

# Bytes of address space; pypdf itself takes 100 MB of it.
MAX_MEMORY = 400 * 2**20
MAX_PAGES = 100


def text_of(pdf: bytes) -> str | None:
    """The text of the first pages; None if the file cannot be read."""
    try:
        return "\n".join(page.extract_text() for page in islice(PdfReader(BytesIO(pdf)).pages, MAX_PAGES))
    except Exception:  # pypdf raises many kinds on broken files, MemoryError among them
        return None


def main() -> None:
    """Answer until stdin ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    for line in sys.stdin.buffer:
        print(json.dumps(text_of(sys.stdin.buffer.read(int(line)))), flush=True)


if __name__ == "__main__":
    main()
