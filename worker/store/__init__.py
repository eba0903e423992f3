"""The only package that runs SQL; the statements themselves are in `sql/queries/`, one file per subject."""

from worker.store.connection import LOST
from worker.store.locks import LockSession
from worker.store.pool import AsksNothing, Overtaken, Store
from worker.store.records import Arrival, Bell, Change, Ending, Job, Refusal

__all__ = [
    "LOST",
    "Arrival",
    "AsksNothing",
    "Bell",
    "Change",
    "Ending",
    "Job",
    "LockSession",
    "Overtaken",
    "Refusal",
    "Store",
]
