"""Embedded Postgres and Redis for the demo, the tests and `sevdesk-worker local`. Production never imports this.

Both listen on 127.0.0.1 with a random password, so any client in any language can use the printed addresses. They end
with the process that started them, even if it is killed. A second process on the same folder shares them.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from worker.local.programs import Account, ServiceError
from worker.local.server import PortTakenError, Postgres, Server, Valkey, free_port, lock_file

DATABASE = "billing"
STARTUP_LOCK_TIMEOUT = 90.0  # seconds; longer than one start

# Files that a first start leaves in the folder if it is killed before it has written the state file.
UNFINISHED = {"startup.lock", "owner.lock", "services.json.new"}


@dataclass(frozen=True)
class Services:
    """The addresses of both servers, and the servers themselves if this process started them."""

    database_url: str
    redis_url: str
    started: tuple[Server, ...] = ()

    @property
    def postgres(self) -> Server:
        """Postgres, to stop, kill and restart it. Raises `ServiceError` if another process started it."""
        return self._started("postgres")

    @property
    def redis(self) -> Server:
        """Valkey, to stop, kill and restart it. Raises `ServiceError` if another process started it."""
        return self._started("valkey")

    def _started(self, name: str) -> Server:
        for server in self.started:
            if server.name == name:
                return server
        raise ServiceError(f"this process did not start {name}, so it cannot stop or restart it")


@contextmanager
def services(directory: Path, *, durable: bool) -> Iterator[Services]:
    """Starts both servers on the data in this folder, and stops them at the end; shares them if they run already.

    Durable data survive a power cut (in Redis all but the last second). Otherwise Postgres survives SIGKILL, but not a
    power cut, and Redis survives neither, which is enough for tests. Raises `ServiceError`.
    """
    directory = directory.absolute()
    _claim_directory(directory)
    with ExitStack() as owned:
        with _startup_lock(directory):
            found = _own_or_attach(directory)
            if isinstance(found, int):
                owned.callback(os.close, found)
                with ExitStack() as starting:
                    found = _start(directory, starting, durable=durable)
                    running = starting.pop_all()
                owned.callback(_stop, directory, running)
        yield found


def _own_or_attach(directory: Path) -> int | Services:
    """The descriptor of the lock that makes this process the owner, or the servers of the present owner."""
    owner = lock_file(directory / "owner.lock", 0)
    if owner is not None:
        return owner
    try:
        return _attach(directory)
    except ServiceError:
        # An owner that has just been killed may hold its lock for some more milliseconds.
        owner = lock_file(directory / "owner.lock", 2)
        if owner is None:
            raise
        return owner


def _stop(directory: Path, running: ExitStack) -> None:
    """Stops the servers under the startup lock, so that no process attaches to servers that are being stopped."""
    with running, suppress(ServiceError, OSError), _startup_lock(directory):
        running.close()


@contextmanager
def _startup_lock(directory: Path) -> Iterator[None]:
    """Lets one process at a time start the servers, attach to them or stop them."""
    lock = lock_file(directory / "startup.lock", STARTUP_LOCK_TIMEOUT)
    if lock is None:
        raise ServiceError(f"another process has been starting or stopping the servers in {directory} for too long")
    try:
        yield
    finally:
        os.close(lock)


def _claim_directory(directory: Path) -> None:
    """Creates the folder or checks that it is ours. Raises `ServiceError` if it has another owner or other contents."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        owner = directory.stat().st_uid
        present = {path.name for path in directory.iterdir()} if owner == os.geteuid() else set()
    except OSError as error:
        raise ServiceError(f"cannot keep the servers' data in {directory}: {error.strerror}") from error
    if owner != os.geteuid():
        raise ServiceError(f"{directory} belongs to user {owner}: run as that user, or use another folder")
    if "services.json" in present:
        return
    if present - UNFINISHED:
        raise ServiceError(f"{directory} is not empty and was not made by this program: use another folder")
    # Under root the account of the servers has to pass through the folder, and no more.
    directory.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _start(directory: Path, starting: ExitStack, *, durable: bool) -> Services:
    state = _State.read(directory)
    if state is None:
        # Written before the cluster that is created with this password.
        state = _State(secrets.token_hex(24), free_port(), free_port())
        state.write(directory)
    account = Account.for_cluster(directory / "postgres")
    if not account.can_enter(directory):
        raise ServiceError(f"the servers run as user {account.uid}, who cannot enter {directory}: use another folder")
    postgres = Postgres(directory, account, state.postgres, state.password, durable=durable)
    valkey = Valkey(directory, account, state.valkey, state.password, durable=durable)
    for server in (postgres, valkey):
        starting.callback(server.stop)
        _start_on_free_port(server)
    started = _State(state.password, postgres.port, valkey.port)
    if started != state:
        started.write(directory)
    found = started.services((postgres, valkey))
    with suppress(psycopg.errors.DuplicateDatabase):
        create_database(found, DATABASE)
    return found


