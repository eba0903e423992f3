"""What the checks of a document do when they find something: stop the job, warn, or nothing. Pure."""

from collections.abc import Mapping
from enum import StrEnum


class Level(StrEnum):
    """PARK: the job waits for a person, before anything is sent. WARN: only an event. OFF: not checked."""

    PARK = "park"
    WARN = "warn"
    OFF = "off"


# Problem code -> what happens unless the setting CHECK_LEVELS says otherwise.
DEFAULTS: Mapping[str, Level] = {
    "unit_unknown": Level.PARK,
    "service_date_missing": Level.PARK,
    "service_dates_reversed": Level.PARK,
    "issue_date_in_future": Level.PARK,
    "issue_date_too_old": Level.PARK,
    "payment_term_invalid": Level.PARK,
    "e_invoice_rounding": Level.PARK,
    "leitweg_id_invalid": Level.PARK,
    "buyer_reference_missing": Level.WARN,
    "e_invoice_invalid": Level.PARK,
    "e_invoice_differs": Level.PARK,
    "changed_after_publication": Level.PARK,
    # The tax rule against the recipient: `tax_rules` names the paragraphs.
    "vat_id_missing": Level.PARK,
    "vat_id_of_wrong_country": Level.PARK,
    "vat_id_invalid": Level.PARK,
    "vat_id_elsewhere": Level.WARN,
    "reverse_charge_to_person": Level.WARN,
    "export_within_eu": Level.WARN,
    "untaxed_to_germany": Level.WARN,
    "untaxed_within_eu": Level.WARN,
    "german_tax_abroad": Level.WARN,
    "tax_on_exempt_supply": Level.WARN,
    "zero_rate_without_reason": Level.WARN,
    "oss_to_company": Level.PARK,
    "oss_outside_eu": Level.PARK,
    "oss_rate_wrong": Level.PARK,
    "oss_rate_reduced": Level.WARN,
    # Final invoices and the advances of their deal.
    "advances_not_deducted": Level.PARK,
    "advances_differ": Level.PARK,
    "advance_tax_differs": Level.WARN,
    "advance_after_final": Level.WARN,
    "advance_cancelled_after_final": Level.WARN,
    "e_invoice_deducts_advances": Level.WARN,
}


def read_levels(text: str) -> dict[str, Level]:
    """The levels that a text like `unit_unknown=warn` sets, several separated by commas. Raises ValueError."""
    levels = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        code, _, level = (each.strip() for each in part.partition("="))
        if code not in DEFAULTS:
            raise ValueError(f"{code!r} is no check; known are {', '.join(DEFAULTS)}")
        if level not in list(Level):
            raise ValueError(f"{code} must be park, warn or off")
        levels[code] = Level(level)
    return levels
