"""What a PDF shows: whether it is the document that it was fetched as."""

import atexit
import json
import re
from decimal import Decimal
from functools import cache
from importlib.util import find_spec

import structlog

from worker.einvoice.validation import ChildProcess

log = structlog.get_logger()

ANSWER_SECONDS = 20.0
_AMOUNT = re.compile(r"\d[.,]\d\d(?!\d)")
# Dashes that a typesetter may put for a hyphen, and what separates thousands.
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-") | {"\u00ad": None})
_SEPARATORS = re.compile(r"(?<=\d)[.,'\u2019\u00a0\u202f ](?=\d{3}(?!\d))")


def not_shown(pdf: bytes, number: str | None, gross: Decimal | None) -> list[str]:
    """Of "document_number" and "gross_total" what the PDF does not show; blocks.

    Empty also if its text cannot be read, which the log says once.
    """
    text = _text(pdf)
    if text is None or not _AMOUNT.search(text):  # every invoice shows amounts: else they are a picture
        _say_unreadable("its text cannot be read" if _process() else "pypdf is not installed")
        return []
    shown = _plain(text)
    wanted = {
        "document_number": number is None or _plain(number) in shown,
        "gross_total": gross is None or _shows_amount(text, gross),
    }
    return [name for name, found in wanted.items() if not found]


def _shows_amount(text: str, amount: Decimal) -> bool:
    """With a decimal point or comma, with or without separated thousands; no part of a longer number."""
    digits = f"{abs(amount):.2f}".replace(".", "[.,]")
    return re.search(rf"(?<![\d.,]){digits}(?!\d)", _SEPARATORS.sub("", text)) is not None


def _plain(text: str) -> str:
    return "".join(text.translate(_DASHES).split())


def _text(pdf: bytes) -> str | None:
    process = _process()
    if process is None:
        return None
    answer = process.ask(b"%d\n" % len(pdf) + pdf)
    text: str | None = json.loads(answer) if answer else None
    return text


@cache
def _process() -> ChildProcess | None:
    if find_spec("pypdf") is None:
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
