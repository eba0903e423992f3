"""How rows of `sql/queries/` become the nouns of `worker/domain/`."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from worker.domain.invoice import ClaimStatus, DocumentStatus, Handback, Invoice, Item, SyncStatus


def invoice_of(row: Mapping[str, Any]) -> Invoice:
    """The billing system's half of a `billing_invoices` row."""
    same = {f.name for f in fields(Invoice)} & set(row.keys()) - {"items"}
    return Invoice(
        number=row["invoice_number"],
        items=tuple(item_of(item) for item in row["items"]),
        **{name: row[name] for name in same},
    )


def item_of(item: Mapping[str, Any]) -> Item:
    """A position, as `jsonb_build_object` gives it."""
    numbers = {name: Decimal(item[name]) for name in ("quantity", "unit_price", "tax_rate")}
    return Item(
        position=item["position"], name=item["name"], description=item["description"], unit=item["unit"], **numbers
    )


def handback_of(row: Mapping[str, Any]) -> Handback:
    """Our columns of a `billing_invoices` row."""
    return Handback(
        sync_status=SyncStatus(row["accounting_sync_status"]),
        document_status=DocumentStatus(row["document_status"]),
        claim_status=ClaimStatus(row["claim_status"]),
        external_id=row["external_id"],
        external_invoice_number=row["external_invoice_number"],
        paid_amount=row["paid_amount"],
        paid_at=row["paid_at"],
        cancelled_at=row["cancelled_at"],
    )
