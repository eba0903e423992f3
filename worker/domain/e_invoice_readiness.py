"""What a company lacks for e-invoices, and what is known of the seller's own data. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from worker.domain.e_invoice import NEED_BUYER_VAT_ID, reference_fault
from worker.domain.emails import address_fault
from worker.domain.invoice import Party
from worker.domain.recipients import missing_address_fields

_REFERENCE = {"leitweg_id_invalid": "Leitweg-ID (wrong check digits)", "buyer_reference_missing": "Leitweg-ID"}
# What sevDesk wants of the seller (official) -> the keys of `sevClient` that hold it (captures; none of the address).
SELLER = {
    "IBAN": ("bankIban",),
    "BIC": ("bankBic",),
    "tax number or VAT id": ("taxNumber", "vatNumber"),
    "phone": ("contactPhone",),
    "e-mail": ("contactEmail",),
    "address": (),
}

SellerState = Literal["filled", "missing", "not told by the API"]


def lacking(party: Party, tax_rules: Collection[int]) -> tuple[str, ...]:
    """The fields for want of which an e-invoice to the company would stop; `tax_rules` are those of its invoices.

    A public buyer without a Leitweg-ID stops only where CHECK_LEVELS says so, but refuses the invoice.
    """
    found = [f"address: {', '.join(missing)}"] if (missing := missing_address_fields(party)) else []
    if not (party.email or "").strip():
        found.append("e-mail")
    elif address_fault(party.email or ""):
        found.append("e-mail (not one plain address)")
    if fault := reference_fault(party):
        found.append(_REFERENCE[fault])
    if not (party.vat_id or "").strip() and any(rule in NEED_BUYER_VAT_ID for rule in tax_rules):
        found.append("VAT id")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SellerField:
    """One thing that sevDesk wants to know of the seller."""

    field: str
    state: SellerState


def seller_fields(told: Mapping[str, bool]) -> tuple[SellerField, ...]:
    """`told`: the keys of `sevClient` that sevDesk's answer has, and whether they are filled."""
    return tuple(
        SellerField(field, _state([told[key] for key in keys if key in told])) for field, keys in SELLER.items()
    )


def _state(filled: list[bool]) -> SellerState:
    if not filled:
        return "not told by the API"
    return "filled" if any(filled) else "missing"
