"""The processes that the demo starts: the worker and the sandbox. They end with the demo, even if it is killed."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from worker.local.guard import guarded, release_guard
from worker.settings import Settings

# Seconds from SIGTERM to SIGKILL; longer than the SHUTDOWN_GRACE of the demo's worker.
STOP_TIMEOUT = 10.0


class DemoError(Exception):
    """The demo cannot go on; the message is one sentence that says why, and what to do."""


def environment(**settings: str) -> dict[str, str]:
    """The environment of a process: this one's, but of the worker's settings only those given here.

    It names the import path, so that the same packages are found from any folder, and no proxies, since everything the
    demo connects to is on this machine.
    """
    other_settings = {name.upper() for name in Settings.model_fields}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in other_settings and not name.lower().endswith("_proxy")
    }
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    return {**kept, "PYTHONPATH": path, **settings}


class DemoProcess:
    """A running `python -m MODULE ...` in its own session, so that Ctrl-C does not reach it; it writes to `log`."""

    def __init__(self, name: str, arguments: list[str], log: Path, directory: Path, env: dict[str, str]) -> None:
        """Starts it in `directory`. Raises `OSError`."""
        self.name, self.log = name, log
        log.touch()
        log.chmod(0o600)  # the sandbox prints its token
        # -P: no code and no .env of the folder that it starts in is used.
        command = guarded(name, [sys.executable, "-P", "-m", *arguments])
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=env,
                start_new_session=True,
            )

    def check_running(self) -> None:
        """Raises `DemoError` with the last line of its log if it has ended."""
        status = self._process.poll()
        if status is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            last_line = lines[-1][-500:] if lines else "(none)"
            raise DemoError(f"{self.name} ended with status {status}; its last line: {last_line}")

    def stop(self) -> None:
        """Ends it: SIGTERM, and after `STOP_TIMEOUT` SIGKILL."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        finally:  # also when Ctrl-C comes a second time
            self._process.kill()
            self._process.wait()
            release_guard(self._process)
