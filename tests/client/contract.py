"""sevDesk's own specification as judge of what we send and of what the sandbox answers.

The specification is not ours to copy: SEVDESK_OPENAPI names the file, and tests that need it skip without it.
openapi-core judges; every key the specification does not name counts as undocumented. Three things it would let pass
are judged here: query parameters that are not listed; answers wrapped in `objects` where none is shown, which would
hide the document from its own schema; and `error` in an answer that says success.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.media_types.exceptions import MediaTypeNotFound
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.validation.request.exceptions import ParameterValidationError, SecurityValidationError
from starlette.types import Receive, Scope, Send
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.client.contract_repairs import repaired

VARIABLE = "SEVDESK_OPENAPI"
HOST, ROOT = "https://my.sevdesk.de", "/api/v1"
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
Json = Any


@dataclass(frozen=True)
class Exchange:
    """One request and its answer; `path` is below /api/v1. Without an answer `status` is None."""

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
    """Where one side ("request", "answer") leaves the specification.

    `at` is a place such as `body.invoice.status`, `*` standing for any index. Places in answers leave out the envelope
    (`objects`, and saveInvoice's `invoice`), so that a document's fields have the same name in every answer.
    """

    operation: str
    side: str
    at: str
    problem: str


def read_document() -> Json:
    """The specification as it is. Skips the test when the environment names none."""
    path = os.environ.get(VARIABLE)
    if not path:
        pytest.skip(f"NOT CHECKED against sevDesk's specification: {VARIABLE} does not name its openapi.yaml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C takes a tenth of the time
    return yaml.load(Path(path).read_bytes(), Loader=loader)  # noqa: S506 - both are safe loaders


@cache
def official() -> "Contract":
    """The specification, repaired and ready to judge; read once per process."""
    return Contract(repaired(read_document()))


class Contract:
    """A valid specification, ready to judge."""

    def __init__(self, document: Json) -> None:
        self._document = document
        _forbid_unnamed_keys(document)
        # Whether the document is valid has a test of its own: it takes two seconds.
        self._api = OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))
        patterns = [(path, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))) for path in document["paths"]]
        self._paths = sorted(patterns, key=lambda each: "{" in each[0])
        self._judged: dict[Exchange, frozenset[Violation]] = {}

    def judge(self, exchange: Exchange) -> frozenset[Violation]:
        """Every violation of both sides. The answer to a call the specification does not know cannot be judged."""
        if exchange not in self._judged:
            self._judged[exchange] = frozenset(self._violations(exchange))
        return self._judged[exchange]

    def _violations(self, exchange: Exchange) -> Iterator[Violation]:
        """A request that was answered in many ways is judged once."""
        if exchange.status is None:
            for problem in self._request_problems(exchange):
                yield Violation(exchange.operation, *problem)
        else:
            yield from self.judge(replace(exchange, status=None, content_type="", answer=b""))
            for problem in self._answer_problems(exchange):
                yield Violation(exchange.operation, *problem)

    def judge_all(self, exchanges: Iterable[Exchange]) -> set[Violation]:
        """The violations of many."""
        return {violation for exchange in exchanges for violation in self.judge(exchange)}

    def _request_problems(self, exchange: Exchange) -> Iterator[tuple[str, str, str]]:
        request = _Request(exchange)
        for error in self._api.iter_request_errors(request):
            if isinstance(error, PathError):
                yield "request", "path", "undocumented"
            else:
                for place, problem in _explained(error, _part_of(error)):
                    yield "request", place, problem
        operation = self._operation(exchange)
        known = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
        for name in request.parameters.query if operation else ():
            if name not in known:
                yield "request", f"query.{name}", "undocumented"

    def _answer_problems(self, exchange: Exchange) -> Iterator[tuple[str, str, str]]:
        operation = self._operation(exchange)
        if not operation:
            return
        response = _Response(exchange)
        documented = operation["responses"]
        refused = isinstance(payload := _loaded(exchange), dict) and bool(payload.get("error"))
        if exchange.status < 300 and refused:
            yield "answer", "error", "in an answer that says success"
            return
        if str(exchange.status) not in documented:
            yield "answer", f"status {exchange.status}", "undocumented"
            if exchange.status >= 300:
                return
            response.status_code = next(int(each) for each in documented if each.startswith("2"))
        schema = documented[str(response.status_code)].get("content", {}).get("application/json", {}).get("schema")
        if schema and isinstance(payload, dict) and "objects" in payload and "objects" not in self._properties(schema):
            yield "answer", "objects", "wrapped"
            response.data = json.dumps(payload["objects"]).encode()
        for error in self._api.iter_response_errors(_Request(exchange), response):
            for place, problem in _explained(error, ""):
                yield "answer", re.sub(r"^(objects(\.\*)?|invoice)\.", "", place), problem

    def _operation(self, exchange: Exchange) -> Json:
        """The specification's words on this call, or nothing."""
        path = next((path for path, pattern in self._paths if pattern.fullmatch(exchange.path)), None)
        return self._document["paths"].get(path, {}).get(exchange.method.lower(), {})

    def _properties(self, schema: Json) -> Json:
        name = schema.get("$ref", "").rpartition("/")[2]
        return (self._document["components"]["schemas"][name] if name else schema).get("properties", {})


class Recorder(httpx.AsyncBaseTransport):
    """A transport that remembers the calls to /api/v1 that went through it."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.exchanges: list[Exchange] = []
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As `inner` answers."""
        response = await self._inner.handle_async_request(request)
        answer = await response.aread()
        if request.url.path.startswith(f"{ROOT}/"):
            path, query = request.url.path.removeprefix(ROOT), request.url.query.decode()
            headers, kind = tuple(request.headers.multi_items()), response.headers.get("content-type", "")
            body, status = await request.aread(), response.status_code
            self.exchanges.append(Exchange(request.method, path, query, headers, body, status, kind, answer))
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(answer))


