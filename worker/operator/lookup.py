"""Finds the invoice, job or export that an operator names."""

import re
from dataclasses import dataclass
from uuid import UUID

from worker.store import Store
from worker.store.rows import Row

# Digits of a short id: what tables show where there is no room for more, and the least that is taken for a prefix.
SHORT_ID = 8
# Candidates that an ambiguous prefix names.
MAX_CANDIDATES = 5


class Ambiguous(Exception):
    """Several ids begin with what was given; the message names them."""


@dataclass(frozen=True, slots=True)
class Found:
    """A job, if its own id was given, with its invoice if it has one; else an invoice."""

    invoice_id: UUID | None
    job_id: str | None = None


async def resolve(store: Store, subject: str) -> Found | None:
    """Tries our invoice number, our id, sevDesk's number, sevDesk's id and a job's id in this order, then prefixes.

    A prefix is at least the first eight digits of an id. None: no match. Raises `Ambiguous`.
    """
    if subject != subject.encode(errors="ignore").decode():
        return None  # bytes of a command line that are not UTF-8; Postgres would refuse them
    row: Row | None = await store.query("find_subject", subject=subject)
    if row is not None:
        return Found(**row)
    row = await _only_one(store, subject, ("job", "invoice"))
    return None if row is None else Found(row["invoice_id"], row["id"] if row["what"] == "job" else None)


async def resolve_export(store: Store, subject: str) -> UUID | None:
    """The id of the export with this id or prefix. None: no match. Raises `Ambiguous`."""
    row = await _only_one(store, subject, ("export",))
    return None if row is None else UUID(row["id"])


async def _only_one(store: Store, prefix: str, kinds: tuple[str, ...]) -> Row | None:
    """The one thing of these kinds whose id begins so, in capitals or not."""
    prefix = prefix.lower()
    if not re.fullmatch(f"[0-9a-f][0-9a-f-]{{{SHORT_ID - 1},35}}", prefix):
        return None
    digits = prefix.replace("-", "")[:32]
    low, high = UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
    rows = await store.query("find_by_prefix", prefix=prefix, low=low, high=high, most=MAX_CANDIDATES + 1)
    found = [row for row in rows if row["what"] in kinds and row["id"].startswith(prefix)]
    if len(found) > 1:
        more = ", ..." if len(found) > MAX_CANDIDATES else ""
        names = ", ".join(f"{row['what']} {row['id']}" for row in found[:MAX_CANDIDATES])
        raise Ambiguous(f"{prefix!r} begins several ids: {names}{more}. Name one of them.")
    return found[0] if found else None
