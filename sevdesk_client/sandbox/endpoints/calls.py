"""A request and an answer as handlers see them, and sevDesk's wrappers around `objects`."""

import json
from dataclasses import dataclass, field
from email import message_from_bytes
from urllib.parse import parse_qsl

from sevdesk_client.sandbox.account.formats import Json, Object


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the id taken from its path (0 if none), its query and its body."""

    ident: int
    query: dict[str, str]
    body: Object
    headers: dict[str, str] = field(default_factory=dict)

    def reference(self, key: str, model: str) -> str | None:
        """`key[id]`, understood only beside `key[objectName]` (official; live, three peers); otherwise ignored."""
        return self.query.get(f"{key}[id]") if self.query.get(f"{key}[objectName]") == model else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: bytes and their type."""

    status: int
    content: bytes
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def answer(payload: Json, status: int = 200) -> Answer:
    """Any JSON answer."""
    return Answer(status, json.dumps(payload, separators=(",", ":")).encode())


def objects(value: Json, status: int = 200) -> Answer:
    """The usual wrapper: `objects` may be an array, object, string, boolean or null (live)."""
    return answer({"objects": value}, status)


def read_body(content: bytes, headers: dict[str, str]) -> Object:
    """A JSON or form-urlencoded body (official: both) or a form with files; what is not an object reads as empty."""
    if "multipart/form-data" in headers.get("content-type", ""):
        return _form(content, headers["content-type"])
    if "form-urlencoded" in headers.get("content-type", ""):
        return _unflatten(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        body = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _form(content: bytes, content_type: str) -> Object:
    """Type and size of each part: nothing here looks into a file."""
    whole = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + content)
    parts = [part for part in whole.walk() if not part.is_multipart()]
    names = [part.get_param("name", header="content-disposition") for part in parts]
    return {
        str(name): {"type": part.get_content_type(), "bytes": len(part.get_payload(decode=True) or b"")}
        for name, part in zip(names, parts, strict=True)
    }


def _unflatten(pairs: list[tuple[str, str]]) -> Object:
    """PHP's `a[b][0]=c` keys as nested objects and lists."""
    root: Object = {}
    for key, value in pairs:
        steps = key.replace("]", "").split("[")
        node = root
        for step in steps[:-1]:
            inner = node.setdefault(step, {})
            node = inner if isinstance(inner, dict) else {}
        node[steps[-1]] = value
    return {key: _listed(value) for key, value in root.items()}


def _listed(value: Json) -> Json:
    """An object keyed 0, 1, 2 ... is a list."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(each) for key, each in value.items()}
    return list(inner.values()) if inner and all(key.isdigit() for key in inner) else inner
