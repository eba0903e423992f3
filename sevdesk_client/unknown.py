"""Finds what an answer of sevDesk holds that this release does not know: fields, kinds of values, codes.

`known_answers.json` lists what is known, from the official specification and from recorded answers. Of an answer only
names of fields and short codes are told, never other values, which may be personal data.
"""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from typing import Any

from sevdesk_client.wire import Json

MAX_OBJECTS = 50  # of a list; what is new is in most of them
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_CODE = re.compile(r"-?[0-9]{1,9}|[A-Z]{1,10}")

_KNOWN: dict[str, Any] = json.loads((files("sevdesk_client") / "known_answers.json").read_text("utf-8"))
_FIELDS: dict[str, dict[str, set[str]]] = {
    name: {kind: set(fields.split()) for kind, fields in kinds.items()} for name, kinds in _KNOWN["objects"].items()
}
_CODES: dict[str, set[str]] = {place: set(codes.split()) for place, codes in _KNOWN["codes"].items()}
_ERRORS = {int(code) for code in _KNOWN["errors"].split()}


def unknown(objects: Json) -> Iterator[str]:
    """What is not known of an answer's `objects`, such as "Invoice.newField" or "Invoice.status 777".

    Objects within others are looked at, too; one that does not say what it is (`objectName`) is passed over.
    """
    if isinstance(objects, list):
        for each in islice(objects, MAX_OBJECTS):
            yield from unknown(each)
        return
    if not isinstance(objects, dict):
        return
    name = str(objects.get("objectName"))
    for key, value in objects.items():
        if name in _FIELDS and value is not None:
            yield from _about(name, _FIELDS[name], key, value)
        if isinstance(value, dict | list):
            yield from unknown(value)


def unknown_error(code: int | None) -> str | None:
    """The code of an error that is not known; None if it is, or if there is none."""
    return None if not code or code in _ERRORS else f"error {code}"


def _about(name: str, known: dict[str, set[str]], key: str, value: Json) -> Iterator[str]:
    place = f"{name}.{key if _NAME.fullmatch(key) else '(odd name)'}"
    kind = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "scalar"
    if not any(key in fields for fields in known.values()):
        yield place
    elif key not in known.get(kind, set()) and value not in ("", []):
        yield f"{place} is {'an' if kind[0] in 'ao' else 'a'} {kind}"
    elif place in _CODES and (code := str(value)) not in _CODES[place] | {""}:
        yield f"{place} {code if _CODE.fullmatch(code) else '(another text)'}"
