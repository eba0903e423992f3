"""Puts one nasty string in front of every text that a database holds, and of what a sandbox says of its records."""

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any, TypeVar

import asyncpg

T = TypeVar("T", bound=Any)
# A formula for a spreadsheet and markup for a browser; it clears a terminal, rings, sets its title, turns the line
# round, hides in C1 and as a separator, and begins a line of its own.
NASTY = '=1+1"<b>\x1b[2J\x07\x1b]0;title\x07\u202eREIZER\u2069\x9b31m\u2028\x7f\r\nFALSCH\t'
COLUMNS = """
SELECT table_name, column_name, data_type FROM information_schema.columns JOIN pg_tables ON tablename = table_name
WHERE table_schema = 'public' AND schemaname = 'public' AND data_type IN ('text', 'name', 'jsonb', 'ARRAY')
  AND NOT (data_type = 'ARRAY' AND udt_name <> '_text') AND table_name <> 'sevdesk_migrations'
  AND is_generated = 'NEVER' ORDER BY 1, 2"""

# In a CHECK or a foreign key, on either side.
CONSTRAINED = """
SELECT a.attrelid::regclass || '.' || a.attname FROM pg_constraint c JOIN pg_attribute a
ON (a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) OR (a.attrelid = c.confrelid AND a.attnum = ANY (c.confkey))
WHERE c.contype IN ('c', 'f')"""


async def spoil(db: asyncpg.Pool, spare: Collection[str] = ()) -> set[str]:
    """All rows of all columns but `spare` that Postgres lets hold it, as `table.column`."""
    spoilt = set()
    for table, column, kind in await db.fetch(COLUMNS):
        name = f"{table}.{column}"
        if name not in spare and await _spoil(db, table, column, kind):
            spoilt.add(name)
    return spoilt


async def unspoilt(url: str, known: Collection[str]) -> list[str]:
    """Columns that nothing spoilt, though no constraint keeps their values."""
    connection = await asyncpg.connect(url)
    kept = {name for (name,) in await connection.fetch(CONSTRAINED)}
    found = [f"{table}.{column}" for table, column, _ in await connection.fetch(COLUMNS)]
    await connection.close()
    return [name for name in found if name not in known and name not in kept]


async def _spoil(db: asyncpg.Pool, table: str, column: str, kind: str) -> bool:
    """False if a constraint forbids it, or there is no row. A column of texts without a value gets one."""
    old = f'"{column}"'
    new = {
        "name": "$1::text::name",
        "text": f"$1 || coalesce({old}, '')",
        "ARRAY": f"array_append(coalesce({old}, '{{}}'), $1)",
    }.get(kind)
    try:
        if new is not None:
            empty = await db.fetchval(f'SELECT count({old}) = 0 FROM "{table}"')  # noqa: S608
            rows = "" if empty else f" WHERE {old} IS NOT NULL"
            done = await db.execute(f'UPDATE "{table}" SET {old} = {new}{rows}', NASTY)  # noqa: S608
            return bool(done != "UPDATE 0")
        rows = await db.fetch(f'SELECT ctid::text, {old} FROM "{table}" WHERE {old} IS NOT NULL')  # noqa: S608
        for place, value in rows:
            changed = json.dumps(_in_json(json.loads(value)))
            await db.execute(f'UPDATE "{table}" SET {old} = $2 WHERE ctid = $1::text::tid', place, changed)  # noqa: S608
    except asyncpg.IntegrityConstraintViolationError:
        return False
    return bool(rows)


def _in_json(value: Any) -> Any:
    """The same value with each text spoilt; names stay, and numbers and times that are texts."""
    match value:
        case dict():
            return {name: _in_json(each) for name, each in value.items()}
        case list():
            return [_in_json(each) for each in value]
        case str() if not value[:1].isdigit():
            return NASTY + value
    return value


def spoilt(record: T, names: Collection[str]) -> T:
    """A copy of a dataclass whose attributes of these names are spoilt where they are text."""
    values = {name: getattr(record, name) for name in names}
    return replace(record, **{name: NASTY + value for name, value in values.items() if value is not None})
