"""What rows become. A row is an asyncpg record: read by column name, immutable; `sql/queries/` names its columns."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, SyncStatus

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Row = Mapping[str, Any]


def from_row(shape: type[T], row: Row, **others: Any) -> T:
    """A dataclass of the columns that are named like its fields, and of `others`."""
    return shape(**{field.name: row[field.name] for field in fields(shape) if field.name in row} | others)


def handback_of(row: Row) -> Handback:
    """The columns of `billing_invoices` that the worker writes. Raises `ValueError` for a status it does not know."""
    return from_row(
        Handback,
        row,
        sync_status=SyncStatus(row["sync_status"]),
        document_status=DocumentStatus(row["document_status"]),
        claim_status=ClaimStatus(row["claim_status"]),
    )
