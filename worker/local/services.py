"""Embedded Postgres and Redis for the demo, the tests and `sevdesk-worker local`. Production never imports this.

Both listen on 127.0.0.1 with a random password, so any client in any language can use the printed addresses. They
die with the process that started them, however it ends. A second process on the same folder shares them.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
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

__all__ = [
    "ServiceError",
    "Services",
    "create_database",
    "database_url",
    "default_directory",
    "drop_database",
    "scratch",
    "serve",
    "services",
]

DATABASE = "billing"
GATE_TIMEOUT = 90.0  # seconds; longer than one start

# What a first start that was killed leaves in a folder before the state file is in it.
UNFINISHED = {"gate.lock", "owner.lock", "services.json.new"}


@dataclass(frozen=True)
class Services:
    """The addresses of both servers; and the servers themselves, when this process started them."""

    database_url: str
    redis_url: str
    started: tuple[Server, ...] = ()

    @property
    def postgres(self) -> Server:
        """Postgres to stop, kill and start again; ServiceError when another process owns it."""
        return self._started("postgres")

    @property
    def redis(self) -> Server:
        """Valkey to stop, kill and start again; ServiceError when another process owns it."""
        return self._started("valkey")

    def _started(self, name: str) -> Server:
        for server in self.started:
            if server.name == name:
                return server
        raise ServiceError(f"this process did not start {name}, so it cannot stop or restart it")


@contextmanager
def services(directory: Path, *, durable: bool, max_connections: int = 200) -> Iterator[Services]:
    """Both servers on the data in this folder, stopped at the end; shared when another process runs them already.

    Durable data survive a power cut (Redis: but for the last second). Otherwise Postgres survives a kill but not a
    power cut, and Redis neither, which is what tests want. ServiceError says why it does not work and what to do.
    """
    directory = directory.absolute()
    _take_over(directory)
    with ExitStack() as owned:
        with _gate(directory):
            found = _own_or_attach(directory)
            if isinstance(found, int):
                owned.callback(os.close, found)
                with ExitStack() as starting:
                    found = _start(directory, starting, durable=durable, max_connections=max_connections)
                    running = starting.pop_all()
                owned.callback(_stop, directory, running)
        yield found


def _own_or_attach(directory: Path) -> int | Services:
    """The lock that makes us the owner, or the servers of the one who is."""
    owner = lock_file(directory / "owner.lock", 0)
    if owner is not None:
        return owner
    try:
        return _attach(directory)
    except ServiceError:
        # An owner that was just killed may hold its lock for some milliseconds more.
        owner = lock_file(directory / "owner.lock", 2)
        if owner is None:
            raise
        return owner


def _stop(directory: Path, running: ExitStack) -> None:
    """Behind the gate, so that nobody attaches to servers that are about to go."""
    with running, suppress(ServiceError, OSError), _gate(directory):
        running.close()


@contextmanager
def _gate(directory: Path) -> Iterator[None]:
    """One process at a time starts, attaches or stops."""
    gate = lock_file(directory / "gate.lock", GATE_TIMEOUT)
    if gate is None:
        raise ServiceError(f"another process has been starting or stopping the servers in {directory} for too long")
    try:
        yield
    finally:
        os.close(gate)


def _take_over(directory: Path) -> None:
    """Make the folder ours, and touch no folder that holds anything else or belongs to somebody else."""
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
    # The account that root hands the servers to must pass through, no more.
    directory.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _start(directory: Path, starting: ExitStack, *, durable: bool, max_connections: int) -> Services:
    state = _State.read(directory)
    if state is None:
        # Written before the cluster that is made with this password.
        state = _State(secrets.token_hex(24), free_port(), free_port())
        state.write(directory)
    account = Account.for_cluster(directory / "postgres")
    if not account.can_enter(directory):
        raise ServiceError(f"the servers run as user {account.uid}, who cannot enter {directory}: use another folder")
    postgres = Postgres(
        directory, account, state.postgres, state.password, durable=durable, max_connections=max_connections
    )
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
    """The servers of a living owner. We hold the gate, so it is neither starting nor stopping them."""
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
    """What must outlive the servers: their password, and their ports so that saved addresses stay true."""

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
        """Readable by us only, and never half written."""
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
    """Make a new database, a copy of another one if a template is named, and return its URL. Blocks."""
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    _administer(services, statement)
    return database_url(services, name)


def drop_database(services: Services, name: str) -> None:
    """Drop a database and end the connections to it. Blocks."""
    _administer(services, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def database_url(services: Services, name: str) -> str:
    """The URL of another database on the same server."""
    return urlsplit(services.database_url)._replace(path=f"/{name}").geturl()


def _administer(services: Services, statement: sql.Composed) -> None:
    with psycopg.connect(database_url(services, "postgres"), autocommit=True, connect_timeout=10) as connection:
        connection.execute(statement)


def default_directory() -> Path:
    """Where `sevdesk-worker local` keeps its data: the system's place for root, else the user's state folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/sevdesk-worker")
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        return (state if state.is_absolute() else Path.home() / ".local" / "state") / "sevdesk-worker"
    except RuntimeError as error:
        raise ServiceError("this user has no home folder to keep the servers' data in: name a folder") from error


NOEXEC = 8  # os.ST_NOEXEC, which not every system's Python has

# Waits for our end, gives the servers time for theirs, then removes the folder.
JANITOR = 'read -r _; for _ in 1 2 3 4 5; do sleep 1; rm -rf -- "$1"; done'


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for throw-away data, in memory where there is room; removed at the end, even if we are killed."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp below picks a name nobody can foresee
    directory = Path(tempfile.mkdtemp(prefix="sevdesk-worker-", dir=memory if _has_room(memory) else None))
    directory.chmod(0o711)  # for the account that root hands the servers to
    janitor = subprocess.Popen(
        ["/bin/sh", "-c", JANITOR, "janitor", directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    with janitor:
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            janitor.kill()


def _has_room(memory: Path) -> bool:
    """More than 1 GB (containers often have 64 MB), and programs may run there (containers often forbid it)."""
    try:
        status = os.statvfs(memory)
    except OSError:
        return False
    return status.f_bavail * status.f_frsize > 10**9 and not status.f_flag & NOEXEC


def serve(directory: Path) -> None:
    """Print both addresses and stay until SIGINT or SIGTERM; ServiceError when a server ends before that."""
    stopped = threading.Event()
    with services(directory, durable=True) as found:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
        print(f"DATABASE_URL={found.database_url}\nREDIS_URL={found.redis_url}", flush=True)
        while not stopped.wait(1.0):
            for server in found.started:
                _ = server.pid
