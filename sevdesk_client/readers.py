"""Readers of an answer's `objects`: one object, a list, a PDF, nothing. Pure.

A reader raises ValueError, whose text contains nothing private, when the answer is not what the call should return;
`wire.read` turns it into an error from `errors`.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sevdesk_client import models
from sevdesk_client.wire import MAX_PDF_BYTES, Json, Reader, unread_fields

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Hit = TypeVar("Hit", bound=models.Record)
Made = TypeVar("Made", bound=models.Invoice | models.CreditNote)


def one(model: type[M]) -> Reader[M]:
    """A single object, in a list of one for reads by id, bare for factories, POST and PUT (live, three peers)."""

    return lambda objects: model.model_validate(_single(objects))


def fitting(reader: Reader[T], fits: Callable[[T], object]) -> Reader[T]:
    """What `reader` makes of the answer; ValueError unless it is about what the call named."""

    def checked(objects: Json) -> T:
        made = reader(objects)
        if not fits(made):
            raise ValueError("the answer is about another record")
        return made

    return checked


def same(model: type[Hit], id: str) -> Reader[Hit]:
    """A single object with this id."""
    return fitting(one(model), lambda made: made.id == id)


def about(reader: Reader[Made], invoice_id: str) -> Reader[Made]:
    """A document made of this invoice. Its `origin` may be missing (captures), but names no other one."""
    return fitting(reader, lambda made: made.id != invoice_id and (made.origin is None or made.origin.id == invoice_id))


def many(model: type[M]) -> Reader[list[M]]:
    """A list. null raises ValueError: taken as "nothing found", it would make the caller create a duplicate."""

    def reader(objects: Json) -> list[M]:
        if not isinstance(objects, list):
            raise ValueError("the answer holds no list")
        return [_of_list(model, _object(item)) for item in objects]

    return reader


def _of_list(model: type[M], item: dict[str, Json]) -> M:
    """One object of a list; ValueError names it, for a person who has to look at it in sevDesk."""
    try:
        return model.model_validate(item)
    except ValidationError as problem:
        id = str(item.get("id"))
        which = f"{model.__name__} {id}" if id.isascii() and id.isdigit() and len(id) <= 20 else model.__name__
        raise ValueError(f"{unread_fields(problem)} of {which} cannot be read") from None


def by_age(hits: list[Hit]) -> list[Hit]:
    """Oldest first, by id, which grows. sevDesk promises no order (newest first was seen once)."""
    return sorted(hits, key=lambda hit: (len(hit.id), hit.id))


def nothing(objects: Json) -> None:
    """Ignores the answer of calls without a result: null, [null] or metadata (captures); `false` is none of these."""
    if objects is False:
        raise ValueError("the answer is false")


def final(reader: Reader[Made]) -> Reader[Made]:
    """What sendBy answers: finalised and with its number. A draft shows that nothing happened, or not yet."""

    return lambda objects: _final(reader(objects))


def _final(made: Made) -> Made:
    number = made.credit_note_number if isinstance(made, models.CreditNote) else made.invoice_number
    if made.status == 100 or not number:
        raise ValueError("the document is still a draft, or has no number")
    return made


def version(objects: Json) -> str:
    found = _object(objects).get("version")
    if not isinstance(found, str):
        raise ValueError("the answer names no version")
    return found


def saved_invoice(objects: Json) -> models.Invoice:
    """The invoice in saveInvoice's {invoice, invoicePos}; positions are not read."""
    return one(models.Invoice)(_object(objects).get("invoice"))


def saved_credit_note(objects: Json) -> models.CreditNote:
    """The credit note in {creditNote, creditNotePos}; positions are not read."""
    return one(models.CreditNote)(_object(objects).get("creditNote"))


def cancellation(objects: Json) -> models.Invoice | models.CreditNote:
    """By `objectName` a cancellation, final at once (captures), or a credit note draft of a paid one (one report)."""
    made = _single(objects)
    if made.get("objectName") == "CreditNote":
        return models.CreditNote.model_validate(made)
    return _final(models.Invoice.model_validate(made))


def mailed(id: str) -> Reader[models.Email]:
    """The mail with this document, which the answer may leave out (no capture)."""
    return fitting(one(models.Email), lambda mail: mail.object is None or mail.object.id == id)


def templates(objects: Json) -> list[models.Template]:
    """The list in {"result", "templates": [...]} inside `objects` (one report); the spec has no wrapper."""
    return many(models.Template)(_object(objects).get("templates"))


def document(objects: Json) -> models.Document:
    """A PDF, as bytes or as base64 in JSON, of at most MAX_PDF_BYTES."""
    if isinstance(objects, bytes):
        return _pdf("", "application/pdf", objects)
    answer = models.PdfAnswer.model_validate(_object(objects))
    try:
        content = base64.b64decode(answer.content, validate=True)
    except binascii.Error:
        raise ValueError("the document's base64 is damaged") from None
    return _pdf(answer.filename, answer.mimetype, content)


def _pdf(filename: str, mimetype: str, content: bytes) -> models.Document:
    if not content.startswith(b"%PDF"):
        raise ValueError("the document is not a PDF")
    if len(content) > MAX_PDF_BYTES:
        raise ValueError(f"the PDF is larger than {MAX_PDF_BYTES} bytes")
    return models.Document(filename, mimetype, content)


def job_id(objects: Json) -> str:
    """The job id that starting an export answers (official); checked, because later calls send it."""
    found = _bare(objects)
    if not isinstance(found, str) or not re.fullmatch(r"[\w-]{1,100}", found, re.ASCII):
        raise ValueError("the answer holds no job id")
    return found


def hash_or_progress(objects: Json) -> str | models.Progress:
    """generateDownloadHash: a hash by its description, progress by its schema; nobody recorded which."""
    found = _bare(objects)
    if isinstance(found, dict) and isinstance(found.get("hash"), str):
        found = found["hash"]
    if isinstance(found, str) and found:
        return found
    return progress(objects)


def progress(objects: Json) -> models.Progress:
    """A list of one (official) or the object itself (one client). Empty is no error: it is for display only."""
    return models.Progress.model_validate(_single(objects)) if objects else models.Progress()


def download_info(objects: Json) -> models.DownloadInfo | None:
    """In the same forms as `progress`; None without a link. The answer for an unfinished job is not established."""
    found = _single(objects) if objects else {}
    return models.DownloadInfo.model_validate(found) if found.get("link") else None


def _single(objects: Json) -> dict[str, Json]:
    return _object(_bare(objects))


def _bare(objects: Json) -> Json:
    """What a list of one holds; anything else as it is."""
    return objects[0] if isinstance(objects, list) and len(objects) == 1 else objects


def _object(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError("the answer holds no object")
    return value


def text(objects: Json) -> str:
    """A string, such as the XML document that getXml answers (captured)."""
    if not isinstance(objects, str) or not objects:
        raise ValueError("the answer holds no text")
    return objects
