"""Reads what a producer wrote into Redis. Pure: bytes in, an `IncomingJob` out, never an exception.

The object is arq's own: `t` try or null, `f` function, `a` list, `k` object, `et` enqueue time in epoch milliseconds.
Whatever cannot be understood becomes a job with a `problem`, which the ledger keeps as a rejected job; it names the
raw bytes by their SHA-256 and never repeats them, for they may hold personal data.
"""

import hashlib
import json
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

from worker.domain.ledger import IncomingJob
from worker.domain.payloads import UUID_TEXT
from worker.domain.problems import Problem, problem
from worker.domain.signature import SIGNED, Keys, NotSigned, signed_payload

WAKE_CHANNEL = "arq:wake"  # PUBLISH there after an entry wakes a worker that waits
# A payload is ids and a few options; a mail text may be 20,000 characters of up to 6 escaped bytes each.
MAX_BYTES = 200_000
MAX_ID = 200  # job ids are the caller's; a UUID has 36 characters
# Payloads are flat. What nests deeper than this would hit Python's own limit somewhere between here and Postgres.
MAX_DEPTH = 20
# It stands in log lines and notifications, so it must be a name and not a text.
KIND_TEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
# The year 2100 in epoch milliseconds: a later time is not one, but microseconds or a mistake.
MAX_SCORE = 4_102_444_800_000
FIELDS = {"t", "f", "a", "k", "et"}


class Unreadable(Exception):
    """The payload cannot be understood: a code of the catalogue and its parameters."""

    def __init__(self, code: str, /, **parameters: object) -> None:
        self.code, self.parameters = code, parameters


def read_member(member: bytes) -> str | IncomingJob:
    """A job id out of the queue; a member that is none is rejected under its digest."""
    try:
        job_id = member.decode()
        if 0 < len(job_id) <= MAX_ID and job_id.isprintable():
            return job_id
        found = problem("job_id_invalid", max=MAX_ID)
    except UnicodeDecodeError:
        found = problem("job_id_not_utf8")
    return IncomingJob(f"sha256:{_sha256(member)}", "unreadable", {}, problem=found)


def read_payload(
    job_id: str, raw: bytes | None, score: float, keys: Keys | None = None, now: float = 0.0
) -> IncomingJob:
    """The job behind an id; it is to start at `score`, in epoch milliseconds.

    With `keys`, only what one of them signed is a job; `now`, in epoch seconds, is for its age. Without keys a
    signature is not looked at.
    """
    proven = not keys
    if score >= MAX_SCORE:
        return _rejected(job_id, problem("entry_score_invalid"), proven)
    if raw is None:
        return _rejected(job_id, problem("entry_payload_missing"), proven)
    try:
        kind, payload = _read(raw)
        if keys or payload.keys() == {SIGNED}:
            payload, proven = _signed(job_id, kind, payload, keys or {}, now), True
        return replace(_job(job_id, kind, payload), score=score)
    except Unreadable as error:
        return _rejected(job_id, problem(error.code, sha256=_sha256(raw), **error.parameters), proven)


def under_digest(job: IncomingJob) -> IncomingJob:
    """The job under the digest of its id, which stays free for the job that somebody signs."""
    return replace(job, job_id=f"sha256:{_sha256(job.job_id.encode())}")


def _rejected(job_id: str, found: Problem, proven: bool) -> IncomingJob:
    return IncomingJob(job_id, "unreadable", {}, problem=found, proven=proven)


def _read(raw: bytes) -> tuple[str, dict[str, Any]]:
    """Kind and payload of an entry."""
    fields = _json_object(raw)
    if set(fields) != FIELDS:
        raise Unreadable("entry_keys_wrong")
    kind, arguments, payload = fields["f"], fields["a"], fields["k"]
    if not isinstance(kind, str) or not KIND_TEXT.fullmatch(kind):
        raise Unreadable("entry_f_invalid")
    if not (fields["t"] is None or _is_int(fields["t"])):
        raise Unreadable("entry_t_invalid")
    if not _is_int(fields["et"]) or not 0 <= fields["et"] < MAX_SCORE:
        raise Unreadable("entry_et_invalid")
    if arguments != []:
        raise Unreadable("entry_a_invalid")
    if not isinstance(payload, dict):
        raise Unreadable("entry_k_invalid")
    return kind, payload


def _signed(job_id: str, kind: str, payload: dict[str, Any], keys: Keys, now: float) -> dict[str, Any]:
    try:
        signed = signed_payload(job_id, kind, payload, keys, now)
    except NotSigned as error:
        raise Unreadable(error.code) from None
    return _json_object(json.dumps(signed).encode())


def _job(job_id: str, kind: str, payload: dict[str, Any]) -> IncomingJob:
    return IncomingJob(
        job_id,
        kind,
        {name: value for name, value in payload.items() if name not in ("requested_by", "correlation_id")},
        invoice_id=_uuid(payload.get("invoice_id")),
        requested_by=_requester(payload.get("requested_by")),
        correlation_id=_correlation(payload.get("correlation_id")),
    )


def _json_object(raw: bytes) -> dict[str, Any]:
    """Strict JSON that Postgres can keep: no NaN, no infinite numbers, no NUL, no half surrogates."""
    if len(raw) > MAX_BYTES:
        raise Unreadable("entry_too_large", bytes=len(raw), max=MAX_BYTES)
    try:
        value = json.loads(raw, parse_constant=_no_constant)
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError):
        raise Unreadable("entry_not_json") from None
    # Without the escaped backslashes, so that a text which merely spells the escape out stays what it is.
    if "\\u0000" in text.replace("\\\\", ""):
        raise Unreadable("entry_holds_nul")
    if _deeper_than(value, MAX_DEPTH):
        raise Unreadable("entry_too_deep", max=MAX_DEPTH)
    if not isinstance(value, dict):
        raise Unreadable("entry_keys_wrong")
    return value


def _deeper_than(value: Any, levels: int) -> bool:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(children) and (levels == 0 or any(_deeper_than(child, levels - 1) for child in children))


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _uuid(value: Any) -> UUID | None:
    """The invoice a payload speaks of, for ordering; the payload model judges it later."""
    return UUID(value) if isinstance(value, str) and UUID_TEXT.fullmatch(value) else None


def _requester(value: Any) -> UUID | None:
    if value is not None and _uuid(value) is None:
        raise Unreadable("entry_requester_invalid")
    return _uuid(value)


def _correlation(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_ID):
        raise Unreadable("entry_correlation_invalid", max=MAX_ID)
    return value


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
