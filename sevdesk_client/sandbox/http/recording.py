"""A proxy before a real account, or a sandbox, that writes down what passes: one scrubbed JSON line per exchange.

It listens on 127.0.0.1 only, holds no token of its own and passes on the caller's.
"""

import asyncio
import contextlib
import http.client
import json
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO
from urllib.parse import SplitResult, parse_qsl, urlsplit

from starlette.types import Receive, Scope, Send

from sevdesk_client.sandbox.account.formats import Json, Object
from sevdesk_client.sandbox.endpoints.calls import Answer, read_body
from sevdesk_client.sandbox.http.pipeline import send_answer, whole_body
from sevdesk_client.sandbox.http.scrubbing import Scrubber, scrubbed
from sevdesk_client.sandbox.http.server import Running, listening, running

ROOT = "/api/v1"
TIMEOUT = 120  # seconds; longer than any client waits, so that the answer is recorded even if nobody reads it
_HOPS = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "accept-encoding", "keep-alive", "expect")
)


@dataclass(slots=True)
class Recorder:
    """The ASGI app: forwards below /api/v1, and the rest only with `everything` (a sandbox's panel and files)."""

    upstream: SplitResult
    log: TextIO
    everything: bool = False
    scrubber: Scrubber = field(default_factory=Scrubber)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward, write down, answer."""
        body = await whole_body(receive)
        if body is None:
            return
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        api = path.startswith(f"{ROOT}/")
        if not (api or self.everything):
            await send_answer(send, Answer(404, b"only /api/v1 is forwarded", "text/plain"))
            return
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        target = self.upstream.path + path.removeprefix(ROOT) if api else path
        target += f"?{query}" if query else ""
        try:
            reply = await asyncio.to_thread(forward, self.upstream, scope["method"], target, headers, body)
        except (OSError, http.client.HTTPException) as problem:
            await send_answer(send, Answer(502, f"no answer: {type(problem).__name__}".encode(), "text/plain"))
            return
        if api:
            self._write(scope["method"], path.removeprefix(ROOT), query, headers, body, reply)
        await send_answer(send, reply)

    def _write(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes, reply: Answer) -> None:
        exchange: Object = {
            "method": method,
            "path": path,
            "query": dict(parse_qsl(query, keep_blank_values=True)),
            "request": read_body(body, headers) if body else None,
            "status": reply.status,
            "content_type": reply.media_type,
            "answer": _payload(reply.content),
        }
        line = scrubbed(self.scrubber, exchange, headers.get("authorization", ""))
        self.log.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.log.flush()


def _payload(content: bytes) -> Json:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return {"$bytes": len(content)}


def forward(upstream: SplitResult, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
    """One request, passed on as it came. Certificates are checked, redirects are the caller's business."""
    host = upstream.hostname or ""
    if upstream.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, upstream.port, timeout=TIMEOUT, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, upstream.port, timeout=TIMEOUT)
    with contextlib.closing(connection):
        passed = {key: value for key, value in headers.items() if key not in _HOPS}
        connection.request(method, target, body or None, {**passed, "Accept-Encoding": "identity"})
        response = connection.getresponse()
        content = response.read()
        kept = {key.lower(): value for key, value in response.getheaders() if key.lower() not in _HOPS}
        return Answer(response.status, content, kept.pop("content-type", "application/octet-stream"), kept)


def upstream_of(url: str) -> SplitResult:
    """The API to forward to. ValueError for what would show the token to the network."""
    parts = urlsplit(url.rstrip("/"))
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError(f"{url} must be https, or http on this machine")
    return parts


@contextlib.asynccontextmanager
async def recording(
    file: Path,
    *,
    upstream: str | None = None,
    port: int = 0,
    token: str | None = None,
    latency: tuple[float, float] = (0, 0),
) -> AsyncIterator[tuple[str, str | None, Running | None]]:
    """The proxy's URL, the token, and the sandbox behind it; both are None before an upstream of the caller's own."""
    async with contextlib.AsyncExitStack() as stack:
        inner = None
        if upstream is None:
            inner = await stack.enter_async_context(running(token=token, latency=latency))
        log = stack.enter_context(_appending(file))
        recorder = Recorder(
            upstream_of(upstream or (inner.base_url if inner else "")), log, everything=inner is not None
        )
        url = await stack.enter_async_context(listening(recorder, port))
        yield url, inner.token if inner else None, inner


def _appending(file: Path) -> TextIO:
    """For its owner only: scrubbed or not, it came out of somebody's books."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8")
