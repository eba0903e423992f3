"""Backups of a test's database and Redis, and their restore: real copies, made by Postgres and Redis themselves."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psycopg
import psycopg.sql
import redis.asyncio

from worker.local import services as local
from worker.local.services import Services

DISCONNECT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"


@dataclass
class Backups:
    """Of one database; the copies are databases on the same server."""

    services: Services
    name: str
    made: list[str] = field(default_factory=list)

    async def take(self) -> str:
        """A copy of the database as it is now. Ends all connections to it: Postgres copies no other."""
        copy = f"backup_{secrets.token_hex(6)}"
        await asyncio.to_thread(self._copy, copy)
        self.made.append(copy)
        return copy

    def _copy(self, copy: str) -> None:
        with self._admin() as connection:
            # Pools connect anew at once, and Postgres waits five seconds for each such connection to end.
            self._allow_connections(connection, False)
            try:
                connection.execute(DISCONNECT, [self.name])
                local.create_database(self.services, copy, template=self.name)
            finally:
                self._allow_connections(connection, True)

    def _allow_connections(self, connection: psycopg.Connection, allowed: bool) -> None:
        change = psycopg.sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        connection.execute(change.format(psycopg.sql.Identifier(self.name), psycopg.sql.Literal(allowed)))

    async def restore(self, copy: str) -> None:
        """Put the database back to what it was then, under its own name."""
        await asyncio.to_thread(self._restore, copy)

    def _restore(self, copy: str) -> None:
        local.drop_database(self.services, self.name)
        local.create_database(self.services, self.name, template=copy)

    @contextmanager
    def _admin(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(local.database_url(self.services, "postgres"), autocommit=True) as connection:
            yield connection

    def drop(self) -> None:
        """Remove all copies."""
        for copy in self.made:
            local.drop_database(self.services, copy)


@contextmanager
def backups_of(services: Services, database_url: str) -> Iterator[Backups]:
    """For the database of this URL; the copies are gone at the end."""
    found = Backups(services, urlsplit(database_url).path.removeprefix("/"))
    try:
        yield found
    finally:
        found.drop()


async def dump(client: redis.asyncio.Redis) -> dict[bytes, bytes]:
    """Every key of the Redis database, as its DUMP."""
    return {key: await client.dump(key) async for key in client.scan_iter(count=1000)}


async def load(client: redis.asyncio.Redis, dumped: dict[bytes, bytes]) -> None:
    """Nothing but what was dumped."""
    await client.flushdb()
    for key, value in dumped.items():
        await client.restore(key, 0, value)
