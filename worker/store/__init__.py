"""The only package that runs SQL in Postgres; the statements themselves are in `sql/queries/`, one file per subject."""

from worker.store.address import postgres_cause
from worker.store.connection import (
    CONFLICTS,
    CONNECTION_LOST,
    MIGRATION_MISSING,
    NO_ROOM,
    OUTAGES,
    REFUSED,
    STATEMENT_TIMEOUT,
    TOO_SLOW,
    WRONG_URL,
)
from worker.store.locks import LEADER, LockSession, to_its_end
from worker.store.pool import InvoiceChanged, NoOpenQuestion, Store
from worker.store.pooler import PooledLocks, require_session_locks

__all__ = [
    "CONFLICTS",
    "CONNECTION_LOST",
    "LEADER",
    "MIGRATION_MISSING",
    "NO_ROOM",
    "OUTAGES",
    "REFUSED",
    "STATEMENT_TIMEOUT",
    "TOO_SLOW",
    "WRONG_URL",
    "InvoiceChanged",
    "LockSession",
    "NoOpenQuestion",
    "PooledLocks",
    "Store",
    "postgres_cause",
    "require_session_locks",
    "to_its_end",
]
