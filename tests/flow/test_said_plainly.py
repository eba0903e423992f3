"""What an operator stumbled over once: a system that is new, workers that died, entries that change nothing."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from uuid import uuid4

import pytest
from flow.billing import Billing
from flow.books import until
from flow.conftest import RunWorker
from flow.operators import Operator
from flow.processes import ROOT, environment
from flow.waiting import PATIENCE
from structlog.testing import capture_logs

from worker.settings import Settings


@pytest.fixture
def operator(settings: Settings, billing: Billing, tmp_path: Path) -> Operator:
    """At a database with a billing system in it."""
    return Operator(settings, tmp_path)


async def test_health_knows_a_new_system(operator: Operator, billing: Billing, run_worker: RunWorker) -> None:
    """Before the first worker ever ran that is what it says, once, and of the token it says nothing."""
    for options in ((), ("--here", "--sync-within", "0")):
        code, said, _ = await operator.run("health", *options)
        assert code == 1 and "no worker has run on this database yet. Start one: sevdesk-worker run." in said
        assert said.count("worker:") == 1 and "token" not in said
    async with run_worker():
        await until(lambda: billing.db.fetchval("SELECT count(*) FROM sevdesk_living_workers_v1()"))
    code, said, _ = await operator.run("health")
    assert code == 1 and "no worker has reported within ten seconds." in said and "yet. Start" not in said


async def test_dead_workers_are_told_apart(operator: Operator, billing: Billing, run_worker: RunWorker) -> None:
    """Redis keeps a report for eleven seconds; a worker without a session in Postgres is gone all the same."""
    await billing.redis.set("arq:queue:health-check:host:1:dead", "", px=7_000_000)
    code, said, _ = await operator.run("status")
    assert code == 0 and "host:1:dead (gone; last seen 0 s ago)" in said
    async with run_worker() as app:
        await until(lambda: billing.redis.exists(f"arq:queue:health-check:{app.name}"))
        await until(lambda: billing.db.fetchval("SELECT count(*) FROM sevdesk_living_workers_v1()"))
        _, said, _ = await operator.run("status")
        assert f"{app.name} (last seen " in said and "host:1:dead (gone" in said
        assert [each["name"] for each in (await operator.json("status"))["workers"]] == [app.name]
    job_id = await billing.request("sync_payments")
    assert (await operator.run("status"))[0] == 3, job_id  # a job waits, and the one that Redis names does not count


async def test_used_id_leaves_a_line(billing: Billing, run_worker: RunWorker) -> None:
    """An entry whose id the ledger has already is dropped; the log says so once in a minute."""
    invoice, job_id = await billing.usual_invoice(), str(uuid4())
    with capture_logs() as lines:
        async with run_worker():
            for _ in range(3):
                await billing.enqueue("publish_invoice", job_id=job_id, invoice_id=invoice)
                await until(lambda: _is_empty(billing))
                await billing.ended(job_id)
    told = [line for line in lines if line["event"] == "inbox.job_known"]
    assert [(line["log_level"], line["job_id"], line["entries"]) for line in told] == [("info", job_id, 1)]
    assert (await billing.job(job_id))["attempt"] == 1


async def _is_empty(billing: Billing) -> bool:
    return await billing.redis.zcard("arq:queue") == 0


async def test_values_that_look_like_json_are_text(operator: Operator, billing: Billing) -> None:
    """Where a field is a text or an id; neither a traceback nor Postgres has to say so."""
    for text in ("true", '{"a":1}', "[1]", "-5", "1e9"):
        code, _, said = await operator.run("enqueue", "publish_invoice", f"invoice_id={text}")
        assert code == 1 and f"No invoice has the number or id {text!r}" in said
        code, _, said = await operator.run("enqueue", "sync_payments", f"requested_by={text}")
        assert code == 2 and "requested_by must be the id of a contact" in said
        job = await operator.json("enqueue", "sync_payments", f"correlation_id={text}")
        assert (await billing.job(job["job_id"]))["correlation_id"] == text


async def test_number_with_a_hyphen_before_it(operator: Operator, billing: Billing) -> None:
    """It is found as it is typed, with options behind it; a misspelt option is still told as one."""
    await billing.usual_invoice(invoice_number="-12")
    assert (await operator.json("show", "-12"))["invoice"]["invoice_number"] == "-12"
    assert (await operator.json("jobs", "--invoice", "-12")) == []
    assert "No invoice or job has the number or id '-R-h1'." in (await operator.run("why", "-R-h1"))[2]
    assert "No such option: --jsno" in (await operator.run("show", "12", "--jsno"))[2]
    assert "Show one invoice" in (await operator.run("show", "-h"))[1]


async def test_redis_that_is_away_has_said_nothing(operator: Operator) -> None:
    """Of an unknown job `why` claims only what it knows."""
    assert "Redis has no such job, either." in (await operator.run("why", "x"))[2]
    code, _, said = await operator.run("why", "x", REDIS_URL="redis://127.0.0.1:1/0")
    assert code == 1 and "Whether Redis has such a job is not known, because it does not answer." in said


async def test_top_in_a_pipe_prints_each_look(operator: Operator) -> None:
    """Where there is no screen, it does not wait for its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", "top", "--every", "0.1", cwd=operator.folder, stdout=PIPE,
        env=environment(operator.settings, {}),
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        looks = 0
        while looks < 3:
            looks += (await process.stdout.readline()).startswith(b"queue ")
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 0


async def test_confirmed_alone_repairs_nothing(operator: Operator) -> None:
    """It is told that it goes with --fix, instead of being ignored."""
    code, _, said = await operator.run("reconcile", "--confirmed")
    assert code == 2 and "sevdesk-worker reconcile --fix --confirmed" in said


BROKEN = """
from worker.__main__ import main
from worker.operator.dry_run import DryRunner

async def break_down(*_):
    raise RuntimeError

DryRunner._look_and_leap = break_down
main()
"""


@pytest.mark.parametrize("command", [("preview", "INV-77", "--offline"), ("rehearse", "--offline")])
async def test_unexpected_errors_are_an_answer(
    settings: Settings, billing: Billing, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """An exception in a dry run is a problem that names the line; standard output stays JSON."""
    await billing.usual_invoice(invoice_number="INV-77")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BROKEN, *command, "--json",
        env=environment(settings, {"PYTHONPATH": str(ROOT)}), cwd=tmp_path, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    said, problem = await process.communicate()
    told = json.dumps(json.loads(said))
    assert "unexpected_error" in told and "RuntimeError (worker/" in told, problem.decode()
    assert process.returncode == 3


@pytest.mark.parametrize(
    "command", ["status", "status --json", "jobs --csv", "tail --last 1", "enqueue refresh_templates", "--version"]
)
async def test_full_disk_behind_the_output(command: str, settings: Settings, billing: Billing, tmp_path: Path) -> None:
    """What cannot be printed is told in one sentence, and nothing else is blamed for it."""
    await billing.request("refresh_templates")
    full = os.open("/dev/full", os.O_WRONLY)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", *command.split(),
        env=environment(settings, {"PYTHONPATH": str(ROOT)}), cwd=tmp_path, stdout=full, stderr=PIPE,
    )  # fmt: skip
    os.close(full)
    _, said = await process.communicate()
    assert (process.returncode, said.decode()) == (1, "Cannot write to standard output: No space left on device.\n")
