"""The demo in a process of its own: its exit code, what it prints, and what it leaves behind."""

import asyncio
import os
import re
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
import redis.asyncio
from flow.books import control, state

from sevdesk_client.sandbox.http.server import Running
from worker.demo.billing_system import BillingSystem

ROOT = Path(__file__).resolve().parents[2]
PARTLY_PAID, LATE = "R1-2026-10-0004", "R1-2026-10-0005"


@asynccontextmanager
async def demo(*options: str | Path, **environment: str) -> AsyncIterator[Process]:
    """`sevdesk-worker demo` without a terminal; killed at the end if it still runs."""
    command = [sys.executable, "-m", "worker", "demo", *options]
    kept = {name: value for name, value in os.environ.items() if name != "SEVDESK_API_TOKEN"}
    env = kept | {"PYTHONIOENCODING": "utf-8"} | environment
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=PIPE, stderr=STDOUT)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run_demo(*options: str | Path, **environment: str) -> tuple[int | None, str]:
    """Runs the demo to its end; returns its exit code and output."""
    async with demo(*options, **environment) as process, asyncio.timeout(120):
        output = (await process.communicate())[0].decode()
    return process.returncode, output


def table(output: str) -> dict[str, list[str]]:
    """The cells of each invoice's row after its number."""
    rows = [line.split() for line in output.splitlines() if re.match(r" +R1-2026-10-\d{4} .* (✓|✗) *$", line)]
    return {row[0]: row[1:] for row in rows}


def failed_checks(output: str) -> dict[str, list[str]]:
    """The failed checks by the invoice (or account) above them."""
    blocks = re.findall(r"^  (R1-2026-10-\d{4}|the account)\n((?:    .*: expected .*, actual .*\n)+)", output, re.M)
    return {name: [fact.strip() for fact in facts.splitlines()] for name, facts in blocks}


def pdfs_in(folder: Path) -> dict[str, bytes]:
    """The PDFs by their names without suffix."""
    return {path.stem: path.read_bytes() for path in folder.glob("*.pdf")}


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - the condition depends on another process
            await asyncio.sleep(0.02)


async def test_month_ends_as_it_should(tmp_path: Path) -> None:
    """33 invoices, all checks passed: paid, partly, late, over 0, a returned, a letter, a parked, two e-invoices."""
    code, output = await run_demo("--out", tmp_path)
    assert (code, failed_checks(output)) == (0, {}), output
    assert {entry.stat().st_mode & 0o777 for entry in os.scandir(tmp_path)} == {0o600}
    rows = table(output)
    assert len(rows) == 33
    assert "3 of 3 e-invoices and credit notes are valid by EN 16931 in Factur-X" in output
    assert {row[-1] for row in rows.values()} == {"✓"}
    numbers = {number: row.pop(0) for number, row in rows.items()}
    assert rows["R1-2026-10-0001"] == ["11900.00", "sent", "1", "0.00", "open", "open", "again", "✓"]
    assert rows["R1-2026-10-0002"] == ["65.45", "sent", "1", "65.45", "paid", "paid", "✓"]
    assert rows[PARTLY_PAID] == ["380.88", "sent", "1", "126.96", "partly", "partly", "✓"]
    assert rows[LATE] == ["53.55", "sent", "1", "0.00", "open", "open", "✓"]
    assert rows["R1-2026-10-0031"] == ["95.08", "sent", "0", "0.00", "open", "open", "✓"]  # by post
    assert rows["R1-2026-10-0021"] == ["250.00", "parked", "0", "0.00", "open", "parked", "✓"]
    assert re.search(r"R1-2026-10-0021 waits for a person.*\n.*Tax rule 11 .*\n.*then: sevdesk-worker retry", output)
    assert numbers.pop("R1-2026-10-0021") == "-"
    pdfs = pdfs_in(tmp_path)
    assert sorted(pdfs) == sorted(numbers.values())
    assert all(content.startswith(b"%PDF") for content in pdfs.values())
    assert "job.done" in (tmp_path / "worker.log").read_text()


async def test_month_ends_well_on_own_tables(tmp_path: Path) -> None:
    """The same month on tables of another form, through views, with rights on these only."""
    code, output = await run_demo("--out", tmp_path, "--own-tables")
    assert (code, failed_checks(output)) == (0, {}), output
    assert len(table(output)) == 33


