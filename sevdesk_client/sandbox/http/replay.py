"""A recording played to a fresh sandbox, and where its answers are built differently.

Compared are statuses, keys and JSON types, not values. null goes with every type, an empty list with every list.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sevdesk_client.sandbox.account.formats import Json, Object
from sevdesk_client.sandbox.endpoints.calls import Call
from sevdesk_client.sandbox.http.pipeline import Sandbox
from sevdesk_client.sandbox.http.replay_ids import Names, stand_in

_TOKEN = "0" * 32  # the replay's own; nothing listens


class Difference(NamedTuple):
    """`at` is a place such as `objects.contact.id`, `[]` for any member of a list."""

    operation: str
    at: str
    recorded: str
    sandbox: str


@dataclass(slots=True)
class Replay:
    """One recording against one sandbox; `names` says which id here stands for which there."""

    sandbox: Sandbox = field(default_factory=lambda: Sandbox(_TOKEN))
    names: Names = field(default_factory=Names)

    def play(self, exchange: Object) -> list[Difference]:
        """Send one recorded request, compare the answers, and learn the ids of what both have made."""
        stand_in(self.sandbox.account, self.names, exchange)
        operation = f"{exchange['method']} {self.names.template(exchange['path'])}"
        headers = {"authorization": _TOKEN}
        query = {key: str(value) for key, value in self.names.translate(exchange["query"] or {}).items()}
        call = Call(0, query, self.names.translate(exchange["request"] or {}), headers)
        path = self.names.translate_path(exchange["path"])
        answer = self.sandbox.carry_out(exchange["method"], path, call)
        payload = _payload(answer.content)
        self.names.learn(exchange["answer"], payload)
        if exchange["status"] != answer.status:
            return [Difference(operation, "status", str(exchange["status"]), str(answer.status))]
        return [Difference(operation, *each) for each in differences(exchange["answer"], payload)]


def _payload(content: bytes) -> Json:
    try:
        return json.loads(content)
    except ValueError:
        return {"$bytes": len(content)}


def differences(recorded: Json, here: Json, at: str = "") -> Iterator[tuple[str, str, str]]:
    """(place, recorded, here) wherever the two are built differently."""
    if recorded is None or here is None:
        return
    if isinstance(recorded, dict) and isinstance(here, dict):
        for key in sorted(recorded.keys() | here.keys()):
            place = f"{at}.{key}" if at else key
            if key not in here:
                yield place, kind(recorded[key]), "missing"
            elif key not in recorded:
                yield place, "missing", kind(here[key])
            else:
                yield from differences(recorded[key], here[key], place)
    elif isinstance(recorded, list) and isinstance(here, list):
        if recorded and here:
            yield from differences(_merged(recorded), _merged(here), f"{at}[]")
    elif kind(recorded) != kind(here):
        yield at or "answer", kind(recorded), kind(here)


def _merged(members: list[Json]) -> Json:
    """One member that has whatever any of them has."""
    objects = [each for each in members if isinstance(each, dict)]
    if not objects:
        return next((each for each in members if each is not None), None)
    merged: Object = {}
    for each in objects:
        merged |= {key: value for key, value in each.items() if value is not None or key not in merged}
    return merged


def kind(value: Json) -> str:
    """A value's JSON type."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")


def compare(lines: Iterable[str]) -> Counter[Difference]:
    """Every difference, with how often it was met. ValueError names the first line that is no exchange."""
    exchanges = [_exchange(count, line) for count, line in enumerate(lines, 1) if line.strip()]
    replay = Replay()
    return Counter(each for exchange in exchanges for each in replay.play(exchange))


def _exchange(count: int, line: str) -> Object:
    try:
        exchange = json.loads(line)
    except ValueError:
        exchange = None
    if (
        not isinstance(exchange, dict)
        or not {"method", "path", "query", "request", "status", "answer"} <= exchange.keys()
    ):
        raise ValueError(f"line {count} holds no recorded exchange")
    return exchange


def report(file: Path) -> int:
    """Print the differences as a table; 1 if there are some, else 0."""
    with file.open(encoding="utf-8") as lines:
        found = compare(lines)
    rows = [("operation", "at", "recorded", "sandbox", "times")]
    rows += [(*each, str(times)) for each, times in sorted(found.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows if found else ():
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    print(f"{len(found)} differences" if found else "no differences")
    return 1 if found else 0
