"""Applies `sql/migrations` (forward only, by yoyo-migrations) and, on request, the billing reference schema.

The reference schema is for an empty database of the demo or a test; a real billing database brings its own tables.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from yoyo import get_backend, read_migrations

from worker.store.sql_files import sql_dir


def migrate(database_url: str, *, billing_reference: bool = False) -> list[str]:
    """Bring the database up to date and return the ids of the migrations applied now, `billing_reference` first.

    Several processes may call this at once: yoyo's lock makes them take turns, and the later ones find nothing to do.
    Raises `psycopg.OperationalError` when the database cannot be reached.
    """
    made = ["billing_reference"] if billing_reference and _create_billing_tables(database_url) else []
    backend = get_backend(_yoyo_url(database_url))
    try:
        with backend.lock():
            pending = backend.to_apply(read_migrations(str(sql_dir() / "migrations")))
            backend.apply_migrations(pending)
            return made + [migration.id for migration in pending]
    finally:
        backend.connection.close()


def _create_billing_tables(database_url: str) -> bool:
    """False if they are there already."""
    with psycopg.connect(database_url) as connection:
        missing = connection.execute("SELECT to_regclass('billing_invoices')").fetchone() == (None,)
        if missing:
            connection.execute((sql_dir() / "billing" / "tables.sql").read_bytes())
    if missing:
        with psycopg.connect(database_url, autocommit=True) as connection:
            for statement in (sql_dir() / "billing" / "indexes.sql").read_text().split(";")[:-1]:
                connection.execute(statement.encode())
    return missing


def _yoyo_url(database_url: str) -> str:
    """The URL as yoyo wants it: the driver in the scheme, and `unix_socket` in place of libpq's `host` parameter."""
    parts = urlsplit(database_url)
    query = dict(parse_qsl(parts.query))
    if "host" in query:
        query["unix_socket"] = query.pop("host")
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, urlencode(query), ""))
