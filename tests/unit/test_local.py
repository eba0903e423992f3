"""The local servers: what survives SIGKILL, which processes end together, and who may connect. On real servers."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from worker.local import services as local
from worker.local.programs import ServiceError
from worker.local.server import lock_file
from worker.local.services import Services

ROOT = Path(__file__).resolve().parents[2]
OWNER = """
import sys
from pathlib import Path
from worker.local import services as local
with local.services(Path(sys.argv[1]), durable=True) as s:
    print(s.database_url, s.redis_url, *(server.pid for server in s.started), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """An empty folder that the account of the servers can enter."""
    with local.scratch() as path:
        yield path


@contextmanager
def other_process(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A Python process of the same user; killed at the end if it still runs."""
    command = [sys.executable, "-c", *arguments]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def printed_words(process: subprocess.Popen[str]) -> list[str]:
    """The words of the next line a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().split()


def insert(url: str, number: int) -> None:
    """Commit one row."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def rows(url: str) -> list[int]:
    """Every committed row, in the order of insertion."""
    with psycopg.connect(url) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM kept")]


def everything_ended(directory: Path) -> bool:
    """True if no process of either server is left; each of them holds the lock of its server until it ends."""
    held = [lock_file(directory / f"{name}.lock", 10) for name in ("postgres", "valkey")]
    for lock in held:
        if lock is not None:
            os.close(lock)
    return None not in held


def eventually(holds: Callable[[], bool], seconds: float) -> bool:
    """Waits for a condition, at most `seconds`; returns whether it holds."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.005)
    return holds()


def test_killed_postgres_keeps_committed_rows(breakable_services: Services) -> None:
    """After SIGKILL and a start the committed rows are there, on the same port."""
    url = local.create_database(breakable_services, f"kept_{secrets.token_hex(4)}")
    insert(url, 1)
    breakable_services.postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        rows(url)
    breakable_services.postgres.start()
    assert rows(url) == [1]


def test_restarted_redis_answers_on_its_port(breakable_services: Services) -> None:
    """A Redis that is not durable is empty after a restart, at the same address."""
    with redis.Redis.from_url(breakable_services.redis_url) as client:
        client.set("key", "value")
        breakable_services.redis.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        breakable_services.redis.start()
        assert client.get("key") is None


def test_stopped_server_has_no_pid(breakable_services: Services) -> None:
    """The pid of a stopped server is an error with the end of its log."""
    breakable_services.postgres.stop()
    with pytest.raises(ServiceError, match=r"(?s)not running.*shut down"):
        _ = breakable_services.postgres.pid


def test_stale_pid_file_is_ignored(breakable_services: Services) -> None:
    """A pid file left behind does not prevent a start, even if its number is a running process."""
    breakable_services.postgres.kill()
    (breakable_services.postgres.data / "postmaster.pid").write_text(
        f"{os.getpid()}\n{breakable_services.postgres.data}\n"
    )
    breakable_services.postgres.start()
    assert breakable_services.postgres.pid != os.getpid()


def test_connections_need_the_password(breakable_services: Services) -> None:
    """Every user of the machine can reach the loopback address, so both servers require the password."""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://postgres:guess@127.0.0.1:{breakable_services.postgres.port}/postgres")
    with redis.Redis(port=breakable_services.redis.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_password_cannot_be_read(breakable_services: Services) -> None:
    """No command line contains the password, and no file that other users can read."""
    for server in breakable_services.started:
        assert server.password not in Path(f"/proc/{server.pid}/cmdline").read_text()
        holding = [path for path in server.home.rglob("*") if path.is_file() and not path.is_symlink()]
        holding = [path for path in holding if server.password.encode() in path.read_bytes()]
        assert {path.name for path in holding} == {"services.json", "valkey.conf"}
        assert {path.stat().st_mode & 0o077 for path in holding} == {0}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_servers_never_run_as_root(breakable_services: Services) -> None:
    """Under root both servers run as another account."""
    owners = {Path(f"/proc/{server.pid}").stat().st_uid for server in breakable_services.started}
    assert len(owners) == 1
    assert owners != {0}


def test_killed_owner_leaves_nothing_running(directory: Path) -> None:
    """SIGKILL of the owner ends both servers; the next start, at once, finds every committed row."""
    with other_process(OWNER, directory) as owner:
        database_url, redis_url, *_ = printed_words(owner)
        insert(database_url, 1)
        with psycopg.connect(database_url):
            owner.kill()
            owner.wait()
            assert everything_ended(directory)
    with local.services(directory, durable=True) as found:
        assert (found.database_url, found.redis_url) == (database_url, redis_url)
        assert rows(database_url) == [1]


def test_everything_killed_recovers_at_once(directory: Path) -> None:
    """Owner and both servers get SIGKILL at once; after a start rows and keys are there."""
    with other_process(OWNER, directory) as owner:
        database_url, redis_url, *pids = printed_words(owner)
        insert(database_url, 1)
        with redis.Redis.from_url(redis_url) as client:
            client.set("key", "value")
        for pid in (owner.pid, *map(int, pids)):
            os.kill(pid, signal.SIGKILL)
        with local.services(directory, durable=True) as found, redis.Redis.from_url(found.redis_url) as client:
            assert rows(found.database_url) == [1]
            assert client.get("key") == b"value"


def test_second_process_shares_the_servers(directory: Path) -> None:
    """A second process gets the same addresses, cannot stop the servers, and leaves them running."""
    with other_process(OWNER, directory) as owner:
        database_url, *_ = printed_words(owner)
        with local.services(directory, durable=True) as found:
            assert found.database_url == database_url
            with pytest.raises(ServiceError, match="did not start postgres"):
                _ = found.postgres
        insert(database_url, 1)
        assert rows(database_url) == [1]


def test_simultaneous_starts_share_one_pair(directory: Path) -> None:
    """Three processes that start at once on an empty folder use the same servers."""
    with (
        other_process(OWNER, directory) as one,
        other_process(OWNER, directory) as two,
        other_process(OWNER, directory) as three,
    ):
        lines = [printed_words(process) for process in (one, two, three)]
    assert {tuple(words[:2]) for words in lines} == {tuple(lines[0][:2])}
    assert sorted(len(words) for words in lines) == [2, 2, 4]


def test_killed_initdb_leaves_no_cluster(directory: Path) -> None:
    """If the owner is killed while the cluster is created, the next start creates a complete one."""
    with other_process(OWNER, directory) as owner:
        assert eventually((directory / "init" / "cluster").exists, 60)
    assert not (directory / "postgres").exists()
    with local.services(directory, durable=False) as found:
        insert(found.database_url, 1)
        assert owner.returncode == -signal.SIGKILL


def test_taken_port_moves_the_server(directory: Path) -> None:
    """If another process listens on the saved port, the server takes a new port and keeps its data."""
    with local.services(directory, durable=True) as found:
        insert(found.database_url, 1)
        port = found.postgres.port
    with socket.create_server(("127.0.0.1", port)), local.services(directory, durable=True) as found:
        assert found.postgres.port != port
        assert rows(found.database_url) == [1]


def test_other_major_version_is_refused(directory: Path) -> None:
    """Data of another major version of PostgreSQL are neither opened nor replaced."""
    with local.services(directory, durable=False):
        pass
    (directory / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(ServiceError, match="was made by PostgreSQL 12"), local.services(directory, durable=False):
        pass
    assert (directory / "postgres" / "PG_VERSION").read_text() == "12\n"


def test_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder with other files is refused, and neither its contents nor its mode change."""
    (tmp_path / "thesis.txt").write_text("years of work")
    tmp_path.chmod(0o755)
    with pytest.raises(ServiceError, match="not made by this program"), local.services(tmp_path, durable=False):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("variable", ["SEVDESK_POSTGRES_BIN", "SEVDESK_VALKEY_BIN"])
def test_wrong_program_folder_is_named(
    variable: str, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the folder named in the environment has no server, the error names the variable."""
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(ServiceError, match=f"{variable} is {tmp_path}"), local.services(directory, durable=False):
        pass


def test_default_folder_follows_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root's data are kept only where root says, other users' data in their state folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    expected = None if os.geteuid() == 0 else tmp_path / "sevdesk-worker"
    assert local.default_directory() == expected


def test_scratch_vanishes_after_a_kill() -> None:
    """The temporary folder is removed although its owner was killed."""
    code = (
        "import time\nfrom worker.local.services import scratch\n"
        "with scratch() as d:\n    print(d, flush=True)\n    time.sleep(60)"
    )
    with other_process(code) as owner:
        (directory,) = map(Path, printed_words(owner))
        assert directory.is_dir()
        owner.kill()
        assert eventually(lambda: not directory.exists(), 60)


def test_guarded_program_ends_with_owner() -> None:
    """A guarded program ends when the process that started it is killed: nobody holds the common output any more."""
    code = (
        "import signal, subprocess, time\nfrom worker.local.guard import guarded\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "program = subprocess.Popen(guarded('sleep', ['sleep', '99']), stdin=subprocess.PIPE, start_new_session=True)\n"
        "print(program.pid, flush=True)\ntime.sleep(99)"
    )
    with other_process(code) as owner:
        assert printed_words(owner) and owner.stdout
        owner.kill()
        assert owner.stdout.read() == ""


def test_serve_prints_and_stays(directory: Path) -> None:
    """`sevdesk-worker local` prints two lines, serves until it gets a signal, then ends with status 0."""
    code = "import sys; from pathlib import Path; from worker.local.services import serve; serve(Path(sys.argv[1]))"
    with other_process(code, directory) as owner:
        (database,), (queue,) = printed_words(owner), printed_words(owner)
        insert(database.removeprefix("DATABASE_URL="), 1)
        with redis.Redis.from_url(queue.removeprefix("REDIS_URL=")) as client:
            assert client.ping()
        owner.send_signal(signal.SIGTERM)
        assert owner.wait(60) == 0
    assert everything_ended(directory)
