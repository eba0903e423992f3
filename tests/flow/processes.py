"""Workers as the operating system sees them: started, signalled, killed."""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from flow.waiting import PATIENCE, wait_for

import worker
from worker.settings import Settings

NUMBERS = itertools.count(1)
ROOT = Path(worker.__file__).resolve().parent.parent


class Process:
    """One `python -m worker run`; its log goes to a file."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process, self.path = process, log

    @property
    def pid(self) -> int:
        """Its process id, which is also part of the name it signs the ledger with."""
        return self.process.pid

    def log(self) -> list[dict[str, Any]]:
        """Everything it has said so far; a line that is not JSON (a traceback) fails the test."""
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def said(self, event: str) -> bool:
        """Whether a log line with this event is there."""
        return f'"event": "{event}"' in self.path.read_text()

    async def until(self, event: str, seconds: float = PATIENCE) -> None:
        """Wait for a log line."""

        def heard() -> bool:
            assert self.process.returncode is None, self.path.read_text()[-2000:]
            return self.said(event)

        await wait_for(heard, seconds)

    async def terminate(self) -> float:
        """SIGTERM; answers with the seconds it took to exit, which must be with code 0."""
        started = monotonic()
        self.process.terminate()
        code = await self._ended()
        assert code == 0, self.path.read_text()[-2000:]
        return monotonic() - started

    async def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        assert await self._ended() == -signal.SIGKILL

    async def _ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


def environment(settings: Settings, changed: Mapping[str, object]) -> dict[str, str]:
    """The settings as a process is given them."""
    token = settings.sevdesk_api_token
    given: dict[str, object] = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SEVDESK_BASE_URL": settings.sevdesk_base_url,
        "SEVDESK_API_TOKEN": token.get_secret_value() if token else "",
        "WRITE_QUARANTINE": settings.write_quarantine,
        "SHUTDOWN_GRACE": settings.shutdown_grace,
        "PERSON_JOB_LIMIT": f"{settings.person_job_limit.jobs}/{settings.person_job_limit.seconds:.0f}",
    }
    ours = {name: str(value) for name, value in (given | dict(changed)).items()}
    return {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), **ours}


@asynccontextmanager
async def worker_process(settings: Settings, folder: Path, **changed: object) -> AsyncIterator[Process]:
    """A running worker in a folder without .env; whatever the test left of it is killed at the end."""
    log = folder / f"worker-{next(NUMBERS)}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", "run",
            cwd=folder, env=environment(settings, changed), stdout=output, stderr=output,
        )  # fmt: skip
    running = Process(process, log)
    try:
        await running.until("worker.started")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