class ContractProxy:
    """An ASGI app between a worker and a sandbox that remembers each call to /api/v1 and passes all on unchanged.

    A connection the sandbox drops is dropped here as well. `listening` of the sandbox puts the app on a port.
    """

    def __init__(self, upstream_url: str, contract: Contract) -> None:
        self.exchanges: list[Exchange] = []
        self._contract = contract
        # No connection is kept, so that none is left open when the test is over. Time-outs are the worker's affair.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._upstream = httpx.AsyncClient(base_url=upstream_url, timeout=3600, limits=limits, trust_env=False)

    def violations(self) -> set[Violation]:
        """Every violation so far, the known ones included; judged only now, so that the proxy stays fast."""
        return self._contract.judge_all(self.exchanges)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        else:
            return  # gone before the request was complete
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        query = scope["query_string"].decode("latin-1")
        exchange = Exchange(scope["method"], scope["path"].removeprefix(ROOT), query, headers, body)
        try:
            status, answered, answer = await self._forward(scope["path"], exchange)
        except httpx.TransportError:
            self._remember(scope, exchange)
            scope["state"]["transport"].close()
            return
        kind = Headers(answered).get("content-type", "")
        self._remember(scope, replace(exchange, status=status, content_type=kind, answer=answer))
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answered]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": answer})

    async def _forward(self, path: str, exchange: Exchange) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and the bytes as they came, whatever the headers say about their coding."""
        ours = {"host", "connection", "content-length"}
        headers = [each for each in exchange.headers if each[0] not in ours]
        url = httpx.URL(path, query=exchange.query.encode())
        request = self._upstream.build_request(exchange.method, url, headers=headers, content=exchange.body or None)
        response = await self._upstream.send(request, stream=True)
        answer = b"".join([chunk async for chunk in response.aiter_raw()])
        kept = [each for each in response.headers.multi_items() if each[0] not in {"connection", "transfer-encoding"}]
        return response.status_code, kept, answer

    def _remember(self, scope: Scope, exchange: Exchange) -> None:
        if scope["path"].startswith(f"{ROOT}/"):
            self.exchanges.append(exchange)


def proxy_app(upstream_url: str, spec: Contract) -> ContractProxy:
    """A proxy to a sandbox (its address without /api/v1, so that its control panel is reached through it as well)."""
    return ContractProxy(upstream_url, spec)


class _Request:
    """An exchange as openapi-core wants requests: at sevDesk's own address in place of the sandbox's."""

    def __init__(self, exchange: Exchange) -> None:
        self.host_url, self.path, self.method = HOST, ROOT + exchange.path, exchange.method.lower()
        headers = Headers(exchange.headers)
        query = ImmutableMultiDict(parse_qsl(exchange.query, keep_blank_values=True))
        self.parameters = RequestParameters(query=query, header=headers)
        self.content_type, self.body = headers.get("content-type", ""), exchange.body or None


class _Response:
    """An exchange as openapi-core wants answers."""

    def __init__(self, exchange: Exchange) -> None:
        self.status_code, self.content_type, self.data = exchange.status, exchange.content_type, exchange.answer
        self.headers = Headers({"content-type": exchange.content_type})


def _forbid_unnamed_keys(node: Json) -> None:
    """OpenAPI allows any key beside the named ones, so a misspelt one would pass."""
    if isinstance(node, dict):
        # A mapping under `properties` is no schema, even where one of the properties is called `properties`.
        if isinstance(node.get("properties"), dict) and "in" not in node:
            node.setdefault("additionalProperties", False)
        for each in node.values():
            _forbid_unnamed_keys(each)
    elif isinstance(node, list):
        for each in node:
            _forbid_unnamed_keys(each)


def _loaded(exchange: Exchange) -> Json:
    """The answer's JSON; None where it is none, which openapi-core then tells."""
    try:
        return json.loads(exchange.answer)
    except ValueError:
        return None


def _part_of(error: Exception) -> str:
    """`query.status` for a parameter, `security` for the token, `body` for the rest."""
    if isinstance(error, ParameterValidationError):
        return f"{error.location}.{error.name}"
    return "security" if isinstance(error, SecurityValidationError) else "body"


def _explained(error: Exception, place: str) -> Iterator[tuple[str, str]]:
    """(place, problem) of everything inside one of openapi-core's errors."""
    cause = error.__cause__
    if isinstance(cause, MediaTypeNotFound):
        yield "content-type", cause.mimetype
    elif (inner := getattr(cause, "schema_errors", None)) is None:
        yield place, f"{cause or error}"
    else:
        for each in inner:
            path = ("*" if isinstance(step, int) else step for step in each.absolute_path)
            yield from _in_words(each, ".".join(filter(None, [place, *path])))


def _in_words(error: Any, place: str) -> Iterator[tuple[str, str]]:
    """Few words, and the same for every value of a kind. A wrong type is told once, not as a wrong value as well."""
    kind = "null" if error.instance is None else _KINDS[type(error.instance)]
    inside = f"{place}." if place else ""
    if error.validator == "required":
        yield from ((f"{inside}{key}", "missing") for key in error.validator_value if key not in error.instance)
    elif error.validator == "additionalProperties":
        named = error.schema["properties"]
        yield from ((f"{inside}{key}", "undocumented") for key in error.instance if key not in named)
    elif error.validator == "type":
        yield place, kind if kind == "null" else f"{kind}, not {error.validator_value}"
    elif error.validator != "enum":
        yield place, f"{error.validator}: {error.message}"
    elif error.instance is not None and str(error.instance) not in map(str, error.validator_value):
        yield place, f"{error.instance!r} is not listed"
