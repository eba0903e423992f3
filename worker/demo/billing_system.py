"""The billing system of the demo: writes its rows, enqueues jobs through Redis, and reads the results in Postgres.

Like the real one it uses nothing of the worker but the documented interface, on connections of its own.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
import redis
from psycopg import sql
from psycopg.rows import dict_row

from worker.demo.month import Row

WEEK_MS = 7 * 24 * 3600 * 1000
FINAL_STATES = ["done", "parked", "rejected"]
# Seconds without any job coming to its end before the demo stops waiting. Longer than a lost answer costs.
WAIT_TIMEOUT = 60.0


def insert_rows(connection: psycopg.Connection[Row], tables: Mapping[str, Sequence[Row]]) -> None:
    """Inserts the rows of all tables in one transaction."""
    with connection.transaction(), connection.cursor() as cursor:
        for table, rows in tables.items():
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, rows[0])),
                sql.SQL(", ").join(map(sql.Placeholder, rows[0])),
            )
            cursor.executemany(statement, rows)


class BillingSystem:
    """A back end. Any method may raise `psycopg.Error` or `redis.RedisError`."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._db = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)
        self._redis = redis.Redis.from_url(redis_url)
        self._score = 0.0

    def close(self) -> None:
        """Closes both connections."""
        self._db.close()
        self._redis.close()

    def insert(self, tables: dict[str, list[Row]]) -> None:
        """Inserts the rows of all tables in one transaction."""
        insert_rows(self._db, tables)

    def enqueue(self, kind: str, texts: Mapping[str, str] | None = None, *, by: UUID, **ids: UUID) -> str:
        """Enqueues a job with the documented Redis commands; returns its id."""
        job_id = str(uuid4())
        # Jobs with one score run in the order of their ids: an advance asked for within the millisecond of its final
        # invoice might come after it.
        self._score = max(time.time_ns() / 1_000_000, self._score + 0.001)
        values = {name: str(value) for name, value in ids.items()} | dict(texts or {})
        arguments = {"requested_by": str(by), "correlation_id": f"demo-{job_id[:8]}", **values}
        message: Row = {"t": None, "f": kind, "a": [], "k": arguments, "et": int(self._score)}
        with self._redis.pipeline(transaction=True) as multi:
            multi.set(f"arq:job:{job_id}", json.dumps(message), nx=True, px=WEEK_MS)
            multi.zadd("arq:queue", {job_id: self._score}, nx=True)
            multi.publish("arq:wake", "1")
            multi.execute()
        return job_id

    def wait_for(
        self, jobs: Sequence[str], check: Callable[[], None], on_progress: Callable[[Counter[str]], None]
    ) -> None:
        """Returns when all these jobs have ended, or when none has ended for `WAIT_TIMEOUT`.

        `on_progress` gets the number of ended jobs by kind. Raises what `check`, called repeatedly, raises.
        """
        statement = "SELECT kind FROM sevdesk_jobs WHERE job_id = ANY(%s) AND state = ANY(%s)"
        ended: Counter[str] = Counter()
        last_change = time.monotonic()
        while ended.total() < len(jobs) and time.monotonic() - last_change < WAIT_TIMEOUT:
            check()
            now = Counter(row["kind"] for row in self.rows(statement, list(jobs), FINAL_STATES))
            if now != ended:
                ended, last_change = now, time.monotonic()
                on_progress(ended)
            time.sleep(0.05)

    def rows(self, statement: str, *parameters: Any) -> list[Row]:
        """The rows of a query."""
        return self._db.execute(statement.encode(), parameters or None).fetchall()

    def remaining_redis_keys(self, seconds: float = 3.0) -> list[str]:
        """The keys of jobs in Redis, after at most `seconds`: the worker may remove a key after the job has ended."""
        deadline = time.monotonic() + seconds
        while True:
            keys = [key.decode() for key in self._redis.scan_iter("arq:*") if b"health" not in key]
            if not keys or time.monotonic() > deadline:
                return sorted(keys)
            time.sleep(0.02)
