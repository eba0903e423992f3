"""The programs of docs/integrating.md, copied and run: against a worker, a sandbox, real Postgres and real Redis."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from flow.billing import Billing
from flow.conftest import RunWorker
from house.markdown import ROOT, blocks

from worker.domain.signature import read_keys
from worker.store import Store

PAGE = ROOT / "docs/integrating.md"
# Compiled strictly: what a back end in TypeScript would do with it.
PACKAGES = ("ioredis@5", "pg@8", "typescript@5", "@types/node@20", "@types/pg@8")
COMPILER = ("--strict", "--noUncheckedIndexedAccess", "--target", "es2022", "--module", "nodenext", "--skipLibCheck")
NPM = ("--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", "--fetch-retries=1")
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ENOTCACHED")


def catalogue(folder: Path) -> None:
    """What `sevdesk-worker problems --json` writes."""
    said = subprocess.run(
        [sys.executable, "-m", "worker", "problems", "--json"], check=True, capture_output=True, cwd=ROOT
    )
    (folder / "problems.json").write_bytes(said.stdout)


@pytest.fixture
def python_program(tmp_path: Path) -> list[str]:
    """The command that runs the Python example, in a folder with its catalogue."""
    (example,) = blocks(PAGE, "python")
    (tmp_path / "publish.py").write_text(example.text)
    catalogue(tmp_path)
    return [sys.executable, "publish.py"]


@pytest.fixture
def typescript_program(tmp_path: Path) -> list[str]:
    """The command that runs the compiled TypeScript example. Says so where that is not possible."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("NOT RUN: the TypeScript example of docs/integrating.md, for there is no node or no npm")
    (example,) = blocks(PAGE, "ts")
    (tmp_path / "publish.mts").write_text(example.text)
    (tmp_path / "package.json").write_text('{"private": true}')
    install = ["npm", "install", *NPM, *PACKAGES]
    installed = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    said = installed.stdout + installed.stderr
    if installed.returncode and any(each in said for each in OFFLINE):
        pytest.skip("NOT RUN: the TypeScript example of docs/integrating.md, for npm's registry cannot be reached")
    assert installed.returncode == 0, said
    compile_it = ["node_modules/.bin/tsc", *COMPILER, "publish.mts"]
    compiled = subprocess.run(compile_it, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert compiled.returncode == 0, compiled.stdout
    catalogue(tmp_path)
    return ["node", "publish.mjs"]


async def told(command: list[str], folder: Path, billing: Billing, urls: dict[str, str], invoice: object) -> str:
    """What the program says about an invoice."""
    process = await asyncio.create_subprocess_exec(
        *command, str(invoice), str(billing.admin), cwd=folder, env=os.environ | urls, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(120):
        out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode().strip()


@pytest.mark.parametrize("program", ["python_program", pytest.param("typescript_program", marks=pytest.mark.long)])
async def test_example_publishes_mails_and_explains(
    program: str, request: pytest.FixtureRequest, tmp_path: Path, billing: Billing, run_worker: RunWorker,
    database_url: str, redis_url: str
) -> None:  # fmt: skip
    """A good invoice is published and mailed; one without e-mail address and one without positions are explained.

    Its jobs are signed, and the worker takes no others.
    """
    command, key = request.getfixturevalue(program), "billing-2026:only-in-tests-and-longer-than-32-characters"
    urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "JOB_SIGNING_KEY": key}
    async with run_worker(job_signing_keys=read_keys(key)):
        await explained(command, tmp_path, billing, urls)


async def explained(command: list[str], tmp_path: Path, billing: Billing, urls: dict[str, str]) -> None:
    """What the program says about a good invoice, one that cannot be mailed, and one that cannot be published.

    And what it says once a person has dismissed the mail.
    """
    good = await billing.usual_invoice()
    result = json.loads(await told(command, tmp_path, billing, urls, good))
    row = await billing.row(good)
    assert result["external_invoice_number"] == row["external_invoice_number"] is not None
    assert row["document_status"] == result["document_status"] == "sent"

    unreachable = await billing.invoice(await billing.deal(await billing.company(email=None)))
    said = await told(command, tmp_path, billing, urls, unreachable)
    assert said.startswith("parked recipient_missing_email: ") and f"sevdesk-worker retry send:{unreachable}" in said
    store = Store(billing.db)
    assert await store.dismiss(f"send:{unreachable}", by="Chefin", reason="Is sent by post.") == (True, None)
    said = await told(command, tmp_path, billing, urls, unreachable)
    assert said.startswith("dismissed ") and said.endswith(": Is sent by post.")

    empty = await billing.invoice(await billing.deal(await billing.company()), items=())
    said = await told(command, tmp_path, billing, urls, empty)
    assert said.startswith("parked positions_missing: Die Rechnung hat keine Positionen. Im Abrechnungssystem ")
    assert "{" not in said
