"""The operator at a terminal: commands with their own folder, environment, output and exit code."""

import asyncio
import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, NoReturn

from flow.preloading import preload
from flow.processes import ROOT, environment

from worker.settings import Settings


class Operator:
    """A person in an empty folder, with the worker's settings in the environment."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder

    async def run(self, *arguments: str, **changed: object) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        given = {"arguments": arguments, "environment": environment(self.settings, changed), "folder": str(self.folder)}
        async with asyncio.timeout(60):
            # In a thread, for the services that the command talks to may live in our loop.
            code, out, err = await asyncio.to_thread(TERMINAL.run, given)
        assert "Traceback" not in err, err
        return code, out, err

    async def json(self, *arguments: str, code: int = 0, **changed: object) -> Any:
        """What the command prints with --json; it must end with `code`."""
        ended, out, err = await self.run(*arguments, "--json", **changed)
        assert ended == code, (out, err)
        return json.loads(out)


class Terminal:
    """Commands as processes that cost no start: forks of one that has imported everything already."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[str] | None = None

    def run(self, given: dict[str, Any]) -> tuple[int, str, str]:
        """One command from begin to end."""
        with self._lock:
            server = self._server = self._server or self._start()
            assert server.stdin is not None and server.stdout is not None
            server.stdin.write(json.dumps(given) + "\n")
            server.stdin.flush()
            code, out, err = json.loads(server.stdout.readline())
        return code, out, err

    def _start(self) -> "subprocess.Popen[str]":
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        server = subprocess.Popen(
            [sys.executable, __file__], env=os.environ | {"PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        atexit.register(server.communicate)  # closes its standard input, which ends it
        return server


TERMINAL = Terminal()


def _serve() -> None:
    """One line of JSON in, one out, for each command."""
    preload()
    for line in sys.stdin:
        given = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                _become(given, out.fileno(), err.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            said = [os.pread(written.fileno(), 1 << 24, 0).decode() for written in (out, err)]
        print(json.dumps([code, *said]), flush=True)


def _become(given: dict[str, Any], out: int, err: int) -> NoReturn:
    from worker.__main__ import main

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(given["folder"])
    os.environ.clear()
    os.environ.update(given["environment"])
    sys.argv = ["sevdesk-worker", *given["arguments"]]
    code = 1
    try:
        main()
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 0 if ending.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
