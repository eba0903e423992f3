"""Workers at work while something around them stops: what they were asked for, what became of it, what they said."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chaos.children import Child
from chaos.lane import Lane, Subject
from chaos.ledgers import examine
from chaos.scenarios import SENT
from flow.processes import ROOT
from flow.waiting import asked

PATIENCE = 120.0
# A statement without an answer is given up soon, so that a test need not wait; but a loaded machine has its time.
HASTY = {"worker.store.locks.COMMAND_TIMEOUT": 5.0, "worker.store.pooler.COMMAND_TIMEOUT": 5.0,
         "worker.store.address.CONNECT_SECONDS": 5.0}  # fmt: skip


@dataclass
class Work:
    """Invoices that are to be published and mailed."""

    lane: Lane
    subjects: list[Subject]
    jobs: list[str]

    async def begun(self) -> None:
        """Wait until sevDesk has been asked to save the first invoice of several."""
        await asked(self.lane.sevdesk, "/saveInvoice")

    async def findings(self, seconds: float = PATIENCE) -> list[str]:
        """What is wrong once every job has ended, by the sandbox's books and ours; empty when all is well."""
        until, found = time.monotonic() + seconds, []
        for job_id in self.jobs:
            row = await self.lane.ended(job_id, max(until - time.monotonic(), 0.1))
            if row is None or row["state"] != "done":
                state = await self.lane.billing.job(job_id)
                found.append(f"loss: a job is {state and state['state']}: {state and state['error']}")
        for subject in self.subjects if not found else ():
            found += [f"{subject.number} | {text}" for text in await examine(self.lane, subject, SENT)]
        return found


async def ask(lane: Lane, invoices: int = 4) -> Work:
    """Publish and send each invoice; half of the jobs come through Redis, the others through the outbox."""
    lane.sevdesk.sandbox.write_ms = 100
    subjects = [await lane.subject() for _ in range(invoices)]
    jobs = []
    for place, subject in enumerate(subjects):
        ask = lane.billing.enqueue if place % 2 else lane.billing.request
        jobs += [await ask(kind, invoice_id=subject.invoice) for kind in ("publish_invoice", "send_invoice")]
    return Work(lane, subjects, jobs)


def said(worker: Child) -> list[dict[str, Any]]:
    """Its log so far; a line that is not JSON is an error."""
    return [json.loads(line) for line in worker.log.read_text().splitlines()] if worker.log.exists() else []


def count(worker: Child, event: str) -> int:
    """How often it has said that."""
    return sum(line["event"] == event for line in said(worker))


def complaints(*workers: Child) -> list[str]:
    """Tracebacks, and warnings that a worker repeated within a minute; lines about jobs count by job."""
    found, last = [], dict[tuple[Any, ...], datetime]()
    for worker in workers:
        for line in said(worker):
            if "exception" in line:
                found.append(f"{line['event']} with a traceback: {line['exception'][-300:]}")
            if line["level"] in ("warning", "error", "critical"):
                key, at = (worker.pid, line["event"], line.get("job_id")), datetime.fromisoformat(line["timestamp"])
                if key in last and at - last[key] < timedelta(seconds=59):
                    found.append(f"{line['event']} again after {at - last[key]}")
                last[key] = at
    return found


def resident(worker: Child) -> float:
    """Its memory, in MB."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@asynccontextmanager
async def limited_worker(lane: Lane, folder: Path, limits: str) -> AsyncIterator[Child]:
    """A worker process that was started as users start it, under the shell's `ulimit`; killed at the end."""
    log = folder / "limited.log"
    given = {**lane.environment, "PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "WORKER_MAX_JOBS": "20"}
    command = f'ulimit {limits}; exec "{sys.executable}" -m worker run'
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", command, cwd=folder, env=given, stdout=output, stderr=output
        )
    try:
        yield Child(process.pid, log, folder / "none", asyncio.get_running_loop().create_future())
    finally:
        process.kill()
        await process.wait()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process and its children get no CPU (SIGSTOP); at the end they go on."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("NOT CHECKED: this system has no /proc to find a server's processes in")
    family = [pid]
    try:
        _signal(pid, signal.SIGSTOP)  # first, so that it has no more children than those found
        family += _children(pid)
        for each in family[1:]:
            _signal(each, signal.SIGSTOP)
        yield
    finally:
        for each in family:
            _signal(each, signal.SIGCONT)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found
