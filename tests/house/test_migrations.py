"""Migrations run while workers of the last release do: what would stop these is refused, before it is released."""

import re
from collections.abc import Iterator

import pytest

from worker.store.migrate import is_concurrent, statements
from worker.store.sql_files import sql_dir

MIGRATIONS = {path.stem: path.read_text() for path in sorted((sql_dir() / "migrations").glob("*.sql"))}
TABLE = re.compile(r"^CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.M)
FUNCTION = re.compile(r"^CREATE (OR REPLACE )?FUNCTION (\w+)", re.M)
INDEX = re.compile(r"^CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(\w+)\s+ON (\w+)", re.M)
ALTER = re.compile(r"^ALTER TABLE (?:ONLY )?(\w+)([^;]*)", re.M)
# What reads or writes the whole table while nobody may use it, or takes away what the last release uses.
SLOW = re.compile(r"SET NOT NULL|\bTYPE\b|ADD (?:CONSTRAINT|CHECK|FOREIGN KEY|UNIQUE|PRIMARY KEY)(?!.*NOT VALID)", re.S)
GONE = re.compile(r"^DROP (?:TABLE|FUNCTION)|^ALTER TABLE \w+[^;]*\b(?:DROP COLUMN|RENAME)", re.M)
# Called by producers, who know no releases of ours.
STABLE = "sevdesk_request_job"


def faults(sql: str, tables: set[str], functions: set[str]) -> Iterator[str]:
    """What is wrong with a migration after which these tables and functions exist."""
    sql = re.sub(r"--[^\n]*", "", sql)
    tables = tables - set(TABLE.findall(sql))
    for concurrently, name, table in INDEX.findall(sql):
        if table in tables and not concurrently:
            yield f"index {name} blocks writes to {table}"
        if concurrently and f"DROP INDEX CONCURRENTLY IF EXISTS {name}" not in statements(sql):
            yield f"index {name} is not dropped first, as a killed run leaves it invalid"
    if is_concurrent(sql) and not all("INDEX CONCURRENTLY" in each for each in statements(sql)):
        yield "a file that runs outside a transaction has other statements as well"
    altered = [(table, what) for table, what in ALTER.findall(sql) if table in tables]
    if len({table for table, _ in altered}) > 1:
        yield "more than one table of workers is locked in one transaction"
    for table, what in altered:
        if SLOW.search(what):
            yield f"{table} is read as a whole while nobody may use it"
    for replaced, name in FUNCTION.findall(sql):
        if name != STABLE and not re.search(r"_v\d+$", name):
            yield f"function {name} has no version"
        if name != STABLE and (replaced or name in functions):
            yield f"function {name} is called by the last release, too"
    if GONE.search(sql):
        yield "something is taken away that the last release may use"


def test_no_migration_stops_workers() -> None:
    """Each is judged with the tables and functions of those before it."""
    tables: set[str] = set()
    functions: set[str] = set()
    found = {}
    for name, sql in MIGRATIONS.items():
        found[name] = list(faults(sql, tables, functions))
        tables |= set(TABLE.findall(sql))
        functions |= {function for _, function in FUNCTION.findall(sql)}
    assert STABLE in functions and "sevdesk_jobs" in tables
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_numbers_have_no_gap() -> None:
    """They are applied in the order of their names."""
    assert [name[:5] for name in MIGRATIONS] == [f"{number:04}_" for number in range(1, len(MIGRATIONS) + 1)]


GOOD = """
DROP INDEX CONCURRENTLY IF EXISTS sevdesk_jobs_kind;
CREATE INDEX CONCURRENTLY sevdesk_jobs_kind ON sevdesk_jobs (kind);  -- without blocking
"""


@pytest.mark.parametrize(
    ("sql", "wrong"),
    [
        (GOOD, None),
        ("CREATE TABLE sevdesk_new (id int);\nCREATE INDEX sevdesk_new_id ON sevdesk_new (id);", None),
        ("ALTER TABLE sevdesk_jobs ADD COLUMN note text;", None),
        ("ALTER TABLE sevdesk_jobs ADD CHECK (attempt < 9) NOT VALID;", None),
        ("CREATE OR REPLACE FUNCTION sevdesk_request_job(kind text) ...", None),
        ("CREATE INDEX sevdesk_jobs_kind ON sevdesk_jobs (kind);", "blocks writes"),
        ("CREATE UNIQUE INDEX sevdesk_jobs_kind\n    ON sevdesk_jobs (kind);", "blocks writes"),
        ("CREATE INDEX CONCURRENTLY sevdesk_jobs_kind ON sevdesk_jobs (kind);", "not dropped first"),
        (GOOD + "ALTER TABLE sevdesk_jobs ADD COLUMN note text;", "other statements"),
        ("ALTER TABLE sevdesk_jobs ADD COLUMN a int;\nALTER TABLE sevdesk_queue ADD COLUMN a int;", "more than one"),
        ("ALTER TABLE sevdesk_jobs ALTER COLUMN worker SET NOT NULL;", "as a whole"),
        ("ALTER TABLE sevdesk_jobs ALTER attempt TYPE bigint;", "as a whole"),
        ("ALTER TABLE sevdesk_jobs ADD CONSTRAINT few CHECK (attempt < 9);", "as a whole"),
        ("CREATE FUNCTION sevdesk_claim() ...", "no version"),
        ("CREATE OR REPLACE FUNCTION sevdesk_enqueue_v1() ...", "last release"),
        ("ALTER TABLE sevdesk_jobs\n    DROP COLUMN worker;", "taken away"),
        ("DROP FUNCTION sevdesk_enqueue_v1;", "taken away"),
    ],
)
def test_planted_fault_is_refused(sql: str, wrong: str | None) -> None:
    """And what is fine is not."""
    found = list(faults(sql, {"sevdesk_jobs", "sevdesk_queue"}, {"sevdesk_enqueue_v1", STABLE}))
    assert found == [] if wrong is None else [each for each in found if wrong in each], found
