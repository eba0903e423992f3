"""What a PDF shows: whether it is the document that it was fetched as.

How sevDesk sets its PDFs is not established, only that `filename` is the document's number (live, three peers). So that
a number is not found proves nothing: its letters may be a picture, or in a font that nobody can read. What proves that
it is another document is another number in the place of ours, and nothing else does. A cancellation or credit note
shows the invoice's number and total as well: it gives itself away by its own number, as the file's name or as what
stands behind the word for it.
"""

import atexit
import base64
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.util import find_spec

import structlog

from worker.einvoice.validation import ChildProcess

log = structlog.get_logger()

ANSWER_SECONDS = 20.0
# Numbers with fewer digits might be anything.
MIN_DIGITS = 3
# Dashes that a typesetter may put for a hyphen, and characters without width.
_DASHES = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-") | dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff")
)
_LETTER = re.compile(r"[^\W\d_]")
# What separates thousands; a space may also separate two columns. NFKC makes all kinds of space plain.
_SEPARATORS = (re.compile(r"(?<=\d)[.,'\u2019](?=\d{3}(?!\d))"), re.compile(r"(?<=\d)[.,'\u2019 ](?=\d{3}(?!\d))"))
# "Stornorechnung Nr. RE-1001 zur Rechnung Nr. RE-1000" (live, two peers), in the languages of sevDesk's documents.
_CORRECTION = re.compile(
    r"(?<!\w)(?:storno(?:rechnung)?|gutschrift|rechnungskorrektur|cancell?ation(?: invoice)?|credit note)"
    r"(?:\s+(?:nr|no|nummer|number))?[.:]?\s+((?=[\w./-]*[^\W\d_])[\w./-]*\d[\w./-]*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What was found in a PDF. `other`: the number of the document that it is instead of ours, if it is certain.

    `missing`: of "document_number" and "gross_total" what it was not seen to show, because it does not, or because its
    text cannot be read. `xml`: the e-invoice inside.
    """

    other: str | None
    missing: tuple[str, ...]
    xml: bytes | None


def shown(pdf: bytes, filename: str, number: str | None, gross: Decimal | None, mentioned: Iterable[str]) -> Shown:
    """Compare with the document's number and gross total; blocks. `mentioned`: texts that may name other numbers."""
    read = _read(pdf)
    text = _plain(read["text"] or "")
    if not text.strip():
        _say_unreadable("its text cannot be read" if reads_pdfs() else "pypdf is not installed")
    found = {
        "document_number": number is None or _shows_number(text, number),
        "gross_total": gross is None or _shows_amount(text, gross),
    }
    missing = tuple(name for name, is_there in found.items() if not is_there)
    other = None
    if number is not None:
        ours = _close("\n".join([number, *mentioned]))
        look = _correction if found["document_number"] else _other
        other = look(text, _plain(filename).removesuffix(".pdf"), number, ours)
    return Shown(other, missing, base64.b64decode(read["xml"]) if read["xml"] else None)


def _correction(text: str, stem: str, number: str, ours: str) -> str | None:
    """The number of the document that it is, though it shows our number, too: such as the one that cancels ours.

    The file's name (`stem`), if the text shows it as well, else what stands behind the word for such a document.
    """
    named = _has_digits(stem) and (_LETTER.search(stem) or re.fullmatch(_form(number), stem))
    if named and _close(number) not in _close(stem) and _shows_number(text, stem):
        return stem
    behind = [each.strip(".-/") for each in _CORRECTION.findall(text)]
    if any(_close(each) == _close(number) for each in behind):
        return None
    return next((each for each in behind if _has_digits(each) and _close(each) not in ours), None)


def _other(text: str, stem: str, number: str, ours: str) -> str | None:
    """A number that looks as ours does but is another: the file's name (`stem`), else one in the text.

    Not one that our own texts (`ours`) have brought onto the document, and in the text none without letters.
    """
    if not _has_digits(number):
        return None
    form = _form(number)
    if re.fullmatch(form, stem):
        return stem if _close(stem) != _close(number) else None
    if not _LETTER.search(number):
        return None
    candidates: list[str] = re.findall(rf"(?<![\w-]){form}(?![\w-])", text)
    return next((each for each in candidates if _close(each) not in ours), None)


def _form(number: str) -> str:
    """A pattern of numbers that look alike."""
    parts = re.split(r"(\d+)", _plain(number))
    return "".join(
        rf"\d{{{max(1, len(part) - 1)},{len(part) + 1}}}" if part.isdigit() else re.escape(part) for part in parts
    )


def _has_digits(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= MIN_DIGITS


def _shows_number(text: str, number: str) -> bool:
    """Kerning may have put blanks between its letters; it is no part of a longer number."""
    letters = r"\s*".join(map(re.escape, _close(number)))
    return re.search(rf"(?<!\d){letters}(?!\d)", text, re.IGNORECASE) is not None


def _shows_amount(text: str, amount: Decimal) -> bool:
    """With a decimal point or comma, with or without separated thousands; no part of a longer number."""
    digits = f"{abs(amount):.2f}".replace(".", "[.,]")
    written = re.compile(rf"(?<![\d.,]){digits}(?!\d)")
    return any(written.search(each.sub("", shape)) for each in _SEPARATORS for shape in (text, _close(text)))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_DASHES)


def _close(text: str) -> str:
    """Without blanks and in small letters."""
    return "".join(_plain(text).split()).casefold()


def _read(pdf: bytes) -> dict[str, str | None]:
    process = _process()
    answer = process.ask(b"%d\n" % len(pdf) + pdf) if process is not None else b""
    read: dict[str, str | None] = json.loads(answer) if answer else {"text": None, "xml": None}
    return read


@cache
def reads_pdfs() -> bool:
    """Whether pypdf is installed; without it no PDF shows anything, which the log says once."""
    return find_spec("pypdf") is not None


@cache
def _process() -> ChildProcess | None:
    if not reads_pdfs():
        return None
    process = ChildProcess("worker.einvoice.text_process", ANSWER_SECONDS)
    atexit.register(process.close)
    return process


@cache
def _say_unreadable(reason: str) -> None:
    log.warning(
        "pdf.not_compared",
        reason=f"Whether a PDF shows the document's number and total is not checked: {reason}.",
        next_step="Install sevdesk-worker[einvoice], or look at the PDF in sevDesk.",
    )
