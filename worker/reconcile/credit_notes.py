"""Compares the credit notes on record with sevDesk's."""

from collections import defaultdict
from collections.abc import Iterator

from sevdesk_client.client import SevDeskClient
from sevdesk_client.models import CreditNote
from worker.reconcile.compare import Difference, Drift
from worker.steps.pages import Counted, read_pages
from worker.steps.payments import DRAFT
from worker.store import Store
from worker.store.rows import Row

CORRECT = "Look at the credit note in sevDesk; what is missing or too much there, correct there."


async def compare_credit_notes(store: Store, client: SevDeskClient) -> tuple[list[Difference], int]:
    """The differences, and the number of requests: none while no credit note is on record. Raises `SevDeskError`."""
    rows: list[Row] = await store.query("finished_credit_notes")
    if not rows:
        return [], 0
    notes, calls = await read_credit_notes(client)
    findings = [finding for row in rows for finding in _compare(row, notes.get(row["external_id"]))]
    return findings + _not_on_record(rows, notes) + _same_numbers(rows, notes), calls


async def read_credit_notes(client: SevDeskClient) -> tuple[dict[str, CreditNote], int]:
    """All credit notes of sevDesk by id, and the number of requests. Raises `SevDeskError`."""
    fetch = Counted(client.list_credit_notes)
    notes = {note.id: note async for page in read_pages("GET /CreditNote", fetch) for note in page}
    return notes, fetch.calls


def _compare(row: Row, note: CreditNote | None) -> Iterator[Difference]:
    name = f"credit note {row['number']}"
    if note is None:
        yield _finding(row, Drift.EXISTENCE, name, "nothing")
        return
    if note.status == DRAFT:
        yield _finding(row, Drift.STATUS, f"{name}, finished", "draft")
    if note.credit_note_number != row["number"]:
        yield _finding(row, Drift.NUMBER, name, str(note.credit_note_number))
    if note.sum_gross != row["gross"]:
        yield _finding(row, Drift.GROSS, f"{name}: {row['gross']}", str(note.sum_gross))


def _not_on_record(rows: list[Row], notes: dict[str, CreditNote]) -> list[Difference]:
    """Credit notes that others made of an invoice which has one of ours already."""
    known = {row["external_id"] for row in rows}
    of_invoice = {row["invoice_external_id"]: row for row in rows}
    return [
        _finding(of_invoice[note.origin.id], Drift.EXISTENCE, "not on record", f"credit note {note.credit_note_number}")
        for note in notes.values()
        if note.id not in known and note.origin is not None and note.origin.id in of_invoice
    ]


def _same_numbers(rows: list[Row], notes: dict[str, CreditNote]) -> list[Difference]:
    """Finished credit notes with the number of one on record, ours or not."""
    with_number = defaultdict[str | None, list[str]](list)
    for note in notes.values():
        if note.status != DRAFT:
            with_number[note.credit_note_number].append(note.id)
    return [
        _finding(row, Drift.NUMBER, f"credit note {row['number']}", f"also credit note id {other}")
        for row in rows
        for other in with_number[row["number"]]
        if other != row["external_id"]
    ]


def _finding(row: Row, drift: Drift, here: str, theirs: str) -> Difference:
    return Difference(
        drift, row["invoice_id"], row["invoice_number"], row["invoice_external_id"], here, theirs, CORRECT, None
    )
