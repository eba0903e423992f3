"""The demo's own processes: the worker and the sandbox, run as anybody would run them.

They die with us, however we end, by the same guard as the servers in `worker.local_server`.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from worker.local.server import GUARD
from worker.settings import Settings

# Seconds from TERM to KILL. The worker's own grace is set shorter, so KILL means that something hangs.
STOP_TIMEOUT = 10.0


class DemoError(Exception):
    """The demo cannot go on; the text is one sentence that says why, and what to do."""


def environment(**settings: str) -> dict[str, str]:
    """Our environment with these settings of the worker, and no others that happen to be set.

    The import path is handed on, so that a child finds the same packages from any folder. Proxies are not: everything
    the demo talks to is on this machine.
    """
    ours = {name.upper() for name in Settings.model_fields}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in ours and not name.lower().endswith("_proxy")
    }
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    return {**kept, "PYTHONPATH": path, **settings}


class Child:
    """`python -m MODULE ...` in a session of its own, so that Ctrl-C reaches us and not it; it writes to `log`."""

    def __init__(self, name: str, arguments: list[str], log: Path, home: Path, env: dict[str, str]) -> None:
        self.name, self.log = name, log
        log.touch(0o600)  # the sandbox says its token
        # -P: the folder it starts in holds no code of ours, nor an .env.
        command = ["/bin/sh", "-c", GUARD, name, sys.executable, "-P", "-m", *arguments]
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=home,
                env=env,
                start_new_session=True,
            )

    def check(self) -> None:
        """DemoError with its last words when it has ended by itself."""
        status = self._process.poll()
        if status is not None:
            raise DemoError(f"{self.name} ended with status {status}; its last words: {self._last_words()}")

    def stop(self) -> None:
        """TERM, some time, KILL."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        finally:  # also when Ctrl-C comes a second time
            self._process.kill()
            self._process.wait()
            self._dismiss_watcher()

    def _dismiss_watcher(self) -> None:
        assert self._process.stdin is not None  # always piped
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][-500:] if lines else "(none)"
