"""House rules that a reviewer would otherwise have to remember."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import is_typeddict

import asyncpg
import pytest

from worker.domain.events import PaymentEvent
from worker.domain.ledger import JobState
from worker.operator import rows as operator_rows
from worker.settings import Settings
from worker.store import rows
from worker.store.connection import QUERIES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("worker", "sevdesk_client")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# library -> the only modules that may import it
ONLY_IN = {
    "arq": ("worker.queue.inbox", "worker.queue.redis_client", "worker.app"),
    "asyncpg": ("worker.store",),
    "aiosql": ("worker.store",),
    "httpx": ("sevdesk_client.sending", "worker.steps.http_client", "worker.demo"),
    "opentelemetry": ("worker.observability.otel",),
    "pydantic_settings": ("worker.settings",),
    "stdnum": ("worker.domain.eu_vat", "worker.domain.e_invoice"),
    "defusedxml": ("worker.einvoice.reading",),
    "lxml": ("worker.einvoice.rules_process",),
    "saxonche": ("worker.einvoice.rules_process",),
    "duty27_eu_vat": ("worker.domain.eu_vat", "sevdesk_client.sandbox.endpoints.save_rules"),
    "eu_vat_rates_data": ("worker.domain.eu_vat", "sevdesk_client.sandbox.endpoints.save_rules"),
    "email_validator": ("worker.domain.emails", "sevdesk_client.sandbox.endpoints.sending"),
    "worker.local": ("worker.cli.services", "worker.demo", "worker.local"),
}


def name_of(path: Path) -> str:
    """Dotted module name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports_of(path: Path) -> set[str]:
    """Every module a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def within(name: str, prefix: str) -> bool:
    """Whether a module is `prefix` or lies below it."""
    return name == prefix or name.startswith(f"{prefix}.")


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """The import contracts of pyproject.toml, judged on the packages in `root`."""
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    return subprocess.run(command, cwd=root, env={"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False)


def test_imports_keep_the_contracts() -> None:
    """Rooms import downwards only, pure rooms stay pure, the sandbox shares nothing with the client."""
    judged = lint_imports(ROOT)
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("worker/store/planted.py", "from worker.runner import runner", "The rooms of the worker"),
        ("worker/domain/planted.py", "import time", "Pure rooms"),
        ("sevdesk_client/sandbox/account/planted.py", "from sevdesk_client import wire", "The sandbox shares no code"),
    ],
)
def test_planted_arrow_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    """One import against the contract breaks it, and the contract is named."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / module).write_text(f"{line}\n")
    judged = lint_imports(tmp_path)
    assert judged.returncode == 1
    assert re.search(rf"{contract}.* BROKEN", judged.stdout)


def test_pure_modules_are_in_the_contract() -> None:
    """A module whose docstring says Pure is in the contract that forbids it I/O, and none else is there."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [pure] = [contract["source_modules"] for contract in contracts if contract["name"].startswith("Pure rooms")]
    rooms = {"worker.domain", "worker.datev"}
    docs = {name_of(path): ast.get_docstring(ast.parse(path.read_text())) or "" for path in MODULES}
    said = {name for name, text in docs.items() if re.search(r"\bPure\b", text)}
    assert {name for name in said if not any(within(name, room) for room in rooms)} == set(pure) - rooms


def test_pure_rooms_ask_no_clock() -> None:
    """What no import shows: nothing in the pure rooms asks for the present time or opens a file."""
    pure = [path for path in MODULES if name_of(path).startswith(("worker.domain", "worker.datev"))]
    calls = [(path, node.func) for path in pure for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Call)]  # fmt: skip
    wrong = {name_of(path) for path, called in calls
             if (isinstance(called, ast.Attribute) and called.attr in ("now", "today", "utcnow"))
             or (isinstance(called, ast.Name) and called.id == "open")}  # fmt: skip
    assert wrong == set()


@pytest.mark.parametrize("library", ONLY_IN)
def test_each_library_has_its_place(library: str) -> None:
    """One place talks to arq, one runs SQL, one sends HTTP, one reads the environment."""
    users = {name_of(path) for path in MODULES if any(within(i, library) for i in imports_of(path))}
    assert users
    strangers = {user for user in users if not any(user.startswith(place) for place in ONLY_IN[library])}
    assert strangers == set()


def test_environment_is_read_once() -> None:
    """Only settings reads configuration from the environment. The wheel's door sets the path of child processes."""
    readers = {
        name_of(path)
        for path in MODULES
        if re.search(r"os\.environ|getenv", path.read_text())
        and not name_of(path).startswith(("worker.local", "worker.demo"))
    }
    assert readers <= {"worker.settings", "worker.wheel.sevdesk_worker"}


