"""Deploying as docs/operating.md says: from requirements.txt alone, and with two versions on one database."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from asyncio.subprocess import DEVNULL
from pathlib import Path

import pytest
from flow.billing import Billing
from flow.conftest import RunWorker
from flow.processes import ROOT, environment, worker_process
from flow.waiting import PATIENCE
from house.markdown import blocks

from worker.settings import Settings
from worker.store.migrate import migrate

OPERATING = ROOT / "docs" / "operating.md"
# A change as the next release may bring it: a nullable column, and an index made without blocking writes.
FOLLOW_UP = {
    "0901_jobs_note": "ALTER TABLE sevdesk_jobs ADD COLUMN note text;",
    "0902_jobs_note_index": (
        "DROP INDEX CONCURRENTLY IF EXISTS sevdesk_jobs_note;\n"
        "CREATE INDEX CONCURRENTLY sevdesk_jobs_note ON sevdesk_jobs (note);"
    ),
}


def git(*arguments: str) -> str:
    """Git's answer; empty if this is no checkout or git is missing."""
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


@pytest.fixture(scope="module")
def last_release(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path for Python to the unpacked wheel of the newest tag v*; before the first release, of the last commit."""
    commit = git("describe", "--tags", "--abbrev=0", "--match", "v*") or git("rev-parse", "HEAD")
    if not commit:
        pytest.skip("NOT CHECKED: without git there is no earlier version to build")
    top = tmp_path_factory.mktemp("release")
    subprocess.run(["git", "archive", "--format=zip", f"--output={top}/source.zip", commit], cwd=ROOT, check=True)
    zipfile.ZipFile(top / "source.zip").extractall(top / "source")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(top), str(top / "source")]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = top.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(top / "wheel")
    # That the checkout, which is installed too, does not come first.
    command = [sys.executable, "-c", "import worker; print(worker.__file__)"]
    path = f"{top / 'wheel' / 'sevdesk_worker'}{os.pathsep}{top / 'wheel'}"
    given = os.environ | {"PYTHONPATH": path}
    said = subprocess.run(command, cwd=top, env=given, check=True, capture_output=True, text=True).stdout.strip()
    assert said.startswith(str(top / "wheel"))
    return path


async def test_last_release_works_beside_this(
    billing: Billing, settings: Settings, run_worker: RunWorker, last_release: str, tmp_path: Path
) -> None:
    """Both versions do jobs before and after a migration that came while both ran; none fails or is tried again."""
    for name, sql in FOLLOW_UP.items():
        (tmp_path / f"{name}.sql").write_text(sql)

    workers = set[str]()

    async def some_jobs() -> set[tuple[object, ...]]:
        asked = [await billing.enqueue("publish_invoice", invoice_id=await billing.usual_invoice()) for _ in range(6)]
        done = [await billing.ended(job_id) for job_id in asked]
        workers.update(job["worker"] for job in done)
        return {(job["state"], job["attempt"], job["retries"], job["problem"]) for job in done}

    well = {("done", 1, 0, None)}
    # The old worker alone first, so that it is certain to have met the new schema's functions.
    async with worker_process(settings, tmp_path, PYTHONPATH=last_release) as old:
        assert await some_jobs() == well
        async with run_worker(), asyncio.timeout(PATIENCE):
            while not any(name.startswith("test:") for name in workers):  # which of the two is quicker is chance
                assert await some_jobs() == well
            assert await asyncio.to_thread(migrate, settings.database_url, folder=tmp_path) == [*FOLLOW_UP]
            assert await some_jobs() == well
        assert await some_jobs() == well
        await old.terminate()
    assert {name.startswith("test:") for name in workers} == {True, False}


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What the documented container file builds: a folder with the files it copies, and its Python in a new venv."""
    top = tmp_path_factory.mktemp("container")
    (file,) = blocks(OPERATING, "dockerfile")
    for line in file.text.splitlines():
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for source in sources:
                origin, copy = ROOT / source, top / target if (ROOT / source).is_dir() else top / target / source
                shutil.copytree(origin, copy) if origin.is_dir() else shutil.copy(origin, copy)
    venv.create(top / "python", with_pip=True)
    python = top / "python" / "bin" / "python"
    (run,) = (line.removeprefix("RUN pip ") for line in file.text.splitlines() if line.startswith("RUN pip "))
    installed = subprocess.run([python, "-m", "pip", *run.split()], cwd=top, capture_output=True, text=True)
    if "ConnectionError" in installed.stderr or "NewConnectionError" in installed.stderr:
        pytest.skip("NOT CHECKED: no packages to be had here")
    assert installed.returncode == 0, installed.stderr[-2000:]
    return top, python


@pytest.mark.long
async def test_requirements_alone_run_a_worker(
    container: tuple[Path, Path], billing: Billing, settings: Settings
) -> None:
    """Without the package installed: --version, migrate, doctor, and a published invoice by the container's command."""
    top, python = container
    given = environment(settings, {}) | {"PYTHONPATH": ""}

    def said(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [python, "-m", "worker", *arguments]
        return subprocess.run(command, cwd=top, env=given, capture_output=True, text=True)

    assert said("--version").stdout.startswith("sevdesk-worker 0.")
    assert said("migrate").returncode == 0
    assert {check["name"] for check in json.loads(said("doctor", "--json").stdout)["checks"]} >= {"postgres", "redis"}
    running = await asyncio.create_subprocess_exec(
        python, "-m", "worker", "run", cwd=top, env=given, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        job = await billing.do("publish_invoice", invoice_id=await billing.usual_invoice())
        assert (job["state"], job["error"]) == ("done", None)
    finally:
        running.terminate()
        assert await running.wait() == 0
