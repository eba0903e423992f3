"""A local Postgres or Valkey server: starts it, waits until it answers, stops, kills and restarts it."""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

import redis

from worker.local.guard import guarded, release_guard
from worker.local.programs import POSTGRES, VALKEY, Account, Program, ServiceError, major_version, runnable

# A lower inherited descriptor was overwritten (measured): the guard uses 3, and shells use those from 10 on themselves.
LOWEST_LOCK_FD = 10

# Below the ports that Linux and macOS give to outgoing connections, so that none of them takes ours during a restart.
PORTS = range(20_000, 32_000)

# Seconds. A start takes 50 ms; WAL recovery and a checkpoint on a loaded disk take longer.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0


class PortTakenError(ServiceError):
    """Another process listens on the port."""


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on now. Raises `ServiceError` if none is found."""
    for _ in range(1000):
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise ServiceError(f"no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1")


def lock_file(path: Path, seconds: float) -> int | None:
    """Takes an exclusive lock within `seconds`; returns the descriptor that holds it, or None. Raises `OSError`."""
    low = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    descriptor = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, LOWEST_LOCK_FD)
    os.close(low)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
        time.sleep(0.01)


class Server(ABC):
    """A server on 127.0.0.1 with a data folder of its own. It keeps its port when it is restarted."""

    name: str
    program: Program

    def __init__(self, home: Path, account: Account, port: int, password: str, *, durable: bool) -> None:
        self.home = home
        self.account = account
        self.port = port
        self.password = password
        self.durable = durable
        self.data = home / self.name
        self.log = home / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._program, version = runnable(self.program.find(), account, home / "programs")
        self.major = major_version(version)

    @property
    def pid(self) -> int:
        """The server's process id. Raises `ServiceError` if it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise ServiceError(f"{self.name} is not running; its log ends with: {self._log_end()}")
        return self._process.pid

    def start(self) -> None:
        """Starts the server on the existing data and returns when it answers; does nothing if it runs.

        Raises `ServiceError`, or `PortTakenError` if another process listens on its port.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.kill()  # releases the guard of a server that ended by itself
        # Free only if no process of an earlier run is left; then a pid file is stale even if its number is in use:
        # killed servers stay zombies where pid 1 does not reap (measured).
        lock = lock_file(self.home / f"{self.name}.lock", STOP_TIMEOUT)
        if lock is None:
            raise ServiceError(f"an earlier {self.name} on {self.data} does not stop")
        try:
            self._prepare(lock)
            with self.log.open("wb") as log:
                self._process = self.account.spawn(guarded(self.name, self._command()), log, pass_fds=[lock])
        finally:
            os.close(lock)  # the server has inherited it
        self._wait_until_ready()

    def stop(self) -> None:
        """Shuts the server down, after `STOP_TIMEOUT` by `kill`; does nothing if it is not running."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        self.kill()

    def kill(self) -> None:
        """Ends the server with SIGKILL; does nothing if it is not running."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        release_guard(self._process)
        self._process = None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        try:
            while not self._answers(self.pid):
                if time.monotonic() > deadline:
                    raise ServiceError(f"{self.name} did not answer within {START_TIMEOUT:.0f} s: {self._log_end()}")
                time.sleep(0.005)
        except ServiceError as error:
            self.kill()
            taken = "address already in use" in str(error).lower()
            raise (PortTakenError if taken else ServiceError)(str(error)) from None

    def _log_end(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return text[-2000:].strip() or "(none)"

    @abstractmethod
    def _prepare(self, lock: int) -> None:
        """Creates the data folder if there is none, and removes a stale pid file. Programs it runs inherit `lock`."""

    @abstractmethod
    def _command(self) -> list[str]:
        """The command that starts the server in the foreground."""

    @abstractmethod
    def _answers(self, pid: int) -> bool:
        """True if the server, whose process id is `pid`, accepts connections."""


class Postgres(Server):
    """PostgreSQL with superuser `postgres`, scram-sha-256 passwords, and sorting by code point on every machine."""

    name = "postgres"
    program = POSTGRES

    def _prepare(self, lock: int) -> None:
        if not self.data.exists():
            self._create_cluster(lock)
        cluster = int((self.data / "PG_VERSION").read_text())
        if cluster != self.major:
            raise ServiceError(
                f"{self.data} was made by PostgreSQL {cluster}, but the installed server is {self.major}: "
                f"install {cluster} and dump the data, or use another folder"
            )
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _create_cluster(self, lock: int) -> None:
        """Creates it under another name and renames it, so that a killed initdb leaves no incomplete cluster."""
        init = self.home / "init"
        shutil.rmtree(init, ignore_errors=True)
        init.mkdir(mode=0o700)
        password_file = init / "password"
        password_file.touch(0o600)
        password_file.write_text(self.password + "\n")
        self.account.chown(init)
        self.account.chown(password_file)
        self.account.run([self._program.resolve().with_name("initdb"), *self._initdb_options(init)], pass_fds=[lock])
        (init / "cluster").rename(self.data)
        password_file.unlink()
        init.rmdir()

    def _initdb_options(self, init: Path) -> list[str]:
        options = ["--pgdata", f"{init}/cluster", "--pwfile", f"{init}/password", "--username", "postgres"]
        options += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
        if self.major >= 16:
            # Each client repeats them at each connection (measured: 4 ms of its CPU), and the password is drawn by lot.
            options += ["--set", "scram_iterations=1"]
        if self.major >= 17:
            options += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        return options if self.durable else [*options, "--no-sync"]

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
        }
        if not self.durable:
            # synchronous_commit stays on: without it a killed server forgets commits, and tests kill servers.
            # Shared memory files in the data folder are removed with it, also after a kill.
            settings |= {"fsync": "off", "full_page_writes": "off", "dynamic_shared_memory_type": "mmap"}
        return [str(self._program), "-D", str(self.data), *(f"--{key}={value}" for key, value in settings.items())]

    def _answers(self, pid: int) -> bool:
        """True if the eighth line of the server's pid file says so; no connections are needed for that."""
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False


class Valkey(Server):
    """Valkey, or Redis. If durable, its log is flushed every second; else a restart loses everything."""

    name = "valkey"
    program = VALKEY

    def _prepare(self, lock: int) -> None:
        """Writes the password into a file, since every user of the machine can read a command line."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.account.chown(self.data)
        config = self.data / "valkey.conf"
        config.touch(0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\nsave ''\n"
            f"appendonly {'yes' if self.durable else 'no'}\nappendfsync everysec\n"
        )
        self.account.chown(config)

    def _command(self) -> list[str]:
        return [str(self._program), f"{self.data}/valkey.conf", "--dir", str(self.data)]

    def _answers(self, pid: int) -> bool:
        """True if it accepts our password, so that another server on the port is not mistaken for it."""
        with (
            suppress(redis.RedisError),
            redis.Redis(host="127.0.0.1", port=self.port, password=self.password, socket_timeout=1) as client,
        ):
            return bool(client.ping())
        return False