def _start_on_free_port(server: Server) -> None:
    for _ in range(5):
        try:
            return server.start()
        except PortTakenError:
            server.port = free_port()
    return server.start()


def _attach(directory: Path) -> Services:
    """The servers of the present owner, which cannot be starting or stopping them: we hold the startup lock."""
    state = _State.read(directory)
    if state is None:
        raise ServiceError(f"another process owns {directory}, but its servers' addresses are not there")
    found = state.services(())
    try:
        psycopg.connect(found.database_url, connect_timeout=5).close()
        with redis.Redis.from_url(found.redis_url, socket_timeout=5) as client:
            client.ping()
    except (psycopg.Error, redis.RedisError) as error:
        raise ServiceError(f"another process owns the servers in {directory}, but they do not answer") from error
    return found


@dataclass(frozen=True)
class _State:
    """What is kept for the next start: the password, and the ports so that saved addresses stay valid."""

    password: str
    postgres: int
    valkey: int

    @classmethod
    def read(cls, directory: Path) -> "_State | None":
        path = directory / "services.json"
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise ServiceError(
                f"{path} holds the servers' password but cannot be read: restore it, or remove {directory}"
            ) from error

    def write(self, directory: Path) -> None:
        """Replaces the file in one step, readable by us only."""
        unfinished = directory / "services.json.new"
        unfinished.touch(0o600)
        with unfinished.open("w") as file:
            file.write(json.dumps(asdict(self)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(directory / "services.json")

    def services(self, started: tuple[Server, ...]) -> Services:
        return Services(
            f"postgresql://postgres:{self.password}@127.0.0.1:{self.postgres}/{DATABASE}",
            f"redis://:{self.password}@127.0.0.1:{self.valkey}/0",
            started,
        )


def create_database(services: Services, name: str, *, template: str | None = None) -> str:
    """Creates a database, as a copy of `template` if given; returns its URL. Blocks. Raises `psycopg.Error`."""
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        if services.started and services.started[0].major >= 15:
            # Half the CPU of a copy through the WAL (measured: 13 against 25 ms, on a server without fsync).
            statement += sql.SQL(" STRATEGY FILE_COPY")
    _execute_as_admin(services, statement)
    return database_url(services, name)


def drop_database(services: Services, name: str) -> None:
    """Drops a database and ends the connections to it. Blocks. Raises `psycopg.Error`."""
    _execute_as_admin(services, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def database_url(services: Services, name: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(services.database_url)._replace(path=f"/{name}").geturl()


def _execute_as_admin(services: Services, statement: sql.Composed) -> None:
    with psycopg.connect(database_url(services, "postgres"), autocommit=True, connect_timeout=10) as connection:
        connection.execute(statement)


def default_directory() -> Path | None:
    """Where `sevdesk-worker local` keeps its data: the user's state folder; None for root, for whom nothing is kept.

    Raises `ServiceError` if the user has no home folder.
    """
    if os.geteuid() == 0:
        return None
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        return (state if state.is_absolute() else Path.home() / ".local" / "state") / "sevdesk-worker"
    except RuntimeError as error:
        raise ServiceError("this user has no home folder to keep the servers' data in: name a folder") from error


NOEXEC = 8  # os.ST_NOEXEC, which Python lacks on some systems

# Waits until this process has ended, then removes the folder, several times because the servers end meanwhile.
CLEANUP = 'read -r _; for _ in 1 2 3 4 5; do sleep 1; rm -rf -- "$1"; done'


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, in memory if there is room; removed at the end, even if this process is killed."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp below chooses an unpredictable name
    directory = Path(tempfile.mkdtemp(prefix="sevdesk-worker-", dir=memory if _has_room(memory) else None))
    directory.chmod(0o711)  # for the account of the servers under root
    cleanup = subprocess.Popen(
        ["/bin/sh", "-c", CLEANUP, "cleanup", directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    with cleanup:
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            cleanup.kill()


def _has_room(memory: Path) -> bool:
    """True if there is more than 1 GB (containers often have 64 MB) and programs may run (often forbidden, too)."""
    try:
        status = os.statvfs(memory)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize > 10**9 and not status.f_flag & NOEXEC


def serve(directory: Path | None) -> None:
    """Starts both servers, prints their addresses and returns after SIGINT or SIGTERM.

    Without a folder the data are temporary. Where they are is said on standard error, beside the addresses.
    Raises `ServiceError` if they cannot be started or one of them ends before that.
    """
    stopped = threading.Event()
    with ExitStack() as stack:
        kept = directory or stack.enter_context(scratch()) / "servers"
        found = stack.enter_context(services(kept, durable=True))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        until = "kept for the next start" if directory else "removed at the end; --dir DIR keeps them"
        print(f"The data are in {kept}, and {until}. Ctrl-C ends both servers.", file=sys.stderr, flush=True)
        print(f"DATABASE_URL={found.database_url}\nREDIS_URL={found.redis_url}", flush=True)
        while not stopped.wait(1.0):
            for server in found.started:
                _ = server.pid  # raises if it has ended
