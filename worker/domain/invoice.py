"""Invoices, parties and recipients as the billing system names them, as frozen dataclasses. Pure.

Money is `Decimal` in the invoice's currency, days are Berlin days (`date`), instants are aware `datetime`.
sevDesk's objects are in `sevdesk_client.models`; `worker/steps/` translates between the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID


class DocumentStatus(StrEnum):
    """`billing_invoices.document_status`: the document as the billing system sees it."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENT = "sent"
    CANCELLED = "cancelled"


class ClaimStatus(StrEnum):
    """`billing_invoices.claim_status`: what is still owed. `paid` can become `open` again."""

    OPEN = "open"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    CANCELLED = "cancelled"


class SyncStatus(StrEnum):
    """`billing_invoices.accounting_sync_status`: how far the invoice has come in sevDesk."""

    NOT_SYNCED = "not_synced"
    QUEUED = "queued"
    DRAFTED = "drafted"
    SYNCED = "synced"
    PARKED = "parked"
    CANCELLED = "cancelled"


class FinalInvoiceForm(StrEnum):
    """How a final invoice accounts for advances: DEDUCT (Endrechnung), or bill only the REMAINDER (Restrechnung)."""

    DEDUCT = "deduct"
    REMAINDER = "remainder"


class PartyKind(StrEnum):
    """A recipient is a person (`contacts`) or a legal entity (`companies`)."""

    COMPANY = "company"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class Party:
    """A row of `companies` or `contacts`: a company or person who may receive an invoice."""

    kind: PartyKind
    id: UUID
    name: str  # the company's name; for a person the family name
    first_name: str | None  # persons only
    email: str | None
    street: str | None
    zip: str | None
    city: str | None
    country_code: str | None  # ISO 3166-1 alpha-2, in capitals
    vat_id: str | None = None  # companies only
    buyer_reference: str | None = None  # companies only

    @property
    def display_name(self) -> str:
        """How the address block names the party."""
        return f"{self.first_name} {self.name}" if self.first_name else self.name


def party_name(kind: PartyKind, id: UUID) -> str:
    """How problems name a company or person without personal data; `problems/words.py` translates the kind."""
    return f"{kind.value} {id}"


@dataclass(frozen=True, slots=True)
class Association:
    """A row of `hubspot_associations` that starts or ends at the invoice or its deal."""

    from_type: str
    from_id: UUID
    to_type: str
    to_id: UUID
    label: str | None  # `invoice_recipient`, `primary`, ...


@dataclass(frozen=True, slots=True)
class Item:
    """A position of an invoice. `unit_price` is net, up to four decimals; `tax_rate` is per cent."""

    position: int
    name: str
    description: str | None
    quantity: Decimal
    unit: str | None
    unit_price: Decimal
    tax_rate: Decimal


@dataclass(frozen=True, slots=True)
class Invoice:
    """The columns of `billing_invoices` that the billing system writes; those that we write are in `Handback`."""

    id: UUID
    number: str  # ours, unique; sevDesk's copy is found by it
    document_kind: str  # `AR` advance or `SR` final: the billing system's words, not sevDesk's
    deal_id: UUID | None
    deal_type: str | None  # `EB` or `KOP`
    contact_id: UUID | None
    currency: str
    net_amount: Decimal
    tax_amount: Decimal
    gross_amount: Decimal
    tax_rule: int  # sevDesk's rule id
    issue_date: date
    service_from: date | None
    service_to: date | None
    payment_term_days: int | None
    head_text: str | None
    foot_text: str | None
    is_e_invoice: bool
    items: tuple[Item, ...]
    final_invoice_form: str | None = None  # a `FinalInvoiceForm`; None: as the setting says
    skonto_percent: Decimal | None = None
    skonto_days: int | None = None


@dataclass(frozen=True, slots=True)
class Handback:
    """The columns of `billing_invoices` that this worker owns. `lifecycle.apply` makes the next one."""

    sync_status: SyncStatus
    document_status: DocumentStatus
    claim_status: ClaimStatus
    external_id: str | None = None
    external_invoice_number: str | None = None
    paid_amount: Decimal = Decimal(0)
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SevdeskDocument:
    """The document that sevDesk has of an invoice, as we had it saved (row of `sevdesk_invoices`)."""

    external_id: str
    party_kind: PartyKind  # to whom it is addressed
    party_id: UUID
    content: Mapping[str, Any]  # the fields of the request, as JSON values
    seen_update: datetime | None  # sevDesk's `update` when its positions were last known to be those of `content`


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """The document in sevDesk that cancels an invoice."""

    kind: str  # `cancellation_invoice` (SR) or `credit_note`
    external_id: str
    number: str | None
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal | None
    day: date | None = None  # the document's own date
    refund_due: Decimal | None = None  # what had been paid on the invoice that it cancels
    is_draft: bool = False  # nothing is cancelled yet; only credit notes


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit note over a part of an invoice (row of `sevdesk_credit_notes`), one for each job that asked for one."""

    marker: str  # its customerInternalNote in sevDesk
    job_id: str
    external_id: str
    status: str  # `drafted`, `finalized`, or `deleted` by us as a draft
    number: str | None
    gross: Decimal
    by_rate: Mapping[Decimal, tuple[Decimal, Decimal]]  # tax rate (per cent) -> net and gross
    amounts: Mapping[int, tuple[Decimal, Decimal]]  # as of `credit.Credit`
    refund_due: Decimal | None = None
    pdf_sha256: str | None = None
    mailed: bool = False
    day: date | None = None  # the document's own date, once it is finalized


@dataclass(frozen=True, slots=True)
class ContactLink:
    """A party's contact in sevDesk, and digests of what we last wrote there (row of `sevdesk_contacts`).

    If a digest equals that of the party's present data, there is nothing to write.
    """

    contact_id: str  # sevDesk's id
    contact_digest: str | None = None
    address_digest: str | None = None
    email_id: str | None = None
    email_digest: str | None = None
