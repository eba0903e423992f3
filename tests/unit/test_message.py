"""Whatever bytes lie in Redis, reading them ends in an arrival that Postgres can keep."""

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.ledger import IncomingJob
from worker.queue.message import MAX_BYTES, MAX_DEPTH, read_member, read_payload

NOW = 1_795_000_000_000  # milliseconds; late in 2026
INVOICE, PERSON = UUID(int=0xA1), UUID(int=0xB2)
USUAL: dict[str, Any] = {
    "t": None,
    "f": "publish_invoice",
    "a": [],
    "k": {"invoice_id": str(INVOICE), "requested_by": str(PERSON), "correlation_id": "c-1"},
    "et": NOW,
}


def read(raw: bytes | None) -> IncomingJob:
    return read_payload("job-1", raw, NOW)


def read_with(**changed: Any) -> IncomingJob:
    return read(json.dumps(USUAL | changed).encode())


def test_good_payload_is_understood() -> None:
    """Requester and correlation become columns; the rest stays the payload."""
    assert read_with() == IncomingJob(
        "job-1",
        "publish_invoice",
        {"invoice_id": str(INVOICE)},
        invoice_id=INVOICE,
        requested_by=PERSON,
        correlation_id="c-1",
        score=NOW,
    )


UNREADABLE = {
    "not JSON": (b"hello", "not valid JSON"),
    "a pickle": (b"\x80\x05\x95\x10\x00\x00\x00", "not valid JSON"),
    "half a document": (b'{"t": null, "f"', "not valid JSON"),
    "no UTF-8": (b'{"t": "\xff"}', "not valid JSON"),
    "an array": (b"[]", "JSON object with exactly the keys"),
    "null": (b"null", "JSON object with exactly the keys"),
    "a number": (b"7", "JSON object with exactly the keys"),
    "one key missing": (json.dumps({k: v for k, v in USUAL.items() if k != "et"}).encode(), "exactly the keys"),
    "one key too many": (json.dumps(USUAL | {"x": 1}).encode(), "exactly the keys"),
    "too large": (json.dumps(USUAL | {"k": {"text": "x" * 300_000}}).encode(), f"at most {MAX_BYTES} are read"),
    "NaN": (json.dumps(USUAL | {"k": {"n": float("nan")}}).encode(), "not valid JSON"),
    "infinity": (json.dumps(USUAL | {"k": {"n": float("inf")}}).encode(), "not valid JSON"),
    # A literal that is valid JSON, but no number that a computer holds.
    "a number beyond floats": (json.dumps(USUAL).replace('"c-1"', "1e999").encode(), "not valid JSON"),
    "a number of 5000 digits": (json.dumps(USUAL).replace('"c-1"', "9" * 5000).encode(), "not valid JSON"),
    "NUL in a value": (json.dumps(USUAL | {"k": {"text": "a\0b"}}).encode(), "NUL"),
    "NUL in a key": (json.dumps(USUAL | {"k": {"a\0b": 1}}).encode(), "NUL"),
    "NUL after a backslash": (json.dumps(USUAL | {"k": {"text": "\\\0"}}).encode(), "NUL"),
    "half a surrogate pair": (json.dumps(USUAL | {"k": {"text": "\ud800"}}).encode(), "not valid JSON"),
    "a surrogate in UTF-8": (
        json.dumps(USUAL).replace("c-1", "?").encode().replace(b"?", b"\xed\xa0\x80"),
        "not valid",
    ),
    "brackets without end": (b"[" * 100_000, "not valid JSON"),
    "hundreds of brackets": (b"[" * 500 + b"]" * 500, "deeper than 20 levels"),
    "nested deeper than any payload": (
        json.dumps(USUAL).replace('"c-1"', "[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH).encode(),
        "deeper than 20 levels",
    ),
}


@pytest.mark.parametrize(("raw", "problem"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_bytes_are_named(raw: bytes, problem: str) -> None:
    """The reason says what is wrong, and the digest which bytes were meant; nothing of them is kept."""
    arrival = read(raw)
    assert arrival.problem is not None and problem in arrival.problem.cause()
    assert hashlib.sha256(raw).hexdigest() in arrival.problem.cause()
    assert (arrival.job_id, arrival.kind, arrival.payload) == ("job-1", "unreadable", {})


WRONG_FIELDS = {
    # field, value, what the reason must speak of
    "t as text": ("t", "1", "t must be"),
    "t as truth": ("t", True, "t must be"),
    "t as fraction": ("t", 1.5, "t must be"),
    "f as list": ("f", ["publish_invoice"], "f must be"),
    "f as null": ("f", None, "f must be"),
    "f empty": ("f", "", "f must be"),
    "f as a long text": ("f", "x" * 65, "f must be"),
    "f as an address": ("f", "erika@example.com", "f must be"),
    "a as text": ("a", "X", "a must be"),
    "a as object": ("a", {"x": 1}, "a must be"),
    "a as null": ("a", None, "a must be"),
    "a with an argument": ("a", [str(INVOICE)], "a must be"),
    "k as list": ("k", [], "k must be"),
    "k as null": ("k", None, "k must be"),
    "k as text": ("k", "x", "k must be"),
    "et as ISO time": ("et", "2026-11-24T12:00:00Z", "et must be"),
    "et as null": ("et", None, "et must be"),
    "et as fraction": ("et", NOW + 0.5, "et must be"),
    "et as truth": ("et", True, "et must be"),
    "et in microseconds": ("et", NOW * 1000, "et must be"),
    "et in nanoseconds": ("et", NOW * 1_000_000, "et must be"),
    "et before 1970": ("et", -1, "et must be"),
    "et astronomical": ("et", 10**300, "et must be"),
    "requester as text": ("k", {"requested_by": "me"}, "requested_by must be"),
    "requester as number": ("k", {"requested_by": 7}, "requested_by must be"),
    "requester empty": ("k", {"requested_by": ""}, "requested_by must be"),
    # 36 characters that Python's UUID would take.
    "requester as half a URN": ("k", {"requested_by": "urn:" + PERSON.hex}, "requested_by must be"),
    "correlation as number": ("k", {"correlation_id": 7}, "correlation_id must be"),
    "correlation too long": ("k", {"correlation_id": "x" * 201}, "correlation_id must be"),
}


@pytest.mark.parametrize(("field", "value", "problem"), WRONG_FIELDS.values(), ids=WRONG_FIELDS)
def test_wrong_field_is_named(field: str, value: Any, problem: str) -> None:
    """arq would crash on some of these and run others with wrong arguments."""
    arrival = read_with(**{field: value})
    assert arrival.problem is not None and arrival.problem.cause().startswith(problem)
    assert "SHA-256" in arrival.problem.cause()
    assert arrival.payload == {}


FINE = {
    "another try": ("t", 3),
    "an old job": ("et", 0),
    "a job from a clock that is ahead": ("et", NOW + 3_600_000),
    # An old worker must be able to say "unknown kind" itself, so the name alone is judged here.
    "an unknown kind": ("f", "frobnicate"),
    "no person": ("k", {"invoice_id": str(INVOICE)}),
    "nothing at all": ("k", {}),
    "text that spells out an escape": ("k", {"text": "\\u0000 and \\\\u0000"}),
    "letters beyond the basic plane": ("k", {"text": "Grüße 🧾"}),
    "a few levels": ("k", {"x": [[[{"y": []}]]]}),
}


@pytest.mark.parametrize(("field", "value"), FINE.values(), ids=FINE)
def test_unusual_but_valid_passes(field: str, value: Any) -> None:
    """What is not wrong for certain is left to the payload's model."""
    arrival = read_with(**{field: value})
    assert arrival.problem is None
    if field == "k":
        assert arrival.payload == {k: v for k, v in value.items() if k != "requested_by"}


NO_IDS = {
    "digits alone": INVOICE.hex,
    "in braces": f"{{{INVOICE}}}",
    "half a URN": "urn:" + INVOICE.hex,
    "hyphens elsewhere": "-" * 4 + INVOICE.hex,
    "a number": 7,
    "null": None,
}


@pytest.mark.parametrize("given_id", NO_IDS.values(), ids=NO_IDS)
def test_odd_invoice_id_names_none(given_id: Any) -> None:
    """Only the usual spelling orders a job among its invoice's; the payload's model refuses the others later."""
    arrival = read_with(k={"invoice_id": given_id})
    assert (arrival.invoice_id, arrival.problem) == (None, None)


def test_missing_payload_has_no_digest() -> None:
    """There are no bytes to name."""
    arrival = read(None)
    assert arrival.problem is not None
    assert arrival.problem.cause() == "The payload is missing: expired, of the wrong type, or never written."


def test_empty_payload_is_rejected() -> None:
    """A key with nothing in it is not the same as no key."""
    found = read(b"").problem
    assert found is not None and found.code == "entry_not_json"


def test_far_score_is_rejected() -> None:
    """It would wait for thousands of years in silence."""
    found = read_payload("job-1", b"{}", 5_000_000_000_000).problem
    assert found is not None and "epoch milliseconds" in found.cause()


@pytest.mark.parametrize("member", [b"a", "Rechnung-Ä 7".encode(), b"x" * 200], ids=["short", "umlaut", "longest"])
def test_printable_member_is_an_id(member: bytes) -> None:
    """Job ids are the caller's."""
    assert read_member(member) == member.decode()


@pytest.mark.parametrize(
    "member",
    [b"", b"\xff\xfe", b"a\0b", b"line\nbreak", b"\x1b[2J", b"x" * 201, "right\u202eleft".encode()],
    ids=["empty", "no UTF-8", "NUL", "line break", "terminal escape", "too long", "direction mark"],
)
def test_odd_member_goes_by_digest(member: bytes) -> None:
    """What cannot be printed in a log or kept as text gets a name that can."""
    arrival = read_member(member)
    assert isinstance(arrival, IncomingJob)
    assert arrival.job_id == f"sha256:{hashlib.sha256(member).hexdigest()}"
    assert arrival.problem is not None and arrival.problem.cause().startswith("The job id ")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None, categories=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def assert_storable(arrival: IncomingJob) -> None:
    """jsonb and text take no NUL, no half surrogates, no NaN; and the ledger reads back what was given."""
    text = json.dumps([arrival.payload, arrival.job_id, arrival.kind, arrival.correlation_id, arrival.problem is None],
                      ensure_ascii=False, allow_nan=False)  # fmt: skip
    text.encode()
    assert json.loads(text)[0] == arrival.payload
    assert not any("\0" in part for part in strings([*json.loads(text)]))
    assert (arrival.problem is None) or (arrival.payload == {} and arrival.kind == "unreadable")


def strings(value: Any) -> list[str]:
    """Every key and text in a JSON value."""
    match value:
        case str():
            return [value]
        case list():
            return [text for each in value for text in strings(each)]
        case dict():
            return [*value, *(text for each in value.values() for text in strings(each))]
        case _:
            return []


@given(st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")))
def test_arbitrary_bytes_never_raise(raw: bytes) -> None:
    """Bytes without meaning, and JSON without ours."""
    assert_storable(read(raw))


@given(st.fixed_dictionaries({name: st.just(value) | JSON_VALUES for name, value in USUAL.items()}))
def test_arbitrary_fields_never_raise(fields: dict[str, Any]) -> None:
    """Nearly right: some of the five fields are ours, the others anything."""
    assert_storable(read(json.dumps(fields).encode()))


@given(st.dictionaries(st.text(max_size=12) | st.sampled_from(["invoice_id", "requested_by"]), JSON_VALUES))
def test_arbitrary_options_never_raise(options: dict[str, Any]) -> None:
    """The envelope is right and the options are anything; what passes is kept word for word."""
    arrival = read_with(k=options)
    assert_storable(arrival)
    if arrival.problem is None:
        beside = ("requested_by", "correlation_id")
        assert dict(arrival.payload) == {name: v for name, v in options.items() if name not in beside}


@given(st.binary(max_size=300))
def test_arbitrary_members_never_raise(member: bytes) -> None:
    """A member is an id that can be kept and printed, or an arrival under one that can."""
    found = read_member(member)
    job_id = found if isinstance(found, str) else found.job_id
    assert job_id.isprintable() and 0 < len(job_id) <= 200
    if isinstance(found, str):
        assert found.encode() == member
