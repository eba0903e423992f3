"""Requests to sevDesk and the meaning of its answers. Pure: no I/O, no clock.

`read` turns (status, headers, body) into data or raises an error from `errors`, and for no bytes anything else.

Forms of an answer (captured, unless said otherwise): {"objects": ...} with a list, an object, a string, a boolean, null
or [null]; the spec shows some answers without the wrapper, so both are accepted. Errors are {"error": {"message",
"code", ...}}, also with HTTP 200; a 401 is {"status", "message"} (one report), and its own status counts should HTTP's
be 200; a PDF may come as bytes (three peers); proxies answer HTML or plain text.
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import BinaryIO, NoReturn, TypeAlias, TypeVar

from pydantic import ValidationError

from sevdesk_client import errors

# An answer: JSON with fractions as Decimal, never float, or the bytes of a PDF.
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | Decimal | bool | bytes | None"
T = TypeVar("T")
Reader: TypeAlias = Callable[["Json"], T]

# A page of 1000 invoices is about 3 MB (2.8 kB each in the captures); this is twice as much.
MAX_ANSWER_BYTES = 6 * 2**20
# A hundred pages on letter paper with pictures stay below 10 MB; this is half as much again. One takes four times
# its size in memory while it is read.
MAX_PDF_BYTES = 15 * 2**20
# A year's documents of a small company; larger archives need a person's decision.
MAX_ARCHIVE_BYTES = 256 * 2**20
# A PDF of MAX_PDF_BYTES in JSON: base64 takes four bytes for three, and slashes may be escaped.
MAX_PDF_ANSWER_BYTES = MAX_PDF_BYTES * 3 // 2

# A page of 1000 invoices has about 100,000 (capture), each of which may take 100 bytes of memory or more.
MAX_VALUES = 200_000

# An escape of JSON: of six bytes if it is NUL or half a surrogate pair, of two (its beginning) or twelve otherwise.
_ESCAPE = re.compile(rb"\\(?:u0000|u[dD][89abAB]..(?:\\u[dD][c-fC-F]..)?|u[dD][c-fC-F]..|.)", re.DOTALL)
# Is it worth looking? Rarely: of a page this costs a twentieth of reading it with _ESCAPE.
_SUSPECT = re.compile(rb"\\u(?:0000|[dD])")
_ID = re.compile(r"[0-9]{1,20}", re.ASCII)
_ABOUT_TOKEN = re.compile(r"token|authenticat|api.?key", re.IGNORECASE)
# Refusals with status 500 or 503 (official: some should have been 400): getPdf and changeParameter for the draft of an
# e-invoice, getXml without the company's IBAN (both measured by one peer), an unknown path (one report).
_REFUSED_WITH_5XX = frozenset({"Invoice number is required", "Missing iban and bic", "wrong HTTP Type"})
_UNKNOWN_METHOD = 157
# Four peers saw this on saveInvoice, status not recorded, and retry only after reading back; so 4xx proves nothing.
_NUMBER_LOCK = "Correct number abort"


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `path` is a template with at most one {id}; `operation` is the form for logs and errors.

    changes     true for a GET that writes
    link        an address outside the API, to which no token is sent; `path` is then only a name for logs
    seconds     for one attempt, instead of the client's time-outs
    into        a file for the body of a 200, from its beginning, so that the body need not fit into memory
    """

    method: str
    path: str
    id: str | None = None
    params: Mapping[str, str | int] = field(default_factory=dict, repr=False)
    body: Mapping[str, object] | None = field(default=None, repr=False)
    max_bytes: int = MAX_ANSWER_BYTES
    changes: bool = False
    link: str | None = field(default=None, repr=False)
    seconds: float | None = None
    into: BinaryIO | None = field(default=None, repr=False)

    @property
    def operation(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        """Whether the call may change something; a GET only with `changes` (getPdf is sent with preventSendBy)."""
        return self.method != "GET" or self.changes

    def target(self) -> str:
        """The path with its id. Raises Refused for an id that is not a number, which could address another resource."""
        if "{id}" not in self.path:
            return self.path
        if self.id is None or not _ID.fullmatch(self.id):
            raise errors.Refused(self.operation, "not sent, the id is not a number")
        return self.path.replace("{id}", self.id)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `headers` has lower-case keys; `body` is as received, possibly compressed.

    `written`: bytes that went into the request's file instead of `body`.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    written: int = 0


@dataclass(frozen=True, slots=True)
class _Said:
    """The error message in an answer. `enveloped`: in sevDesk's envelope, so not from a proxy.

    `beside`: there are objects beside it, so that a write may have been done. `status`: the one that the body names.
    """

    reason: str
    code: int | None = None
    enveloped: bool = False
    missing: bool = False
    beside: bool = False
    status: int | None = None


def read(request: Request, answer: Answer, reader: Reader[T], *, secret: str = "") -> T:
    """What `reader` makes of the answer's `objects`, or an error from `errors`, whose text never contains `secret`."""
    unreadable = ""
    payload: Json = None
    try:
        payload = _payload(answer, request.max_bytes)
    except _TooLarge as problem:
        if 200 <= answer.status < 300 and not request.writes:
            raise errors.TooLarge(request.operation, str(problem), status=answer.status) from None
        unreadable = str(problem)
    except ValueError as problem:
        unreadable = str(problem)
    said = _complaint(payload)
    if said and said.status and 200 <= answer.status < 300:
        answer = replace(answer, status=said.status)
    if not 200 <= answer.status < 300 or (said and said.enveloped):
        raise _error(request, answer, said or _Said(unreadable or "no explanation"), secret)
    if unreadable:
        raise broken(request, unreadable, answer.status)
    try:
        return reader(_unwrap(payload))
    except ValidationError as problem:
        reason = f"{unread_fields(problem)} cannot be read"
    except ValueError as problem:
        reason = str(problem)
    raise broken(request, reason, answer.status)


def read_file(request: Request, answer: Answer) -> None:
    """Nothing if the file behind a link has come, else an error from `errors`. S3 refuses in its own XML, for good."""
    operation, status = request.operation, answer.status
    if len(answer.body) + answer.written > request.max_bytes:
        raise errors.Refused(operation, f"not taken, larger than {request.max_bytes} bytes", status=status)
    if status == 200:
        return
    found = re.search(rb"<Code>(\w{1,60})</Code>", answer.body[:20_000])
    reason = found[1].decode("latin-1") if found else "no explanation"
    if status == 429 or reason == "SlowDown":
        raise errors.Throttled(operation, reason, status=status, retry_after=_retry_after(answer.headers))
    if 400 <= status < 500 and status != 408:
        raise errors.Refused(operation, reason, status=status)
    raise broken(request, reason, status)


def unread_fields(problem: ValidationError) -> str:
    """Only the names of fields, because pydantic's own text may quote their values."""
    fields = sorted({".".join(map(str, error["loc"])) for error in problem.errors(include_input=False)})
    return f"the answer's {', '.join(fields)}"


def broken(request: Request, reason: str, status: int | None = None) -> errors.SevDeskError:
    """The error for no usable answer: Unavailable for a read, OutcomeUnknown for a write."""
    return (errors.OutcomeUnknown if request.writes else errors.Unavailable)(request.operation, reason, status=status)


def _error(request: Request, answer: Answer, said: _Said, secret: str) -> errors.SevDeskError:
    reason, wait = errors.scrub(said.reason, secret), _retry_after(answer.headers)
    kind = _kind(request, answer.status, said)
    return kind(request.operation, reason, status=answer.status, code=said.code, retry_after=wait)


def _kind(request: Request, status: int, said: _Said) -> type[errors.SevDeskError]:
    """The error class for an error answer; a status outside HTTP's range counts as no usable answer."""
    unknown = errors.OutcomeUnknown if request.writes else errors.Unavailable
    if status == 429:
        return errors.Throttled
    if _NUMBER_LOCK in said.reason or (said.beside and 200 <= status < 300):
        return unknown
    if said.enveloped and said.reason in _REFUSED_WITH_5XX:
        return errors.Refused
    # 408 comes from a proxy that stopped waiting; whether it had forwarded the request is unknown.
    if status == 408 or not 200 <= status < 500 or 300 <= status < 400:
        return unknown
    if status == 401 or (status == 403 and _ABOUT_TOKEN.search(said.reason)):
        return errors.TokenRefused
    # A 404 without sevDesk's envelope comes from a proxy, one with code 157 complains of the method (captured): neither
    # says anything about the record.
    about_record = said.missing or (status == 404 and said.code != _UNKNOWN_METHOD)
    return errors.NotFound if said.enveloped and about_record else errors.Refused


def _complaint(payload: Json) -> _Said | None:
    if not isinstance(payload, dict):
        return None
    error = payload.get("error")
    if not error:
        message, status = payload.get("message"), _code(payload.get("status"))
        named = status if status is not None and 400 <= status < 600 else None
        return _Said(message, status=named) if isinstance(message, str) and message else None
    about: dict[str, Json] = error if isinstance(error, dict) else {}
    said = _first_text(error, about.get("message"), payload.get("message")) or "an error without a message"
    code, beside = about.get("code"), bool(payload.get("objects"))
    number = _code(code)
    # Unknown ids: code 151 (measured), or NOT_FOUND with HTTP 400 (one report).
    missing = number == 151 or code == "NOT_FOUND"
    return _Said(said + _missing_information(about.get("data")), number, True, missing, beside)


def _first_text(*values: Json) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


def _code(code: Json) -> int | None:
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _missing_information(data: Json) -> str:
    """The fields that error 830 says an e-invoice lacks (measured), because a person can act on them."""
    names = data.get("missing information") if isinstance(data, dict) else None
    if not isinstance(names, list):
        return ""
    return f" ({', '.join(name for name in names if isinstance(name, str))})"


def _unwrap(payload: Json) -> Json:
    return payload["objects"] if isinstance(payload, dict) and "objects" in payload else payload


class _TooLarge(ValueError):
    """The answer is longer than it may be, or would take too much memory when read."""


def _payload(answer: Answer, max_bytes: int) -> Json:
    """The JSON or PDF bytes; ValueError, whose text contains nothing private, for anything else."""
    body = _plain(answer, max_bytes)
    if body.startswith(b"%PDF"):
        return body
    if answer.status == 204 and not body:  # "no content" is an answer
        return None
    if len(body) - len(body.translate(None, b",[{\\")) > MAX_VALUES:
        raise _TooLarge(f"an answer of more than {MAX_VALUES} values")
    if len(body) > MAX_ANSWER_BYTES and not body.isascii():  # only base64 is that long; other text takes four times it
        raise _TooLarge(f"a text of more than {MAX_ANSWER_BYTES} bytes")
    try:
        text = _storable(body).decode("utf-8-sig")
        document: Json = json.loads(
            text, parse_float=_fraction, parse_constant=_no_constant, object_pairs_hook=_unambiguous
        )
    except (ValueError, RecursionError):
        raise ValueError(_page(body, answer.status)) from None
    return document


def _page(body: bytes, status: int) -> str:
    """A description of an answer that is not JSON. Damaged JSON is not quoted, as it may hold personal data."""
    text = body[:20_000].decode("utf-8", "replace").strip()
    if not text:
        return "an empty answer"
    if text.startswith("<"):
        title = re.search(r"<title[^>]*>([^<]{1,200})</title>", text, re.IGNORECASE)
        return f"an HTML page, {title[1]}" if title else "an HTML page"
    return f"no JSON ({len(body)} bytes)" if text[0] in "{[" or 200 <= status < 300 else text


def _plain(answer: Answer, max_bytes: int) -> bytes:
    """The body, decompressed if it starts like gzip: some PDF answers have a wrong Content-Encoding (one report)."""
    body = answer.body
    if body.startswith(b"\x1f\x8b"):
        try:
            stream = zlib.decompressobj(wbits=31)
            body = stream.decompress(body, max_bytes + 1)
        except zlib.error:
            raise ValueError("a damaged compressed answer") from None
        if not stream.eof and len(body) <= max_bytes:
            raise ValueError("a compressed answer cut short")
    if len(body) > max_bytes:
        raise _TooLarge(f"an answer of more than {max_bytes} bytes")
    return body


def _storable(body: bytes) -> bytes:
    """The JSON with U+FFFD for NUL and for half a surrogate pair, which Postgres cannot store."""
    if not _SUSPECT.search(body):
        return body
    return _ESCAPE.sub(lambda found: rb"\ufffd" if len(found[0]) == 6 else found[0], body)


def _unambiguous(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """The object; ValueError if it says the same key twice, for readers differ in which one they take."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice in one object")
    return made


def _fraction(text: str) -> Decimal:
    """A Decimal; ValueError for a huge exponent, which would exhaust memory in computations."""
    if len(text) > 64 or abs(int(re.split("[eE]", text + "e0")[1])) > 64:
        raise ValueError("a number out of any reasonable range")
    return Decimal(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def answered_at(answer: Answer) -> datetime | None:
    """When sevDesk answered, by its own clock (header Date); None where the header is missing or no date."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("date", ""))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds; one given as a date is compared with the answer's Date, so no clock is needed."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        until, since = parsedate_to_datetime(value), parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (until - since).total_seconds())
    except (ValueError, TypeError):  # TypeError: only one of them names its zone
        return None
