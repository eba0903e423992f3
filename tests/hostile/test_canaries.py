"""One secret and one person, in a whole run: neither is found anywhere but in the rows that they belong to.

Beside the channels of `tests/flow/test_privacy.py` these are the places that the operating system shows to others.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from flow.billing import Billing
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.processes import ROOT, worker_process
from flow.test_privacy import (  # noqa: F401 - urls is a fixture
    MAIL,
    MARK,
    PASSWORD,
    good_run,
    leaks,
    marked_invoice,
    notifications,
    refused_run,
    urls,
    written_rows,
)

from sevdesk_client.sandbox.http.recording import recording
from sevdesk_client.sandbox.http.server import Running
from worker.evidence.zip_file import read_stored
from worker.settings import Settings

KEY = f"{MARK}-key-that-has-more-than-32-characters"
ACTIVITY = "SELECT to_jsonb(a)::text FROM pg_stat_activity a WHERE usename = 'sevdesk_worker'"
# Of /proc/PID, what any user can read of others' processes; and of children what they inherit.
PUBLIC, INHERITED = ("cmdline", "comm", "stat"), ("environ", "cmdline")


def read(path: str) -> str:
    """Empty for a process that has ended."""
    with suppress(OSError):
        return Path(path).read_bytes().decode(errors="replace")
    return ""


def children_of(pid: int) -> list[int]:
    """Its descendants."""
    direct = [int(child) for task in threads_of(pid) for child in read(f"{task}/children").split()]
    return direct + [each for child in direct for each in children_of(child)]


def threads_of(pid: int) -> list[str]:
    with suppress(OSError):
        return [f"/proc/{pid}/task/{each}" for each in os.listdir(f"/proc/{pid}/task")]
    return []


class Watch:
    """Looks again and again while the worker works."""

    def __init__(self, billing: Billing, pid: int, temporary: Path) -> None:
        self.billing, self.pid, self.temporary = billing, pid, temporary
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.modes: set[int] = set()

    async def look(self) -> None:
        """Until it is cancelled."""
        while True:
            self._see("process list", (read(f"/proc/{self.pid}/{name}") for name in PUBLIC))
            worker = read(f"/proc/{self.pid}/cmdline")
            for child in children_of(self.pid):
                if read(f"/proc/{child}/cmdline") != worker:  # else on its way to its program, in the worker's memory
                    self._see("children", (read(f"/proc/{child}/{name}") for name in INHERITED))
            self._see("pg_stat_activity", [row[0] for row in await self.billing.db.fetch(ACTIVITY)])
            for path in self.temporary.rglob("*"):
                with suppress(OSError):
                    self.modes.add(path.stat().st_mode & 0o077)
                    self._see("temporary files", [path.name, read(str(path))])
            await asyncio.sleep(0.01)

    def _see(self, channel: str, texts: Iterable[str]) -> None:
        self.seen[channel].update(filter(None, texts))

    def channels(self) -> dict[str, str]:
        return {channel: "\n".join(texts) for channel, texts in self.seen.items()}


@asynccontextmanager
async def watching(watch: Watch) -> AsyncIterator[None]:
    task = asyncio.create_task(watch.look())
    yield
    assert not task.done(), task
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_neither_secret_nor_person_is_found(
    billing: Billing,
    settings: Settings,
    urls: dict[str, str],  # noqa: F811 - the fixture
    sevdesk: Running,
    tmp_path: Path,
) -> None:
    """Process list, children, pg_stat_activity, temporary files, NOTIFY, Redis, DEBUG log with errors, and rows."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    more = {"LOG_LEVEL": "DEBUG", "TMPDIR": str(temporary), "EVIDENCE_KEYS": f"x:{KEY}"}
    given = settings.model_copy(update=urls)
    async with notifications(billing, settings) as said, worker_process(given, tmp_path, **more) as process:
        watch = Watch(billing, process.pid, temporary)
        async with watching(watch):
            await good_run(billing, sevdesk)
            await refused_run(billing, sevdesk)
            await e_invoice(billing)
            await broken_connections(billing, sevdesk)
        channels = watch.channels() | {"notifications": "\n".join(said)}
        channels["redis"] = str([await billing.redis.dump(key) for key in await billing.redis.keys()])
        await process.terminate()
    assert {"process list", "children", "pg_stat_activity"} <= channels.keys()
    assert "rules_process" in channels["children"]
    channels |= {"log": process.path.read_text(), **await written_rows(billing)}
    assert not (found := leaks(channels, sevdesk)), "\n\n".join(found)
    assert watch.modes <= {0} and list(temporary.iterdir()) == []


async def test_recording_has_neither(
    billing: Billing, settings: Settings, sevdesk: Running, run_worker: RunWorker, tmp_path: Path
) -> None:
    """A worker's calls pass `sandbox --record`; the file becomes its owner's alone, also if it was there before."""
    record = tmp_path / "record.jsonl"
    record.touch(0o644)
    async with (
        recording(record, upstream=sevdesk.base_url) as (url, _, _),
        run_worker(sevdesk_base_url=f"{url}/api/v1"),
    ):
        invoice = await marked_invoice(billing)
        for kind, payload in (("publish_invoice", {}), ("send_invoice", MAIL)):
            assert (await billing.do(kind, invoice_id=invoice, **payload))["state"] == "done"
    assert "saveInvoice" in record.read_text() and "sendViaEmail" in record.read_text()
    assert leaks({"record": record.read_text()}, sevdesk) == []
    assert record.stat().st_mode & 0o777 == 0o600


