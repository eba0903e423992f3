"""What `doctor` asks of views that stand for the billing tables; the statements are in `sql/billing/checks.sql`."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from worker.store.connection import CONNECTION_LOST
from worker.store.pool import Store
from worker.store.pooler import ISOLATION
from worker.store.sql_files import sql_dir

NAMED = re.compile(r"^-- name: (\w+)\n(.*?;)\n", re.M | re.S)
# The sample must show what is wrong in general, and `doctor` shall end within seconds.
SAMPLE_ROWS = 1000
LOCK_WAIT = "SET LOCAL lock_timeout = '2s'"
# In a small table it costs little to read rows that do not fit, so the plan would not show the right index.
FEWEST_ROWS = ("enable_seqscan = off", "cpu_operator_cost = 10")
# A constant of the lookups that a large part of the rows may have, so that it needs no index.
OF_MANY = frozenset({"deal"})
CONSTANT = re.compile(r"'([^']+)'")
EQUAL = re.compile(r"= '([^']+)'")
COMPARISON = re.compile(r" = (?:ANY \('\{|')")
# So many characters of a constant are compared: Postgres writes times in its own way.
COMPARED = 10


@dataclass(frozen=True, slots=True)
class Lookup:
    """How Postgres finds rows by a condition: by an index on what is compared, or not.

    `unique`: by an index that allows one row each. `ddl`: an index that would do, if there is none; empty if no index
    can hold what the view computes.
    """

    indexed: bool
    unique: bool
    ddl: str


class ViewTrial:
    """A connection whose changes are all rolled back."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._statements = connection, checks()

    async def rows(self, name: str, *values: Any) -> list[Any]:
        """Runs a statement. Raises `asyncpg.PostgresError`, and the transaction goes on without it."""
        async with self._connection.transaction():
            rows: list[Any] = await self._connection.fetch(self._statements[name], *values)
            return rows

    async def write(self, invoice_id: UUID, values: Mapping[str, Any]) -> tuple[bool, list[Any]]:
        """Hand these values back, as the worker does. Raises as `rows`.

        Returns whether Postgres counts the row as written, and what the view then shows of the invoice.
        """
        async with self._connection.transaction():
            told = await self._connection.execute(self._statements["write_hand_back"], invoice_id, dict(values))
        return told == "UPDATE 1", await self.rows("read_hand_back", invoice_id)

    async def lookup(self, name: str) -> Lookup:
        """Look at the plan of a lookup, which is not run."""
        nodes, wanted = list(_nodes(await self._plan(name, *FEWEST_ROWS))), self._wanted(name)
        if nodes[0].get("One-Time Filter") == "false":
            return Lookup(True, False, "")  # the view has no such rows, whatever its tables hold
        found = [node for node in nodes if "Index Name" in node]
        left = [part for node in nodes for part in _compared(node.get("Filter", ""), wanted)]
        indexed = bool(found) and not left and all(node["Node Type"] != "Seq Scan" for node in nodes)
        if not indexed:
            return Lookup(False, False, await self.index_for(name))
        place = next((node["Schema"] for node in nodes if "Schema" in node), "")
        compared = found[0].get("Index Cond", "").count(" = ")  # with what the view itself fixes, such as a tenant
        return Lookup(True, (await self.rows("is_unique", place, found[0]["Index Name"], compared))[0][0], "")

    def _wanted(self, name: str) -> tuple[str, ...]:
        """What the lookup's rows must equal, else one of what; a view may compare with other constants."""
        statement = self._statements[name]
        constants = [each for each in EQUAL.findall(statement) if each not in OF_MANY]
        return tuple(constants or CONSTANT.findall(statement))

    async def index_for(self, name: str, kind: str = "INDEX") -> str:
        """DDL, made of the condition that Postgres checks row by row without an index.

        Empty for a subquery's result.
        """
        without = [f"enable_{way} = off" for way in ("indexscan", "bitmapscan", "indexonlyscan")]
        tables = list(_nodes(await self._plan(name, *without)))
        nodes = list(_nodes(await self._plan(name, *without, verbose=False)))
        key = next((node["Sort Key"][0] for node in nodes if "Sort Key" in node), None)
        constants = CONSTANT.findall(self._statements[name])
        for table, node in zip(tables, nodes, strict=True):
            condition = node.get("Filter", "")
            if "Relation Name" not in table or not list(_compared(condition, constants)) or "SubPlan" in condition:
                continue
            own = re.compile(rf'"?{re.escape(table["Alias"])}"?\.')  # the table's name before its columns
            parts = [own.sub("", part) for part in ([key] if key else _compared(condition, constants))]
            columns = ", ".join(part if re.fullmatch(r'"?\w+"?', part) else f"({part})" for part in parts)
            where = f" WHERE {own.sub('', condition)}" if key else ""
            place = await self._connection.fetchval(
                "SELECT format('%I.%I', $1::text, $2::text)", table["Schema"], table["Relation Name"]
            )
            return f"CREATE {kind} CONCURRENTLY ON {place} ({columns}){where};"
        return ""

    async def _plan(self, name: str, *settings: str, verbose: bool = True) -> Any:
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            for setting in settings:
                await self._connection.execute(f"SET LOCAL {setting}")
            how = "FORMAT JSON, VERBOSE" if verbose else "FORMAT JSON"
            told = await self._connection.fetchval(f"EXPLAIN ({how}) {self._statements[name]}")
            return (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
        finally:
            await transaction.rollback()


@asynccontextmanager
async def trial(store: Store) -> AsyncIterator[ViewTrial]:
    """A `ViewTrial`; whatever it does is undone at the end."""
    async with store.pool.acquire() as connection:
        transaction = connection.transaction(isolation=ISOLATION)
        await transaction.start()
        try:
            await connection.execute(LOCK_WAIT)
            yield ViewTrial(connection)
        finally:
            with suppress(*CONNECTION_LOST):
                await transaction.rollback()


def checks() -> dict[str, str]:
    """The statements by name."""
    return dict(NAMED.findall((sql_dir() / "billing" / "checks.sql").read_text(encoding="utf-8")))


def lookups() -> Sequence[str]:
    """The names of those statements whose plans are looked at."""
    return [name for name, statement in checks().items() if re.search(r"^SELECT FROM", statement, re.M)]


def why(error: asyncpg.PostgresError) -> str:
    """What Postgres says of a statement that names no data of anybody."""
    return str(error).partition("\n")[0]


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _compared(condition: str, constants: Iterable[str]) -> Iterator[str]:
    """What a condition compares with one of these: `a` and `(b)::text` of `((a = 'x') AND ((b)::text = 'y'))`."""
    for part in condition.split(" AND "):
        left, *right = COMPARISON.split(part, maxsplit=1)
        while left.startswith("(") and left.count("(") > left.count(")"):
            left = left.removeprefix("(")
        if right and any(right[0].startswith(each[:COMPARED]) for each in constants):
            yield left
