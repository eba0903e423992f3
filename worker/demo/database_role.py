"""The database role of the demo's worker, which has no other rights than those of `sql/roles.sql`."""

import secrets
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from worker.store.sql_files import sql_dir

ROLE = "sevdesk_worker"


def create_worker_role(owner_url: str) -> str:
    """Creates the role in a migrated database, with a random password; returns its DATABASE_URL.

    Raises `psycopg.Error`.
    """
    password = secrets.token_hex(16)
    with psycopg.connect(owner_url) as owner:
        owner.execute((sql_dir() / "roles.sql").read_bytes())
        login = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(password))
        owner.execute(login)
    parts = urlsplit(owner_url)
    return parts._replace(netloc=f"{ROLE}:{password}@{parts.hostname}:{parts.port}").geturl()
