"""Proves who wrote an entry into Redis: a JSON Web Token (RFC 7519, HS256) over its id, kind, payload and time. Pure.

A signed entry has no other option than `signed`: the token, whose claims are `jti` (job id), `kind`, `payload` (what
would be `k` otherwise) and `iat` (when it was signed, in epoch seconds); `kid` in its header names the key.
"""

from collections.abc import Mapping
from typing import Any

import jwt
from pydantic import SecretStr

SIGNED = "signed"
# An entry may wait in Redis while no worker runs. Shorter than the 30 days for which the ledger keeps every job id,
# which is why an entry that is put back later is never a new job.
MAX_AGE_SECONDS = 7 * 86_400
# How far ahead a producer's clock may be. An entry cannot be used twice, so a wrong clock does no harm.
AHEAD_SECONDS = 86_400

Keys = Mapping[str, SecretStr]


class NotSigned(Exception):
    """`code` is the problem's code in the catalogue."""

    def __init__(self, code: str) -> None:
        self.code = code


def read_keys(text: str) -> dict[str, SecretStr]:
    """`name:secret,name:secret` as in JOB_SIGNING_KEYS. Raises ValueError, which repeats no secret."""
    keys: dict[str, SecretStr] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, secret = part.partition(":")
        if not name.isascii() or not name.isprintable() or not name or len(secret) < 32 or name in keys:
            raise ValueError("must look like name:secret,name:secret; each secret has 32 characters or more, no comma")
        keys[name] = SecretStr(secret)
    return keys


def signed_payload(job_id: str, kind: str, payload: Mapping[str, Any], keys: Keys, now: float) -> Mapping[str, Any]:
    """The payload that was signed for this job id and kind; `now` in epoch seconds. Raises `NotSigned`.

    Without `keys` the signature itself is not checked.
    """
    token = payload.get(SIGNED)
    if not isinstance(token, str) or len(payload) != 1:
        raise NotSigned("signature_missing")
    claims = _claims(token, keys)
    if claims["jti"] != job_id or claims.get("kind") != kind or not isinstance(claims.get("payload"), dict):
        raise NotSigned("signature_of_other_job")
    if keys and not now - MAX_AGE_SECONDS <= claims["iat"] <= now + AHEAD_SECONDS:
        raise NotSigned("signature_time_wrong")
    signed: dict[str, Any] = claims["payload"]
    return signed


def _claims(token: str, keys: Keys) -> dict[str, Any]:
    # The time is judged above: the library knows no limit of age.
    options: Any = {"require": ["jti", "iat"], "verify_iat": False, "verify_exp": False, "verify_nbf": False,
                    "verify_aud": False}  # fmt: skip
    try:
        key = keys[jwt.get_unverified_header(token)["kid"]].get_secret_value() if keys else ""
        options["verify_signature"] = bool(keys)
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=["HS256"], options=options)
    except (jwt.PyJWTError, KeyError, TypeError, ValueError, RecursionError):
        raise NotSigned("signature_invalid") from None
    if isinstance(claims["iat"], bool) or not isinstance(claims["iat"], int | float):
        raise NotSigned("signature_time_wrong")
    return claims
