"""top in a terminal: it fits the screen, scrolls, and ends with q."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from asyncio.subprocess import PIPE
from collections import deque
from pathlib import Path

import pytest
from flow.billing import Billing
from flow.operators import Operator
from flow.processes import environment
from flow.waiting import PATIENCE, wait_for

from worker.cli.top import sparkline
from worker.settings import Settings


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At a database with a billing system in it."""
    return Operator(settings, tmp_path)


async def park_many(billing: Billing) -> None:
    """Thirty parked jobs, each with a reason longer than a line."""
    for _ in range(30):
        job_id = await billing.request("sync_payments")
        await billing.put_into("parked", job_id, problem="token_refused")
    await billing.db.execute("UPDATE sevdesk_jobs SET error = repeat('Reason. ', 20), next_step = 'Mend it.'")


async def test_top_scrolls_and_quits(operator: Operator, billing: Billing) -> None:
    """80 x 24: the last line counts what is below; G shows the end; q ends with exit code 0 and an orderly terminal."""
    await park_many(billing)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before, seen = termios.tcgetattr(theirs), bytearray()
    os.set_blocking(ours, False)
    asyncio.get_running_loop().add_reader(ours, lambda: seen.extend(os.read(ours, 1 << 16)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", "top", "--every", "0.2", cwd=operator.folder, stdin=theirs, stdout=theirs,
        stderr=PIPE, env=environment(operator.settings, {}) | {"TERM": "xterm", "LANG": "C.UTF-8"},
    )  # fmt: skip

    def shows(pattern: str) -> bool:
        return re.search(pattern, seen.decode(errors="replace")) is not None

    async with asyncio.timeout(PATIENCE):
        await wait_for(lambda: shows(r"queue ▁+ 0   \+[0-9]+ more, arrows scroll, q ends"))
        os.write(ours, b"G")
        await wait_for(lambda: shows(r"queue ▁+ 0   arrows scroll"))
        assert termios.tcgetattr(theirs)[3] != before[3]  # keys are read one by one
        os.write(ours, b"q")
        _, problem = await process.communicate()
    asyncio.get_running_loop().remove_reader(ours)
    assert (process.returncode, problem) == (0, b"")
    assert termios.tcgetattr(theirs)[3] == before[3]
    os.close(ours)
    os.close(theirs)


def test_sparkline_shows_the_course() -> None:
    """Zero is the lowest bar, the largest the highest, and what is more than zero is seen."""
    assert sparkline(deque([0, 1, 50, 100])) == "▁▂▅█"
    assert sparkline(deque([0, 0])) == "▁▁"
