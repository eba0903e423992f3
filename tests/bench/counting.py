"""Counts what a worker process asks of Postgres: each wait for the server is one round trip, whatever it carries."""

from collections import Counter
from contextvars import ContextVar
from typing import Any

import asyncpg

# Whether a job runs in this task; the loops beside the jobs (reaper, sweep, polls) are counted apart.
IN_JOB: ContextVar[bool] = ContextVar("in_job", default=False)
JOBS: Counter[str] = Counter()
BESIDE: Counter[str] = Counter()


def note(what: str) -> None:
    """One round trip."""
    (JOBS if IN_JOB.get() else BESIDE)[what] += 1


class _Protocol(asyncpg.protocol.Protocol):  # type: ignore[misc]
    async def prepare(self, name: str, query: str, *rest: Any, **more: Any) -> Any:
        note(f"(prepare) {_short(query)}")
        return await super().prepare(name, query, *rest, **more)

    async def bind_execute(self, state: Any, *rest: Any, **more: Any) -> Any:
        note(_short(state.query))
        return await super().bind_execute(state, *rest, **more)

    async def bind_execute_many(self, state: Any, *rest: Any, **more: Any) -> Any:
        note(_short(state.query))
        return await super().bind_execute_many(state, *rest, **more)

    async def query(self, query: str, *rest: Any, **more: Any) -> Any:
        note(_short(query))
        return await super().query(query, *rest, **more)


def _short(query: str) -> str:
    """A named statement's name, else how it begins."""
    from worker.store.connection import QUERIES

    for name in QUERIES.available_queries:
        if getattr(QUERIES, name).sql == query:
            return str(name)
    return query[:40]


def install() -> None:
    """Before the first connection is made."""
    from worker.runner.runner import Runner

    asyncpg.protocol.Protocol = _Protocol
    original = Runner.run

    async def run(self: Runner, job_id: str) -> float | None:
        IN_JOB.set(True)
        return await original(self, job_id)

    Runner.run = run  # type: ignore[method-assign]
