"""What counts as signed by a producer, and what does not."""

import json
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from worker.domain.ledger import IncomingJob
from worker.domain.signature import AHEAD_SECONDS, MAX_AGE_SECONDS, read_keys
from worker.queue.message import read_payload, under_digest

NOW = 1_795_000_000
OLD, NEW = "old-secret-of-more-than-32-characters", "new-secret-of-more-than-32-characters"
KEYS = {"old": SecretStr(OLD), "new": SecretStr(NEW)}
PAYLOAD = {"invoice_id": "00000000-0000-0000-0000-0000000000a1", "requested_by": "00000000-0000-0000-0000-0000000000b2"}
CLAIMS = {"jti": "job-1", "iat": NOW, "kind": "publish_invoice", "payload": PAYLOAD}


def token(secret: str = NEW, kid: str | None = "new", alg: str = "HS256", **changed: Any) -> str:
    return jwt.encode(CLAIMS | changed, secret if alg != "none" else None, alg, headers={"kid": kid} if kid else {})


def read(k: object, keys: dict[str, SecretStr] = KEYS, kind: str = "publish_invoice") -> IncomingJob:
    raw = json.dumps({"t": None, "f": kind, "a": [], "k": k, "et": NOW * 1000}).encode()
    return read_payload("job-1", raw, NOW * 1000, keys, NOW)


@pytest.mark.parametrize(("secret", "kid"), [(OLD, "old"), (NEW, "new")])
def test_both_keys_count_while_rotating(secret: str, kid: str) -> None:
    """The payload is the token's."""
    job = read({"signed": token(secret, kid)})
    assert (job.problem, job.payload) == (None, {"invoice_id": PAYLOAD["invoice_id"]})
    assert str(job.requested_by) == PAYLOAD["requested_by"]


OTHER_HEAD = token().partition(".")[0]
REFUSED = {
    "not signed": (PAYLOAD, "signature_missing"),
    "signed beside a payload": (PAYLOAD | {"signed": token()}, "signature_missing"),
    "no text": ({"signed": 1}, "signature_missing"),
    "no token": ({"signed": "x"}, "signature_invalid"),
    "without algorithm": ({"signed": token(alg="none")}, "signature_invalid"),
    "another algorithm": ({"signed": token(NEW * 2, alg="HS512")}, "signature_invalid"),
    "a stranger's key": ({"signed": token("stranger-secret-of-32-characters-at-least")}, "signature_invalid"),
    "under another key's name": ({"signed": token(NEW, "old")}, "signature_invalid"),
    "under an unknown name": ({"signed": token(NEW, "newer")}, "signature_invalid"),
    "without a key's name": ({"signed": token(kid=None)}, "signature_invalid"),
    "changed afterwards": ({"signed": token()[:-8] + "AAAAAAAA"}, "signature_invalid"),
    "without id": ({"signed": jwt.encode({"iat": NOW}, NEW, headers={"kid": "new"})}, "signature_invalid"),
    "for another id": ({"signed": token(jti="job-2")}, "signature_of_other_job"),
    "for another kind": ({"signed": token(kind="cancel_invoice")}, "signature_of_other_job"),
    "payload is no object": ({"signed": token(payload=[])}, "signature_of_other_job"),
    "too old": ({"signed": token(iat=NOW - MAX_AGE_SECONDS - 1)}, "signature_time_wrong"),
    "from the future": ({"signed": token(iat=NOW + AHEAD_SECONDS + 1)}, "signature_time_wrong"),
    "in milliseconds": ({"signed": token(iat=NOW * 1000)}, "signature_time_wrong"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_proven_is_refused(case: str) -> None:
    """Under the digest of its id, which stays free; nothing of the entry is repeated."""
    k, code = REFUSED[case]
    job = read(k)
    assert job.problem is not None and not job.proven
    assert (job.problem.code, dict(job.payload)) == (code, {})
    assert under_digest(job).job_id.startswith("sha256:")


@pytest.mark.parametrize("payload", [{"x": "a\0b"}, {"requested_by": "me"}])
def test_signed_payload_is_judged_too(payload: dict[str, Any]) -> None:
    """A producer's own mistake keeps its id, so that the producer finds it."""
    job = read({"signed": token(payload=payload)})
    assert job.problem is not None
    assert job.problem.code in ("entry_holds_nul", "entry_requester_invalid")
    assert job.proven == (job.problem.code == "entry_requester_invalid")


def test_without_keys_a_signature_is_read() -> None:
    """Producers may begin to sign before workers begin to ask for it."""
    job = read({"signed": token("whatever-it-is-with-32-characters-or-more")}, {})
    assert job.payload == {"invoice_id": PAYLOAD["invoice_id"]}
    assert read(PAYLOAD, {}).problem is None


@pytest.mark.parametrize("text", ["x", "name:short", ":" + NEW, f"a:{NEW},a:{OLD}", f"a:{NEW};b"[:10]])
def test_wrong_keys_are_named_without_secrets(text: str) -> None:
    """The sentence says the form."""
    with pytest.raises(ValueError, match="must look like name:secret") as error:
        read_keys(text)
    assert NEW not in str(error.value)
