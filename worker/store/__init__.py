"""The only package that runs SQL; the statements themselves are in `sql/queries/`, one file per subject."""

from worker.store.connection import CONNECTION_LOST
from worker.store.locks import LockSession
from worker.store.pool import InvoiceChanged, NoOpenQuestion, Store
from worker.store.records import Change, Ending, IncomingJob, Job, JobRef, Refusal

__all__ = [
    "CONNECTION_LOST",
    "Change",
    "Ending",
    "IncomingJob",
    "InvoiceChanged",
    "Job",
    "JobRef",
    "LockSession",
    "NoOpenQuestion",
    "Refusal",
    "Store",
]
