"""The operator at a terminal: runs commands as processes, or asks the functions behind them."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

from flow.processes import environment

from worker.settings import Settings


class Operator:
    """A person in an empty folder, with the worker's settings in the environment."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder

    async def run(self, *arguments: str, **changed: object) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", *arguments,
            cwd=self.folder, env=environment(self.settings, changed) | {"PYTHONIOENCODING": "utf-8"},
            stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        assert process.returncode is not None
        assert b"Traceback" not in err, err.decode()
        return process.returncode, out.decode(), err.decode()

    async def json(self, *arguments: str, code: int = 0, **changed: object) -> Any:
        """What the command prints with --json; it must end with `code`."""
        ended, out, err = await self.run(*arguments, "--json", **changed)
        assert ended == code, (out, err)
        return json.loads(out)
