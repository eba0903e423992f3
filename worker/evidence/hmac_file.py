"""Who made a bundle: an HMAC-SHA256 (RFC 2104) over its manifest, with a key from outside the database. Pure.

Keys are name and secret, as in EVIDENCE_KEYS; the first one seals, each of them is good for checking.
"""

import hmac
from collections.abc import Mapping
from types import MappingProxyType

from pydantic import SecretStr

from worker.domain.visible import visible

HMAC = "manifest.hmac"
Keys = Mapping[str, SecretStr]
NO_KEYS: Keys = MappingProxyType({})


def hmac_file(manifest: bytes, name: str, keys: Keys) -> bytes:
    """The content of `manifest.hmac`: the HMAC with the key of this name, and the name. Raises KeyError."""
    digest = hmac.new(keys[name].get_secret_value().encode(), manifest, "sha256").hexdigest()
    return f"{digest}  {name}\n".encode()


def forged(manifest: bytes, name: object, written: bytes | None, keys: Keys) -> str | None:
    """What speaks against the bundle's maker. `name` of the key is the manifest's, `written` is in `manifest.hmac`."""
    if (name is None) != (written is None):
        return f"{HMAC}: {'is missing' if written is None else 'does not belong to the bundle'}"
    if not keys:
        return None
    if written is None:
        return f"{HMAC}: there is none, so anybody could have made this bundle"
    if not isinstance(name, str) or name not in keys:
        return f"{HMAC}: is by the key {name!r}, which EVIDENCE_KEYS does not have"
    if not hmac.compare_digest(written, hmac_file(manifest, name, keys)):
        return f"{HMAC}: was not made of this manifest with the key {name!r}"
    return None


def maker(name: str | None, keys: Keys) -> str:
    """A sentence about an untouched bundle whose manifest names this key."""
    if name is None:
        return "It has no HMAC, so anybody could have made it; only a seal that was kept elsewhere proves it."
    if not keys:
        return visible(f"Who made it was not checked: that needs the key {name!r} in EVIDENCE_KEYS.")
    return visible(f"It was made with the key {name!r}.")
