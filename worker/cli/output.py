"""Standard output that may be full: the command ends with one sentence."""

import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

import typer


class GuardedOutput:
    """A text stream whose failing writes end the command with exit code 1."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        written: int = self._told(self._stream.write, text)
        return written

    def flush(self) -> None:
        self._told(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _told(self, act: Callable[..., Any], *arguments: str) -> Any:
        try:
            return act(*arguments)
        except BrokenPipeError:  # whoever reads has enough; typer ends the command quietly
            raise
        except OSError as error:
            # What is left in the buffer goes nowhere, also when Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            typer.echo(f"Cannot write to standard output: {error.strerror}.", err=True)
            raise SystemExit(1) from None


def guard_output() -> None:
    """From now on for everything that is printed."""
    if sys.stdout is not None:
        sys.stdout = GuardedOutput(sys.stdout)