async def test_every_difference_is_named(sevdesk: Running, tmp_path: Path) -> None:
    """An unplanned payment and an unknown invoice fail their checks; older contents of the sandbox do not."""
    await control(sevdesk, "POST", "seed", {"invoices": 3})

    async def interfered() -> bool:
        ours = [each for each in (await state(sevdesk))["invoices"] if each["customerInternalNote"] == PARTLY_PAID]
        if not ours or ours[0]["invoiceNumber"] is None:
            return False
        await control(sevdesk, "POST", "payments", {"invoice_id": ours[0]["id"], "amount": "126.96"})
        await control(sevdesk, "POST", "seed", {"invoices": 1})
        return True

    given = ("--sevdesk-url", sevdesk.base_url)
    (code, output), _ = await asyncio.gather(
        run_demo("--out", tmp_path, *given, SEVDESK_API_TOKEN=sevdesk.token), eventually(interfered)
    )
    assert code == 1
    facts = failed_checks(output)
    assert list(facts) == [PARTLY_PAID, "the account"], output
    assert "sevDesk: paid: expected 126.96, actual 253.92" in facts[PARTLY_PAID]
    assert [number for number, row in table(output).items() if row[-1] == "✗"] == [PARTLY_PAID]
    (stray,) = [fact for fact in facts["the account"] if fact.startswith("sevDesk: other documents")]
    assert len(re.findall(r"Invoice \d+", stray)) == 1


async def test_jobs_are_asked_for_in_order(database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are in a millisecond: an advance comes in before its final invoice."""
    billing = BillingSystem(database_url, redis_url)
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000)
    asked = [billing.enqueue("publish_invoice", by=uuid4(), invoice_id=uuid4()) for _ in range(50)]
    billing.close()
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        assert [member.decode() for member in await client.zrange("arq:queue", 0, -1)] == asked


@pytest.mark.long
async def test_wrong_cent_fails_every_row(sevdesk: Running, tmp_path: Path) -> None:
    """If sevDesk computes other sums, nothing is published, and the checks of every invoice fail."""
    await control(sevdesk, "PUT", "switches", {"cent_off": True})
    code, output = await run_demo("--out", tmp_path, "--sevdesk-url", sevdesk.url, SEVDESK_API_TOKEN=sevdesk.token)
    assert code == 1
    assert set(table(output)) < set(failed_checks(output))
    assert any(fact.startswith("sevDesk: invoices: expected 1, actual 0") for fact in failed_checks(output)[LATE])
    assert pdfs_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("url", "token", "cause"),
    [
        ("http://127.0.0.1:9", "", "needs the sandbox's token in SEVDESK_API_TOKEN"),
        ("http://127.0.0.1:9", "some", "nothing answers at http://127.0.0.1:9/api/v1"),
        ("127.0.0.1:9", "some", "is no URL of a sandbox"),
    ],
)
async def test_false_start_is_explained(url: str, token: str, cause: str, tmp_path: Path) -> None:
    """What is missing is printed in one line, without a traceback."""
    code, output = await run_demo("--out", tmp_path, "--sevdesk-url", url, SEVDESK_API_TOKEN=token)
    assert code == 1
    (line,) = output.split("from approved to paid")[1].split("\n\n")[1:]
    assert cause in line and len(line.splitlines()) == 1


async def test_wrong_token_is_refused_early(sevdesk: Running, tmp_path: Path) -> None:
    """If the sandbox refuses the token, nothing is started."""
    code, output = await run_demo("--out", tmp_path, "--sevdesk-url", sevdesk.url, SEVDESK_API_TOKEN="another")
    assert code == 1
    assert "refuses the token" in output and "running" not in output


async def printed_addresses(process: Process) -> dict[str, str]:
    """The addresses that `--keep` prints."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    async with asyncio.timeout(120):
        while "SEVDESK_API_TOKEN" not in found:
            line = (await process.stdout.readline()).decode()
            assert line, "it ended without printing its addresses"
            name, sign, value = line.strip().removeprefix("export ").partition("=")
            if sign and name.isupper():
                found[name.rstrip()] = value
    return found


async def answers(address: dict[str, str]) -> bool:
    """True if Postgres or the sandbox still answers."""
    try:
        async with httpx.AsyncClient() as http:
            await http.get(address["SEVDESK_BASE_URL"])
        return True
    except httpx.TransportError:
        pass
    try:
        await (await asyncpg.connect(address["DATABASE_URL"])).close()
        return True
    except (OSError, asyncpg.PostgresError):
        return False


def is_running(pid: int) -> bool:
    """True if a process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGKILL, -9)])
async def test_kept_demo_ends_everything(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """With --keep everything runs on until the demo ends, by Ctrl-C or by SIGKILL."""
    async with demo("--keep", "--out", tmp_path) as process:
        address = await printed_addresses(process)
        db = await asyncpg.connect(address["DATABASE_URL"])
        assert await db.fetchval("SELECT count(*) FROM billing_invoices WHERE document_status = 'sent'") == 32
        worker = int((await db.fetchval("SELECT worker FROM sevdesk_jobs LIMIT 1")).split(":")[-2])
        sessions = "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'sevdesk-worker%'"
        assert [row["usename"] for row in await db.fetch(sessions)] == ["sevdesk_worker"]  # with no more rights
        await db.close()
        assert await answers(address) and is_running(worker)
        process.send_signal(number)
        assert await process.wait() == code

        async def gone() -> bool:
            return not is_running(worker) and not await answers(address)

        await eventually(gone, 20)
