"""A real PgBouncer, where this machine has one: on PATH or in /usr/sbin, and those that TEST_PGBOUNCERS names."""

import asyncio
import os
import shutil
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
needs_pgbouncer = pytest.mark.skipif(
    not PROGRAMS, reason="NOT CHECKED: pgbouncer is not installed here (Debian: apt-get install pgbouncer)"
)


@asynccontextmanager
async def pgbouncer(
    url: str, folder: Path, *, program: str | None = None, servers: int = 2, **more: object
) -> AsyncIterator[str]:
    """The database's address behind PgBouncer in transaction mode, which asks its clients for no password.

    `servers`: connections to Postgres per user and database. `more`: settings of pgbouncer.ini.
    """
    place, port = urlsplit(url), free_port()
    home = folder / f"pgbouncer-{port}"
    home.mkdir()
    accounts = {place.username: place.password, **{name: "only-in-tests" for name in ("sevdesk_worker",)}}
    (home / "users.txt").write_text("".join(f'"{name}" "{password}"\n' for name, password in accounts.items()))
    settings = {
        "listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "", "pool_mode": "transaction",
        "auth_type": "trust", "auth_file": home / "users.txt", "default_pool_size": servers, "max_client_conn": 1000,
        **({"user": "nobody"} if os.geteuid() == 0 else {}), **more,
    }  # fmt: skip
    lines = ["[databases]", f"* = host={place.hostname} port={place.port}", "[pgbouncer]"]
    (home / "pgbouncer.ini").write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in settings.items())]))
    _let_others_read(home)
    with (home / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program or PROGRAMS[0], "pgbouncer.ini", cwd=home, stdout=log, stderr=log
        )
    pooled = place._replace(netloc=f"{place.username}@127.0.0.1:{port}").geturl()
    try:
        await _answers(pooled, process, home / "log")
        yield pooled
    finally:
        process.kill()
        await process.wait()


def _let_others_read(home: Path) -> None:
    """As root PgBouncer runs as another user, from whom pytest keeps its folders."""
    if os.geteuid() == 0:
        for folder in (home, *home.parents):
            if not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
        (home / "users.txt").chmod(0o644)
        (home / "pgbouncer.ini").chmod(0o644)


async def _answers(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            assert process.returncode is None, f"PgBouncer ended, see {log}"
            try:
                await (await asyncpg.connect(url, statement_cache_size=0)).close()
                return
            except OSError:
                await asyncio.sleep(0.02)
