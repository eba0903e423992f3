"""status, top, jobs and health: the whole at a glance, without personal data, whatever is away."""

import asyncio
import gc
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker
from flow.holding import HoldableSevdesk
from flow.operators import Operator
from flow.processes import environment
from flow.stage import reported
from flow.waiting import PATIENCE

from worker.settings import JobLimit, Settings
from worker.store import Store
from worker.store.locks import LockSession

NAMES = ("Müller", "Söhne", "rechnung@example.com", "Hauptstraße", "Chefin")


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At a database with a billing system in it."""
    return Operator(settings, tmp_path)


async def test_empty_queue_is_said(operator: Operator) -> None:
    """Nothing to do, nobody at work, nothing synced: each in words."""
    code, said, problem = await operator.run("status")
    assert (code, problem) == (0, "")
    for words in ("empty", "none has reported within ten seconds", "never yet, every 10 min", "never reconciled"):
        assert words in said


async def test_status_shows_the_queue(
    operator: Operator, billing: Billing, run_worker: RunWorker, sevdesk: HoldableSevdesk
) -> None:
    """Running, waiting, parked and the oldest in line, with causes, but without names and addresses."""
    async with sevdesk.held("POST /Contact") as hold, run_worker(write_quarantine=600.0, shutdown_grace=0.0):
        parked = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice(gross_amount="1.00"))
        slow = await billing.usual_invoice()
        running = await billing.enqueue("publish_invoice", invoice_id=slow)
        await hold.reached()
        behind = await billing.enqueue("send_invoice", invoice_id=slow)
        await until(lambda: billing.job(behind))
        found = await operator.json("status", code=3)
        code, said, _ = await operator.run("status")
    assert found["jobs"] == {"running": 1, "queued": 1, "parked": 1} == found["newest_jobs"]
    assert [row["job_id"] for row in found["running"]] == [running]
    assert found["oldest_waiting"]["job_id"] == behind
    assert found["parked"][0]["job_id"] == parked["job_id"] and found["parked"][0]["problem"] == "sums_differ"
    assert found["account"]["token_configured"] is True and found["redis"]["reachable"] is True
    sizes = [each["bytes"] for each in found["about"]["largest"]]
    assert (
        sizes == sorted(sizes, reverse=True) and sum(sizes) <= found["about"]["bytes"] and found["about"]["oldest_job"]
    )
    assert "MB in the worker's tables, the oldest job of 20" in said  # none has a whole megabyte
    assert code == 3 and "1 queued, 1 running, 1 parked" in said and "behind" not in said
    assert parked["job_id"][:8] in said and "why INVOICE tells the cause" in said  # a short id is taken for the whole
    for text in (json.dumps(found, ensure_ascii=False), said):
        assert not [name for name in NAMES if name in text]
        assert operator.settings.sevdesk_api_token.get_secret_value() not in text  # type: ignore[union-attr]


async def test_unreadable_env_file_is_named(operator: Operator, tmp_path: Path) -> None:
    """A file in another encoding, and one that the system does not let us read: one sentence each."""
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe")
    for command in (("status",), ("run",), ("migrate",)):
        assert await operator.run(*command) == (
            2, "", "The file .env in this folder is not UTF-8 text. Save it as UTF-8.\n"
        )  # fmt: skip
    file.unlink()
    if sys.platform == "linux":  # there this file refuses its beginning to root too, for whom chmod hides nothing
        file.symlink_to("/proc/self/mem")
        code, _, problem = await operator.run("status")
        assert code == 2 and problem == "Cannot read the file .env in this folder: Input/output error.\n"


async def test_status_survives_without_redis(operator: Operator) -> None:
    """Redis away is one line of the answer, not its end; a person must act."""
    code, said, _ = await operator.run("status", REDIS_URL="redis://127.0.0.1:9/0")
    assert code == 3 and "Redis does not answer (Error 111 connecting to 127.0.0.1:9" in said


async def test_top_looks_once_or_more(operator: Operator, billing: Billing) -> None:
    """--once is one frame; without it JSON comes line by line until the end."""
    code, said, _ = await operator.run("top", "--once")
    assert code == 0 and "oldest waiting" in said
    assert (await operator.json("top", "--once"))["jobs"] == {}
    assert (await operator.run("top", "--every", "0"))[0] == 2


@asynccontextmanager
async def watching(operator: Operator, **changed: object) -> AsyncIterator[Process]:
    """`top --json` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", "top", "--json", "--every", "0.1",
        cwd=operator.folder, env=environment(operator.settings, changed), stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE):
        yield process
        process.send_signal(signal.SIGINT)
        _, problem = await process.communicate()
    assert (process.returncode, problem) == (0, b"")


async def test_top_ends_with_ctrl_c(operator: Operator) -> None:
    """Line by line until SIGINT, then exit 0 without a word."""
    async with watching(operator) as process:
        assert process.stdout is not None
        for _ in range(2):
            assert json.loads(await process.stdout.readline())["jobs"] == {}


