"""A recording proxy in front of a real account or a sandbox: appends one scrubbed JSON line per exchange to a file.

It listens on 127.0.0.1 only and forwards the caller's token; it has none of its own.
"""

import asyncio
import contextlib
import http.client
import json
import os
import ssl
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO
from urllib.parse import SplitResult, parse_qsl, urlsplit

from starlette.types import Receive, Scope, Send

from sevdesk_client.sandbox.account.formats import Json, Object
from sevdesk_client.sandbox.endpoints.calls import Answer, parse_body
from sevdesk_client.sandbox.http.pipeline import read_headers, read_whole_body, send_answer
from sevdesk_client.sandbox.http.scrubbing import Scrubber, scrub_exchange
from sevdesk_client.sandbox.http.server import Running, listening, running

ROOT = "/api/v1"
TIMEOUT = 120  # seconds; longer than any client waits, so that an answer is recorded even after the client gave up
_HOP_BY_HOP_HEADERS = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "accept-encoding", "keep-alive", "expect")
)


@dataclass(slots=True)
class Recorder:
    """The ASGI app: forwards /api/v1, and with `forward_all` also a sandbox's control endpoints and archives."""

    upstream: SplitResult
    log: TextIO
    forward_all: bool = False
    scrubber: Scrubber = field(default_factory=Scrubber)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, record the exchange if it is below /api/v1, answer."""
        body = await read_whole_body(receive)
        if body is None:
            return
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        api = path.startswith(f"{ROOT}/")
        if not (api or self.forward_all):
            await send_answer(receive, send, Answer(404, b"only /api/v1 is forwarded", "text/plain"))
            return
        headers = read_headers(scope)
        target = self.upstream.path + path.removeprefix(ROOT) if api else path
        target += f"?{query}" if query else ""
        try:
            reply = await asyncio.to_thread(forward, self.upstream, scope["method"], target, headers, body)
        except (OSError, http.client.HTTPException) as problem:
            await send_answer(receive, send, Answer(502, f"no answer: {type(problem).__name__}".encode(), "text/plain"))
            return
        if api:
            self._write(scope["method"], path.removeprefix(ROOT), query, headers, body, reply)
        await send_answer(receive, send, reply)

    def _write(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes, reply: Answer) -> None:
        exchange: Object = {
            "method": method,
            "path": path,
            "query": dict(parse_qsl(query, keep_blank_values=True)),
            "request": parse_body(body, headers) if body else None,
            "status": reply.status,
            "content_type": reply.media_type.partition(";")[0][:60],
            "answer": read_payload(reply.content),
        }
        line = scrub_exchange(self.scrubber, exchange, headers.get("authorization", ""))
        self.log.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.log.flush()


def read_payload(content: bytes) -> Json:
    """An answer's body; one that is no JSON is recorded by its size only."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return {"$bytes": len(content)}


def forward(upstream: SplitResult, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
    """Forward one request unchanged. Certificates are checked; redirects are returned, not followed."""
    host = upstream.hostname or ""
    connection = http.client.HTTPConnection(host, upstream.port, timeout=TIMEOUT)
    if upstream.scheme == "https":
        tls = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, upstream.port, timeout=TIMEOUT, context=tls)
    with contextlib.closing(connection):
        passed = {key: value for key, value in headers.items() if key not in _HOP_BY_HOP_HEADERS}
        connection.request(method, target, body or None, {**passed, "Accept-Encoding": "identity"})
        response = connection.getresponse()
        content = response.read()
        kept = {key.lower(): value for key, value in response.getheaders() if key.lower() not in _HOP_BY_HOP_HEADERS}
        return Answer(response.status, content, kept.pop("content-type", "application/octet-stream"), kept)


def parse_upstream(url: str) -> SplitResult:
    """The API to forward to; ValueError unless https or on this machine, because the token is forwarded."""
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
    """Run the proxy; yields its URL, token and sandbox. The latter two are None if `upstream` is given."""
    async with contextlib.AsyncExitStack() as stack:
        inner = None
        if upstream is None:
            inner = await stack.enter_async_context(running(token=token, latency=latency))
        # Readable by the owner only, because the data came from a real account.
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        log = stack.enter_context(os.fdopen(handle, "a", encoding="utf-8"))
        if stat.S_ISREG(os.fstat(handle).st_mode):  # one that was there keeps its mode otherwise
            os.fchmod(handle, 0o600)
        target = parse_upstream(upstream or (inner.base_url if inner else ""))
        recorder = Recorder(target, log, forward_all=inner is not None)
        url = await stack.enter_async_context(listening(recorder, port))
        yield url, inner.token if inner else None, inner
