"""Whose the credit notes are that others made in sevDesk: told by the invoice's marker, where nothing else tells."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from sevdesk_client.models import CreditNote
from worker.domain.credit import marker_of
from worker.steps.credit_note import by_hand


@pytest.mark.parametrize(
    ("note", "counts"),
    [
        (marker_of("INV-7", "job"), True),
        # Of an invoice whose number begins alike, and that invoice's own marker, which sevDesk copies.
        (marker_of("INV-7/1", "job"), False),
        ("INV-7/1", False),
        (None, False),
    ],
)
def test_marker_names_one_invoice(note: str | None, counts: bool) -> None:
    """A credit note of INV-7/1 leaves what may be credited of INV-7 as it is."""
    context: Any = SimpleNamespace(credit_notes=(), invoice=SimpleNamespace(number="INV-7"))
    made = CreditNote(id="1", status=200, customer_internal_note=note, sum_gross=Decimal(119))
    assert by_hand(context, None, [made]) == (119 if counts else 0)