async def e_invoice(billing: Billing) -> None:
    """Its rules run in a child process."""
    invoice = await marked_invoice(billing, is_e_invoice=True)
    assert (await billing.do("publish_invoice", invoice_id=invoice))["state"] == "done"


async def broken_connections(billing: Billing, sevdesk: Running) -> None:
    """Postgres ends every session of the worker while it writes: what that raises, stands in the log."""
    sevdesk.sandbox.write_ms = 300
    job_id = await billing.enqueue("publish_invoice", invoice_id=await marked_invoice(billing))
    await billing.until_state(job_id, "running")
    await billing.db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'sevdesk_worker'")
    sevdesk.sandbox.write_ms = 0
    again = await billing.enqueue("test_connection")
    assert (await billing.ended(again))["state"] == "done"


async def test_bundle_has_the_person_and_no_secret(
    billing: Billing, settings: Settings, sevdesk: Running, run_worker: RunWorker, tmp_path: Path
) -> None:
    """It is evidence of what was sent to whom, readable by its owner alone; an older file stays as it is."""
    invoice = await marked_invoice(billing)
    async with run_worker():
        for kind, payload in (("publish_invoice", {}), ("send_invoice", MAIL)):
            assert (await billing.do(kind, invoice_id=invoice, **payload))["state"] == "done"
    proof = tmp_path / "proof.zip"
    proof.touch(0o666)
    operator = Operator(settings, tmp_path)
    assert (await operator.run("show", str(invoice), "--bundle", str(proof)))[0] == 1 and proof.read_bytes() == b""
    proof.unlink()
    made = await operator.json("show", str(invoice), "--bundle", str(proof), EVIDENCE_KEYS=f"2026:{KEY}")
    assert made["key"] == "2026" and proof.stat().st_mode & 0o777 == 0o600
    content = "\n".join(part.decode(errors="replace") for part in read_stored(proof.read_bytes()).values())
    assert f"{MARK}betreff" in content
    assert not any(secret in content for secret in (sevdesk.token, PASSWORD, KEY))


async def test_key_is_shown_nowhere(settings: Settings, tmp_path: Path, sevdesk: Running, billing: Billing) -> None:
    """Neither when it fits nor when it is wrong, nor in what the settings look like."""
    operator, proof = Operator(settings, tmp_path), tmp_path / "proof.zip"
    invoice = await billing.usual_invoice()
    code, said, _ = await operator.run("show", str(invoice), "--bundle", "proof.zip", EVIDENCE_KEYS=f"2026:{KEY}")
    assert code == 0
    for keys, wanted in ((f"2026:{KEY}", 0), (f"2026:{KEY[::-1]}{MARK}", 3), (f"2026:{MARK}", 2), ("", 0)):
        code, out, err = await operator.run("verify", proof.name, EVIDENCE_KEYS=keys, DATABASE_URL="", REDIS_URL="")
        assert code == wanted, (out, err)
        said += out + err
    assert "made with the key '2026'" in said and "was not checked" in said and "name:secret" in said
    assert leaks({"output": said, "settings": repr(settings.model_copy(update={"evidence_keys": {}}))}, sevdesk) == []


CRASHES = {
    "main": "raise ValueError(SECRET)",
    "thread": "thread = threading.Thread(target=fail); thread.start(); thread.join()",
    "cause": "\ntry:\n    fail()\nexcept ValueError as error:\n    raise KeyError(SECRET) from error",
    "forgotten task": "asyncio.run(forget())",
}
PROGRAM = """
import asyncio, gc, os, threading
from worker.observability import log
SECRET = os.environ["SECRET"]
def fail():
    raise ValueError(SECRET)
async def failing():
    fail()
async def forget():
    task = asyncio.create_task(failing())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
log.set_up(style=os.environ["STYLE"])
log.tell_crashes()
"""


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("crash", CRASHES)
async def test_traceback_has_no_message(crash: str, style: str) -> None:
    """An error that nobody handles: where it was raised is told, and not what it says."""
    given = {"SECRET": f"{MARK} value", "STYLE": style, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM + CRASHES[crash], env=given, stdout=PIPE, stderr=STDOUT
    )
    said = (await process.communicate())[0].decode()
    assert MARK not in said, said
    assert "ValueError" in said and ("worker.crashed" in said or "never retrieved" in said)


@pytest.mark.parametrize("command", ["doctor", "status", "health", "reconcile", "migrate"])
async def test_command_tells_no_secret(
    settings: Settings,
    urls: dict[str, str],  # noqa: F811 - the fixture
    tmp_path: Path,
    command: str,
) -> None:
    """Postgres and Redis refuse their passwords, then sevDesk the token: each is said, and none is shown."""
    operator, token = Operator(settings, tmp_path), f"{MARK}0123456789abcdef0123456789abc"
    passwords = {name.upper(): url.replace(PASSWORD, f"{PASSWORD}-old") for name, url in urls.items()}
    code, out, err = await operator.run(command, **passwords)
    assert code != 0 and PASSWORD not in out + err, (out, err)
    _, out, err = await operator.run(command, SEVDESK_API_TOKEN=token)
    assert out + err and token not in out + err, (out, err)