def test_no_sql_outside_its_files() -> None:
    """Statements live in sql/, not in Python; the embedded servers' own administration aside."""
    pattern = re.compile(r"\b(SELECT .* FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b")
    wrong = {
        name_of(path)
        for path in MODULES
        if pattern.search(path.read_text())
        and not name_of(path).startswith(("worker.local", "worker.demo", "worker.store.migrate", "worker.store.locks"))
    }
    assert wrong == set()


def test_env_example_equals_settings() -> None:
    """Every setting is documented, and nothing else is."""
    shown = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert shown == {name.upper() for name in Settings.model_fields}


async def test_every_query_prepares(database_url: str) -> None:
    """Each named statement fits the migrated schema."""
    connection = await asyncpg.connect(database_url)
    names = [name for name in QUERIES.available_queries if not name.endswith("_cursor")]
    assert len(names) > 20
    for name in names:
        await connection.prepare(getattr(QUERIES, name).sql)
    await connection.close()


def row_shapes() -> dict[str, type]:
    """Statement -> the TypedDict of its rows, whose docstring begins with the statement's name."""
    shapes = [shape for module in (rows, operator_rows) for shape in vars(module).values() if is_typeddict(shape)]
    return {named[1]: shape for shape in shapes if (named := re.match(r"`(\w+)`", shape.__doc__ or ""))}


async def test_rows_have_their_columns(database_url: str) -> None:
    """Each shape of a row names exactly the columns that its statement returns."""
    connection = await asyncpg.connect(database_url)
    named = {name: set(shape.__annotations__) for name, shape in row_shapes().items()}
    returned = {
        name: {column.name for column in (await connection.prepare(getattr(QUERIES, name).sql)).get_attributes()}
        for name in named
    }
    await connection.close()
    assert named == returned


async def test_job_states_are_the_ledgers(database_url: str) -> None:
    """The column's CHECK allows exactly the states of `JobState`."""
    connection = await asyncpg.connect(database_url)
    statement = """SELECT pg_get_constraintdef(oid) FROM pg_constraint
                   WHERE conrelid = 'sevdesk_jobs'::regclass AND conname = 'sevdesk_jobs_state_check'"""
    allowed = set(re.findall(r"'(\w+)'::text", await connection.fetchval(statement)))
    await connection.close()
    assert allowed == set(JobState)


@pytest.mark.parametrize("statement", ["payments_of_period", "payments_by_day_of_period"])
def test_statements_know_all_payments(statement: str) -> None:
    """What any payment event records is looked for in a DATEV export and a report, unless it is without money."""
    without_money: set[str] = set()
    listed = re.search(r"event_type IN \(([^)]*)\)", getattr(QUERIES, statement).sql)
    assert listed is not None
    kinds = {re.sub(r"(?<!^)(?=[A-Z])", "_", each.__name__).lower() for each in PaymentEvent.__subclasses__()}
    assert kinds == set(re.findall(r"'(\w+)'", listed[1])) | without_money


def test_every_query_is_used() -> None:
    """A statement nobody runs is taken away."""
    code = "\n".join(path.read_text() for path in MODULES)
    names = [name for name in QUERIES.available_queries if not name.endswith("_cursor")]
    unused = [name for name in names if not re.search(rf"QUERIES\.{name}\b|\"{name}\"", code)]
    assert unused == []


def commands() -> list[str]:
    """The CLI's commands."""
    from typer.main import get_command

    from worker.__main__ import cli

    return sorted(get_command(cli).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", commands())
def test_command_has_help_and_docs(command: str) -> None:
    """Every command explains itself and stands in the documentation."""
    from typer.testing import CliRunner

    from worker.__main__ import cli

    shown = CliRunner().invoke(cli, [command, "--help"])
    assert shown.exit_code == 0 and len(shown.stdout) > 100
    assert any(f"sevdesk-worker {command}" in (ROOT / page).read_text() for page in ("README.md", "docs/operating.md"))


def test_files_and_functions_stay_small() -> None:
    """No file over 400 lines, no function over 60; the medians are the size guide's."""
    files = [len(path.read_text().splitlines()) for path in MODULES]
    assert max(files) <= 400
    functions = [
        node.end_lineno - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    assert max(functions) <= 60
    assert sorted(functions)[len(functions) // 2] <= 10


def test_repository_names_no_place() -> None:
    """No registry's host name and no machine's path in what is committed."""
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=False, cwd=ROOT).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    # Put together here, so that this file does not match itself.
    patterns = ["py" + "pi.org", "python" + "hosted.org", "registry." + "npmjs", "/" + "work/", "/" + "root/"]
    wrong = [
        f"{name}: {pattern}"
        for name in listed
        if (ROOT / name).is_file()
        for pattern in patterns
        if pattern.encode() in (ROOT / name).read_bytes()
    ]
    assert wrong == []
