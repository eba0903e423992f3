"""Which problem of the catalogue an error of sevDesk becomes."""

import pytest

from sevdesk_client.errors import NotFound, Refused
from worker.steps.sevdesk_refusals import refusal

COUNTRIES, METHODS = "GET /StaticCountry", "GET /PaymentMethod"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound(COUNTRIES, "no country with this code"), "country_unknown"),
        (NotFound(METHODS, "no payment method"), "payment_method_missing"),
        # sevDesk's own answers, which say nothing about what the list holds
        (NotFound(COUNTRIES, "not here", status=404), "sevdesk_refused"),
        (Refused(METHODS, "no right", status=403), "sevdesk_refused"),
        (Refused(COUNTRIES, "bad request", status=400), "sevdesk_refused"),
        (Refused("PUT /Invoice/{id}/changeParameter", "no", status=422), "template_refused"),
    ],
)
def test_refused_list_is_not_empty(error: Refused, code: str) -> None:
    """A country or payment method is missing only where sevDesk sent the list and it is not in it."""
    assert refusal(error).code == code
