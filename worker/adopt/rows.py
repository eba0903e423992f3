"""What the takeover's rows say: invoices from before, whose they are, and which contacts are known."""

from collections.abc import Iterable

from worker.adopt.matching import OldInvoice
from worker.domain.invoice import Association, PartyKind
from worker.domain.recipients import PartyKey, only_named
from worker.store.rows import Row, from_row, handback_of


def party_of(row: Row) -> PartyKey | None:
    """The recipient of an invoice; None for none or several."""
    associations = [Association(*columns) for columns in row["associations"]]
    return only_named(row["id"], row["deal_id"], row["contact_id"], associations)


def old_invoice(row: Row) -> OldInvoice:
    """Raises `UnknownValue`."""
    return from_row(OldInvoice, row, handback=handback_of(row), party=party_of(row))


def linked_parties(rows: Iterable[Row]) -> dict[str, PartyKey]:
    """Contact id -> company or person, of links on record."""
    return {row["contact_id"]: (PartyKind(row["party_kind"]), row["party_id"]) for row in rows}
