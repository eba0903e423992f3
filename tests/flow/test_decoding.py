"""Dates and instants come out of Postgres as Python's, and none that Python cannot hold stops a statement."""

from __future__ import annotations  # asyncpg's classes are generic in its stubs only

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.store.connection import EARLIEST, LATEST, QUERIES, prepare


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """As the worker opens it."""
    opened = await asyncpg.connect(database_url)
    await prepare(opened)
    yield opened
    await opened.close()


BEYOND = {
    "'infinity'": LATEST,
    "'-infinity'": EARLIEST,
    "'10000-01-01'": LATEST,
    "'294276-12-31'": LATEST,
    "'0001-01-01 BC'": EARLIEST,
    "'4713-01-01 BC'": EARLIEST,
    "'9999-12-31'": LATEST,
    "'0001-01-01'": EARLIEST,
}


@pytest.mark.parametrize("written", BEYOND)
async def test_days_beyond_python_are_its_limits(written: str, connection: asyncpg.Connection[Any]) -> None:
    """Alone, in arrays and in rows; and the step to another time zone stays within the calendar."""
    expected = BEYOND[written]
    for type_, value in (("date", expected.date()), ("timestamptz", expected)):
        one = f"{written}::{type_}"
        row = await connection.fetchrow(f"SELECT {one} AS one, ARRAY[{one}] AS many, ({one}, 1) AS pair")
        assert row is not None and (row["one"], row["many"], row["pair"]) == (value, [value], (value, 1))
    assert abs(expected.astimezone().replace(tzinfo=UTC) - expected) < timedelta(days=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dates(date(1, 1, 3), date(9999, 12, 29)),
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC)),
)
async def test_every_other_moment_comes_back(connection: asyncpg.Connection[Any], day: date, moment: datetime) -> None:
    """To the microsecond, as parameter and as result, as Postgres itself writes it."""
    row = await connection.fetchrow(
        "SELECT $1::date AS day, $2::timestamptz AS moment, $1::date::text AS text", day, moment
    )
    assert row is not None and (row["day"], row["moment"], row["text"]) == (day, moment, day.isoformat())


async def test_no_statement_asks_for_types(
    connection: asyncpg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg need not ask the server on each connection anew what the types of our statements are."""
    asked: list[Any] = []

    async def notice(_: object, oids: Any, *more: Any) -> Any:
        asked.append((name, oids))
        return await introspect(connection, oids, *more)

    introspect = type(connection)._introspect_types  # type: ignore[attr-defined]
    monkeypatch.setattr(type(connection), "_introspect_types", notice)
    for name in (each for each in QUERIES.available_queries if not each.endswith("_cursor")):
        await connection.prepare(getattr(QUERIES, name).sql)
    assert asked == []
