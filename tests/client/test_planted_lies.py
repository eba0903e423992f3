"""The tests would notice: each lie is planted in a copy of the package, and the test that has to fail does.

A copy is put before the real package on the path of a pytest of its own.
"""

import asyncio
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.client.contract import VARIABLE
from tests.client.planted_lies import LIES, Lie

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "sevdesk_client"
PASSED, FAILED = 0, 1  # pytest's exit codes; a test that cannot be run has others


async def judged(copy: Path, *tests: str) -> tuple[int | None, str]:
    """Exit code and output of pytest with the copy in place of the package."""
    # -P keeps the working directory, which holds the real package, from coming first.
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    env = os.environ | {"PYTHONPATH": os.pathsep.join((str(copy), str(ROOT))), "PYTHONDONTWRITEBYTECODE": "1"}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(180):
        said = (await process.communicate())[0].decode()
    return process.returncode, said


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with a copy of the package."""
    shutil.copytree(ROOT / PACKAGE, tmp_path / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def plant(copy: Path, lie: Lie) -> None:
    """Put it in its place."""
    file = copy / PACKAGE / lie.file
    source = file.read_text()
    assert source.count(lie.truth) == 1
    file.write_text(source.replace(lie.truth, lie.lie))


def need_specification(*lies: Lie) -> None:
    """Says so where some tests would be skipped."""
    if not os.environ.get(VARIABLE) and any("test_contract_" in lie.test for lie in lies):
        pytest.skip(f"NOT CHECKED whether the contract tests notice a lie: {VARIABLE} names no specification")


@pytest.mark.long
async def test_truth_passes(copy: Path) -> None:
    """Without a lie all the tests that are meant to notice one pass."""
    need_specification(*LIES)
    code, said = await judged(copy, *{lie.test for lie in LIES})
    assert code == PASSED, said


@pytest.mark.long
@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
async def test_every_lie_is_noticed(copy: Path, lie: Lie) -> None:
    """Its test fails."""
    need_specification(lie)
    plant(copy, lie)
    code, said = await judged(copy, lie.test)
    assert code == FAILED, said
    assert not re.search(r"^E +(NameError|SyntaxError|ImportError|AttributeError)", said, re.M), (
        said
    )  # a blunder of ours
