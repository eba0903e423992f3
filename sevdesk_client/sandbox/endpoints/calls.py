"""A request and an answer as endpoints see them, and sevDesk's wrapper `objects`."""

import json
from dataclasses import dataclass, field
from email import message_from_bytes
from urllib.parse import parse_qsl

from sevdesk_client.sandbox.account.formats import Json, Object


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the id in its path (0 if none), its query, body and headers."""

    ident: int
    query: dict[str, str]
    body: Object
    headers: dict[str, str] = field(default_factory=dict)

    def reference(self, key: str, model: str) -> str | None:
        """`key[id]` of the query; ignored unless `key[objectName]` is `model` (official; live, three peers)."""
        return self.query.get(f"{key}[id]") if self.query.get(f"{key}[objectName]") == model else None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, body bytes, their media type, further headers."""

    status: int
    content: bytes
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(payload: Json, status: int = 200) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(payload, separators=(",", ":")).encode())


def objects(value: Json, status: int = 200) -> Answer:
    """An answer in the usual wrapper; `objects` may be an array, object, string, boolean or null (live)."""
    return json_answer({"objects": value}, status)


def with_swapped_types(answer: Answer) -> Answer:
    """The answer with sums as JSON numbers and paidAmount as text, as another call's answer was captured."""
    if answer.media_type != "application/json":
        return answer
    return Answer(answer.status, json.dumps(_swapped(json.loads(answer.content))).encode(), headers=answer.headers)


def _swapped(value: Json) -> Json:
    if isinstance(value, list):
        return [_swapped(each) for each in value]
    return {key: _swapped_field(key, each) for key, each in value.items()} if isinstance(value, dict) else value


def _swapped_field(key: str, value: Json) -> Json:
    if key == "paidAmount":
        return str(value)
    is_sum = key.startswith("sum") and isinstance(value, str)
    return json.loads(value) if is_sum else _swapped(value)


def parse_body(content: bytes, headers: dict[str, str]) -> Object:
    """A JSON, form-urlencoded (official: both) or multipart body; anything that is no object reads as empty."""
    if "multipart/form-data" in headers.get("content-type", ""):
        return _multipart(content, headers["content-type"])
    if "form-urlencoded" in headers.get("content-type", ""):
        return _nested(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        body = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _multipart(content: bytes, content_type: str) -> Object:
    """Media type and size of each part by its name; the content is not read."""
    whole = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + content)
    parts: Object = {}
    for part in (each for each in whole.walk() if not each.is_multipart()):
        name = str(part.get_param("name", header="content-disposition"))
        parts[name] = {"type": part.get_content_type(), "bytes": len(part.get_payload(decode=True) or b"")}
    return parts


def _nested(pairs: list[tuple[str, str]]) -> Object:
    """Keys such as `a[b][0]` as nested objects and lists, as PHP reads them."""
    root: Object = {}
    for key, value in pairs:
        steps = key.replace("]", "").split("[")
        node = root
        for step in steps[:-1]:
            inner = node.setdefault(step, {})
            node = inner if isinstance(inner, dict) else {}
        node[steps[-1]] = value
    return {key: _with_lists(value) for key, value in root.items()}


def _with_lists(value: Json) -> Json:
    """Objects whose keys are all numbers become lists."""
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(each) for key, each in value.items()}
    return list(inner.values()) if inner and all(key.isdigit() for key in inner) else inner
