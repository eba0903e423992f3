"""What `save_credit_note` is built from."""

from dataclasses import dataclass
from datetime import date

from sevdesk_client.models import PositionDraft


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteDraft:
    """A new credit note over a part of an invoice (bookingCategory UNDERACHIEVEMENT). Dates are Berlin days.

    The tax rates must be the invoice's, and `delivery_date_until` must be there exactly if the invoice has one.
    """

    contact_id: str
    contact_person_id: str
    credit_note_number: str
    credit_note_date: date
    header: str
    tax_rule: int
    tax_text: str
    currency: str
    customer_internal_note: str
    ref_src_invoice: str  # sevDesk's id of the invoice
    delivery_date: date
    positions: tuple[PositionDraft, ...]
    delivery_date_until: date | None = None
    address: str | None = None  # complete, with line breaks (official)
    address_country_id: str | None = None
    payment_method_id: str | None = None
    is_e_invoice: bool = False
