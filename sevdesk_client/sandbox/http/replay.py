"""Replays a recording against a new sandbox and lists the differences between the answers.

Compares statuses, keys and JSON types, not values. null equals every type, an empty list every list.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from sevdesk_client.sandbox.account.formats import Json, Object
from sevdesk_client.sandbox.endpoints.calls import Call
from sevdesk_client.sandbox.http.pipeline import Sandbox
from sevdesk_client.sandbox.http.recording import read_payload
from sevdesk_client.sandbox.http.replay_ids import IdMap, add_missing_records

_TOKEN = "0" * 32  # any; nothing listens
_EXCHANGE_KEYS = {"method", "path", "query", "request", "status", "answer"}


class Difference(NamedTuple):
    """One difference; `at` is a path such as `objects.contact.id`, with `[]` for any item of a list."""

    operation: str
    at: str
    recorded: str
    sandbox: str


def compare(lines: Iterable[str]) -> Counter[Difference]:
    """Each difference and how often it occurred; ValueError names the first line that is no exchange."""
    exchanges = [_exchange(count, line) for count, line in enumerate(lines, 1) if line.strip()]
    sandbox, ids = Sandbox(_TOKEN), IdMap()
    return Counter(each for exchange in exchanges for each in _play(sandbox, ids, exchange))


def _play(sandbox: Sandbox, ids: IdMap, exchange: Object) -> list[Difference]:
    """Send one recorded request, compare the answers, and learn the ids of records created in both."""
    add_missing_records(sandbox.account, ids, exchange)
    operation = f"{exchange['method']} {re.sub(r'/[0-9]+(?=/|$)', '/{id}', exchange['path'])}"
    query = {key: str(value) for key, value in ids.translate(exchange["query"] or {}).items()}
    call = Call(0, query, ids.translate(exchange["request"] or {}), {"authorization": _TOKEN})
    path = "/".join(ids.known.get(part, part) for part in exchange["path"].split("/"))
    answer = sandbox.carry_out(exchange["method"], path, call)
    payload = read_payload(answer.content)
    ids.learn(exchange["answer"], payload)
    if exchange["status"] != answer.status:
        return [Difference(operation, "status", str(exchange["status"]), str(answer.status))]
    return [Difference(operation, *each) for each in differences(exchange["answer"], payload)]


def differences(recorded: Json, here: Json, at: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, recorded type, type here) for each difference."""
    if recorded is None or here is None:
        return
    if isinstance(recorded, dict) and isinstance(here, dict):
        for key in sorted(recorded.keys() | here.keys()):
            place = f"{at}.{key}" if at else key
            if key not in here:
                yield place, json_type(recorded[key]), "missing"
            elif key not in recorded:
                yield place, "missing", json_type(here[key])
            else:
                yield from differences(recorded[key], here[key], place)
    elif isinstance(recorded, list) and isinstance(here, list):
        if recorded and here:
            yield from differences(_merge_items(recorded), _merge_items(here), f"{at}[]")
    elif json_type(recorded) != json_type(here):
        yield at or "answer", json_type(recorded), json_type(here)


def _merge_items(members: list[Json]) -> Json:
    """One object with all keys of the list's objects, or its first non-null item."""
    objects = [each for each in members if isinstance(each, dict)]
    if not objects:
        return next((each for each in members if each is not None), None)
    merged: Object = {}
    for each in objects:
        merged |= {key: value for key, value in each.items() if value is not None or key not in merged}
    return merged


def json_type(value: Json) -> str:
    """The name of the value's JSON type."""
    types = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return types.get(type(value), "null")


def _exchange(count: int, line: str) -> Object:
    try:
        exchange = json.loads(line)
    except ValueError:
        exchange = None
    if not isinstance(exchange, dict) or not exchange.keys() >= _EXCHANGE_KEYS:
        raise ValueError(f"line {count} holds no recorded exchange")
    return exchange


def report(file: Path) -> int:
    """Print the differences as a table; returns 1 if there are any, else 0."""
    with file.open(encoding="utf-8") as lines:
        found = compare(lines)
    rows = [("operation", "at", "recorded", "sandbox", "times")]
    rows += [(*each, str(times)) for each, times in sorted(found.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows if found else ():
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    print(f"{len(found)} differences" if found else "no differences")
    return 1 if found else 0