async def test_top_ends_while_it_connects(operator: Operator) -> None:
    """The same when Postgres has taken the call and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as postgres, ExitStack() as callers:
        postgres.setblocking(False)
        away = f"postgresql://nobody@127.0.0.1:{postgres.getsockname()[1]}/none"
        async with watching(operator, DATABASE_URL=away):
            caller, _ = await asyncio.get_running_loop().sock_accept(postgres)
            callers.callback(caller.close)


async def test_cancelled_connecting_reports_nothing() -> None:
    """Pool and locks, cancelled at each turn of the event loop until asyncpg awaits the server's answer."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    with socket.create_server(("127.0.0.1", 0)) as postgres:
        away = f"postgresql://nobody@127.0.0.1:{postgres.getsockname()[1]}/none?sslmode=prefer"
        locks = LockSession(away, "test", JobLimit(1, 1.0), lambda: None, lambda: None)
        for turns in range(12):
            for connect in (partial(Store.connect, away, size=1), locks.connect):
                connecting = asyncio.create_task(connect())
                for _ in range(turns):
                    await asyncio.sleep(0)
                connecting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await connecting
                del connecting
        await asyncio.sleep(0)  # the last transport closes
    gc.collect()
    assert reported == []


async def test_jobs_are_listed_and_filtered(operator: Operator, billing: Billing) -> None:
    """Newest first, by state and kind; a state or kind that does not exist is refused."""
    asked = [await billing.request("publish_invoice", invoice_id=await billing.usual_invoice()) for _ in range(3)]
    asked.append(await billing.request("sync_payments"))
    await billing.put_into("parked", asked[0], problem="token_refused")
    await billing.db.execute("UPDATE sevdesk_jobs SET error = 'Why.' WHERE job_id = $1", asked[0])
    listed = await operator.json("jobs")
    assert [row["job_id"] for row in listed] == asked[::-1]
    assert [row["job_id"] for row in await operator.json("jobs", "--limit", "2")] == asked[:1:-1]
    assert [row["job_id"] for row in await operator.json("jobs", "--state", "parked")] == asked[:1]
    assert [row["job_id"] for row in await operator.json("jobs", "--kind", "sync_payments")] == asked[3:]
    code, said, _ = await operator.run("jobs", "--state", "parked")
    assert code == 0 and "Why." in said
    for wrong in (("--state", "stuck"), ("--kind", "publish"), ("--limit", "0")):
        assert (await operator.run("jobs", *wrong))[0] == 2


async def test_health_follows_each_check(operator: Operator, billing: Billing, run_worker: RunWorker) -> None:
    """Well with a worker and a fresh sync; not without a worker, with an old sync, or with Redis or Postgres away."""
    async with run_worker():
        await until(lambda: reported(billing))
        assert (await operator.json("health"))["healthy"] is True
        assert (await operator.run("health", "--here"))[0] == 1  # the test's worker bears another name
        await billing.db.execute("UPDATE sevdesk_config SET last_sync_at = now() - interval '1 hour'")
        code, said, _ = await operator.run("health")
        assert code == 1 and "FAIL sync: the last payment sync was" in said
        assert (await operator.run("health", "--sync-within", "90"))[0] == 0
        assert (await operator.run("health", "--sync-within", "0"))[0] == 0
    broken: tuple[tuple[str, dict[str, Any]], ...] = (
        ("worker", {}),
        ("redis", {"REDIS_URL": "redis://127.0.0.1:9/0"}),
        ("postgres", {"DATABASE_URL": "postgresql://nobody:geheim@127.0.0.1:9/none"}),
    )
    for name, away in broken:
        checks = (await operator.json("health", "--sync-within", "0", code=1, **away))["checks"]
        assert name in [each["name"] for each in checks if each["level"] == "fail"]
        assert "geheim" not in json.dumps(checks)


async def test_strange_databases_are_one_sentence(operator: Operator, billing: Billing) -> None:
    """Not reachable, or not migrated: what to do, exit 1, and no password."""
    code, said, problem = await operator.run("status", DATABASE_URL="postgresql://nobody:geheim@127.0.0.1:9/none")
    assert (code, said) == (1, "") and "Cannot reach Postgres" in problem and "geheim" not in problem
    await billing.db.execute("DROP TABLE sevdesk_reconciliations")
    code, said, problem = await operator.run("status")
    assert (code, said) == (1, "") and "sevdesk-worker migrate" in problem


async def test_commands_speak_json(operator: Operator, billing: Billing) -> None:
    """enqueue, retry, migrate and schema: the answer as one JSON value."""
    invoice = await billing.usual_invoice()
    job_id = (await operator.json("enqueue", "publish_invoice", f"invoice_id={invoice}"))["job_id"]
    await billing.put_into("parked", job_id, problem="token_refused")
    assert await operator.json("retry", job_id) == {"retried": [job_id]}
    assert await operator.json("migrate") == {"applied": []}
    assert "publish_invoice" in (await operator.json("schema"))["jobs"]


