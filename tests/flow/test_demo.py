"""The demo as people run it: a process of its own, judged by its exit code and by what it prints."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from flow.books import control, state

from sevdesk_client.sandbox.http.server import Running

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


async def play(*options: str | Path, **environment: str) -> tuple[int | None, str]:
    """Exit code and output of a whole run."""
    async with demo(*options, **environment) as process, asyncio.timeout(120):
        said = (await process.communicate())[0].decode()
    return process.returncode, said


def table(said: str) -> dict[str, list[str]]:
    """The cells of each invoice's row after its number."""
    rows = [line.split() for line in said.splitlines() if re.match(r" +R1-2026-10-\d{4} .* (✓|✗) *$", line)]
    return {row[0]: row[1:] for row in rows}


def wrong(said: str) -> dict[str, list[str]]:
    """What is said to differ, by the name above it."""
    blocks = re.findall(r"^  (R1-2026-10-\d{4}|the account)\n((?:    .*: expected .*, actual .*\n)+)", said, re.M)
    return {name: [fact.strip() for fact in facts.splitlines()] for name, facts in blocks}


def pdfs_in(folder: Path) -> dict[str, bytes]:
    """The PDFs by their names without suffix."""
    return {path.stem: path.read_bytes() for path in folder.glob("*.pdf")}


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until a condition comes to hold."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - another process decides, which sets no event of ours
            await asyncio.sleep(0.02)


async def test_month_ends_as_it_should(tmp_path: Path) -> None:
    """27 rows, each in order: paid, partly paid, late, taken back, and the one that waits for a person."""
    code, said = await play("--out", tmp_path)
    assert (code, wrong(said)) == (0, {}), said
    rows = table(said)
    assert len(rows) == 27
    assert {row[-1] for row in rows.values()} == {"✓"}
    numbers = {number: row.pop(0) for number, row in rows.items()}
    assert rows["R1-2026-10-0001"] == ["11900.00", "sent", "1", "0.00", "open", "open", "again", "✓"]
    assert rows["R1-2026-10-0002"] == ["65.45", "sent", "1", "65.45", "paid", "paid", "✓"]
    assert rows[PARTLY_PAID] == ["380.88", "sent", "1", "126.96", "partly", "partly", "✓"]
    assert rows[LATE] == ["53.55", "sent", "1", "0.00", "open", "open", "✓"]
    assert rows["R1-2026-10-0021"] == ["250.00", "parked", "0", "0.00", "open", "parked", "✓"]
    assert re.search(r"R1-2026-10-0021 waits for a person.*\n.*Tax rule 11 .*\n.*then: sevdesk-worker retry ", said)
    assert numbers.pop("R1-2026-10-0021") == "-"
    pdfs = pdfs_in(tmp_path)
    assert sorted(pdfs) == sorted(numbers.values())
    assert all(content.startswith(b"%PDF") for content in pdfs.values())
    assert "job.done" in (tmp_path / "worker.log").read_text()


async def test_every_difference_is_named(sevdesk: Running, tmp_path: Path) -> None:
    """A payment and an invoice that nobody planned are found, and nothing else is: not what stood there before."""
    await control(sevdesk, "POST", "seed", {"invoices": 3})

    async def meddled() -> bool:
        ours = [each for each in (await state(sevdesk))["invoices"] if each["customerInternalNote"] == PARTLY_PAID]
        if not ours or ours[0]["invoiceNumber"] is None:
            return False
        await control(sevdesk, "POST", "payments", {"invoice_id": ours[0]["id"], "amount": "126.96"})
        await control(sevdesk, "POST", "seed", {"invoices": 1})
        return True

    given = ("--sevdesk-url", sevdesk.base_url)
    (code, said), _ = await asyncio.gather(
        play("--out", tmp_path, *given, SEVDESK_API_TOKEN=sevdesk.token), eventually(meddled)
    )
    assert code == 1
    facts = wrong(said)
    assert list(facts) == [PARTLY_PAID, "the account"], said
    assert "sevDesk: paid: expected 126.96, actual 253.92" in facts[PARTLY_PAID]
    assert [number for number, row in table(said).items() if row[-1] == "✗"] == [PARTLY_PAID]
    (stray,) = [fact for fact in facts["the account"] if fact.startswith("sevDesk: other documents")]
    assert len(re.findall(r"Invoice \d+", stray)) == 1


@pytest.mark.long
async def test_wrong_cent_fails_every_row(sevdesk: Running, tmp_path: Path) -> None:
    """When sevDesk computes other sums nothing is published, and each invoice says so."""
    await control(sevdesk, "PUT", "switches", {"cent_off": True})
    code, said = await play("--out", tmp_path, "--sevdesk-url", sevdesk.url, SEVDESK_API_TOKEN=sevdesk.token)
    assert code == 1
    assert set(table(said)) < set(wrong(said))
    assert any(fact.startswith("sevDesk: invoices: expected 1, actual 0") for fact in wrong(said)[LATE])
    assert pdfs_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("url", "token", "cause"),
    [
        ("http://127.0.0.1:9", "", "needs the sandbox's token in SEVDESK_API_TOKEN"),
        ("http://127.0.0.1:9", "some", "nothing answers at http://127.0.0.1:9/api/v1"),
        ("127.0.0.1:9", "some", "is no URL of a sandbox"),
    ],
)
async def test_false_start_takes_one_sentence(url: str, token: str, cause: str, tmp_path: Path) -> None:
    """What is missing is said in one line, without a traceback."""
    code, said = await play("--out", tmp_path, "--sevdesk-url", url, SEVDESK_API_TOKEN=token)
    assert code == 1
    (line,) = said.split("from approved to paid")[1].split("\n\n")[1:]
    assert cause in line and len(line.splitlines()) == 1


async def test_wrong_token_is_refused_early(sevdesk: Running, tmp_path: Path) -> None:
    """Nothing is started for a sandbox that will not have us."""
    code, said = await play("--out", tmp_path, "--sevdesk-url", sevdesk.url, SEVDESK_API_TOKEN="another")
    assert code == 1
    assert "refuses the token" in said and "running" not in said


async def kept(process: Process) -> dict[str, str]:
    """The addresses that `--keep` prints."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    async with asyncio.timeout(120):
        while "SEVDESK_API_TOKEN" not in found:
            line = (await process.stdout.readline()).decode()
            assert line, "it ended without printing its addresses"
            name, sign, value = line.strip().partition("=")
            if sign and name.isupper():
                found[name.rstrip()] = value
    return found


async def answers(address: dict[str, str]) -> bool:
    """Whether Postgres or the sandbox is still there."""
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


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has buried does not."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 0, marks=pytest.mark.long), (signal.SIGKILL, -9)]
)
async def test_kept_demo_takes_everything_along(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """With --keep all of it runs on, and dies with the demo: on Ctrl-C as on kill -9."""
    async with demo("--keep", "--out", tmp_path) as process:
        address = await kept(process)
        db = await asyncpg.connect(address["DATABASE_URL"])
        assert await db.fetchval("SELECT count(*) FROM billing_invoices WHERE document_status = 'sent'") == 26
        worker = int((await db.fetchval("SELECT worker FROM sevdesk_jobs LIMIT 1")).split(":")[-2])
        sessions = "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'sevdesk-worker%'"
        assert [row["usename"] for row in await db.fetch(sessions)] == ["sevdesk_worker"]  # with no more rights
        await db.close()
        assert await answers(address) and lives(worker)
        process.send_signal(number)
        assert await process.wait() == code

        async def gone() -> bool:
            return not lives(worker) and not await answers(address)

        await eventually(gone, 20)
