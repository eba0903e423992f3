"""Entries signed by a producer, as docs/integrating.md shows it."""

import time
from collections.abc import Mapping
from typing import Any

import jwt
from pydantic import SecretStr

SECRET = "only-in-tests-and-longer-than-32-characters"
KEYS = {"billing": SecretStr(SECRET)}


def signed(
    job_id: str, payload: Mapping[str, Any], kind: str = "publish_invoice", *, secret: str = SECRET, age: float = 0.0
) -> str:
    """The token of a job, signed `age` seconds ago."""
    claims = {"jti": job_id, "iat": int(time.time() - age), "kind": kind, "payload": payload}
    return jwt.encode(claims, secret, "HS256", headers={"kid": "billing"})
