"""Every I/O of a worker process becomes two numbered points: before it is sent, and after its answer came.

`watch` wraps the three doors to the outside at their lowest common level (asyncpg's protocol, redis-py's commands and
pipelines, httpx's transport), so nothing has to be listed by hand: a new statement or call is a new point by itself.
A point's name is `task | operation | nth time | side`; it is stable from run to run, because each of the worker's tasks
does its own work in the same order. Names without ids: the ids differ from run to run.
"""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
import redis.asyncio

from worker.store.connection import QUERIES

T = TypeVar("T")
BEFORE, AFTER = "before", "after"
DRIVER = "asyncpg"  # its own statements, on each new connection
# Round trips after which the server is as it was, between two points that are there anyway.
SILENT = {"prepare", "close_statement", "close"}
# asyncpg numbers the cursors of a process, whichever task makes one.
PORTAL = re.compile("__asyncpg_portal_[0-9a-f]+__")
STATEMENTS = {
    getattr(QUERIES, name).sql.strip(): name for name in QUERIES.available_queries if not name.endswith("_cursor")
}
# The task that a task was started by, and inherits.
CALLER: ContextVar[str] = ContextVar("caller")


@dataclass(frozen=True, slots=True)
class Act:
    """What happens at one point: `kill` (SIGKILL to ourselves), `stop` (SIGSTOP), or `pause` for some seconds."""

    point: str
    do: str = "kill"
    seconds: float = 0.0


class Points:
    """Counts points as they are reached, writes each into `trace`, and acts at one of them."""

    def __init__(self, trace: Path, act: Act | None) -> None:
        self._act = act
        self._seen: Counter[str] = Counter()
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def around(self, operation: str, work: Callable[[], Awaitable[T]], task: str | None = None) -> T:
        """Do the work between its two points; the second one is reached also when the work fails."""
        place = f"{task or _task()} | {operation}"
        self._seen[place] += 1
        name = f"{place} | {self._seen[place]}"
        await self._reach(f"{name} | {BEFORE}")
        try:
            return await work()
        finally:
            await self._reach(f"{name} | {AFTER}")

    async def _reach(self, name: str) -> None:
        os.write(self._trace, f"{name}\n".encode())
        act = self._act
        if act is None or act.point != name:
            return
        match act.do:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "pause":
                await asyncio.sleep(act.seconds)


def _task() -> str:
    """Which of the worker's tasks we are in, by the coroutine it was made of. The lock session's are their callers'."""
    task = asyncio.current_task()
    assert task is not None
    name = str(getattr(task.get_coro(), "__qualname__", "?"))
    if name.startswith("LockSession."):
        return CALLER.get(name)
    CALLER.set(name)
    return name


def watch(points: Points) -> None:
    """Put points around all I/O of this process. Before the first connection is made; for good."""
    _watch_postgres(points)
    _watch_redis(points)
    _watch_http(points)


class _Watched:
    """An asyncpg protocol whose round trips are points."""

    def __init__(self, protocol: Any, points: Points) -> None:
        self._protocol, self._points = protocol, points

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._protocol, name)
        if not callable(member) or name in SILENT:
            return member

        @wraps(member)
        def call(*args: Any, **options: Any) -> Any:
            answer = member(*args, **options)
            if not asyncio.iscoroutine(answer):
                return answer
            statement = _statement(next(iter((*args, *options.values())), name))
            # Which task happens to need another connection is chance.
            task = DRIVER if statement.startswith(("SELECT ", "WITH ")) else None
            return self._points.around(f"sql {statement}", lambda: answer, task)

        return call


def _statement(given: Any) -> str:
    """The name a query has in `sql/queries/`, else how its text begins."""
    text = PORTAL.sub("(portal)", str(getattr(given, "query", given)).strip())
    return STATEMENTS.get(text, " ".join(text.split())[:40])


def _watch_postgres(points: Points) -> None:
    original = asyncpg.Connection.__init__

    def init(self: Any, protocol: Any, *rest: Any) -> None:
        original(self, _Watched(protocol, points), *rest)

    asyncpg.Connection.__init__ = init


def _watch_redis(points: Points) -> None:
    execute, run = redis.asyncio.Redis.execute_command, redis.asyncio.client.Pipeline.execute

    async def execute_command(self: Any, *args: Any, **options: Any) -> Any:
        return await points.around(f"redis {args[0]}", lambda: execute(self, *args, **options))

    async def execute_pipeline(self: Any, *args: Any, **options: Any) -> Any:
        commands = "+".join(sorted({command[0][0] for command in self.command_stack}))
        return await points.around(f"redis [{commands}]", lambda: run(self, *args, **options))

    redis.asyncio.Redis.execute_command = execute_command
    redis.asyncio.client.Pipeline.execute = execute_pipeline


def _watch_http(points: Points) -> None:
    handle = httpx.AsyncHTTPTransport.handle_async_request

    async def ask(self: Any, request: httpx.Request) -> httpx.Response:
        """The whole answer is read within the points; whoever asked still reads it as a stream."""
        answer = await handle(self, request)
        try:
            body = b"".join([part async for part in answer.stream])
        finally:
            await answer.stream.aclose()
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))

    async def handle_async_request(self: Any, request: httpx.Request) -> httpx.Response:
        path = re.sub(r"/[0-9]+", "/{id}", request.url.path.partition("/api/v1")[2])
        return await points.around(f"http {request.method} {path}", lambda: ask(self, request))

    httpx.AsyncHTTPTransport.handle_async_request = handle_async_request
