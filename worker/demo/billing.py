"""The billing system of the demo: it writes its rows, asks for jobs through Redis, and reads what came of them.

It stands outside the worker, as the real one does: its own connections, its own SQL, and nothing of ours but the
documented commands.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import psycopg
import redis
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from worker.demo.month import Month

WEEK_MS = 7 * 24 * 3600 * 1000
FINAL = ("done", "parked", "rejected")
# Seconds without any job coming to its end before the demo stops waiting. Longer than a lost answer costs.
PATIENCE = 60.0


class Billing:
    """A back end on its own connections."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._db = psycopg.connect(database_url, autocommit=True, row_factory=dict_row)
        self._redis = redis.Redis.from_url(redis_url)

    def close(self) -> None:
        """Hang up."""
        self._db.close()
        self._redis.close()

    def write(self, month: Month) -> None:
        """All rows of the month, in one transaction."""
        with self._db.transaction(), self._db.cursor() as cursor:
            for table, rows in month.tables().items():
                statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, rows[0])),
                    sql.SQL(", ").join(map(sql.Placeholder, rows[0])),
                )
                cursor.executemany(statement, rows)

    def ask(self, kind: str, *, by: UUID, invoice_id: UUID | None = None) -> str:
        """The documented MULTI, with nothing but Redis; answers with the job's id."""
        job_id = str(uuid4())
        now = time.time_ns() // 1_000_000
        values = {"requested_by": str(by), "correlation_id": f"demo-{job_id[:8]}"}
        if invoice_id is not None:
            values["invoice_id"] = str(invoice_id)
        body: dict[str, Any] = {"t": None, "f": kind, "a": [], "k": values, "et": now}
        with self._redis.pipeline(transaction=True) as multi:
            multi.set(f"arq:job:{job_id}", json.dumps(body), nx=True, px=WEEK_MS)
            multi.zadd("arq:queue", {job_id: now}, nx=True)
            multi.publish("arq:wake", "1")
            multi.execute()
        return job_id

    def wait(self, jobs: Sequence[str], check: Callable[[], None], tell: Callable[[Counter[str]], None]) -> None:
        """Until all these jobs have ended, or none has for PATIENCE; what is then unfinished shows in the ledger.

        `check` may raise; `tell` is told how many jobs of each kind have ended.
        """
        statement = "SELECT kind FROM sevdesk_jobs WHERE job_id = ANY(%s) AND state = ANY(%s)"
        ended: Counter[str] = Counter()
        moved = time.monotonic()
        while ended.total() < len(jobs) and time.monotonic() - moved < PATIENCE:
            check()
            now = Counter(str(row["kind"]) for row in self.read(statement, list(jobs), list(FINAL)))
            if now != ended:
                ended, moved = now, time.monotonic()
                tell(ended)
            time.sleep(0.05)

    def read(self, statement: str, *values: Any) -> list[DictRow]:
        """Rows of a query."""
        return self._db.execute(statement.encode(), values or None).fetchall()

    def left_in_redis(self, seconds: float = 3.0) -> list[str]:
        """The jobs' keys still there after so long: the ledger knows of an end some milliseconds before Redis does."""
        deadline = time.monotonic() + seconds
        while True:
            keys = [key.decode() for key in self._redis.scan_iter("arq:*") if b"health" not in key]
            if not keys or time.monotonic() > deadline:
                return sorted(keys)
            time.sleep(0.02)
