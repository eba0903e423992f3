"""The harness's side of the launcher: worker processes that start in milliseconds and may be killed anywhere."""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chaos.points import Act
from flow.processes import ROOT

LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass
class Child:
    """One worker process. `ended` tells its exit code, a signal as a negative number."""

    pid: int
    log: Path
    trace: Path
    ended: asyncio.Future[int] = field(repr=False)

    def points(self) -> list[str]:
        """The points it has reached so far, in order."""
        return self.trace.read_text().splitlines() if self.trace.exists() else []

    def reached(self, point: str) -> bool:
        """Whether it has come so far."""
        return point in self.points()

    def signal(self, number: int) -> None:
        """Send a signal, if it still lives."""
        if not self.ended.done():
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.gone(10)

    async def gone(self, seconds: float) -> int:
        """Wait for its end."""
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self.ended)


class Nursery:
    """Starts workers through one launcher."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process, self._folder = process, folder
        self._numbers = itertools.count(1)
        self._starting: dict[int, asyncio.Future[int]] = {}
        self._living: dict[int, Child] = {}

    async def start(
        self,
        environment: Mapping[str, str],
        *,
        act: Act | None = None,
        bug: str | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> Child:
        """A worker on its way up."""
        number = next(self._numbers)
        log, trace = self._folder / f"{number}.log", self._folder / f"{number}.points"
        order = {
            "order": number,
            "environment": dict(environment),
            "folder": str(self._folder),
            "log": str(log),
            "trace": str(trace),
            "act": asdict(act) if act else None,
            "bug": bug,
            "constants": dict(constants or {}),
        }
        loop = asyncio.get_running_loop()
        pid = self._starting[number] = loop.create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        child = Child(await pid, log, trace, loop.create_future())
        self._living[child.pid] = child
        return child

    async def listen(self) -> None:
        """Hear what the launcher says, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if "order" in told:
                self._starting.pop(told["order"]).set_result(told["pid"])
            else:
                # Its start was told before, but whoever waits for it may not have run yet.
                while told["pid"] not in self._living:  # noqa: ASYNC110 - one turn of the loop
                    await asyncio.sleep(0)
                self._living.pop(told["pid"]).ended.set_result(told["status"])
        for pid in self._starting.values():
            pid.set_exception(ChildProcessError("the launcher is gone"))


@asynccontextmanager
async def nursery(folder: Path) -> AsyncIterator[Nursery]:
    """A launcher; all its workers end with it."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(LAUNCHER), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": path},
    )  # fmt: skip
    home = Nursery(process, folder)
    listening = asyncio.create_task(home.listen())
    try:
        yield home
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
