"""What jobs have left behind: one job whole, the files of an invoice, DATEV exports with their packages."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any, TypedDict
from uuid import UUID

from worker.store import Store
from worker.store.rows import Row


class WholeJob(TypedDict):
    """One job; the shape of its JSON. Payload and result may contain personal data."""

    job: Row
    history: list[Row]  # its writes, and events of its invoice while it ran; oldest first


async def read_job(store: Store, job_id: str) -> WholeJob:
    """The job must exist."""
    return {
        "job": await store.query("whole_job", job_id=job_id),
        "history": await store.query("job_history", job_id=job_id),
    }


async def stored_file(store: Store, file: Row) -> bytes:
    """The content of a row of `files_of_invoice`. Raises `ValueError` if it is not what was stored."""
    content: bytes = await store.query("file_content", file_id=file["id"])
    if hashlib.sha256(content).hexdigest() != file["sha256"]:
        raise ValueError(f"{file['filename']} has not the SHA-256 that was recorded with it")
    return content


async def export_parts(store: Store, export_id: UUID) -> AsyncIterator[tuple[bool, bytes]]:
    """The package of an export, part by part; with each whether it belongs to sevDesk's own archive."""
    part = 0
    while (row := await store.query("export_part", export_id=export_id, part=part)) is not None:
        yield row["original"], row["content"]
        part += 1


def findings_of(report: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The findings that an export's report names, the notes after them; none before the export has ended."""
    return [*(report or {}).get("findings", ()), *(report or {}).get("notes", ())]
