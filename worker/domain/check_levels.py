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
    "changed_after_publication": Level.PARK,
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
