"""Finds what an answer of sevDesk holds that this release does not know: objects, fields, kinds of values, codes.

`known_answers.json` lists what is known, from the official specification and from recorded answers. Of an answer only
names and short codes are told, never other values, which may be personal data; nor a name or code that is not formed
as sevDesk forms its own, which may be a value, too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from sevdesk_client.wire import Json

MAX_OBJECTS = 50  # of a list are looked through; what is new is in most of them. Of the others only the codes are
MAX_DEPTH = 8  # objects within objects
_KIND = re.compile(r"[A-Z][a-z][A-Za-z]{0,38}")
_NAME = re.compile(r"[a-z]{2}[A-Za-z]{0,38}[0-9]{0,2}")
_CODE = re.compile(r"-?[0-9]{1,5}|[A-Z]{1,6}")

_KNOWN: dict[str, Any] = json.loads((files("sevdesk_client") / "known_answers.json").read_text("utf-8"))
_FIELDS: dict[str, dict[str, set[str]]] = {}  # object -> field -> kinds of its values
for _object, _kinds in _KNOWN["objects"].items():
    _FIELDS[_object] = {}
    for _kind, _fields in _kinds.items():
        for _field in _fields.split():
            _FIELDS[_object].setdefault(_field, set()).add(_kind)
_OTHERS: set[str] = set(_KNOWN["others"].split())
_CODES: dict[str, dict[str, set[str]]] = {}
for _place, _codes in _KNOWN["codes"].items():
    _CODES.setdefault(_place.split(".")[0], {})[_place.split(".")[1]] = set(_codes.split())
_ERRORS = {int(code) for code in _KNOWN["errors"].split()}


def unknown(objects: Json, depth: int = 0) -> Iterator[str]:
    """What is not known of an answer's `objects`, such as "Invoice.newField" or "Invoice.status 777".

    Objects within others are looked at, too; one that does not say what it is (`objectName`) is passed over.
    """
    if depth > MAX_DEPTH:
        return
    if isinstance(objects, list):
        for place, each in enumerate(objects):
            if place < MAX_OBJECTS:
                yield from unknown(each, depth + 1)
            elif isinstance(each, dict):
                yield from _news_in_codes(str(each.get("objectName")), each)
    elif isinstance(objects, dict):
        yield from _of_object(objects, depth)


def unknown_error(code: int | None) -> str | None:
    """The code of an error that is not known; None if it is, or if there is none."""
    if not code or code in _ERRORS:
        return None
    return f"error {code}" if _CODE.fullmatch(str(code)) else "error (odd code)"


def _of_object(found: Mapping[str, Json], depth: int) -> Iterator[str]:
    name = str(found.get("objectName", ""))
    known = _FIELDS.get(name)
    if known is None and name and name not in _OTHERS:
        yield f"object {name if _KIND.fullmatch(name) else '(odd name)'}"
    for key, value in found.items():
        inner = isinstance(value, dict | list)
        if known is not None and value is not None:
            kind = "scalar" if not inner else "object" if isinstance(value, dict) else "array"
            if kind not in known.get(key, ()) and (what := _what(known, key, kind, value)) is not None:
                yield f"{name}.{what}"
        if inner:
            yield from unknown(value, depth + 1)
    yield from _news_in_codes(name, found)


def _what(known: Mapping[str, set[str]], key: str, kind: str, value: Json) -> str | None:
    if key in known:
        return None if value in ("", []) else f"{key} is {'an' if kind[0] in 'ao' else 'a'} {kind}"
    return key if _NAME.fullmatch(key) else "(odd name)"


def _news_in_codes(name: str, found: Mapping[str, Json]) -> Iterator[str]:
    for key, codes in _CODES.get(name, {}).items():
        value = found.get(key)
        if value is None or isinstance(value, dict | list) or (code := str(value)) in codes or code == "":
            continue
        yield f"{name}.{key} {code if _CODE.fullmatch(code) else '(another text)'}"
