"""sevDesk's own specification as judge of what we send and of what the sandbox answers.

The specification is not ours to copy: SEVDESK_OPENAPI names the file, and tests that need it skip without it. openapi-core
judges. Three things it lets pass are judged here: query parameters the specification does not list, answers wrapped in
`objects` where it shows none (against it every wrapped answer would be right), and `error` in an answer that says success.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.responses.exceptions import ResponseFinderError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.client.contract_repairs import REPAIRS

VARIABLE = "SEVDESK_OPENAPI"
HOST, ROOT = "https://my.sevdesk.de", "/api/v1"
Json = Any


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; `path` is below /api/v1. `status` is None where there was no answer."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int | None = None
    content_type: str = ""
    answer: bytes = b""

    @property
    def operation(self) -> str:
        """Method and path, ids replaced."""
        return f"{self.method} {re.sub(r'/[0-9]+', '/{id}', self.path)}"


@dataclass(frozen=True, order=True)
class Violation:
    """Where one side breaks the specification: `at` is a place such as `body.invoice.status`, `*` for any index."""

    operation: str
    side: str
    at: str
    problem: str


class Contract:
    """A specification, ready to judge."""

    def __init__(self, document: Json) -> None:
        self.document = document
        # The specification itself has a test of its own; validating it here would cost two seconds each time.
        config = Config(spec_validator_cls=None, additional_properties_default_policy="forbid")
        self._api = OpenAPI.from_dict(document, config=config)
        self._paths = [(path, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))) for path in document["paths"]]
        self._paths.sort(key=lambda pair: "{" in pair[0])

    def judge(self, exchange: Exchange) -> set[Violation]:
        """Every violation of both sides; the answer to an undocumented call cannot be judged."""
        request = _Request(exchange)
        found = {Violation(exchange.operation, "request", *each) for each in self._request_problems(exchange, request)}
        if exchange.status is not None:
            answers = self._answer_problems(exchange, request)
            found |= {Violation(exchange.operation, "answer", *each) for each in answers}
        return found

    def _request_problems(self, exchange: Exchange, request: "_Request") -> Iterator[tuple[str, str]]:
        for error in self._api.iter_request_errors(request):
            if isinstance(error, PathError):
                yield "path", "not in the specification"
            else:
                yield from _explain(error, _place_of_part(error))
        operation = self._operation(exchange)
        known = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
        if operation:
            yield from ((f"query.{key}", "undocumented") for key in request.parameters.query if key not in known)

    def _answer_problems(self, exchange: Exchange, request: "_Request") -> Iterator[tuple[str, str]]:
        response = _Response(exchange)
        content = self._operation(exchange).get("responses", {}).get(str(exchange.status), {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema and response.content_type.startswith("application/json"):
            payload = json.loads(response.data)
            if isinstance(payload, dict) and payload.get("error"):
                yield "error", "in an answer that says success"
                return
            if "objects" in payload and "objects" not in self._properties(schema):
                yield "objects", "wrapped"
                response.data = json.dumps(payload["objects"]).encode()
        for error in self._api.iter_response_errors(request, response):
            if isinstance(error, ResponseFinderError):
                yield "status", str(exchange.status)
            elif not isinstance(error, PathError):
                yield from _explain(error, "")

    def _operation(self, exchange: Exchange) -> Json:
        """The specification's words on this call, or nothing."""
        path = next((path for path, pattern in self._paths if pattern.fullmatch(exchange.path)), None)
        return self.document["paths"].get(path, {}).get(exchange.method.lower(), {})

    def _properties(self, schema: Json) -> Json:
        name = schema.get("$ref", "").rpartition("/")[2]
        return (self.document["components"]["schemas"][name] if name else schema).get("properties", {})


class _Request:
    """An exchange as openapi-core wants requests: sevDesk's own address in place of the sandbox's."""

    def __init__(self, exchange: Exchange) -> None:
        self.host_url, self.path, self.method = HOST, ROOT + exchange.path, exchange.method.lower()
        headers = Headers(exchange.headers)
        query = ImmutableMultiDict(parse_qsl(exchange.query, keep_blank_values=True))
        self.parameters = RequestParameters(query=query, header=headers)
        self.content_type, self.body = headers.get("content-type", ""), exchange.body or None


class _Response:
    def __init__(self, exchange: Exchange) -> None:
        self.status_code, self.content_type, self.data = exchange.status, exchange.content_type, exchange.answer
        self.headers = Headers({"content-type": exchange.content_type})


def _place_of_part(error: Exception) -> str:
    location, name = getattr(error, "location", None), getattr(error, "name", None)
    return f"{location}.{name}" if location else "body"


def _explain(error: Exception, place: str) -> Iterator[tuple[str, str]]:
    """(place, problem) of everything inside one of openapi-core's errors."""
    inner = getattr(error.__cause__, "schema_errors", None)
    if inner is None:
        yield place, f"{type(error).__name__}: {error.__cause__ or error}"
        return
    for each in inner:
        path = ["*" if isinstance(step, int) else step for step in each.absolute_path]
        yield from _explain_value(each, ".".join(filter(None, [place, *path])))


def _explain_value(error: Any, place: str) -> Iterator[tuple[str, str]]:
    """In a few words that stay the same whatever the value."""
    if error.instance is None and error.validator == "type":
        yield place, "null"
    elif error.validator == "required":
        yield f"{place}.{error.message.split(chr(39))[1]}", "missing"
    elif error.message.startswith("Additional properties"):
        yield from ((f"{place}.{key}", "undocumented") for key in set(error.instance) - set(error.schema["properties"]))
    elif error.validator == "type":
        yield place, f"{_kind(error.instance)}, not {error.validator_value}"
    else:
        yield place, f"{error.validator}: {error.message}"


def _kind(value: Json) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
