"""Reads what a DATEV export must contain, and stores the export with its archive, a part at a time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

from worker.store.connection import QUERIES, run_statement
from worker.store.pool import Store
from worker.store.pooler import in_transaction

# Rows in memory at a time; those of documents have their positions.
_PAGE = 500
# Rows after which other jobs have their turn: whole pages kept them waiting for up to 94 ms at a time (measured).
_TURN = 20


async def rows_of_period(store: Store, statement: str, **values: Any) -> AsyncIterator[Any]:
    """Rows of `documents_of_period` or `payments_of_period`, read through a cursor: a year of a large book is no answer
    to hold in memory."""
    given = [values[name] for name in QUERIES.driver_adapter.var_sorted[statement]]
    async with in_transaction(store.pool) as connection:
        read = 0
        async for row in connection.cursor(getattr(QUERIES, statement).sql, *given, prefetch=_PAGE):
            yield row
            if (read := read + 1) % _TURN == 0:
                await asyncio.sleep(0)


async def finish_export(
    store: Store, export_id: UUID, parts: Iterable[tuple[bool, bytes]], *, archive_sha256: str, **columns: Any
) -> bool:
    """Store the result (`columns`) and the package's parts, each with whether it belongs to the archive.

    All in one transaction. False, and nothing is stored, if the export has its result already. Raises `ValueError`, and
    stores nothing, if the archive's parts do not have that SHA-256; else what `Store` raises.
    """
    async with in_transaction(store.pool) as connection:
        if not await run_statement(
            connection, "export_finished", export_id=export_id, archive_sha256=archive_sha256, **columns
        ):
            return False
        digest = hashlib.sha256()
        for part, (original, content) in enumerate(parts):
            await run_statement(
                connection, "store_part", export_id=export_id, part=part, original=original, content=content
            )
            if original:
                digest.update(content)
        if digest.hexdigest() != archive_sha256:
            raise ValueError("the archive was changed between its check and its storing")
        await run_statement(connection, "replace_export_findings", export_id=export_id)
    return True
