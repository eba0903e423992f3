"""Sets Postgres' clock, as the statements of connections that are made later see it."""

from typing import Any

# A schema that stands before Postgres' own.
SHIFTED = """
CREATE SCHEMA shifted;
CREATE TABLE shifted.clock AS SELECT interval '0' AS by;
CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT pg_catalog.clock_timestamp() + by FROM shifted.clock';
CREATE FUNCTION shifted.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT pg_catalog.now() + by FROM shifted.clock';
"""


async def with_own_clock(db: Any) -> None:
    """Give the database a clock that `shift` sets."""
    await db.execute(SHIFTED)
    name = await db.fetchval("SELECT current_database()")
    await db.execute(f"ALTER DATABASE {name} SET search_path = shifted, pg_catalog, public")


async def shift(db: Any, by: str) -> None:
    """Set the clock by so much off the right time."""
    await db.execute("UPDATE shifted.clock SET by = $1::text::interval", by)
