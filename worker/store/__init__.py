"""The only package that runs SQL; the statements themselves are in `sql/queries/`, one file per subject."""

from worker.store.connection import CONNECTION_LOST
from worker.store.locks import LockSession
from worker.store.pool import InvoiceChanged, NoOpenQuestion, Store

__all__ = [
    "CONNECTION_LOST",
    "InvoiceChanged",
    "LockSession",
    "NoOpenQuestion",
    "Store",
]
