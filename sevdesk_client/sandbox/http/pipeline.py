"""The request pipeline: log, faults, latency and token around the endpoints.

    request -> log -> fault -> latency -> token -> endpoint (never awaits, so requests do not interleave) -> answer

A request whose body has arrived is carried out even if its client has disconnected.
"""

import asyncio
import hmac
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC
from email.utils import format_datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sevdesk_client.sandbox.account.formats import Object
from sevdesk_client.sandbox.account.state import Account
from sevdesk_client.sandbox.endpoints.calls import Answer, Call, json_answer, parse_body, with_swapped_types
from sevdesk_client.sandbox.endpoints.datev_export import STORAGE, fetch
from sevdesk_client.sandbox.endpoints.errors import Refusal, SqlFault
from sevdesk_client.sandbox.http.faults import Fault
from sevdesk_client.sandbox.http.routes import resolve, versions

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
        root, method, headers = scope.get("root_path", ""), scope["method"], read_headers(scope)
        path, query = scope["path"].removeprefix(root), scope["query_string"].decode("latin-1")
        call = Call(0, dict(parse_qsl(query, keep_blank_values=True)), parse_body(body, headers), headers)
        stored = root.endswith(STORAGE)

        async def work() -> Answer:
            if stored:
                return await fetch(self.account, method, path, call)
            return self.carry_out(method, path, call)  # never awaits, so no other request can interleave

        entry = self._log(method, STORAGE + path if stored else path, query, headers)
        if stored:
            entry["authorization"] = "authorization" in headers
        reply = await asyncio.shield(self.start(self._answer(method, entry, work)))
        if isinstance(reply, Fault):
            await _close_connection(scope, receive, reply.hang)
        else:
            # uvicorn's own header would show the time of the start: this server does not tick.
            date = format_datetime(self.account.now().astimezone(UTC), usegmt=True)
            await send_answer(receive, send, replace(reply, headers={"date": date, **reply.headers}))

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
        if "traceparent" in headers:
            entry["traceparent"] = headers["traceparent"][:200]
        entry = {key: value.replace(self.token, "[token]") if value else value for key, value in entry.items()}
        self.requests.append(entry)
        return entry

    async def _answer(self, method: str, entry: Object, work: Work) -> Answer | Fault:
        """The answer, or the Fault that closes the connection without one; `entry` gets what the client will see."""
        wait = (self.read_ms if method == "GET" else self.write_ms) / 1000
        fault = next((each for each in self.faults if each.applies_to(method, entry["path"])), None)
        if fault is None:
            reply: Answer | Fault = await _delayed(wait, work)
        else:
            entry["fault"] = fault.kind
            reply = await self._fail(fault, wait, work)
        if isinstance(reply, Answer):
            entry["status"] = reply.status
        return reply

    async def _fail(self, fault: Fault, wait: float, work: Work) -> Answer | Fault:
        """The answer under a fault; the effect happens now, later (late_commit) or never (drop_before, some status)."""
        after = fault.after_ms / 1000
        if fault.kind == "drop_before":
            return fault
        if fault.kind == "late_commit":
            self.late_commits += 1
            self.start(self._commit_late(wait + after, work))
            return fault
        if not fault.carries_out:
            await asyncio.sleep(after)
            return fault.replacement(None)
        reply = await _delayed(wait + after, work)
        if fault.kind == "delay":
            return reply
        return fault if fault.kind == "lose_answer" else fault.replacement(reply)

    async def _commit_late(self, wait: float, work: Work) -> None:
        try:
            await _delayed(wait, work)
        finally:
            self.late_commits -= 1

    def carry_out(self, method: str, path: str, call: Call) -> Answer:
        """Check the token, call the endpoint, and turn refusals into answers.

        The token has no scheme before it (official; live, ten peers); 401 has no envelope (second-hand, two sources).
        """
        if not hmac.compare_digest(call.headers.get("authorization", "").encode(), self.token.encode()):
            return json_answer({"status": 401, "message": "Authentication required"}, 401)
        endpoint, ident = resolve(method, path)
        try:
            _check_version(path, call.headers.get("x-version", "default"))
            if endpoint is None and "/Factory/" in path:
                raise Refusal(404, "method does not exist", 157)  # captured
            if endpoint is None:
                raise Refusal(500, "wrong HTTP Type")  # not 404 (one report)
            ignored = self.account.switches.ignored_filters
            query = {key: value for key, value in call.query.items() if key not in ignored}
            answer = endpoint(self.account, Call(ident, query, call.body, call.headers))
            return with_swapped_types(answer) if self.account.switches.value_types == "swapped" else answer
        except Refusal as refusal:
            if isinstance(refusal, SqlFault) and self.account.switches.sql_faults == 400:
                return json_answer(refusal.as_bad_request(), 400)
            return json_answer(refusal.envelope(), refusal.status)


def _check_version(path: str, wanted: str) -> None:
    """An unknown version is refused with those that there are (official; measured, one report; wording inferred)."""
    known = versions(path)
    if wanted not in ("default", *known):
        raise Refusal(400, f"This version does not exist. Available versions: [{', '.join(known)}]")


async def _delayed(wait: float, work: Work) -> Answer:
    """Carry the request out after `wait` seconds."""
    if wait:
        await asyncio.sleep(wait)
    return await work()


async def read_whole_body(receive: Receive) -> bytes | None:
    """The request's body, or None if the client disconnected before it was complete."""
    try:
        return await Request({"type": "http"}, receive).body()
    except ClientDisconnect:
        return None


def read_headers(scope: Scope) -> dict[str, str]:
    """The request's headers, with names in lower case."""
    return {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}


async def send_answer(receive: Receive, send: Send, reply: Answer) -> None:
    """Send an answer to the client."""
    response = Response(reply.content, reply.status, {"content-type": reply.media_type, **reply.headers})
    await response({"type": "http"}, receive, send)


async def _close_connection(scope: Scope, receive: Receive, hang: bool) -> None:
    """Close the connection without a byte; with `hang`, wait in silence until the client disconnects."""
    transport = scope.get("state", {}).get("transport")
    if not hang:
        if transport is None:
            raise ConnectionDropped
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
