"""VAT in the Union: its member states, their rates, and the form of their VAT ids. Pure; the data are two packages'.

`duty27_eu_vat` knows the standard rate of each member state on each day since 2016, `eu_vat_rates_data` their reduced
rates of today. A member state is named by the prefix of its VAT ids, which for Greece is EL and not GR.
"""

from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

import duty27_eu_vat
import eu_vat_rates_data
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

RATES_AS_OF: Final = duty27_eu_vat.DATA_AS_OF  # the day on which the standard rates were last compared
GERMANY: Final = "DE"
# Its VAT ids count for deliveries of goods only (protocol on Northern Ireland, annex 3).
NORTHERN_IRELAND: Final = "XI"
_MEMBERS: Final = frozenset(country.code for country in duty27_eu_vat.list_countries())
# Territories that count as a member state's (article 7 of Directive 2006/112/EC).
_COUNTED_WITH: Final = {"MC": "FR"}
# Parts of member states where their VAT does not apply (article 6; § 1 Abs. 2 UStG): how their postal codes begin.
_OUTSIDE: Final = {
    "DE": {"27498": "Helgoland", "78266": "Büsingen"},
    "ES": {"35": "Canarias", "38": "Canarias", "51": "Ceuta", "52": "Melilla"},
    "FI": {"22": "Åland"},
    "FR": {"971": "Guadeloupe", "972": "Martinique", "973": "Guyane", "974": "La Réunion", "976": "Mayotte"},
    "GR": {"63086": "Athos"},
    "IT": {"22061": "Campione d'Italia", "23041": "Livigno"},
}
_ISO_CODES: Final = {"EL": "GR"}
# The second standard rate of two Austrian villages (article 104), which the package has among the reduced ones. It is
# the German rate too: taken for Austria's, it would hide the mistake that is made most often.
_OF_VILLAGES: Final = {"AT": Decimal(19)}


def member_state(country_code: str | None) -> str | None:
    """The member state of an ISO 3166-1 code in capitals; None outside the Union."""
    try:
        return duty27_eu_vat.normalize_country(_COUNTED_WITH.get(country_code or "", country_code))
    except duty27_eu_vat.UnknownCountryError:
        return None


def territory_outside(country_code: str | None, zip_code: str | None) -> str | None:
    """The part of a member state with this address where its VAT does not apply; None: it does, or it is none."""
    written = "".join(filter(str.isdigit, zip_code or ""))  # some write the country before it: AX-22100
    parts = _OUTSIDE.get(country_code or "", {})
    return next((name for start, name in parts.items() if written.startswith(start)), None)


def standard_rate(state: str, day: date) -> Decimal:
    """In per cent. For days before 2016, when there was no One Stop Shop, the rate of 2016."""
    return duty27_eu_vat.get_standard_rate(state, max(day, duty27_eu_vat.DATA_FIRST_DATE))


def reduced_rates(state: str) -> frozenset[Decimal]:
    """All reduced rates that the member state has today, in per cent, whatever they are for."""
    rates = eu_vat_rates_data.get_rate(_ISO_CODES.get(state, state))
    if rates is None:
        return frozenset()
    found = [*rates["reduced"], rates["super_reduced"], rates["parking"]]
    return frozenset(Decimal(str(rate)) for rate in found if rate is not None) - {_OF_VILLAGES.get(state)}


@lru_cache(maxsize=1000)
def highest_rate(day: date) -> Decimal:
    """The highest standard rate of the Union."""
    return max(standard_rate(state, day) for state in _MEMBERS)


def vat_id_text(written: str) -> str:
    """A VAT id in capitals, without blanks and separators."""
    return "".join(character for character in written.upper() if character.isalnum())


def vat_id_prefix(written: str) -> str:
    """The two letters a VAT id begins with; empty if it does not begin with letters."""
    prefix = vat_id_text(written)[:2]
    return prefix if prefix.isascii() and prefix.isalpha() else ""


def gives_vat_ids(prefix: str, *, for_goods: bool) -> bool:
    """Whether it is the prefix of a member state."""
    return prefix in _MEMBERS or (for_goods and prefix == NORTHERN_IRELAND)


def is_valid_vat_id(written: str) -> bool:
    """Whether form and check digits are those of its country; whether it was given out, only an authority can say."""
    try:
        return bool(vat.validate(vat_id_text(written)))
    except ValidationError:
        return False
