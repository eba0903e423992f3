"""Entries of the queue that a careless or hostile producer may leave in Redis, and the problem that each one is."""

import hashlib
import json
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from redis.asyncio import Redis


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Entry:
    """One entry of the queue as it lies in Redis. `raw` None: there is no payload key."""

    raw: bytes | None
    member: bytes = field(default_factory=lambda: str(uuid4()).encode())
    score: float = field(default_factory=now_ms)

    @property
    def job_id(self) -> str:
        """The ledger's name for it: a member that is no readable id goes by its digest."""
        try:
            if (text := self.member.decode()).isprintable() and text:
                return text
        except UnicodeDecodeError:
            pass
        return f"sha256:{hashlib.sha256(self.member).hexdigest()}"

    async def put(self, redis: Redis) -> None:
        """Payload and member in one MULTI, as producers do, and a wake-up."""
        async with redis.pipeline(transaction=True) as pipe:
            if self.raw is not None:
                pipe.set(b"arq:job:" + self.member, self.raw)
            pipe.zadd("arq:queue", {self.member: self.score})
            pipe.publish("arq:wake", "1")
            await pipe.execute()


def job_of(invoice: UUID, person: UUID) -> dict[str, Any]:
    """The fields of a job that publishes an invoice."""
    k = {"invoice_id": str(invoice), "requested_by": str(person)}
    return {"t": None, "f": "publish_invoice", "a": [], "k": k, "et": now_ms()}


@dataclass(frozen=True)
class Poison:
    """`make` spoils a job that would otherwise publish an invoice; `code` is the problem, `part` is in its parameters.

    `digest` false: there are no bytes, or they were understood and stand in the ledger's payload.
    """

    make: Callable[[dict[str, Any]], Entry]
    code: str
    part: str = ""
    digest: bool = True


def raw(payload: bytes, code: str) -> Poison:
    return Poison(lambda job: Entry(payload), code)


def with_(code: str, part: str = "", *, digest: bool = True, **changed: Any) -> Poison:
    """Some of arq's five fields are wrong."""
    return Poison(lambda job: Entry(json.dumps(job | changed).encode()), code, part, digest)


def with_option(code: str, part: str = "", *, digest: bool = True, **changed: Any) -> Poison:
    """Some of the payload's options are wrong."""
    return Poison(lambda job: Entry(json.dumps(job | {"k": job["k"] | changed}).encode()), code, part, digest)


def spelled(literal: str, code: str, part: str = "") -> Poison:
    """JSON that Python's own encoder would not write."""
    return Poison(lambda job: Entry(json.dumps(job | {"k": job["k"] | {"x": "?"}}).replace('"?"', literal).encode()),
                  code, part)  # fmt: skip


def under(member: bytes, code: str, part: str = "") -> Poison:
    return Poison(lambda job: Entry(json.dumps(job).encode(), member), code, part, digest=False)


def at(score: Callable[[], float], code: str) -> Poison:
    return Poison(lambda job: Entry(json.dumps(job).encode(), score=score()), code, digest=False)


def without(key: str) -> Callable[[dict[str, Any]], Entry]:
    return lambda job: Entry(json.dumps({k: v for k, v in job.items() if k != key}).encode())


NUL_NAME: dict[str, Any] = {"a\0b": 1}
NOT_JSON, SHAPE, F, ET = "entry_not_json", "entry_keys_wrong", "entry_f_invalid", "entry_et_invalid"
ID, SCORE, INVALID = "job_id_invalid", "entry_score_invalid", "payload_invalid"

POISON = {
    "not JSON": raw(b"publish_invoice", NOT_JSON),
    # What stock arq would have run: this is why its own serializer is switched off.
    "a pickled job": raw(pickle.dumps({"t": None, "f": "publish_invoice", "a": (), "k": {}, "et": 0}), NOT_JSON),
    "an array": raw(b"[]", SHAPE),
    "null": raw(b"null", SHAPE),
    "a number": raw(b"42", SHAPE),
    "a key missing": Poison(without("et"), SHAPE),
    "a key too many": with_(SHAPE, j="x"),
    "an unknown function": with_("kind_unknown", "'frobnicate'", digest=False, f="frobnicate"),
    "f as a list": with_(F, f=["publish_invoice"]),
    "f as null": with_(F, f=None),
    "f with a person's address": with_(F, f="erika@example.com"),
    "an argument too many": with_("entry_a_invalid", a=["x"]),
    "a as a string": with_("entry_a_invalid", a="X"),
    "a as an object": with_("entry_a_invalid", a={"invoice_id": "x"}),
    "k as a list": with_("entry_k_invalid", k=[]),
    "k without its fields": with_(INVALID, "invoice_id: ", digest=False, k={}),
    "k with an unknown field": with_option(INVALID, "force: Extra inputs", digest=False, force=True),
    "k with an odd id": with_option(INVALID, "invoice_id: ", digest=False, invoice_id=[1]),
    "et as ISO time": with_(ET, et="2026-11-24T12:00:00Z"),
    "et as null": with_(ET, et=None),
    "et in microseconds": with_(ET, et=now_ms() * 1000),
    "et in nanoseconds": with_(ET, et=now_ms() * 1_000_000),
    "et as a fraction": with_(ET, et=1.5),
    "t as a string": with_("entry_t_invalid", t="1"),
    "an empty payload": raw(b"", NOT_JSON),
    "no payload at all": Poison(lambda job: Entry(None), "entry_payload_missing", digest=False),
    "a member that is not UTF-8": under(b"\xff\xfe\x00", "job_id_not_utf8"),
    "a member with NUL": under(b"a\x00b", ID, "200"),
    "an empty member": under(b"", ID, "200"),
    "a member with line breaks": under(b"a\r\nb", ID, "200"),
    "a score in microseconds": at(lambda: now_ms() * 1000, SCORE),
    "an infinite score": at(lambda: float("inf"), SCORE),
    "NaN": spelled("NaN", NOT_JSON),
    "Infinity": spelled("-Infinity", NOT_JSON),
    "a number beyond floats": spelled("1e999", NOT_JSON),
    "a number of 100,000 digits": spelled("9" * 100_000, NOT_JSON),
    "NUL in a string": with_option("entry_holds_nul", x="a\0b"),
    "NUL in a name": with_option("entry_holds_nul", **NUL_NAME),
    "half a surrogate pair": with_option(NOT_JSON, x="\udc80"),
    "a surrogate in UTF-8": spelled('"\\ud83d"', NOT_JSON),
    "300 KB": with_option("entry_too_large", "200000", x="x" * 300_000),
    "nested 100,000 deep": spelled("[" * 100_000, NOT_JSON),
    "nested 500 deep": spelled("[" * 500 + "]" * 500, "entry_too_deep", "20"),
    "a person who is none": with_option("entry_requester_invalid", requested_by="root"),
    "an endless correlation id": with_option("entry_correlation_invalid", "200", correlation_id="x" * 1000),
}
