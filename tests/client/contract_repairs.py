"""Where sevDesk's specification is not valid OpenAPI, and the least that makes it so.

A repair changes nothing about what the specification says of requests and answers.
"""

from collections.abc import Callable, Iterator
from typing import Any

Json = Any


def repaired(document: Json) -> Json:
    """The same document, valid."""
    for repair in REPAIRS:
        repair(document)
    return document


def drop_null_defaults(document: Json) -> int:
    """`default: null` where null is no value of the type: a default has to be valid itself (OpenAPI 3.0.3, schemas).

    A default that says "none" says nothing, so it goes; making the value nullable would allow what sevDesk does not.
    """
    wrong = [node for node in _nodes(document) if node.get("default", 0) is None and not node.get("nullable")]
    wrong = [node for node in wrong if "type" in node]
    for node in wrong:
        del node["default"]
    return len(wrong)


# Each takes the document, mends it, and says at how many places.
REPAIRS: tuple[Callable[[Json], int], ...] = (drop_null_defaults,)


def _nodes(node: Json) -> Iterator[dict[str, Json]]:
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(each)
