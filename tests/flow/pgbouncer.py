"""A real PgBouncer, where this machine has one: on PATH or in /usr/sbin, and those that TEST_PGBOUNCERS names."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from flow.waiting import PATIENCE

from worker.local.server import free_port

PROGRAMS = [
    program
    for program in (
        shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin"),
        *os.environ.get("TEST_PGBOUNCERS", "").split(os.pathsep),
    )
    if program
]
ACCOUNT = "nobody"
needs_pgbouncer = pytest.mark.skipif(
    not PROGRAMS, reason="NOT CHECKED: pgbouncer is not installed here (Debian: apt-get install pgbouncer)"
)


@asynccontextmanager
async def pgbouncer(
    url: str, *, program: str | None = None, port: int | None = None, servers: int = 2, **more: object
) -> AsyncIterator[str]:
    """The database's address behind PgBouncer in transaction mode, which asks its clients for no password.

    `servers`: connections to Postgres per user and database. `more`: settings of pgbouncer.ini.
    """
    place, port = urlsplit(url), port or free_port()
    home = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    accounts = {place.username: place.password, **{name: "only-in-tests" for name in ("sevdesk_worker",)}}
    (home / "users.txt").write_text("".join(f'"{name}" "{password}"\n' for name, password in accounts.items()))
    settings = {
        "listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "", "pool_mode": "transaction",
        "auth_type": "trust", "auth_file": home / "users.txt", "default_pool_size": servers, "max_client_conn": 1000,
        **({"user": ACCOUNT} if os.geteuid() == 0 else {}), **more,
    }  # fmt: skip
    lines = ["[databases]", f"* = host={place.hostname} port={place.port}", "[pgbouncer]"]
    (home / "pgbouncer.ini").write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in settings.items())]))
    if os.geteuid() == 0:  # it refuses to run as root, so it becomes another user, whose these files must be
        for path in (home, home / "users.txt", home / "pgbouncer.ini"):
            shutil.chown(path, ACCOUNT)
    with (home / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program or PROGRAMS[0], "pgbouncer.ini", cwd=home, stdout=log, stderr=log
        )
    pooled = place._replace(netloc=f"{place.username}@127.0.0.1:{port}").geturl()
    try:
        await _answers(pooled, process)
        yield pooled
    finally:
        process.kill()
        await process.wait()
        shutil.rmtree(home)


async def _answers(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.returncode is None, "PgBouncer ended at once"
            try:
                await (await asyncpg.connect(url, statement_cache_size=0)).close()
                return
            except OSError:
                await asyncio.sleep(0.02)
