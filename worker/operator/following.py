"""Follows a job to its end, and reads what was last told of jobs and invoices."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from worker.domain.ledger import ENDED
from worker.store import Store
from worker.store.rows import Row

# Between two looks at a job: a notification may be lost, and a look reads one row by its key.
LOOK_SECONDS = 0.5
# Of `list_jobs`.
CONDITIONS = ("state", "kind", "code", "invoice_id", "requested_by", "correlation_id", "since", "until")


async def follow(store: Store, job_id: str, tell: Callable[[str], None]) -> Row:
    """Wait until the job has ended or is parked, and return its row. `tell` gets a sentence when it is put off.

    Raises one of `CONNECTION_LOST`.
    """
    if not await store.query("living_workers"):
        tell("No worker runs at this database, so the job waits for one: sevdesk-worker run")
    told = None
    while True:
        job: Row = await store.query("whole_job", job_id=job_id)
        if job["state"] in (*ENDED, "parked"):
            return job
        if job["state"] == "waiting" and job["error"] != told:
            told = job["error"]
            tell(f"Attempt {job['attempt']}: {told} It goes on by itself.")
        await asyncio.sleep(LOOK_SECONDS)


async def past_events(store: Store, invoice_id: UUID, most: int) -> list[dict[str, Any]]:
    """What the event log says of an invoice, oldest first, in the form of a notification."""
    rows: list[Row] = await store.query("newest_events", invoice_id=invoice_id, most=most)
    return [
        {"at": row["at"], "invoice_id": str(invoice_id), "outcome": "changed", "events": [row["event_type"]]}
        for row in reversed(rows)
    ]


async def past_jobs(store: Store, most: int, **conditions: Any) -> list[dict[str, Any]]:
    """The newest jobs that meet the conditions of `list_jobs`, oldest first, in the form of a notification."""
    rows: list[Row] = await store.query("list_jobs", **(dict.fromkeys(CONDITIONS) | conditions), most=most)
    return [
        {"at": row["finished_at"] or row["created_at"], "job_id": row["job_id"], "kind": row["kind"],
         "invoice_number": row["invoice_number"], "outcome": row["state"], "problem": row["problem"]}
        for row in reversed(rows)
    ]  # fmt: skip
