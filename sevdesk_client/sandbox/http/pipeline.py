"""The request pipeline: log, faults, latency and token around the endpoints.

    request -> log -> fault -> latency -> token -> endpoint (never awaits, so requests do not interleave) -> answer

A request whose body has arrived is carried out even if its client has disconnected.
"""

import asyncio
import hmac
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from sevdesk_client.sandbox.account.formats import Object
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, json_answer, parse_body
from sevdesk_client.sandbox.endpoints.datev_download import fetch
from sevdesk_client.sandbox.endpoints.datev_export import STORAGE
from sevdesk_client.sandbox.endpoints.errors import Refusal, wrong_route
from sevdesk_client.sandbox.http.faults import Fault
from sevdesk_client.sandbox.http.routes import resolve

T = TypeVar("T")
Work = Callable[[], Awaitable[Answer]]  # carries the request out when called
LOG_LENGTH = 500_000  # entries, to bound memory; a benchmark of 100,000 invoices needs fewer


class ConnectionDropped(Exception):
    """No answer, for in-process transports, which have no connection to close."""


@dataclass(slots=True)
class Sandbox:
    """One sandbox: the account, and the state of its request pipeline."""

    token: str = field(repr=False)
    account: Account = field(default_factory=Account)
    faults: list[Fault] = field(default_factory=list)
    requests: deque[Object] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    read_ms: float = 0
    write_ms: float = 0
    late_commits: int = 0  # pending ones
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI app for /api/v1 and /storage."""
        body = await read_whole_body(receive)
        if body is None:
            return  # disconnected before the request was complete: it never reached sevDesk
        root = scope.get("root_path", "")
        path, stored = scope["path"].removeprefix(root), root.endswith(STORAGE)
        query = scope["query_string"].decode("latin-1")
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        call = Call(0, dict(parse_qsl(query, keep_blank_values=True)), parse_body(body, headers), headers)
        method = scope["method"]
        entry = self._log(method, STORAGE + path if stored else path, query, headers)
        if stored:
            entry["authorization"] = "authorization" in headers
        work = partial(fetch, self.account) if stored else self._at_once
        reply = await asyncio.shield(self.start(self._answer(method, entry, partial(work, method, path, call))))
        if isinstance(reply, Fault):
            await _close_connection(scope, receive, reply.hang)
        else:
            await send_answer(send, reply)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `work` as a task that outlives its request."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def _log(self, method: str, path: str, query: str, headers: dict[str, str]) -> Object:
        """Append an entry for the request, without the token wherever it occurs."""
        entry: Object = {"method": method, "path": path, "query": query, "status": None}
        if "x-correlation-id" in headers:
            entry["correlation_id"] = headers["x-correlation-id"][:200]
        entry = {key: value.replace(self.token, "[token]") if value else value for key, value in entry.items()}
        self.requests.append(entry)
        return entry

    async def _answer(self, method: str, entry: Object, work: Work) -> Answer | Fault:
        """The answer, or the Fault that closes the connection without one; `entry` gets what the client will see."""
        wait = (self.read_ms if method == "GET" else self.write_ms) / 1000
        fault = next((each for each in self.faults if each.applies_to(method, entry["path"])), None)
        if fault is None:
            reply = await _delayed(wait, work)
        else:
            entry["fault"] = fault.kind
            after = fault.after_ms / 1000
            if fault.kind in ("drop_before", "lose_answer", "late_commit"):
                await self._lose_answer(fault, work, wait + after)
                return fault
            reply = await self._replace(fault, work, wait + after)
        entry["status"] = reply.status
        return reply

    async def _at_once(self, method: str, path: str, call: Call) -> Answer:
        """carry_out as Work; it never awaits, so no other request can interleave."""
        return self.carry_out(method, path, call)

    def carry_out(self, method: str, path: str, call: Call) -> Answer:
        """Check the token, call the endpoint, and turn refusals into answers.

        The token has no scheme before it (official; live, ten peers); 401 has no envelope (second-hand, two sources).
        """
        if not hmac.compare_digest(call.headers.get("authorization", "").encode(), self.token.encode()):
            return json_answer({"status": 401, "message": "Authentication required"}, 401)
        endpoint, ident = resolve(method, path)
        try:
            if endpoint is None:
                raise wrong_route()
            ignored = self.account.switches.ignored_filters
            query = {key: value for key, value in call.query.items() if key not in ignored}
            return endpoint(self.account, Call(ident, query, call.body, call.headers))
        except Refusal as refusal:
            return json_answer(refusal.envelope(), refusal.status)

    async def _lose_answer(self, fault: Fault, work: Work, wait: float) -> None:
        """No answer; the effect happens now (lose_answer), later (late_commit) or never (drop_before)."""
        if fault.kind == "lose_answer":
            await _delayed(wait, work)
        elif fault.kind == "late_commit":
            self.late_commits += 1
            self.start(self._later(work, wait))

    async def _later(self, work: Work, wait: float) -> None:
        try:
            await _delayed(wait, work)
        finally:
            self.late_commits -= 1

    async def _replace(self, fault: Fault, work: Work, wait: float) -> Answer:
        """A delayed answer, or another answer with or without the effect."""
        if fault.kind == "delay":
            return await _delayed(wait, work)
        if fault.carries_out:
            return fault.replacement(await _delayed(wait, work))
        await asyncio.sleep(fault.after_ms / 1000)
        return fault.replacement(None)


async def _delayed(wait: float, work: Work) -> Answer:
    """Carry the request out after `wait` seconds."""
    if wait:
        await asyncio.sleep(wait)
    return await work()


async def read_whole_body(receive: Receive) -> bytes | None:
    """The request's body, or None if the client disconnected before it was complete."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_answer(send: Send, reply: Answer) -> None:
    """Send an answer to the client."""
    headers = {"content-type": reply.media_type, "content-length": str(len(reply.content)), **reply.headers}
    raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers.items()]
    start: Message = {"type": "http.response.start", "status": reply.status, "headers": raw}
    await send(start)
    await send({"type": "http.response.body", "body": reply.content})


async def _close_connection(scope: Scope, receive: Receive, hang: bool) -> None:
    """Close the connection without a byte; with `hang`, wait in silence until the client disconnects."""
    transport = scope.get("state", {}).get("transport")
    if not hang:
        if transport is None:
            raise ConnectionDropped
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
