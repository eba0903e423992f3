"""One local server process: started under a guard, known to be ready, stopped, killed, started again."""

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

from worker.local.programs import Account, ServiceError, major, postgres_programs, runnable, valkey_program

# The server dies with us, on any end including kill -9: a watcher, forked twice so that nobody waits for it, blocks
# on a pipe that only we hold. A line tells it to go; the end of the pipe tells it that we are gone. `$$` is the
# server, since the shell becomes it. Plain POSIX sh, so no code runs between fork and exec.
GUARD = 'exec 3<&0 </dev/null; ( ( read -r _ <&3 || kill -INT $$ ) & ); exec "$@" 3<&-'

# The shell line uses fd 3 and shells keep their own from 10 on; a lower inherited number was overwritten (measured).
LOWEST_LOCK_FD = 10

# Below the ports that Linux and macOS hand to outgoing connections, so that nobody takes ours during a restart.
PORTS = range(20_000, 32_000)

# Seconds. A start takes 50 ms; WAL recovery and a checkpoint on a loaded disk take longer.
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0


class PortTakenError(ServiceError):
    """Somebody listens on the port already."""


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on right now."""
    for _ in range(1000):
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise ServiceError(f"no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1")


def lock_file(path: Path, seconds: float) -> int | None:
    """Take an exclusive lock within so many seconds; the descriptor that holds it, or None."""
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
    """A server on 127.0.0.1 whose data live in a folder of its own. The port stays the same across restarts."""

    name: str

    def __init__(self, home: Path, account: Account, port: int, password: str, *, durable: bool) -> None:
        self.home = home
        self.account = account
        self.port = port
        self.password = password
        self.durable = durable
        self.data = home / self.name
        self.log = home / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id; ServiceError when it is not running."""
        if self._process is None or self._process.poll() is not None:
            raise ServiceError(f"{self.name} is not running; its last words: {self._last_words()}")
        return self._process.pid

    def start(self) -> None:
        """Start on the data that are there and return when the server answers; nothing when it runs already."""
        if self._process is not None and self._process.poll() is None:
            return
        self.kill()  # lets the watcher of a server that ended by itself go
        # Free exactly when no process of an earlier run lives, so a pid file left behind is stale even if its
        # number is somebody's: killed servers stay zombies where pid 1 does not reap (measured).
        lock = lock_file(self.home / f"{self.name}.lock", STOP_TIMEOUT)
        if lock is None:
            raise ServiceError(f"an earlier {self.name} on {self.data} does not stop")
        try:
            self._prepare(lock)
            with self.log.open("wb") as log:
                command = ["/bin/sh", "-c", GUARD, self.name, *self._command()]
                self._process = self.account.spawn(command, log, pass_fds=[lock])
        finally:
            os.close(lock)  # the server holds it now
        self._wait_until_ready()

    def stop(self) -> None:
        """Shut down cleanly; nothing when it is not running."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
        self.kill()

    def kill(self) -> None:
        """Kill -9, as a crash would; nothing when it is not running."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._dismiss_watcher(self._process)
        self._process = None

    def _dismiss_watcher(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None  # spawn always pipes it
        with suppress(BrokenPipeError):
            process.stdin.write(b"\n")
            process.stdin.flush()
        with suppress(BrokenPipeError):
            process.stdin.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers(self._pid_or_failure()):
            if time.monotonic() > deadline:
                self.kill()
                raise ServiceError(f"{self.name} did not answer within {START_TIMEOUT:.0f} s: {self._last_words()}")
            time.sleep(0.005)

    def _pid_or_failure(self) -> int:
        try:
            return self.pid
        except ServiceError as error:
            self.kill()
            taken = "address already in use" in str(error).lower()
            raise (PortTakenError if taken else ServiceError)(str(error)) from None

    def _last_words(self) -> str:
        with suppress(OSError):
            return self.log.read_text(errors="replace")[-2000:].strip() or "(none)"
        return "(none)"

    @abstractmethod
    def _prepare(self, lock: int) -> None:
        """Make the data folder if there is none, and clear what an earlier run left. Helpers inherit the lock."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _answers(self, pid: int) -> bool: ...


class Postgres(Server):
    """PostgreSQL. Superuser `postgres`, password by scram-sha-256, sorting by code point on every machine."""

    name = "postgres"

    def __init__(
        self, home: Path, account: Account, port: int, password: str, *, durable: bool, max_connections: int
    ) -> None:
        super().__init__(home, account, port, password, durable=durable)
        self.max_connections = max_connections
        self._program, version = runnable(postgres_programs() / "postgres", account, home / "programs")
        self.major = major(version)

    def _prepare(self, lock: int) -> None:
        if not self.data.exists():
            self._make_cluster(lock)
        cluster = int((self.data / "PG_VERSION").read_text())
        if cluster != self.major:
            raise ServiceError(
                f"{self.data} was made by PostgreSQL {cluster}, but the installed server is {self.major}: "
                f"install {cluster} and dump the data, or use another folder"
            )
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _make_cluster(self, lock: int) -> None:
        """Build it under another name and rename it, so that a killed initdb leaves no half cluster."""
        init = self.home / "init"
        shutil.rmtree(init, ignore_errors=True)
        init.mkdir(mode=0o700)
        password_file = init / "password"
        password_file.touch(0o600)
        password_file.write_text(self.password + "\n")
        self.account.own(init)
        self.account.own(password_file)
        self.account.run([self._program.with_name("initdb"), *self._initdb_options(init)], pass_fds=[lock])
        (init / "cluster").rename(self.data)
        password_file.unlink()
        init.rmdir()

    def _initdb_options(self, init: Path) -> list[str]:
        options = ["--pgdata", f"{init}/cluster", "--pwfile", f"{init}/password", "--username", "postgres"]
        options += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
        if self.major >= 17:
            options += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        return options if self.durable else [*options, "--no-sync"]

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": str(self.max_connections),
        }
        if not self.durable:
            # synchronous_commit stays on: without it a killed server forgets commits, and tests kill servers.
            # Shared memory in the data folder goes with it, also after a kill.
            settings |= {"fsync": "off", "full_page_writes": "off", "dynamic_shared_memory_type": "mmap"}
        return [str(self._program), "-D", str(self.data), *(f"--{key}={value}" for key, value in settings.items())]

    def _answers(self, pid: int) -> bool:
        """Whether the eighth line of the server's own pid file says so: no polling by connections."""
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False


class Valkey(Server):
    """Valkey, or Redis. Durable means its log is flushed every second; else nothing survives a restart."""

    name = "valkey"

    def __init__(self, home: Path, account: Account, port: int, password: str, *, durable: bool) -> None:
        super().__init__(home, account, port, password, durable=durable)
        self._program, _ = runnable(valkey_program(), account, home / "programs")

    def _prepare(self, lock: int) -> None:
        """The password goes through a file: a command line is read by everybody on the machine."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.account.own(self.data)
        config = self.data / "valkey.conf"
        config.touch(0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\nsave ''\n"
            f"appendonly {'yes' if self.durable else 'no'}\nappendfsync everysec\n"
        )
        self.account.own(config)

    def _command(self) -> list[str]:
        return [str(self._program), f"{self.data}/valkey.conf", "--dir", str(self.data)]

    def _answers(self, pid: int) -> bool:
        """Whether it takes our password, so that a stranger on the port is not mistaken for it."""
        with (
            suppress(redis.RedisError),
            redis.Redis(host="127.0.0.1", port=self.port, password=self.password, socket_timeout=1) as client,
        ):
            return bool(client.ping())
        return False