async def test_enqueue_takes_invoice_numbers(operator: Operator, billing: Billing) -> None:
    """Ours, also one of digits only, or the id; what does not exist or is no job is refused before it is asked for."""
    invoice = await billing.usual_invoice(invoice_number="0042")
    for name in ("0042", str(invoice)):
        job_id = (await operator.json("enqueue", "publish_invoice", f"invoice_id={name}"))["job_id"]
        assert (await billing.job(job_id))["invoice_id"] == invoice
    code, said, problem = await operator.run("enqueue", "publish_invoice", "invoice_id=0043")
    assert (code, said) == (1, "") and "No invoice has the number or id '0043'" in problem
    for wrong in (("publish",), ("publish_invoice",), ("publish_invoice", "invoice_id=0042", "colour=red")):
        assert (await operator.run("enqueue", *wrong))[0] == 2
    for wrong in ("requested_by=5", "requested_by=chef", "correlation_id=" + "x" * 201, "correlation_id=\udcff"):
        code, said, problem = await operator.run("enqueue", "publish_invoice", "invoice_id=0042", wrong)
        assert (code, said) == (2, "") and problem.strip("'").startswith(wrong.partition("=")[0])
    given = (f"requested_by={billing.admin}", "correlation_id=4711")
    job = await billing.job((await operator.json("enqueue", "publish_invoice", "invoice_id=0042", *given))["job_id"])
    assert (job["requested_by"], job["correlation_id"]) == (billing.admin, "4711")
    assert await billing.db.fetchval("SELECT count(*) FROM sevdesk_jobs") == 3


async def test_retry_takes_job_invoice_or_all(operator: Operator, billing: Billing) -> None:
    """By job, by invoice number, or everything, in the order asked; an answer belongs to one job only."""
    invoices = [await billing.usual_invoice() for _ in range(3)]
    asked = [await billing.request("publish_invoice", invoice_id=invoice) for invoice in invoices]
    asked.append(await billing.request("send_invoice", invoice_id=invoices[0]))
    number = (await billing.row(invoices[0]))["invoice_number"]

    async def park() -> None:
        for job_id in asked:
            await billing.put_into("parked", job_id, problem="token_refused")

    await park()
    assert (await operator.run("retry", number, "--as", "done"))[0] == 2
    assert await operator.json("retry", number) == {"retried": [asked[0], asked[3]]}
    code, said, problem = await operator.run("retry", asked[1], "--as", "not-done")
    assert (code, said) == (1, "") and f"{asked[1]} asks nothing" in problem
    await _ask(billing, asked[1])
    assert await operator.json("retry", asked[1], "--as", "not-done") == {"retried": [asked[1]]}
    assert await billing.db.fetchval("SELECT answer FROM sevdesk_intents") == "not-done"
    assert await operator.json("retry", "--all-parked") == {"retried": [asked[2]]}
    assert await operator.json("retry", "--all-parked") == {"retried": []}
    for wrong in ((), (asked[0], "--all-parked"), ("--all-parked", "--as", "done")):
        assert (await operator.run("retry", *wrong))[0] == 2
    code, said, problem = await operator.run("retry", asked[0])
    assert (code, said) == (1, "") and "is not parked" in problem


async def test_nothing_to_retry_is_explained(operator: Operator, billing: Billing) -> None:
    """A job that waits, one that was rejected, an invoice without jobs, and what is neither."""
    invoice = await billing.usual_invoice(invoice_number="0042")
    assert await operator.run("retry", "0042") == (1, "", "Invoice 0042 has no job, so there is nothing to retry.\n")
    job_id = await billing.request("publish_invoice", invoice_id=invoice)
    await billing.db.execute(
        "UPDATE sevdesk_jobs SET state = 'waiting', problem = 'sevdesk_pause', problem_parameters = '{}',"
        " not_before = now() + interval '4000 s'"
    )
    for name in ("0042", job_id):
        code, _, said = await operator.run("retry", name)
        about = f"Job {job_id} (publish_invoice of 0042) is not parked but waiting, so there is nothing to retry; "
        assert (code, said) == (1, f"{about}it goes on by itself in 67 min.\n")
    await billing.put_into("rejected", job_id)
    _, _, said = await operator.run("retry", job_id)
    assert said == f"Job {job_id} (publish_invoice of 0042) is rejected; ask again with a new job.\n"
    code, _, said = await operator.run("why", "\udcff\udcfe")
    assert code == 1 and said.startswith(r"No invoice or job has the number or id '\udcff\udcfe'.")
    assert await operator.run("retry", "0043") == (1, "", "No invoice or job has the number or id '0043'.\n")


async def _ask(billing: Billing, job_id: str) -> None:
    """The parked job has a question."""
    await billing.db.execute(
        """WITH opened AS (INSERT INTO sevdesk_intents
                               (subject, job_id, step, action, request_sha256, worker, settles_at)
                           SELECT order_key, job_id, 'email', 'send_via_email', '', 'test', now()
                           FROM sevdesk_jobs WHERE job_id = $1 RETURNING id)
           UPDATE sevdesk_jobs SET asks_about = (SELECT id FROM opened) WHERE job_id = $1""",
        job_id,
    )
