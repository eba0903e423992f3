"""Makes worker processes quickly: all is imported once, and each worker is a fork that then runs the real command.

Reads one JSON order a line from stdin, answers on stdout with `{"order", "pid"}` and, when that process ends,
`{"pid", "status"}` (the signal as a negative number). When stdin ends, so do all its workers.
"""

import importlib
import json
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from chaos import planted
from chaos.points import Act, Points, watch
from flow.preloading import preload

import worker.__main__
import worker.app
import worker.steps.http_client


def serve() -> None:
    """Fork on order until stdin ends."""
    preload()
    worker.steps.http_client.trusted()  # cached
    heard, told = os.pipe()
    for end in (heard, told):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(told)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    lifeline = os.pipe()
    pids: set[int] = set()
    rest = b""
    while True:
        ready, _, _ = select.select([0, heard], [], [])
        if heard in ready:
            os.read(heard, 4096)
            report_ends(pids)
        if 0 in ready:
            got = os.read(0, 65536)
            if not got:
                return  # the lifeline goes with us
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                pids.add(start(json.loads(line), lifeline))


def report_ends(pids: set[int]) -> None:
    """Say which workers are gone."""
    for pid in list(pids):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            pids.discard(pid)
            say({"pid": pid, "status": os.waitstatus_to_exitcode(status)})


def say(answer: dict[str, Any]) -> None:
    """One line, in one write."""
    os.write(1, json.dumps(answer).encode() + b"\n")


def start(order: dict[str, Any], lifeline: tuple[int, int]) -> int:
    """Fork; the child never comes back."""
    pid = os.fork()
    if pid:
        say({"order": order["order"], "pid": pid})
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(lifeline[1])
        become_worker(order, lifeline[0])
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def become_worker(order: dict[str, Any], lifeline: int) -> None:
    """`sevdesk-worker run` with the order's environment; its log goes to a file, its points to another."""
    output = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    silence = os.open(os.devnull, os.O_RDONLY)
    for number, source in ((0, silence), (1, output), (2, output)):
        os.dup2(source, number)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    act = order.get("act")
    watch(Points(Path(order["trace"]), Act(**act) if act else None))
    for name, value in order.get("constants", {}).items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(module), constant, value)
    if bug := order.get("bug"):
        planted.BUGS[bug]()
    planted.die_with(lifeline)
    sys.argv = ["sevdesk-worker", "run"]
    worker.__main__.main()


if __name__ == "__main__":
    serve()
