"""The sandbox as a program, and as a thing apart."""

import ast
import re
import signal
import socket
import subprocess
import sys
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

import sevdesk_client.sandbox
from sevdesk_client.sandbox.account.switches import Switches
from sevdesk_client.sandbox.http.server import create_app, running
from tests.sandbox.sandbox_client import TOKEN

FOLDER = Path(sevdesk_client.sandbox.__file__).parent


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_program_serves_until_signalled(stop: signal.Signals) -> None:
    """It prints address and token, answers, and exits with 0 at either signal, even while a request hangs."""
    command = [sys.executable, "-m", "sevdesk_client.sandbox", "--token", TOKEN, "--latency", "1,60000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None and program.stderr is not None
        base_url = program.stdout.readline().strip().removeprefix("SEVDESK_BASE_URL=")
        assert program.stdout.readline() == f"SEVDESK_API_TOKEN={TOKEN}\n"
        answer = httpx.get(f"{base_url}/Tools/bookkeepingSystemVersion", headers={"Authorization": TOKEN})
        assert answer.json() == {"objects": {"version": "2.0"}}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{base_url}/Contact", headers={"Authorization": TOKEN}, timeout=httpx.Timeout(60, read=0.1))
        program.send_signal(stop)
        assert program.wait(60) == 0
        assert program.stderr.read() == ""


async def test_answers_carry_the_accounts_time() -> None:
    """The header Date moves with the account's clock; a client may read sevDesk's time from it."""
    now = [datetime(2026, 11, 29, 12, tzinfo=UTC)]
    async with running(token=TOKEN, clock=lambda: now[0]) as sandbox, httpx.AsyncClient() as http:
        dates = []
        for _ in range(2):
            answer = await http.get(f"{sandbox.base_url}/SevUser", headers={"Authorization": TOKEN})
            dates.append(answer.headers.get_list("date"))
            now[0] += timedelta(seconds=90)
    assert dates == [["Sun, 29 Nov 2026 12:00:00 GMT"], ["Sun, 29 Nov 2026 12:01:30 GMT"]]


async def test_taken_ports_are_told() -> None:
    """OSError at once, instead of a sandbox that does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with running(port=taken.getsockname()[1]):
            pass


def test_empty_tokens_are_refused() -> None:
    """A sandbox without a token would let everybody in."""
    with pytest.raises(ValueError, match="token"):
        create_app("")


def test_sandbox_knows_no_client() -> None:
    """It imports nothing of the client or the worker: both are checked against sevDesk, not against each other."""
    imported = {
        name
        for path in FOLDER.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        + ([each.name for each in node.names] if isinstance(node, ast.Import) else [])
    }
    own = {name for name in imported if name.startswith(("sevdesk_client", "worker"))}
    assert own and all(name.startswith("sevdesk_client.sandbox") for name in own)


def test_readme_names_every_switch() -> None:
    """Its table of switches has exactly those that exist, each with a source."""
    text = (FOLDER / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", text.partition("## Switches")[2].partition("\n## ")[0], re.M)
    assert [name for name, source in rows] == [each.name for each in fields(Switches)]
