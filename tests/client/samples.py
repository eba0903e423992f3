"""Sample answers and drafts for the tests of the client."""

from datetime import date
from decimal import Decimal
from pathlib import Path

from sevdesk_client.models import InvoiceDraft, PositionDraft

ANSWERS = Path(__file__).parent / "answers"
PDF = b"%PDF-1.5\n%... (truncated)\n"


def answer(name: str) -> bytes:
    """The bytes of one recorded answer."""
    return (ANSWERS / f"{name}.json").read_bytes()


def invoice_draft() -> InvoiceDraft:
    """An invoice with a price and a quantity that a float would not keep."""
    return InvoiceDraft(
        contact_id="138615465",
        contact_person_id="2000001",
        invoice_date=date(2026, 10, 1),
        header="Rechnung INV-123",
        tax_rule=1,
        tax_text="Umsatzsteuer 19%",
        currency="EUR",
        customer_internal_note="INV-123",
        time_to_pay=14,
        delivery_date=date(2026, 10, 1),
        delivery_date_until=date(2026, 10, 31),
        address_name="Testkunde GmbH",
        address_street="Teststrasse 1",
        address_zip="10115",
        address_city="Berlin",
        address_country_id="1",
        positions=(
            PositionDraft(
                name="Beratung",
                text="Zweite Zeile",
                quantity=Decimal("0.1"),
                price=Decimal("355.9626"),
                tax_rate=Decimal("19"),
                position_number=1,
            ),
        ),
    )
